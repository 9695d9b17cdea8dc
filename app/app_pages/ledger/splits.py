"""What contributions come from: the class under them, their distance to the target, the parts of a drawn scene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import numpy as np
from torch import Tensor

from app.app_pages.ledger.readings import Panel, Panels, Reading
from app.charts.bar_rows import Bar, Row
from app.charts.level_rows import level_colour, tidy
from app.shell.region_target import Labels, label_map
from app.shell.selection import Selection
from app.store.results import results
from rsp_lab.analysis.ledger.footprint import LevelTable
from rsp_lab.analysis.scenes.sources import SceneSources, scene_sources
from rsp_lab.text import percent, signed


class SplitBy(StrEnum):
    """What contributions are sorted by."""

    CLASS = "class"
    RING = "distance"
    PART = "part of the scene"


SPLIT_HELP = (
    "What lies at the pixels under a cell: the class in the map under “Labels of”; their distance to the target’s "
    "centre; of a drawn scene the cue, the decoys and the region."
)
MOST = 9
REST = "all others"


@dataclass(frozen=True, eq=False)
class Split:
    """Tables of the three panels, with the same rows in the same order.

    Attributes:
        tables: of left, right, and right minus left; None where a panel has no ledger.
        kinds: what is shown, first on top.
        others: kinds put together as :data:`REST`; empty if none are.
    """

    tables: tuple[LevelTable | None, ...]
    kinds: tuple[str, ...]
    others: tuple[str, ...] = ()

    def row(self, table: LevelTable, level: int) -> list[float]:
        """One level's values in the order of the rows."""
        found = [table[level, kind] for kind in self.kinds]
        return [*found, sum(table[level, kind] for kind in self.others)] if self.others else found

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.kinds, REST) if self.others else self.kinds


def split_of(selection: Selection, panels: Panels, by: SplitBy, labels: Labels, reading: Reading) -> Split:
    """The panels split; kept.

    Raises:
        ValueError: for labels that the image does not have.
    """
    ids = label_map(selection, labels) if by == SplitBy.CLASS else None
    left, right = (_table(selection, panel, side, by, labels, ids, reading) for side, panel in enumerate(panels[:2]))
    tables = left, right, None if left is None or right is None else right - left
    return _ranked(tables) if by == SplitBy.CLASS else Split(tables, _any(tables).columns)


def _table(
    selection: Selection, panel: Panel, side: int, by: SplitBy, labels: Labels, ids: Tensor | None, reading: Reading
) -> LevelTable | None:
    ledger = panel.ledger
    if ledger is None:
        return None
    if by == SplitBy.PART:
        return parts_of(selection, panel, side, reading).table
    work = ledger.by_ring if ids is None else partial(ledger.by_class, ids)
    # Of both models: a map of labels may be the other one's.
    key = selection.key(("split", side, by, reading, None if ids is None else labels), target=ledger.target)
    return results().get(key, work)


def parts_of(selection: Selection, panel: Panel, side: int, reading: Reading) -> SceneSources:
    """The known answer of a drawn scene, for a panel with a ledger; kept.

    Raises:
        ValueError: if the image is no drawn scene.
    """
    scene, ledger = selection.shown.scene, panel.ledger
    if scene is None or ledger is None:
        raise ValueError("This is no drawn scene, so the cue is not known: choose one above, or split by class.")
    key = selection.key(("parts of the scene", reading), side=side, target=ledger.target)
    return results().get(key, lambda: scene_sources(ledger, scene))


def _any(tables: Sequence[LevelTable | None]) -> LevelTable:
    return next(one for one in tables if one is not None)


def _ranked(tables: tuple[LevelTable | None, ...]) -> Split:
    """Classes by the largest magnitude that any level of any panel has from them."""
    columns = _any(tables).columns
    sizes = np.max([one.values.abs().sum(0).numpy() for one in tables if one is not None], axis=0)
    kinds = [columns[i] for i in np.argsort(-sizes, kind="stable").tolist() if sizes[i] > 0]
    # One class more costs no more room than a row for it alone.
    return (
        Split(tables, tuple(kinds), ()) if len(kinds) <= MOST + 1 else Split(tables, (*kinds[:MOST],), (*kinds[MOST:],))
    )


def split_end(split: Split) -> float:
    """One reach for the bars of all panels, in logits."""
    ends = [0.0]
    for one in split.tables:
        if one is not None:
            rows = np.array([split.row(one, level) for level in one.levels])
            ends += [float(rows.clip(min=0).sum(0).max()), float(-rows.clip(max=0).sum(0).min())]
    return 1.06 * max(ends) or 1.0


def split_rows(split: Split, place: int, words: Mapping[int, str]) -> tuple[Row, ...]:
    """Bars stacked from the levels, which ``words`` name, below 0 and above apart; the sum stands at the right."""
    table = split.tables[place]
    assert table is not None
    levels = sorted(table.levels, reverse=True)
    columns = zip(*(split.row(table, level) for level in levels), strict=True)
    return tuple(_stacked(name, levels, values, words) for name, values in zip(split.names, columns, strict=True))


def _stacked(name: str, levels: Sequence[int], values: Sequence[float], words: Mapping[int, str]) -> Row:
    bars, ends = [], {False: 0.0, True: 0.0}
    for level, value in zip(levels, values, strict=True):
        hover = f"{name}, {words[level]}: {signed(value)} logits"
        bars.append(Bar(ends[value < 0], value, level_colour(level), hover))
        ends[value < 0] += value
    return Row(name, tuple(bars), tidy(sum(values)))


def source_of(split: Split, place: int, level: int, sign: float) -> tuple[str, float] | None:
    """The kind that gives most at a level in a direction; None where none does."""
    table = split.tables[place]
    if table is None or level not in table.levels:
        return None
    row = table.values[table.levels.index(level)]
    best = int((sign * row).argmax())
    value = float(row[best])
    return (table.columns[best], value) if sign * value > 0 else None


def scene_rows(selection: Selection, panels: Panels, reading: Reading) -> dict[str, dict[str, str]]:
    """By part: its share of the image, and of each model the logits and the share of all magnitude."""
    rows: dict[str, dict[str, str]] = {}
    for side, panel in enumerate(panels[:2]):
        if panel.ledger is None:
            continue
        found = parts_of(selection, panel, side, reading)
        for name in found.table.columns:
            row = rows.setdefault(name, {"share of pixels": percent(found.areas[name])})
            row[f"{panel.side}: logits"] = tidy(found.sums[name])
            row[f"{panel.side}: share of |logits|"] = percent(found.magnitudes[name])
    return rows
