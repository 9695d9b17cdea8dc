"""Why this weight: scores split into content and position, the gaze, and where each part alone would look.

A score is exactly ``q_i . k_j`` (content) plus ``r_j g_y + c_j g_x`` (position), a plane over the window whose slope
g_i is the gaze of cell i. One part alone gives counterfactual weights, of which the same readings are taken.

Suffixes name axes: wy wx window row and column, y x cell.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rsp_lab.analysis.ledger.explainable import check_evaluating
from rsp_lab.capture.capture import run_with_capture
from rsp_lab.capture.record import Record
from rsp_lab.models.relation import RelationalSemanticsExtractor, required_relations
from rsp_lab.relations.precision import full_precision
from rsp_lab.relations.relate import Normalisation, gaze, normalise, relation_scores
from rsp_lab.relations.window import relative_offsets, window_mask
from rsp_lab.rgb import ImageLike, rgb_batch
from rsp_lab.shapes import Window, cell_under
from rsp_lab.summary import Rows, Summarised
from rsp_lab.text import fixed, rounded, signed_fixed

COUNTERFACTUALS = ("content", "position", "uniform")
"""What weights could come from instead of the whole score: one part of it alone, or no preference at all."""
_PARTS = ("query", "key", "scores", "weights")


@dataclass(frozen=True, eq=False)
class WindowReadings(Summarised):
    """Where the weights of every cell lie in its window.

    Readings are of the shares ``|w| / sum |w|``, which under softmax are the weights.

    Attributes:
        shares: (wy, wx, y, x); they sum to 1 over the window and are 0 off the map.
        entropy: (y, x), nats; between 0 and the log of the number of window positions on the map.
        normalised_entropy: (y, x), entropy over that log: 1 uniform, 0 one position (or a window with only one).
        offset: (2, y, x), expected offset (rows, columns) from the cell, in input pixels; 0 is the cell itself.
        reach: (y, x), root mean square distance from the cell, in input pixels.
        distance: (y, x), mean distance from the cell, in input pixels; at most the reach.
        ring: (y, x), share on the outermost ring of window positions. Of a whole k x k window the ring has the share
            ``1 - (k - 2)^2 / k^2`` of the positions, 24 of 49 for k = 7.
        peak: (2, y, x), offset (rows, columns) in cells from the cell to the largest share.
        pixels_per_cell: (rows, columns), input pixels from one cell to the next.
    """

    shares: Float[Tensor, "wy wx y x"]
    entropy: Float[Tensor, "y x"]
    normalised_entropy: Float[Tensor, "y x"]
    offset: Float[Tensor, "2 y x"]
    reach: Float[Tensor, "y x"]
    distance: Float[Tensor, "y x"]
    ring: Float[Tensor, "y x"]
    peak: Int[Tensor, "2 y x"]
    pixels_per_cell: tuple[float, float]

    def to_dict(self) -> dict[str, float]:
        """Means over the map; pixels are input pixels."""
        maps = {
            "entropy_nats": self.entropy,
            "normalised_entropy": self.normalised_entropy,
            "offset_down_pixels": self.offset[0],
            "offset_right_pixels": self.offset[1],
            "reach_pixels": self.reach,
            "distance_pixels": self.distance,
            "ring_share": self.ring,
        }
        means: dict[str, float] = rounded({name: values.mean() for name, values in maps.items()}, 4)
        return means


def window_readings(
    weights: Float[Tensor, "wy wx y x"], window: Window, pixels_per_cell: tuple[float, float]
) -> WindowReadings:
    """Readings of one image's relation weights; see :class:`WindowReadings`."""
    k, half = window.kernel_size, window.half
    inside = window_mask(weights.shape[-2], weights.shape[-1], window, weights.device)
    sizes = weights.abs() * inside
    shares = sizes / sizes.sum((0, 1)).clamp_min(torch.finfo(sizes.dtype).tiny)
    entropy, most = torch.special.entr(shares).sum((0, 1)), inside.sum((0, 1)).to(shares.dtype).log()
    offsets = shares.new_tensor(window.offsets)
    rows, columns = offsets * pixels_per_cell[0], offsets * pixels_per_cell[1]
    squares = rows[:, None] ** 2 + columns[None, :] ** 2
    edge = offsets.abs() == window.radius

    def mean(values: Tensor) -> Tensor:
        return torch.einsum("vwyx,vw->yx", shares, values.to(shares.dtype))

    places = shares.flatten(0, 1).argmax(0)
    return WindowReadings(
        shares=shares,
        entropy=entropy,
        normalised_entropy=torch.where(most > 0, entropy / most.clamp_min(0.1), 0),
        offset=torch.stack([mean(rows[:, None].expand(k, k)), mean(columns[None, :].expand(k, k))]),
        reach=mean(squares).sqrt(),
        distance=mean(squares.sqrt()),
        ring=mean(edge[:, None] | edge[None, :]),
        peak=(torch.stack([places // k, places % k]) - half) * window.dilation,
        pixels_per_cell=pixels_per_cell,
    )


def gaze_arrow(
    slope: Float[Tensor, "2 *rest"], window: Window, pixels_per_cell: tuple[float, float]
) -> Float[Tensor, "2 *rest"]:
    """The gaze as an arrow (rows, columns) in input pixels: the expected offset if position alone decided.

    It is the expectation under softmax over a whole window, away from the border: 0 for no gaze, at most the window's
    radius along each axis (which dilation lengthens), odd and increasing in the slope.

    Args:
        slope: (g_y, g_x) in score units per half window, from :func:`rsp_lab.relations.relate.gaze`.
        window: region around each cell.
        pixels_per_cell: (rows, columns), input pixels from one cell to the next.
    """
    r = relative_offsets(window, dtype=slope.dtype, device=slope.device)
    # The softmax of a plane is the product of one softmax an axis.
    expected = ((slope[..., None] * r).softmax(-1) * r).sum(-1)
    scale = slope.new_tensor(pixels_per_cell) * window.radius
    return expected * scale.view(2, *[1] * (slope.ndim - 1))


@dataclass(frozen=True, eq=False)
class StepGaze(Summarised):
    """One relation of one image, taken apart.

    Attributes:
        step: e.g. ``"step54"``.
        window, normalisation: of the relation.
        image_size: (y, x) in pixels.
        content, position: (wy, wx, y, x), the two parts of the scores, 0 off the map.
        gaze: (2, y, x), slope (rows, columns) of the position part, in score units per half window.
        arrow: (2, y, x), the gaze in input pixels, see :func:`gaze_arrow`.
        weights: (wy, wx, y, x), ``"full"`` as captured and one for each of :data:`COUNTERFACTUALS`.
        readings: of ``weights``, by the same keys.
        variation: (y, x) by :data:`COUNTERFACTUALS`, total variation distance of the shares from the full ones: half
            the sum of absolute differences, 0 the same, 1 nothing in common.
        position_spread: (y, x), share of the position part in the variance of the scores over the window,
            cov(position, score) / var(score); content has the rest. Below 0 or above 1 where the two work against
            each other; NaN where all scores are equal.
        score_residual: largest |content + position - captured scores|, relative to the largest captured score.
        weight_residual: largest |weights of content + position - captured weights|.
    """

    step: str
    window: Window
    normalisation: Normalisation
    image_size: tuple[int, int]
    content: Float[Tensor, "wy wx y x"]
    position: Float[Tensor, "wy wx y x"]
    gaze: Float[Tensor, "2 y x"]
    arrow: Float[Tensor, "2 y x"]
    weights: Mapping[str, Tensor]
    readings: Mapping[str, WindowReadings]
    variation: Mapping[str, Tensor]
    position_spread: Float[Tensor, "y x"]
    score_residual: float
    weight_residual: float

    def explained(self, part: str) -> float:
        """How much of the selection ``"content"`` or ``"position"`` alone explains, over the whole map.

        One minus its mean total variation distance over that of uniform weights: 1 when it gives the full weights, 0 or
        less when it comes no closer than having no preference. The two need not sum to 1. NaN for uniform full weights.
        """
        yardstick = float(self.variation["uniform"].mean())
        return 1 - float(self.variation[part].mean()) / yardstick if yardstick > 0 else math.nan

    def cell_at(self, pixel: tuple[int, int]) -> tuple[int, int]:
        """The cell (y, x) under a pixel (y, x); raises ValueError if that lies outside the image."""
        return cell_under(pixel, self.gaze.shape[-2:], self.image_size)

    def at(self, pixel: tuple[int, int]) -> dict[str, Any]:
        """JSON-able: the parts of the scores and the weights of the cell under a pixel (y, x); null is off the map.

        Raises:
            ValueError: if the pixel lies outside the image.
        """
        y, x = self.cell_at(pixel)
        height, width = self.gaze.shape[-2:]
        inside = window_mask(height, width, self.window)[:, :, y, x].tolist()

        def grid(values: Tensor) -> list[list[float | None]]:
            rows = zip(values[:, :, y, x].tolist(), inside, strict=True)
            return [[round(v, 6) if here else None for v, here in zip(*row, strict=True)] for row in rows]

        return {
            "step": self.step,
            "pixel": [int(place) for place in pixel],
            "cell": [y, x],
            "gaze": [round(float(v), 4) for v in self.gaze[:, y, x]],
            "arrow_pixels": [round(float(v), 2) for v in self.arrow[:, y, x]],
            "content": grid(self.content),
            "position": grid(self.position),
            "weights": {part: grid(weights) for part, weights in self.weights.items()},
            "variation": {part: round(float(v[y, x]), 4) for part, v in self.variation.items()},
        }

    def _summary(self) -> tuple[str, Rows]:
        readings, arrow = self.readings["full"], self.arrow.mean((1, 2)).tolist()
        return f"StepGaze of {self.step}, {self.window.describe()}, {self.normalisation}", [
            ("cells", f"{self.gaze.shape[-2]} x {self.gaze.shape[-1]}"),
            ("mean gaze", f"{signed_fixed(arrow[0])} pixels down, {signed_fixed(arrow[1])} right"),
            ("mean reach", f"{float(readings.reach.mean()):.2f} pixels"),
            ("mean entropy", f"{float(readings.normalised_entropy.mean()):.3f} of that of equal weights"),
            (
                "explained by",
                f"content {fixed(self.explained('content'))}, position {fixed(self.explained('position'))}",
            ),
            ("residuals", f"scores {self.score_residual:.1g}, weights {self.weight_residual:.1g}"),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Means over the map, JSON-able."""
        shares = {
            "explained_by_content": self.explained("content"),
            "explained_by_position": self.explained("position"),
            "position_share_of_score_variance": float(self.position_spread.nanmean()),
        }
        return {
            "step": self.step,
            "window": self.window.describe(),
            "normalisation": self.normalisation,
            "readings": {part: readings.to_dict() for part, readings in self.readings.items()},
            "variation": rounded({part: v.mean() for part, v in self.variation.items()}, 4),
            **rounded(shares, 4),
            "score_residual": self.score_residual,
            "weight_residual": self.weight_residual,
        }


def gaze_steps(model: nn.Module, image: ImageLike | Record, index: int = 0) -> tuple[StepGaze, ...]:
    """Why the relation weights of one image are what they are, a relation at a time, highest step first.

    Steps without a relation are absent. Holds for a pass without edits, which the residuals show. Results are on the
    CPU, wherever the model is.

    Args:
        model: with relations, in eval mode where the image is no record.
        image: RGB, uint8 or float in [0, 1] (see :mod:`rsp_lab.rgb`); or the record of a pass of this model that was
            captured already, with the taps query, key, scores and weights of every relation, e.g. captured with
            ``taps="step*"``.
        index: of the image in the batch; below 0 it counts from the end.

    Raises:
        ValueError: for a model without relations or in training mode, or if the batch has no image of that index.
        NotCapturedError: if the record lacks one of these taps.
    """
    modules = required_relations(model)
    anchor = next(model.parameters())
    with full_precision(anchor.device):
        if isinstance(image, Record):
            return tuple(_take_apart(name, module, image, index) for name, module in modules.items())
        check_evaluating(model)
        taps = [f"{step}.{part}" for step in modules for part in _PARTS]
        batch = rgb_batch(image, dtype=anchor.dtype, device=anchor.device)
        place = _checked_index(index, len(batch))
        _, record = run_with_capture(model, batch[place : place + 1], taps=taps)
        return tuple(_take_apart(name, module, record, 0) for name, module in modules.items())


def _checked_index(index: int, batch: int) -> int:
    """The place of an image in a batch, counted from 0; raises ValueError if there is none."""
    if not -batch <= index < batch:
        raise ValueError(f"a batch of {batch} has no image of the index {index}: count from 0 to {batch - 1}.")
    return index % batch


def _take_apart(step: str, module: RelationalSemanticsExtractor, record: Record, index: int) -> StepGaze:
    def captured(part: str) -> Tensor:
        batch = record[f"{step}.{part}"]
        place = _checked_index(index, len(batch))
        values = batch[place : place + 1].detach().cpu()
        return values.to(torch.promote_types(values.dtype, torch.float32))

    query, key, scores, weights = map(captured, _PARTS)
    plane, window, how = module.plane.detach().to(query), module.config.window, module.config.normalisation
    height, width = query.shape[-2:]
    inside = window_mask(height, width, window, query.device)
    slope = gaze(query, plane)
    r = relative_offsets(window, dtype=query.dtype, device=query.device)[:, None, None]
    rows, columns = r * slope[0, 0], r * slope[0, 1]
    position = ((rows[:, None] + columns[None, :]) * inside)[None]
    content = relation_scores(query, key, torch.zeros_like(plane), window)
    again = content + position
    by_part = {
        "full": weights[0],
        "content": normalise(content, window, how)[0],
        "position": normalise(position, window, how)[0],
        "uniform": normalise(torch.zeros_like(scores), window)[0],
    }
    scale = (record.image_size[0] / height, record.image_size[1] / width)
    readings = {part: window_readings(w, window, scale) for part, w in by_part.items()}
    shares = readings["full"].shares
    return StepGaze(
        step=step,
        window=window,
        normalisation=how,
        image_size=record.image_size,
        content=content[0],
        position=position[0],
        gaze=slope[0],
        arrow=gaze_arrow(slope[0], window, scale),
        weights=MappingProxyType(by_part),
        readings=MappingProxyType(readings),
        variation=MappingProxyType({p: (readings[p].shares - shares).abs().sum((0, 1)) / 2 for p in COUNTERFACTUALS}),
        position_spread=_spread_share(position[0], again[0], inside),
        score_residual=float((again - scores).abs().max() / scores.abs().max().clamp_min(1e-12)),
        weight_residual=float((normalise(again, window, how) - weights).abs().max()),
    )


def _spread_share(part: Tensor, total: Tensor, inside: Tensor) -> Tensor:
    """cov(part, total) / var(total) over the window positions on the map; (y, x)."""
    # Off the map both are 0, so a plain sum is the sum over the positions on it.
    total, part = ((x - x.sum((0, 1)) / inside.sum((0, 1))) * inside for x in (total, part))
    return (part * total).sum((0, 1)) / (total * total).sum((0, 1))
