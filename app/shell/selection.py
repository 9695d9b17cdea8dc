"""What is looked at: one image, two models, a pixel, a class and its rival; every page has the same."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from app.store.models import LoadedModel, Photograph
from rsp_lab.analysis.comparison.compare import Comparison
from rsp_lab.analysis.passes.captured import CapturedPass
from rsp_lab.analysis.passes.view import ModelView
from rsp_lab.analysis.targets.target import PixelTarget, Target
from rsp_lab.files import digest
from rsp_lab.shapes import level_name

SIDES = ("left", "right")
"""Of the two models, in the order of all pairs."""


@dataclass(frozen=True, eq=False)
class Selection:
    """The shared selection.

    Attributes:
        shown: the image.
        loaded, views: models and their captured passes, left and right.
        result: both at the selected pixel.
        target: the pixel, the class and its rival.
        chosen: how class and rival were chosen, in words.
    """

    shown: Photograph
    loaded: tuple[LoadedModel, LoadedModel]
    views: tuple[ModelView, ModelView]
    result: Comparison
    target: PixelTarget
    chosen: str

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
    def own_sides(self) -> tuple[int, ...]:
        """Sides with work of their own: a model that stands on both works once."""
        return (0,) if self.loaded[0].identity == self.loaded[1].identity else (0, 1)

    @property
    def foreign(self) -> tuple[bool, bool]:
        """Whether left and right are networks of another make."""
        return self.passes[0].held is not None, self.passes[1].held is not None

    def level_name(self, level: int) -> str:
        """What a level is called in both models, see :func:`rsp_lab.shapes.level_name`."""
        return level_name(level, *(one.strides for one in self.passes))

    @property
    def level_label(self) -> str:
        """Above a choice of levels by number: what stride each has in a network of another make."""
        found: dict[int, set[int]] = {}
        for one in self.passes:
            for level, stride in one.strides.items():
                found.setdefault(level, set()).add(stride)
        words = (f"{level}: {' and '.join(map(str, sorted(found[level])))}" for level in sorted(found, reverse=True))
        return f"Level (stride of {', '.join(words)})" if found else "Level"

    def key(self, about: Hashable, *, side: int | None = None, target: Target | None = None) -> Hashable:
        """What a result is kept under: the image with its labels, the model or models, and what the result is.

        Args:
            about: the kind of result, with all settings that it depends on.
            side: 0 for a result of the left model alone, 1 of the right one; None for one of both.
            target: of a result about a target; two pixels of one region have one key.
        """
        models = self.loaded if side is None else self.loaded[side : side + 1]
        return result_key(self.shown, models, about, None if target is None else _target_key(target))


def result_key(shown: Photograph, models: Sequence[LoadedModel], *about: Hashable) -> Hashable:
    """What a result about an image and some models is kept under, before there is a selection."""
    return shown.identity, tuple(model.identity for model in models), *about


def _target_key(target: Target) -> Hashable:
    if isinstance(target, PixelTarget):
        return target
    return digest(target.mask), target.class_name, target.rival
