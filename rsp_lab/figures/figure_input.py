"""What figures are made of: models, an image, and what is asked there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from jaxtyping import Integer, UInt8
from torch import Tensor

from rsp_lab.analysis.comparison.compare import compare
from rsp_lab.analysis.comparison.explain import explain, pixel_account
from rsp_lab.analysis.comparison.explanation import PixelAccount
from rsp_lab.analysis.comparison.flips import FlipStories, flip_stories
from rsp_lab.analysis.comparison.flow_picture import FlowPicture, flow_picture
from rsp_lab.analysis.comparison.pixel_view import PixelView, view_pixel
from rsp_lab.analysis.ledger.explainable import check_affine
from rsp_lab.analysis.ledger.freeze import check_freezable
from rsp_lab.analysis.panoptic.segmentation import PanopticPass, panoptic
from rsp_lab.analysis.passes.pair import pair_names
from rsp_lab.analysis.targets.target import PixelTarget, check_fit
from rsp_lab.data.labels import ClassTable
from rsp_lab.data.tables import table_for
from rsp_lab.figures.style import DOUBLE
from rsp_lab.models.load_any import check_panoptic
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject
from rsp_lab.models.whole import WholeModel
from rsp_lab.rgb import rgb_pixels

STORIES = 3
"""Flips that are drawn, strongest first."""


@dataclass(frozen=True, eq=False)
class FigureInput:
    """What figures are made of: one or two models on one image, and the question.

    A forward pass is made when a figure first needs one, and kept.

    Attributes:
        models: one or two, left to right, in eval mode; ours or subjects, of panoptic models the semantic branches.
        image: RGB in 8 bits; whatever :mod:`rsp_lab.rgb` accepts is brought there.
        image_name: as captions call it; may be empty.
        target: pixel, class and rival; default: see :attr:`view` for the pixel, and what is predicted there.
        channel: of the context flow; default: by class selectivity.
        labels: (y, x) true train ids, where they are known.
        step: of the data flow, e.g. ``"step54"``; default: the middle one of the last model.
        width: inches, ``DOUBLE`` or, for figures that have that form, ``SINGLE``.
        geometry: (y, x) of the image for which the reach is worked out; default: the image's own size.
        scenes: seeds of each case and distance, for the distance curves.
        known: the view, where it exists already; it saves the forward passes.
        whole: the same models with panoptic ones as wholes; default: ``models``.
    """

    models: tuple[Segmenter | Subject, ...]
    image: UInt8[Tensor, "3 y x"]
    image_name: str = ""
    target: PixelTarget | None = None
    channel: int | None = None
    labels: Integer[Tensor, "y x"] | None = None
    step: str | None = None
    width: float = DOUBLE
    geometry: tuple[int, int] | None = None
    scenes: int = 8
    known: PixelView | None = None
    whole: tuple[WholeModel | Subject, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "image", rgb_pixels(self.image))
        object.__setattr__(self, "whole", self.whole or self.models)
        if len(self.models) not in (1, 2):
            raise ValueError(f"got {len(self.models)} models: give one, or a left and a right one.")
        for model in self.models:
            check_freezable(model)
        if self.target is not None:
            check_fit(self.target, self.image_size, self.models[0].class_names, one_pixel=True)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the models, left to right."""
        return pair_names(*self.models) if len(self.models) == 2 else (self.models[0].name,)

    @property
    def segmenters(self) -> tuple[Segmenter, ...]:
        """The models, where all are ours.

        Raises:
            ValueError: naming what is none.
        """
        for model in self.models:
            check_affine(model)
        return tuple(model for model in self.models if isinstance(model, Segmenter))

    @property
    def image_size(self) -> tuple[int, int]:
        """(y, x) in pixels."""
        return self.image.shape[-2], self.image.shape[-1]

    @property
    def pixel(self) -> tuple[int, int] | None:
        """(y, x) of the target, or None."""
        return None if self.target is None else (self.target.y, self.target.x)

    @cached_property
    def view(self) -> PixelView:
        """The models at the target's pixel, by default inside the largest disagreement of two, or in the centre."""
        if self.known is not None:
            return self.known
        pixel, channel = self.pixel, self.channel
        if len(self.models) == 1:
            return view_pixel(self.models[0], self.image, pixel=pixel, channel=channel)
        left, right = self.models
        return compare(left, right, self.image, pixel=pixel, channel=channel)

    @cached_property
    def segments(self) -> tuple[PanopticPass, ...]:
        """Each model's segments, merged.

        Raises:
            ValueError: naming a model without an instance branch.
        """
        return tuple(panoptic(check_panoptic(model), self.image) for model in self.whole)

    @cached_property
    def accounts(self) -> tuple[PixelAccount, ...]:
        """Each model's account of the decision at the view's pixel."""
        passes, asked = [view.looked for view in self.view.views], self.target or PixelTarget(*self.view.pixel)
        if len(passes) == 1:
            return (pixel_account(passes[0], self.names[0], asked),)
        target = PixelTarget(*self.view.pixel, asked.class_name, asked.rival)
        return explain(passes[0], passes[1], self.image, target).accounts

    @cached_property
    def picture(self) -> FlowPicture:
        """How the decision at the view's pixel comes down through the levels of each model."""
        asked = self.target or PixelTarget(*self.view.pixel)
        target = PixelTarget(*self.view.pixel, asked.class_name, asked.rival)
        return flow_picture([view.looked for view in self.view.views], self.image, target, labels=self.labels)

    @cached_property
    def flips(self) -> FlipStories:
        """The strongest flips of two models."""
        left, right = (view.looked for view in self.view.views)
        return flip_stories(left.frozen, right.frozen, right.image, count=STORIES, labels=self.labels)

    @property
    def table(self) -> ClassTable:
        """Class names and colours of the last model."""
        return table_for(self.models[-1].class_names, self.models[-1].label_table)


def semantic_branches(models: Sequence[WholeModel | Subject]) -> tuple[Segmenter | Subject, ...]:
    """Models as :attr:`FigureInput.models` has them: of panoptic ones the semantic branches."""
    return tuple(model.semantic if isinstance(model, WholeModel) else model for model in models)
