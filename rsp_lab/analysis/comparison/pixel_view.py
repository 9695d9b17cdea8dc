"""One image and one of its pixels in one or two models: labels, context flow, key and query, and relation grids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import UInt8
from torch import Tensor

from rsp_lab.analysis.comparison.channels import ChannelChoice, choose_channel_alone, class_cells
from rsp_lab.analysis.passes.answer import PixelAnswer, pixel_answer
from rsp_lab.analysis.passes.view import ModelView, check_viewable, view_model
from rsp_lab.analysis.relation_weights.grids import RelationGrid, relation_grids
from rsp_lab.models.relation import relation_modules
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject
from rsp_lab.rgb import ImageLike, rgb_pixels
from rsp_lab.shapes import checked_pixel
from rsp_lab.summary import Rows, Summarised

Pixel = tuple[int, int]


@dataclass(frozen=True, eq=False)
class PixelView(Summarised):
    """What one or two models do at one pixel of an image; :class:`~rsp_lab.analysis.comparison.compare.Comparison` is
    the view of two.

    Attributes:
        image: RGB.
        class_names: by train id.
        views: a model's view of the image each, left to right.
        pixel: (y, x) that the following fields are about, chosen as ``pixel_rule`` says.
        answers: of each model at the pixel.
        grids: of each model at the pixel; empty for a model that only sums.
        channel: shown for all models in the context flow; None where one of them has none.
    """

    image: UInt8[Tensor, "3 y x"]
    class_names: tuple[str, ...]
    views: tuple[ModelView, ...]
    pixel: Pixel
    pixel_rule: str
    answers: tuple[PixelAnswer, ...]
    grids: tuple[tuple[RelationGrid, ...], ...]
    channel: ChannelChoice | None

    @property
    def image_size(self) -> tuple[int, int]:
        """(y, x) in pixels."""
        return self.image.shape[-2], self.image.shape[-1]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the models, left to right."""
        return tuple(view.name for view in self.views)

    @property
    def flow_channel(self) -> ChannelChoice:
        """The channel of the context flow.

        Raises:
            ValueError: where a model has none.
        """
        if self.channel is None:
            raise ValueError(f"there is no context flow to show: {no_flow(self.views)}")
        return self.channel

    def sentence(self) -> str:
        """What the models answer at the pixel, in words."""
        (y, x) = self.pixel
        parts = [
            f"{name} says {answer.label}, {answer.margin:.3g} logits over {answer.runner_up}"
            for name, answer in zip(self.names, self.answers, strict=True)
        ]
        return f"At y {y}, x {x}, {'; '.join(reversed(parts))}."

    def _summary(self) -> tuple[str, Rows]:
        height, width = self.image_size
        answers = zip(self.names, self.answers, strict=True)
        return f"{type(self).__name__} of {' and '.join(self.names)} on {height} x {width} pixels", [
            ("pixel (y, x)", f"{self.pixel}, {self.pixel_rule}"),
            *((f"{name} says", f"{one.label}, {one.margin:.3g} over {one.runner_up}") for name, one in answers),
            ("steps", " ".join(step.name for step in self.views[-1].flow) or "none"),
            *((("channel", f"{self.channel.channel}, {self.channel.rule}"),) if self.channel else ()),
        ]


def view_pixel(
    model: Segmenter | Subject, image: ImageLike, *, pixel: Pixel | None = None, channel: int | None = None
) -> PixelView:
    """One model on an RGB image and at one of its pixels, from one forward pass.

    Args:
        model: with a top-down head, or a subject.
        image: RGB, uint8 or float in [0, 1]; see :mod:`rsp_lab.rgb`.
        pixel: (y, x); default: the centre of the image.
        channel: of the context flow; default: :func:`~rsp_lab.analysis.comparison.channels.choose_channel_alone` for
            the class that the model gives the pixel.

    Raises:
        ValueError: for a model without top-down steps, a pixel outside the image, or a channel that does not exist.
    """
    check_viewable(model)
    pixels = rgb_pixels(image)
    size = pixels.shape[-2], pixels.shape[-1]
    if pixel is not None:
        pixel = checked_pixel(pixel, size)
    view = view_model(model, pixels)
    here, rule = (pixel, "given") if pixel is not None else ((size[0] // 2, size[1] // 2), "centre of the image")
    names = model.class_names
    answer = pixel_answer(view.record["logits"], here, size, names)
    return PixelView(
        image=pixels,
        class_names=names,
        views=(view,),
        pixel=here,
        pixel_rule=rule,
        answers=(answer,),
        grids=(grids_of(model, view, here),),
        channel=_channel(view, names.index(answer.label), answer.label, channel),
    )


def no_flow(views: Sequence[ModelView]) -> str:
    """Which models have no top-down steps of ours, in a sentence; empty where all have them."""
    names = [view.name for view in views if not len(view.flow)]
    if not names:
        return ""
    whose = "networks" if len(names) > 1 else "a network"
    verb = "are" if len(names) > 1 else "is"
    return f"{' and '.join(names)} {verb} {whose} without top-down steps that pass maps down."


def grids_of(model: Segmenter | Subject, view: ModelView, pixel: Pixel) -> tuple[RelationGrid, ...]:
    """A model's relation grids at a pixel, from its view; empty for a model without relations."""
    return relation_grids(model, view.record, pixel) if relation_modules(model) else ()


def _channel(view: ModelView, index: int, name: str, channel: int | None) -> ChannelChoice | None:
    if not len(view.flow):
        return None
    step = list(view.flow)[-1]
    channels = step.fused.shape[0]
    if channel is None:
        inside = class_cells(view.record["logits"][0], index, (step.fused.shape[-2], step.fused.shape[-1]))
        return choose_channel_alone(step.fused, inside, step=step.name, name=name)
    if not 0 <= channel < channels:
        raise ValueError(f"channel {channel} does not exist: the head has channels 0 to {channels - 1}.")
    return ChannelChoice(channel, "given")
