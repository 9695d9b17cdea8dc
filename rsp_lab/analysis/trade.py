"""What classes take from each other: target class by source class by level, over the images of a data set.

In each image in which a class occurs, the target is the mean over its pixels of its logit minus the mean logit of all
classes, which is what softmax sees. Its ledger is split by what lies where contributions come from. Images are the
unit of the statistics: each counts once, however large the zone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy import stats
from torch import Tensor

from rsp_lab.analysis.class_space import zone_contributions
from rsp_lab.analysis.footprint import FOOTPRINT_RULE, footprint_shares
from rsp_lab.analysis.frozen import FrozenHead
from rsp_lab.analysis.ledger import UNLABELLED
from rsp_lab.models.segmenter import resize_logits

SIDES = ("left", "right", "difference")
"""Of the statistics; the difference is right minus left, within each image."""
TRADE_RULE = (
    "logit of the target class minus the mean logit of all classes, mean over the pixels of the class; each cell's "
    f"contribution split by what lies under it ({FOOTPRINT_RULE}); mean over the images in which the class occurs, "
    "with a 95 % t interval over images"
)


@dataclass(frozen=True, eq=False)
class ImageTrade:
    """One model on one image, by the classes that occur in it.

    Attributes:
        present: (target), whether the class occurs.
        pixels: (target), of the class.
        values: (target, level, source), in logits; 0 for absent targets. Sources are the classes, then "unlabelled".
        bias, logit: (target).
        residual: the largest of the targets'.
    """

    present: np.ndarray
    pixels: np.ndarray
    values: np.ndarray
    bias: np.ndarray
    logit: np.ndarray
    residual: float


def image_trade(frozen: FrozenHead, labels: Int[Tensor, "y x"]) -> ImageTrade:
    """The trade of one image: the ledgers of all its class zones, in one pass through the frozen head.

    Args:
        labels: train ids of the model's classes; other ids are unlabelled.

    Raises:
        ValueError: for labels of another size.
        LedgerError: if a ledger does not add up.
    """
    if tuple(labels.shape) != frozen.image_size:
        raise ValueError(
            f"the labels are {tuple(labels.shape)}, the image {frozen.image_size}: they must be of one size."
        )
    classes = len(frozen.class_names)
    kinds = torch.where((labels >= 0) & (labels < classes), labels.long(), classes)
    pixels = torch.bincount(kinds.flatten(), minlength=classes + 1)
    present = (pixels[:classes] > 0).nonzero()[:, 0]
    values = np.zeros((classes, len(frozen.levels), classes + 1))
    bias, logit, residual = np.zeros(classes), np.zeros(classes), 0.0
    if len(present):
        sources = (pixels > 0).nonzero()[:, 0]
        masks = (kinds == sources[:, None, None]).to(frozen.logits.dtype)
        zones = masks[: len(present)] / pixels[present].to(masks)[:, None, None]
        directions = torch.eye(classes, dtype=torch.float64)[present] - 1 / classes
        found = zone_contributions(frozen, _at_logits(zones, frozen), directions)
        for number, x in enumerate(frozen.levels):
            shares = _under_cells(masks, found.maps[x].shape[1:])
            table = torch.einsum("tyx,syx->ts", found.maps[x], shares)
            values[present.numpy()[:, None], number, sources.numpy()] = table.numpy()
        bias[present], logit[present], residual = found.bias.numpy(), found.logit.numpy(), found.residual
    counts = pixels[:classes].numpy()
    return ImageTrade(counts > 0, counts, values, bias, logit, residual)


def _at_logits(zones: Float[Tensor, "t y x"], frozen: FrozenHead) -> Float[Tensor, "t v u"]:
    """Adjoint of the resizing of the logits, as :func:`rsp_lab.analysis.targets.cell_weights`, for many at once."""
    with torch.inference_mode(False), torch.enable_grad():
        coarse = zones.new_zeros(1, len(zones), *frozen.logits.shape[-2:], requires_grad=True)
        (gradient,) = torch.autograd.grad(resize_logits(coarse, frozen.image_size), coarse, zones[None].clone())
    return gradient[0]


def _under_cells(masks: Float[Tensor, "s y x"], cells: tuple[int, ...]) -> Float[Tensor, "s v u"]:
    """Share of each cell's area that is of each kind."""
    rows = footprint_shares(cells[0], masks.shape[1]).to(masks)
    columns = footprint_shares(cells[1], masks.shape[2]).to(masks)
    return (rows @ masks @ columns.T).double()


