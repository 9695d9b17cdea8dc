"""Two models on one photograph: labels, disagreements, context flow, key and query, and one pixel's relation grids."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from jaxtyping import UInt8
from torch import Tensor

from rsp_lab.analysis.comparison.channels import (
    ChannelChoice,
    ChannelRanking,
    choose_channel,
    class_cells,
    rank_channels,
)
from rsp_lab.analysis.comparison.disagreement import Disagreement, LabelDifference, label_difference
from rsp_lab.analysis.comparison.pixel_view import Pixel, PixelView, grids_of
from rsp_lab.analysis.passes.answer import pixel_answer
from rsp_lab.analysis.passes.pair import check_comparable, pair_names
from rsp_lab.analysis.passes.view import ModelView, check_top_down, check_viewable, view_model
from rsp_lab.analysis.targets.target import class_index
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject
from rsp_lab.rgb import ImageLike, rgb_pixels
from rsp_lab.shapes import checked_pixel
from rsp_lab.summary import Rows
from rsp_lab.text import rounded

# Peak resident memory of a comparison with the shipped models, measured at 1024 x 1024 and 4096 x 4096.
_BASE_BYTES, _BYTES_PER_PIXEL = 950e6, 190


@dataclass(frozen=True, eq=False)
class Comparison(PixelView):
    """Two models on one image, and what both do at one pixel.

    Attributes:
        difference: of the two label maps, which no pixel changes.
    """

    difference: LabelDifference

    @property
    def disagreements(self) -> tuple[Disagreement, ...]:
        """The largest regions with different labels."""
        return self.difference.regions

    @property
    def disagreeing_share(self) -> float:
        """Share of the image's pixels with different labels."""
        return self.difference.share

    @property
    def left(self) -> ModelView:
        """The left model's view."""
        return self.views[0]

    @property
    def right(self) -> ModelView:
        """The right model's view."""
        return self.views[1]

    def sentence(self) -> str:
        """What a colleague would say, with numbers from the results."""
        return f"{super().sentence()} The two differ on {100 * self.disagreeing_share:.3g} % of the image."

    def _summary(self) -> tuple[str, Rows]:
        title, rows = super()._summary()
        return title, [
            ("differ on", f"{self.disagreeing_share:.2%} of the image"),
            *rows,
            *(
                (f"disagreement {place}", f"{one.left} or {one.right}, {one.area} pixels around {one.pixel}")
                for place, one in enumerate(self.disagreements, 1)
            ),
        ]

    def to_dict(self) -> dict[str, Any]:
        """The summary, JSON-able."""
        sides = {
            side: {
                "model": view.name,
                "at_pixel": answer.to_dict(),
                "context_residual": {step: float(f"{value:.2e}") for step, value in view.residuals.items()},
                "relation_grids": [grid.to_dict() for grid in grids],
                "key_query": [pair.to_dict() for pair in view.key_queries],
                "flow": view.flow.to_dict(),
            }
            for side, view, answer, grids in zip(("left", "right"), self.views, self.answers, self.grids, strict=True)
        }
        return {
            "image_size": list(self.image_size),
            "classes": list(self.class_names),
            "sentence": self.sentence(),
            "pixel": list(self.pixel),
            "pixel_rule": self.pixel_rule,
            "channel": None if self.channel is None else self.channel.to_dict(),
            "disagreeing_share": rounded(self.disagreeing_share, 5),
            "disagreements": [region.to_dict() for region in self.disagreements],
            **sides,
        }


def compare(
    left: Segmenter | Subject,
    right: Segmenter | Subject,
    image: ImageLike,
    *,
    pixel: Pixel | None = None,
    channel: int | None = None,
) -> Comparison:
    """Left and right model on one image: one forward pass each.

    Args:
        left, right: models of the same classes, in eval mode: ours with a top-down head, or subjects, of which there is
            no context flow to show.
        image: RGB, uint8 or float in [0, 1]; see :mod:`rsp_lab.rgb`.
        pixel, channel: see :func:`assemble`.

    Raises:
        ValueError: for models of different classes, an image that is none, a pixel outside the image, or a channel that
            does not exist.
    """
    pixels = rgb_pixels(image)
    check_request(left, right, pixels, pixel=pixel, channel=channel)
    names = pair_names(left, right)
    ours, theirs = (
        replace(view_model(model, pixels), name=name) for model, name in zip((left, right), names, strict=True)
    )
    return assemble(pixels, (left, right), (ours, theirs), pixel=pixel, channel=channel)


