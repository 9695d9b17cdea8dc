"""The trade matrix: what target classes take from source classes on each level, over the images of a data set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rsp_lab.analysis.trade.image import TRADE_RULE
from rsp_lab.summary import Rows, Summarised
from rsp_lab.text import rounded, signed, significant

SIDES = ("left", "right", "difference")
"""Of the statistics; the difference is right minus left within each image, so that what images share cancels."""
ALL = "all"
"""Names the sum over levels, or over sources."""
BIAS, TOTAL = "bias", "total"
_INTERVAL_RULE = (
    "each image once however large the zone; 95 % interval by Student's t, as if {what} were independent; every entry "
    "has its own interval: of 100 entries that are 0, about 5 seem not to be"
)


@dataclass(frozen=True, eq=False)
class Estimates(Summarised):
    """Means with half the width of their 95 % intervals, in logits; a width of NaN for fewer than two blocks."""

    mean: np.ndarray
    half_width: np.ndarray

    @property
    def clear(self) -> np.ndarray:
        """Where the interval excludes 0."""
        clear: np.ndarray = np.abs(self.mean) > np.nan_to_num(self.half_width, nan=np.inf)
        return clear


@dataclass(frozen=True, eq=False)
class TradeMatrix(Summarised):
    """Target class by level by source class, mean over images with intervals, in logits.

    Attributes:
        names: of the left and the right model.
        targets: classes.
        sources: classes, then pixels without a label, "unlabelled" or, beside a class of that name, "unlabelled (255)".
        levels: of either model, lowest first; a level that a model lacks counts as 0 there.
        images, blocks: (side, target), images and blocks in which the class occurs; sides as :data:`SIDES`.
        pixels: (target), of the class over all images, by the left model's label map.
        values: (side, target, level + 1, source + 1); the last level is the sum over levels, the last source the sum
            over sources, with intervals of their own.
        bias, total: (side, target); bias plus the sum of all values is the total.
        seen: images looked at.
        block: how many successive images are one observation, more than 1 where they resemble each other.
        by: whose labels name targets and sources: ``"labels"`` or ``"predictions"``, each model's own.
        residual: the largest of all ledgers.
    """

    names: tuple[str, str]
    targets: tuple[str, ...]
    sources: tuple[str, ...]
    levels: tuple[int, ...]
    images: np.ndarray
    blocks: np.ndarray
    pixels: np.ndarray
    values: Estimates
    bias: Estimates
    total: Estimates
    seen: int
    block: int
    by: str
    residual: float

    @property
    def rule(self) -> str:
        """How an entry and its interval are made."""
        if self.block == 1:
            mean, what = "mean over the images in which the class occurs", "images"
        else:
            mean, what = f"mean over blocks of {self.block} successive images in which the class occurs", "blocks"
        return f"{TRADE_RULE}; {mean}, {_INTERVAL_RULE.format(what=what)}"

    def at(self, side: str, target: str, source: str = ALL, level: int | str = ALL) -> tuple[float, float]:
        """(mean, half width of the interval) of one entry, or of a sum over sources or levels.

        Raises:
            KeyError: for a name or level that is not there.
        """
        axes = {"side": SIDES, "target": self.targets, "level": (*self.levels, ALL), "source": (*self.sources, ALL)}
        wanted = {"side": side, "target": target, "level": level, "source": source}
        for axis, name in wanted.items():
            if name not in axes[axis]:
                raise KeyError(f"{name!r} is no {axis} here; there are {', '.join(map(str, axes[axis]))}.")
        place = tuple(axes[axis].index(name) for axis, name in wanted.items())
        return float(self.values.mean[place]), float(self.values.half_width[place])

    def rows(self) -> list[dict[str, Any]]:
        """One flat object a number, for targets that occur: ``side``, ``target``, ``source``, ``level``, ``mean``,
        ``low``, ``high``, ``images``, ``blocks``.

        Level and source are :data:`ALL` for sums; ``source`` is :data:`BIAS` or :data:`TOTAL`, without a level, for
        those two. ``low`` and ``high`` are None for fewer than two blocks.
        """
        sources, levels = (*self.sources, ALL), (*self.levels, ALL)
        found = []
        for side, target in np.argwhere(self.images > 0).tolist():
            head = {"side": SIDES[side], "target": self.targets[target]}
            counts = {"images": int(self.images[side, target]), "blocks": int(self.blocks[side, target])}
            for level, source in np.ndindex(len(levels), len(sources)):
                numbers = _numbers(self.values, (side, target, level, source))
                found.append({**head, "source": sources[source], "level": levels[level], **numbers, **counts})
            for name, estimates in ((BIAS, self.bias), (TOTAL, self.total)):
                numbers = _numbers(estimates, (side, target))
                found.append({**head, "source": name, "level": None, **numbers, **counts})
        return found

    def strongest_target(self, side: str = "difference") -> str:
        """The target with the largest entry, summed over levels, from another class, first among entries whose interval
        excludes 0.

        Raises:
            ValueError: if no class occurs on that side.
        """
        which = SIDES.index(side)
        targets = np.flatnonzero(self.images[which])
        if not len(targets):
            raise ValueError("no class occurs in the zones of both models: there is nothing to compare.")
        entries = Estimates(*(x[which, targets, -1, :-1] for x in (self.values.mean, self.values.half_width)))
        # What a class takes from its own pixels is hardly context.
        other = targets[:, None] != np.arange(len(self.sources))
        clear = other & entries.clear
        return self.targets[targets[(np.abs(entries.mean) * (clear if clear.any() else other)).max(1).argmax()]]

    def clear_entries(self) -> tuple[int, int]:
        """Differences on one level from one source whose interval excludes 0, and how many there are; about 5 % of
        those that are 0 would be among the former by chance."""
        apart = Estimates(self.values.mean[2, :, :-1, :-1], self.values.half_width[2, :, :-1, :-1])
        # Sources that never occur have no width.
        tested = np.nan_to_num(apart.half_width) > 0
        return int((apart.clear & tested).sum()), int(tested.sum())

    def sentences(self, count: int = 3) -> list[str]:
        """The largest differences from one source, over all levels, whose interval excludes 0, in words."""
        mean, half = (x[:, :, -1, :-1] for x in (self.values.mean, self.values.half_width))
        clear = np.where(Estimates(mean[2], half[2]).clear, np.abs(mean[2]), 0.0)
        said = []
        for place in np.argsort(-clear, axis=None)[:count]:
            target, source = np.unravel_index(place, clear.shape)
            if clear[target, source] == 0:
                break
            left, right, apart = mean[:, target, source]
            reach = significant(half[2, target, source], 2)
            counts = self.images[:, target]
            # By predictions, a class occurs in other images in either model, and the means are over those.
            both = "" if (counts == counts[2]).all() else " that have it in both"
            said.append(
                f"{self.targets[target]} from {self.sources[source]}: {signed(right)} logits in {self.names[1]}, "
                f"{signed(left)} in {self.names[0]} (difference {signed(apart)} ± {reach}, "
                f"{counts[2]} images{both}), {self._most(int(target), int(source), apart)}."
            )
        return said

    def _most(self, target: int, source: int, apart: float) -> str:
        """Which level has the largest part of a difference."""
        parts = self.values.mean[2, target, :-1, source] / apart
        place = int(parts.argmax())
        return f"{'most of it' if parts[place] > 0.5 else 'the largest part'} on level {self.levels[place]}"

    def _summary(self) -> tuple[str, Rows]:
        clear, tested = self.clear_entries()
        title = f"TradeMatrix of {self.names[0]} and {self.names[1]} over {self.seen} images, by {self.by}"
        return title, [
            ("targets", f"{int((self.images > 0).any(0).sum())} of {len(self.targets)} classes occur"),
            ("levels", self.levels),
            ("differences beyond 0", f"{clear} of {tested}, about {round(0.05 * tested)} by chance"),
            *((f"largest {place}", sentence) for place, sentence in enumerate(self.sentences(), 1)),
            ("residual", self.residual),
        ]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; arrays are nested lists with the axes that ``axes`` names, null where there is no interval."""
        clear, tested = self.clear_entries()
        return {
            "models": list(self.names),
            "unit": "logits",
            "rule": self.rule,
            "by": self.by,
            "images": self.seen,
            "images_a_block": self.block,
            "residual": self.residual,
            "differences_beyond_0": {"count": clear, "of": tested, "about_by_chance": round(0.05 * tested)},
            "axes": {
                "side": list(SIDES),
                "target": list(self.targets),
                "level": [*self.levels, ALL],
                "source": [*self.sources, ALL],
            },
            "target_images": self.images.tolist(),
            "target_blocks": self.blocks.tolist(),
            "target_pixels": self.pixels.tolist(),
            **{
                name: rounded({"mean": estimates.mean, "half_width": estimates.half_width})
                for name, estimates in (("values", self.values), (BIAS, self.bias), (TOTAL, self.total))
            },
        }


def _numbers(estimates: Estimates, place: tuple[int, ...]) -> dict[str, float | None]:
    mean, half = float(estimates.mean[place]), float(estimates.half_width[place])
    numbers: dict[str, float | None] = rounded({"mean": mean, "low": mean - half, "high": mean + half})
    return numbers