@dataclass
class Moments:
    """Count, mean and sum of squared deviations of many quantities, one image after the other; constant memory.

    Attributes:
        count: (side, target), images.
        mean, m2: (side, target, quantity).
    """

    count: np.ndarray
    mean: np.ndarray
    m2: np.ndarray

    @classmethod
    def empty(cls, targets: int, quantities: int) -> Moments:
        shape = (len(SIDES), targets, quantities)
        return cls(np.zeros(shape[:2], dtype=np.int64), np.zeros(shape), np.zeros(shape))

    def add(self, values: np.ndarray, present: np.ndarray) -> None:
        """One image's values (side, target, quantity) where ``present`` (side, target); Welford's update."""
        self.count += present
        n = np.maximum(self.count, 1)[..., None]
        there = present[..., None]
        change = np.where(there, values - self.mean, 0.0)
        self.mean += change / n
        self.m2 += np.where(there, change * (values - self.mean), 0.0)

    def merge(self, other: Moments) -> None:
        """Those of other images; Chan's update."""
        n = (self.count + other.count)[..., None]
        share = np.divide(other.count[..., None], n, out=np.zeros(n.shape), where=n > 0)
        change = other.mean - self.mean
        self.m2 += other.m2 + change**2 * share * self.count[..., None]
        self.mean += change * share
        self.count += other.count

    def half_width(self) -> np.ndarray:
        """Of the 95 % t interval of the mean, (side, target, quantity); NaN for fewer than two images."""
        n = self.count[..., None].astype(float)
        with np.errstate(invalid="ignore", divide="ignore"):
            error = np.sqrt(self.m2 / (n - 1) / n)
            width: np.ndarray = np.where(n > 1, stats.t.ppf(0.975, np.maximum(n - 1, 1)) * error, np.nan)
        return width


@dataclass(frozen=True, eq=False)
class TradeMatrix:
    """Target class by level by source class, mean over images with intervals, in logits.

    Attributes:
        names: of the left and the right model.
        targets: classes.
        sources: classes, then "unlabelled".
        levels: lowest first.
        images: (side, target), images in which the class occurs; sides as :data:`SIDES`.
        pixels: (target), of the class over all images, by the left model's label map.
        mean, half_width: (side, target, level, source).
        bias, logit: (side, target), means.
        seen: images looked at.
        by: whose labels: ``"labels"`` or ``"predictions"``.
        residual: the largest of all ledgers.
    """

    names: tuple[str, str]
    targets: tuple[str, ...]
    sources: tuple[str, ...]
    levels: tuple[int, ...]
    images: np.ndarray
    pixels: np.ndarray
    mean: np.ndarray
    half_width: np.ndarray
    bias: np.ndarray
    logit: np.ndarray
    seen: int
    by: str
    residual: float
    rule: str = field(default=TRADE_RULE, init=False)

    def at(self, side: str, target: str, source: str, level: int) -> tuple[float, float]:
        """(mean, half width of the interval) of one entry, by name.

        Raises:
            KeyError: for a name or level that is not there.
        """
        try:
            place = SIDES.index(side), self.targets.index(target), self.levels.index(level), self.sources.index(source)
        except ValueError as error:
            raise KeyError(f"no entry ({side}, {target}, {source}, {level}): {error}.") from None
        return float(self.mean[place]), float(self.half_width[place])

    def rows(self) -> list[dict[str, Any]]:
        """One flat object an entry, for targets that occur; ``low`` and ``high`` are None for fewer than two images."""
        found = []
        for place, mean in np.ndenumerate(self.mean):
            side, target, level, source = place
            if self.images[side, target] == 0:
                continue
            half = float(self.half_width[place])
            found.append(
                {
                    "side": SIDES[side],
                    "target": self.targets[target],
                    "source": self.sources[source],
                    "level": self.levels[level],
                    "mean": round(float(mean), 6),
                    "low": None if np.isnan(half) else round(float(mean) - half, 6),
                    "high": None if np.isnan(half) else round(float(mean) + half, 6),
                    "images": int(self.images[side, target]),
                }
            )
        return found

    def sentences(self, count: int = 3) -> list[str]:
        """The largest differences whose interval excludes 0, in words."""
        left, right, apart = self.mean
        width = self.half_width[2]
        sure = np.where(np.abs(apart) > width, np.abs(apart), 0.0)
        best = np.argsort(-sure, axis=None)[:count]
        said = []
        for place in zip(*np.unravel_index(best, sure.shape), strict=True):
            if sure[place] == 0:
                break
            target, level, source = self.targets[place[0]], self.levels[place[1]], self.sources[place[2]]
            said.append(
                f"{target} from {source} on level {level}: {right[place]:+.3g} in {self.names[1]}, {left[place]:+.3g} "
                f"in {self.names[0]} logits (difference {apart[place]:+.3g} ± {width[place]:.2g}, "
                f"{self.images[2, place[0]]} images)"
            )
        return said

    def to_dict(self) -> dict[str, Any]:
        return {
            "models": list(self.names),
            "unit": "logits",
            "rule": self.rule,
            "by": self.by,
            "images": self.seen,
            "residual": self.residual,
            "levels": list(self.levels),
            "sources": list(self.sources),
            "targets": {
                name: {
                    "images": int(self.images[2, t]),
                    "pixels": int(self.pixels[t]),
                    "logit": {side: round(float(self.logit[s, t]), 6) for s, side in enumerate(SIDES)},
                    "bias": {side: round(float(self.bias[s, t]), 6) for s, side in enumerate(SIDES)},
                }
                for t, name in enumerate(self.targets)
                if self.images[2, t]
            },
            "entries": self.rows(),
        }


def source_names(class_names: tuple[str, ...]) -> tuple[str, ...]:
    return (*class_names, UNLABELLED)
