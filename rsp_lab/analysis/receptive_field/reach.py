"""How far a pixel looks: what the head can reach, what the whole network responds to, and what a ledger says it used.

Distances and extents are in input pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from rsp_lab.analysis.ledger.explainable import check_affine, check_finite_logits, explainable_input
from rsp_lab.analysis.targets.target import class_index
from rsp_lab.capture.capture import run_with_capture
from rsp_lab.models.fusion import FusionConfig, SumConfig
from rsp_lab.models.heads import TopDownConfig
from rsp_lab.models.segmenter import CoarseSegmenter, Segmenter, logits_at
from rsp_lab.relations.precision import full_precision
from rsp_lab.rgb import ImageLike
from rsp_lab.shapes import cell_to_pixel, checked_pixel, plain_pixel
from rsp_lab.summary import Rows, Summarised
from rsp_lab.text import rounded

Cells = tuple[int, ...]


@dataclass(frozen=True)
class LevelReach(Summarised):
    """The square of Q_x's map that one output pixel can see along the value path, away from the border.

    Attributes:
        level: x.
        cells: its side in cells, from the first to the last cell seen, for the pixel that sees most.
        pixels: its side in input pixels, ``cells * 2^x``.
    """

    level: int
    cells: int
    pixels: int


def context_reach(config: TopDownConfig) -> dict[int, LevelReach]:
    """Context reach by level along the value path: Q_x, windows, bilinear upsampling, classifier.

    One output pixel reads n_2 = 2 cells of level 2 along each axis, as bilinear upsampling reads the two nearest. n_x
    cells take ``m = n_x + 2 r`` cells of the upsampled map through a window of radius r (0 for a sum). Upsampling by 2
    makes m cells in a row from at most ``n_{x+1} = floor(m / 2) + 2`` cells. So sums reach three cells of each level
    above 2: 24, 48, 96, 192, 384 pixels for Q_3..Q_7. RSP-4 with k = 7 reaches 24, 96, 256, 576, 1152. Dilation leaves
    holes inside the square. Which weights are large, and what a cell of Q_x saw of the image, is another question.

    Raises:
        ValueError: for what is no configuration of a top-down head.
    """
    if not isinstance(config, TopDownConfig):
        raise ValueError(
            f"context_reach wants the configuration of a top-down head, got a {type(config).__name__}: pass "
            "model.config.head of a model with one."
        )
    side = 2
    reach = {2: LevelReach(2, side, 4 * side)}
    for level, fusion in zip(config.levels[1:], reversed(config.fusions), strict=True):
        side = (side + 2 * _radius(fusion)) // 2 + 2
        reach[level] = LevelReach(level, side, side * 2**level)
    return reach


def reached_cells(
    config: TopDownConfig,
    sizes: Mapping[int, tuple[int, int]],
    pixel: tuple[int, int],
    image_size: tuple[int, int],
) -> dict[int, tuple[Cells, Cells]]:
    """Exactly which cells of Q_x one pixel sees along the value path, on maps of any size, borders included.

    They are the product of rows and columns, because windows and bilinear upsampling are products of the axes.

    Args:
        sizes: (y, x) of each level's map.
        pixel: (y, x) in the image.
        image_size: (y, x) in pixels.

    Returns:
        By level, (rows, columns), ascending.

    Raises:
        ValueError: if the pixel lies outside the image or ``sizes`` lacks a level.
    """
    pixel = checked_pixel(pixel, image_size)
    missing = [level for level in config.levels if level not in sizes]
    if missing:
        raise ValueError(f"sizes has no level {missing}: give the map size (y, x) of each of {list(config.levels)}.")
    by_axis = []
    for axis in (0, 1):
        cells = upsampled_from([pixel[axis]], image_size[axis], sizes[2][axis])
        seen = {2: cells}
        for level, fusion in zip(config.levels[1:], reversed(config.fusions), strict=True):
            size = sizes[level - 1][axis]
            offsets = (0,) if isinstance(fusion, SumConfig) else fusion.window.offsets
            looked_at = {cell + offset for cell in cells for offset in offsets if 0 <= cell + offset < size}
            seen[level] = cells = upsampled_from(looked_at, size, sizes[level][axis])
        by_axis.append(seen)
    return {level: (by_axis[0][level], by_axis[1][level]) for level in config.levels}


def _radius(fusion: FusionConfig) -> int:
    return 0 if isinstance(fusion, SumConfig) else fusion.window.radius


def upsampled_from(cells: Iterable[int], fine: int, coarse: int) -> Cells:
    """Cells of a ``coarse`` axis that bilinear resizing to ``fine`` cells reads for ``cells``, weight 0 left out."""
    read = set()
    for cell in cells:
        # In integers, since a rounded share of 1e-17 would count as seen.
        low, rest = divmod(max(0, (2 * cell + 1) * coarse - fine), 2 * fine)
        read |= {low, low + 1} if rest and low + 1 < coarse else {low}
    return tuple(sorted(read))


@dataclass(frozen=True, eq=False)
class EffectiveField(Summarised):
    """What parts of the image move some outputs of a network: the gradient effective receptive field.

    Attributes:
        points: (y, x) of each output in pixels; of a cell its centre.
        outputs: what was differentiated, e.g. ``"the logit of car at pixel (20, 31)"`` or ``"cell (3, 5) of q5"``.
        shares: (output, y, x), |d output / d image| summed over the colour channels, divided by its sum over the image.
    """

    points: tuple[tuple[float, float], ...]
    outputs: tuple[str, ...]
    shares: Float[Tensor, "output y x"]

    def mass_within(self, radius: float) -> float:
        """Share of the gradient at most ``radius`` pixels from its point, mean over the outputs."""
        distances, shares = self._by_distance()
        return float(shares[distances <= radius].sum())

    def radius(self, fraction: float) -> float:
        """The smallest distance in pixels within which ``fraction`` of the gradient lies, mean over the outputs.

        Raises:
            ValueError: if ``fraction`` is not in (0, 1].
        """
        if not 0 < fraction <= 1:
            raise ValueError(f"fraction must be above 0 and at most 1, got {fraction:g}. Use 0.5 or 0.95.")
        distances, shares = self._by_distance()
        mass = shares.cumsum(0)
        # A sum of many shares ends beside 1.
        place = int(torch.searchsorted(mass, fraction * float(mass[-1]) * (1 - 1e-12)))
        return float(distances[place])

    def _summary(self) -> tuple[str, Rows]:
        title = self.outputs[0] if len(self.outputs) == 1 else f"{len(self.outputs)} outputs"
        return f"EffectiveField of {title}", [
            ("points (y, x)", self.points),
            ("half of the gradient", f"within {self.radius(0.5):.1f} pixels"),
            ("95 % of the gradient", f"within {self.radius(0.95):.1f} pixels"),
            ("shares", self.shares),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Radii in pixels, JSON-able."""
        return {
            "points": [list(point) for point in self.points],
            "outputs": list(self.outputs),
            "radius_50_pixels": rounded(self.radius(0.5), 2),
            "radius_95_pixels": rounded(self.radius(0.95), 2),
        }

    def _by_distance(self) -> tuple[Tensor, Tensor]:
        """Distances in pixels, ascending, and the share at each; the shares sum to 1 over all pixels together."""
        maps = [distance_map(point, self.shares.shape[-2:], self.shares.shape[-2:]) for point in self.points]
        distances, order = torch.stack(maps).flatten().sort()
        return distances, self.shares.double().flatten()[order] / len(self.points)


