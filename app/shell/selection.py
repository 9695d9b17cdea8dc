"""What is looked at: one image, two models, a pixel, a class and its rival; every page has the same."""

from __future__ import annotations

from dataclasses import dataclass

from streamlit.delta_generator import DeltaGenerator

from app.shell.text import draw_sentence
from app.store.models import LoadedModel, Photograph
from rsp_lab.analysis.comparison.compare import Comparison
from rsp_lab.analysis.passes.captured import CapturedPass
from rsp_lab.analysis.passes.view import ModelView
from rsp_lab.analysis.targets.target import PixelTarget


@dataclass(frozen=True, eq=False)
class Selection:
    """The shared selection, and the places of the page's first words.

    Attributes:
        shown: the image.
        loaded, views: models and their captured passes, left and right.
        result: both at the selected pixel.
        target: the pixel, the class and its rival.
        chosen: how class and rival were chosen, in words.
        note: what a reader of any page about this selection must know; may be empty.
        top: place of the page's first sentence.
        notices: place of warnings and of what is being computed.
    """

    shown: Photograph
    loaded: tuple[LoadedModel, LoadedModel]
    views: tuple[ModelView, ModelView]
    result: Comparison
    target: PixelTarget
    chosen: str
    note: str
    top: DeltaGenerator
    notices: DeltaGenerator

    @property
    def names(self) -> tuple[str, str]:
        """Of the models."""
        return self.loaded[0].name, self.loaded[1].name

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.result.class_names

    @property
    def passes(self) -> tuple[CapturedPass, CapturedPass]:
        """What ledgers, gaze and levels are worked out from, without another forward pass."""
        return self.views[0].looked, self.views[1].looked

    @property
    def key(self) -> tuple[str, str, str]:
        """Image and models: what results that no pixel changes are kept under."""
        return self.shown.digest, self.loaded[0].identity, self.loaded[1].identity

    def say(self, sentence: str, note: str = "", below: tuple[str, str] = ("", "")) -> None:
        """The page's first sentence."""
        draw_sentence(self.top, sentence, " ".join(filter(None, (note, self.note))), below)