def assemble(
    image: UInt8[Tensor, "3 y x"],
    models: tuple[Segmenter | Subject, Segmenter | Subject],
    views: tuple[ModelView, ModelView],
    *,
    difference: LabelDifference | None = None,
    pixel: Pixel | None = None,
    channel: int | None = None,
) -> Comparison:
    """A comparison from two views that exist already: no forward pass, so that a new pixel costs next to nothing.

    Args:
        image: RGB, the image of both views.
        models: left and right.
        views: of the models.
        difference: of both views' labels, where it is known already.
        pixel: (y, x) to look at; default: the innermost pixel of the largest disagreement, else the image's centre.
        channel: to show in the context flow; default: :func:`rsp_lab.analysis.comparison.channels.choose_channel` for
            the class that the right model gives the pixel.
    """
    left, right = views
    names = models[0].class_names
    if difference is None:
        difference = label_difference(left.labels, right.labels, names)
    size = image.shape[-2], image.shape[-1]
    pixel, rule = telling_pixel(difference.regions, size) if pixel is None else (checked_pixel(pixel, size), "given")
    answers = tuple(pixel_answer(view.record["logits"], pixel, size, names) for view in views)
    return Comparison(
        image=image,
        class_names=names,
        views=views,
        pixel=pixel,
        pixel_rule=rule,
        answers=(answers[0], answers[1]),
        grids=(grids_of(models[0], left, pixel), grids_of(models[1], right, pixel)),
        channel=_channel(views, names.index(answers[1].label), answers[1].label, channel),
        difference=difference,
    )


def _channel(views: tuple[ModelView, ModelView], index: int, name: str, channel: int | None) -> ChannelChoice | None:
    if not all(len(view.flow) for view in views):
        return None
    if channel is not None:
        return ChannelChoice(channel, "given")
    step, maps, inside = _class_maps(views, index)
    return choose_channel(*maps, *inside, step=step, name=name)


def flow_channels(
    views: tuple[ModelView, ModelView],
    class_names: Sequence[str],
    name: str,
    by: Literal["selectivity", "difference"] = "selectivity",
) -> ChannelRanking:
    """Channels of the flow ranked for a class by :func:`~rsp_lab.analysis.comparison.channels.rank_channels`.

    They are ranked at the lowest step that both models have: there the whole flow has come together.

    Raises:
        ValueError: if the models have different numbers of channels, or there is no such class.
    """
    step, maps, inside = _class_maps(views, class_index(name, class_names))
    if maps[0].shape[0] != maps[1].shape[0]:
        raise ValueError(
            f"the models have {maps[0].shape[0]} and {maps[1].shape[0]} channels: choose one by its number."
        )
    return rank_channels(*maps, *inside, step=step, name=name, by=by)


def _class_maps(
    views: tuple[ModelView, ModelView], index: int
) -> tuple[str, tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """The lowest step that both models have, their maps after it, and the cells that each labels with a class."""
    step = next(name for name in reversed(views[1].flow.names) if name in views[0].flow.names)
    left, right = (view.flow[step].fused for view in views)
    inside_left, inside_right = (
        class_cells(view.record["logits"][0], index, (m.shape[-2], m.shape[-1]))
        for view, m in zip(views, (left, right), strict=True)
    )
    return step, (left, right), (inside_left, inside_right)


def telling_pixel(regions: Sequence[Disagreement], size: tuple[int, int]) -> tuple[Pixel, str]:
    """The pixel (y, x) that tells most of two models, and the rule in words.

    Args:
        regions: where the models differ, the largest first.
        size: (y, x) of the image.
    """
    if regions:
        return regions[0].pixel, "innermost pixel of the largest disagreement"
    return (size[0] // 2, size[1] // 2), "centre of the image, as the models do not disagree"


def check_request(
    left: Segmenter | Subject,
    right: Segmenter | Subject,
    image: ImageLike,
    *,
    pixel: Pixel | None = None,
    channel: int | None = None,
) -> None:
    """Raises ValueError for what :func:`compare` would refuse, before anything is computed."""
    check_comparable(left, right)
    check_viewable(left)
    check_viewable(right)
    pixels = rgb_pixels(image)
    if pixel is not None:
        checked_pixel(pixel, (pixels.shape[-2], pixels.shape[-1]))
    if channel is not None:
        check_channel(channel, (left, right))


def check_channel(channel: int, models: Sequence[Segmenter | Subject]) -> None:
    """Raises ValueError unless all heads have the channel."""
    for model in models:
        check_top_down(model)
    channels = min(m.config.head.channels for m in models if isinstance(m, Segmenter))
    if not 0 <= channel < channels:
        raise ValueError(f"channel {channel} does not exist: the heads have channels 0 to {channels - 1}.")


def expected_cost(left: Segmenter | Subject, right: Segmenter | Subject, image: UInt8[Tensor, "3 y x"]) -> str:
    """What a comparison of a large image will cost, in words: memory as measured with the shipped models, time scaled
    from a corner of the image that both models run on now."""
    height, width = image.shape[-2:]
    corner = image[:, :512, :512]
    for _ in range(2):
        # The first pass also pays for one-off set-up, which does not grow with the image.
        began = time.perf_counter()
        for model in (left, right):
            view_model(model, corner)
        seconds = time.perf_counter() - began
    seconds *= height * width / (corner.shape[-2] * corner.shape[-1])
    gigabytes = (_BASE_BYTES + _BYTES_PER_PIXEL * height * width) / 1e9
    return f"expect about {seconds:.2g} s for the models and {gigabytes:.2g} GB of memory at the peak"
