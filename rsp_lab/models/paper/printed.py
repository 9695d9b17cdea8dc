"""Tables I-VI as the paper prints them, with what our modules cost beside every cost that is printed.

The scores are the paper's: nothing here says that we reach them. Our own come from evaluation runs and are handed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rsp_lab.models.paper.costs import cost_tables, row_keys
from rsp_lab.models.paper.system_costs import SYSTEM_NOTES, system_costs


@dataclass(frozen=True)
class PairedCell:
    """A number as printed, and ours beside it; None where there is none."""

    paper: str
    ours: str | None


@dataclass(frozen=True)
class PairedTable:
    """One of the paper's tables with our columns.

    Attributes:
        number: Roman.
        title: in our words.
        labels: heads of the columns that name a row.
        measures: heads of the columns with numbers, each of which is printed twice: the paper's, ours.
        rows: key, labels and cells; the key is what our scores are handed in under.
        notes: about rows or columns, in order.
    """

    number: str
    title: str
    labels: tuple[str, ...]
    measures: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...], tuple[PairedCell, ...]], ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


# Labels and printed scores; costs and keys of the rows stand in rsp_lab.models.paper.costs, in the same order.
_SCORES: dict[str, list[tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "I": [
        (("Baseline", "ResNet-50-FPN"), ("74.8",)),
        (("RSP-2", "ResNet-50-FPN"), ("76.1 ± 0.2",)),
        (("RSP-4", "ResNet-50-FPN"), ("77.5 ± 0.2",)),
        (("Baseline", "ResNet-101-FPN"), ("76.7",)),
        (("RSP-2-D", "ResNet-101-FPN"), ("77.9 ± 0.2",)),
        (("RSP-4-D", "ResNet-101-FPN"), ("78.5 ± 0.2",)),
        (("Semantic FPN [12]", "ResNet-50-FPN"), ("75.8",)),
        (("Semantic FPN [12]", "ResNet-101-FPN"), ("77.7",)),
    ],
    "III": [
        (("Panoptic FPN [12]",), ("41.3", "39.4", "34.6", "37.5")),
        (("RSP-2-D head",), ("41.9", "40.1", "34.6", "37.5")),
        (("RSP-4-D head",), ("42.7", "40.2", "34.5", "37.5")),
    ],
    "IV": [
        (("Baseline", "-", "(54, 43)"), ("74.8",)),
        (("+ RSP x1", "54", "43"), ("75.2",)),
        (("+ RSP x1", "43", "54"), ("75.6",)),
        (("+ RSP x2", "(54, 43)", "-"), ("76.1",)),
        (("+ SELF x2", "-", "-"), ("75.5",)),
        (("+ CONTEXT x2", "-", "-"), ("75.2",)),
    ],
    "V": [
        (("(a)", "K, D = 3, 1"), ("75.5",)),
        (("(a)", "K, D = 5, 1"), ("75.5",)),
        (("(a)", "K, D = 7, 1"), ("76.1",)),
        (("(a)", "K, D = 3, 2"), ("75.6",)),
        (("(a)", "K, D = 3, 3"), ("76.0",)),
        (("(b)", "d = 1 (128)"), ("75.9",)),
        (("(b)", "d = 2 (64)"), ("76.1",)),
        (("(b)", "d = 4 (32)"), ("75.6",)),
        (("(b)", "d = 8 (16)"), ("76.0",)),
    ],
    "VI": [
        (("Baseline", "-", "(54, 43)"), ("74.8",)),
        (("+ Q6, Q7", "-", "(76, 65, 54, 43)"), ("76.0",)),
        (("+ RSP x1", "43", "(76, 65, 54)"), ("76.3",)),
        (("+ RSP x1", "76", "(65, 54, 43)"), ("76.2",)),
        (("+ RSP x2", "(54, 43)", "(76, 65)"), ("76.4",)),
        (("+ RSP x2", "(76, 65)", "(54, 43)"), ("76.9",)),
        (("+ RSP x3", "(65, 54, 43)", "76"), ("77.1",)),
        (("+ RSP x3", "(76, 65, 54)", "43"), ("77.2",)),
        (("+ RSP x4", "(76, 65, 54, 43)", "-"), ("77.5",)),
    ],
}
_HEADS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "I": ("Semantic segmentation, Cityscapes val", ("Model", "Backbone"), ("mIoU",)),
    "III": ("Panoptic segmentation, COCO val, ResNet-50-FPN", ("Model",), ("mIoU", "PQ", "Mask AP", "Box AP")),
    "IV": ("RSP modules in the RSP-2 head, ResNet-50-FPN", ("Model", "RSP", "Sum"), ("mIoU",)),
    "V": ("Kernel size and dilation (a), reduction (b); RSP-2, ResNet-50-FPN", ("", "Choice"), ("mIoU",)),
    "VI": ("RSP modules in the RSP-4 head, ResNet-50-FPN", ("Model", "RSP", "Sum"), ("mIoU",)),
}
_UNITS = (
    "FLOPs: multiply-adds (10^9) of the head alone at 1024 x 2048 pixels, 19 classes, counted from the built modules",
    "Parameters: megabytes (10^6) of float32 parameters of the head, which is what the printed numbers turn out to be",
)


def printed_scores(number: str) -> dict[str, dict[str, str]]:
    """The paper's scores in per cent, as printed, by row key and measure; of Table I, III, IV, V or VI."""
    measures = _HEADS[number][2]
    return {
        key: dict(zip(measures, cells, strict=True))
        for key, (_, cells) in zip(row_keys(number), _SCORES[number], strict=True)
    }