def effective_field(
    model: Segmenter,
    image: ImageLike,
    places: tuple[int, int] | Sequence[tuple[int, int]],
    *,
    classes: Sequence[str] | None = None,
    tap: str | None = None,
) -> EffectiveField:
    """The effective receptive field of the whole network, at pixels of one image or at cells of one map.

    A local measure of the trained network on this image (Luo et al.: NeurIPS 2016). It depends on the encoder and on
    every path through the head, also on how the weights of a relation come about, and GroupNorm couples each cell
    weakly with all others.

    Args:
        model: in eval mode, float32 or float64; it is left as it was found.
        image: RGB, uint8 or float in [0, 1]; see :mod:`rsp_lab.rgb`.
        places: (y, x) of one place, or of several: pixels of the image or, with ``tap``, cells of that map.
        classes: of pixels, the class of each whose logit is differentiated; default what the model predicts there.
        tap: name of a map with the axes b c y x, e.g. ``"q5"``; the sum of a cell's channels is differentiated.

    Raises:
        ValueError: if there is no place, one lies outside the image or the map, classes or the tap do not fit, or an
            output has no gradient; for a model or an image that cannot be explained.
    """
    check_affine(model)
    given, listed = explainable_input(model, image), _listed(places)
    if not listed or (classes is not None and (len(classes) != len(listed) or tap is not None)):
        raise ValueError(
            f"got {len(listed)} places: give at least one, and as many classes as pixels, or none; cells have no class."
        )
    with full_precision(given.device, grad=True):
        seen = given.requires_grad_()
        outputs = _logits_at(model, seen, listed, classes) if tap is None else _cells_of(model, seen, listed, tap)
        shares = []
        for i, (_, name, output) in enumerate(outputs):
            (gradient,) = torch.autograd.grad(output, seen, retain_graph=i + 1 < len(outputs))
            mass = gradient[0].abs().double().sum(0)
            if not float(mass.sum()) > 0:
                raise ValueError(f"{name} does not depend on the image: train the model.")
            shares.append(mass / mass.sum())
    return EffectiveField(
        tuple(point for point, _, _ in outputs), tuple(name for _, name, _ in outputs), torch.stack(shares).cpu()
    )


Output = tuple[tuple[float, float], str, Tensor]


def _logits_at(
    model: Segmenter, image: Tensor, pixels: Sequence[tuple[int, int]], classes: Sequence[str] | None
) -> list[Output]:
    names, size = model.class_names, (image.shape[-2], image.shape[-1])
    pixels = [checked_pixel(pixel, size) for pixel in pixels]
    places = None if classes is None else [class_index(name, names) for name in classes]
    logits = model.coarse_logits(image)
    check_finite_logits(logits, model.name)
    found: list[Output] = []
    for i, pixel in enumerate(pixels):
        here = logits_at(logits, pixel, size)
        place = int(here.argmax()) if places is None else places[i]
        found.append((pixel, f"the logit of {names[place]} at pixel {pixel}", here[place]))
    return found


def _cells_of(model: Segmenter, image: Tensor, cells: Sequence[tuple[int, int]], tap: str) -> list[Output]:
    _, record = run_with_capture(CoarseSegmenter(model), image, taps=tap, detach=False)
    if len(record) != 1 or record.axes(tap) != ("b", "c", "y", "x"):
        raise ValueError(f"{tap!r} is no map with the axes b c y x: name one such as 'q5', 'p3' or 'step54.context'.")
    values = record[tap][0]
    (height, width), size = values.shape[-2:], (image.shape[-2], image.shape[-1])
    found = []
    for y, x in cells:
        if not (0 <= y < height and 0 <= x < width):
            raise ValueError(
                f"cell ({y}, {x}) lies outside {tap}, which has {height} x {width} cells on this image: y goes from 0 "
                f"to {height - 1}, x from 0 to {width - 1}."
            )
        centre = cell_to_pixel(y, height, size[0]), cell_to_pixel(x, width, size[1])
        found.append((centre, f"cell ({y}, {x}) of {tap}", values[:, y, x].sum()))
    return found


def _listed(places: tuple[int, int] | Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    several = isinstance(places, Sequence) and all(isinstance(part, Sequence) for part in places)
    return [plain_pixel(place) for place in (places if several else [places])]


def distance_map(
    point: tuple[float, float], cells: tuple[int, ...], image_size: tuple[int, ...]
) -> Float[Tensor, "y x"]:
    """Distance in input pixels from a point (y, x) of the image to the centre of every cell of a map; float64."""
    y, x = (
        torch.tensor([cell_to_pixel(i, n, pixels) for i in range(n)], dtype=torch.float64) - at
        for at, n, pixels in zip(point, cells, image_size, strict=True)
    )
    return torch.hypot(y[:, None], x[None, :])


@dataclass(frozen=True)
class LookingDistance(Summarised):
    """How far away the evidence of a decision lies.

    Attributes:
        point: (y, x) of the target in the image.
        distance: mean distance in input pixels of a cell's centre from the point, weighted by |contribution|, over all
            levels; NaN where nothing contributes.
        by_level: the same within each level. A cell is a square: half its side is as near as "here" gets on its level.
        shares: each level's share of the sum of |contribution|; they sum to 1.
    """

    point: tuple[float, float]
    distance: float
    by_level: dict[int, float]
    shares: dict[int, float]

    def to_dict(self) -> dict[str, Any]:
        levels = [
            {"level": level, "distance_pixels": distance, "share": self.shares[level]}
            for level, distance in self.by_level.items()
        ]
        return rounded({"point": self.point, "distance_pixels": self.distance, "levels": levels}, 4)


def looking_distance(
    maps: Mapping[int, Float[Tensor, "_ _"]], point: tuple[float, float], image_size: tuple[int, int]
) -> LookingDistance:
    """Looking distance of a target, ``sum |contribution| * distance / sum |contribution|``.

    Args:
        maps: by level, signed contribution of every cell (y, x) to the target, in any unit.
        point: (y, x) of the target pixel, or the middle of a target region.
        image_size: (y, x) in pixels; the cells of a map cover it evenly, whatever its nominal stride.
    """
    sums = {}
    for level, contributions in maps.items():
        sizes = contributions.detach().abs().double().cpu()
        distances = distance_map(point, tuple(sizes.shape), image_size)
        sums[level] = float(sizes.sum()), float((sizes * distances).sum())
    total = math.fsum(size for size, _ in sums.values())
    weighted = math.fsum(moment for _, moment in sums.values())
    return LookingDistance(
        point,
        weighted / total if total else math.nan,
        {level: moment / size if size else math.nan for level, (size, moment) in sums.items()},
        {level: size / total if total else math.nan for level, (size, _) in sums.items()},
    )