def printed_miou() -> dict[tuple[str, str], str]:
    """The paper's mIoU in per cent, as printed, by table and row key; Cityscapes val, COCO val in Table III."""
    return {(number, key): row["mIoU"] for number in _SCORES for key, row in printed_scores(number).items()}


def paired_tables(scores: Mapping[str, float] | None = None) -> tuple[PairedTable, ...]:
    """Tables I to VI, costs counted now.

    Args:
        scores: our measured values by ``"table/row key/measure"`` or, for mIoU, ``"table/row key"``, in per cent, e.g.
            ``{"I/RSP-4, ResNet-50-FPN": 77.1}``; the keys are those of :attr:`PairedTable.rows`.

    Raises:
        ValueError: for a score of a row or measure that no table has.
    """
    given = dict(scores or {})
    found = [_head_table(number, given) for number in _SCORES]
    found.insert(1, _system_table(given))
    if given:
        known = "; ".join(f"{table.number}/{table.rows[0][0]}" for table in found)
        raise ValueError(f"no table has the row {next(iter(given))!r}; keys are like {known}.")
    return tuple(found)


def _score(given: dict[str, float], number: str, key: str, measure: str) -> str | None:
    for name in (f"{number}/{key}/{measure}", *((f"{number}/{key}",) if measure == "mIoU" else ())):
        if name in given:
            return f"{given.pop(name):.1f}"
    return None


def _head_table(number: str, given: dict[str, float]) -> PairedTable:
    title, labels, measures = _HEADS[number]
    costs = [row for row in cost_tables() if row.table == number]
    rows, notes = [], list(_UNITS)
    for (names, printed), cost in zip(_SCORES[number], costs, strict=True):
        cells = [
            PairedCell(value, _score(given, number, cost.row, measure))
            for value, measure in zip(printed, measures, strict=True)
        ]
        cells += [
            PairedCell(f"{cost.gmacs_paper:.1f}", f"{cost.gmacs:.2f}"),
            PairedCell(f"{cost.megabytes_paper:.1f}", f"{cost.megabytes:.2f}"),
        ]
        rows.append((cost.row, names, tuple(cells)))
        if cost.note:
            notes.append(f"{cost.row}: {cost.note}")
    return PairedTable(number, title, labels, (*measures, "FLOPs (G)", "# param. (MB)"), tuple(rows), tuple(notes))


def _system_table(given: dict[str, float]) -> PairedTable:
    rows = []
    for row in system_costs():
        cells = (
            PairedCell(row.miou_paper, _score(given, "II", row.row, "mIoU")),
            PairedCell(row.tmacs_paper, None if row.tmacs is None else f"{row.tmacs:.2f}"),
            PairedCell(row.gigas_paper, None if row.gigas is None else f"{row.gigas:.2f}"),
        )
        rows.append((row.row, (row.model, row.backbone, row.kind), cells))
    return PairedTable(
        "II",
        "Systems on Cityscapes val, whole networks",
        ("Model", "Backbone", "Cost here"),
        ("mIoU", "FLOPs (T)", "memory (G)"),
        tuple(rows),
        (*SYSTEM_NOTES, *(f"{row.row}: {row.note}" for row in system_costs() if row.note)),
    )
