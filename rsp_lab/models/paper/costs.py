"""The cost columns of the paper's Tables I, III, IV, V and VI beside what our built modules cost."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from rsp_lab.models.heads import HeadConfig
from rsp_lab.models.inspection.cost import HeadCost, head_cost
from rsp_lab.models.presets import (
    baseline,
    baseline_q67,
    context2,
    rsp2,
    rsp2_d,
    rsp4,
    rsp4_d,
    self2,
    semantic_fpn,
)
from rsp_lab.models.relation import RelationConfig
from rsp_lab.shapes import Window

_D1 = (
    "no reading of the text gives the printed 53.8 G: halving d from 2 to 1 adds 64 middle channels to query, key and "
    "scores at levels 3 and 4, that is 0.80 G over RSP-2's 53.4 G"
)
_SLIP = "Table I prints the FLOPs of the undilated head here; Table III prints {} G for the same head: a copy slip"


@dataclass(frozen=True)
class TableRow:
    """One row of one table.

    Attributes:
        table: Roman number; the letter of a sub-table stands in the row.
        row: the paper's label.
        gmacs, megabytes: counted from our module at 1024 x 2048 and 19 classes.
        gmacs_paper, megabytes_paper: as printed.
        note: why a cell differs from the print by more than rounding, else empty.
    """

    table: str
    row: str
    gmacs: float
    gmacs_paper: float
    megabytes: float
    megabytes_paper: float
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@lru_cache(maxsize=64)
def _cost(config: HeadConfig) -> HeadCost:
    return head_cost(config)


def _rsp2(kernel: int, dilation: int = 1) -> HeadConfig:
    return rsp2(RelationConfig(window=Window(kernel, dilation)))


def _reduced(d: int) -> HeadConfig:
    return rsp2(RelationConfig(reduction=d))


def _printed() -> list[tuple[str, str, HeadConfig, float, float, str]]:
    """Table, row, our preset, and the two printed cells."""
    return [
        ("I", "Baseline, ResNet-50-FPN", baseline(), 51.7, 4.7, ""),
        ("I", "RSP-2, ResNet-50-FPN", rsp2(), 53.4, 5.1, ""),
        ("I", "RSP-4, ResNet-50-FPN", rsp4(), 53.7, 7.8, ""),
        ("I", "Baseline, ResNet-101-FPN", baseline(), 51.7, 4.7, ""),
        ("I", "RSP-2-D, ResNet-101-FPN", rsp2_d(), 53.4, 5.1, _SLIP.format("53.1")),
        ("I", "RSP-4-D, ResNet-101-FPN", rsp4_d(), 53.7, 7.8, _SLIP.format("53.4")),
        ("I", "Semantic FPN, ResNet-50-FPN", semantic_fpn(), 62.5, 6.5, ""),
        ("I", "Semantic FPN, ResNet-101-FPN", semantic_fpn(), 62.5, 6.5, ""),
        ("III", "Panoptic FPN", semantic_fpn(), 62.5, 6.5, ""),
        ("III", "RSP-2-D head", rsp2_d(), 53.1, 5.1, ""),
        ("III", "RSP-4-D head", rsp4_d(), 53.4, 7.8, ""),
        ("IV", "Baseline", baseline(), 51.7, 4.7, ""),
        ("IV", "+ RSP x1 (54)", rsp2(at=(54,)), 52.0, 4.9, ""),
        ("IV", "+ RSP x1 (43)", rsp2(at=(43,)), 53.1, 4.9, ""),
        ("IV", "+ RSP x2 (54, 43)", rsp2(), 53.4, 5.1, ""),
        ("IV", "+ SELF x2", self2(), 53.4, 5.1, ""),
        ("IV", "+ CONTEXT x2", context2(), 51.7, 4.7, ""),
        ("V", "(a) (K, D) = (3, 1)", _rsp2(3), 53.1, 5.1, ""),
        ("V", "(a) (K, D) = (5, 1)", _rsp2(5), 53.2, 5.1, ""),
        ("V", "(a) (K, D) = (7, 1)", _rsp2(7), 53.4, 5.1, ""),
        ("V", "(a) (K, D) = (3, 2)", _rsp2(3, 2), 53.1, 5.1, ""),
        ("V", "(a) (K, D) = (3, 3)", _rsp2(3, 3), 53.1, 5.1, ""),
        ("V", "(b) d = 1 (128)", _reduced(1), 53.8, 5.3, _D1),
        ("V", "(b) d = 2 (64)", _reduced(2), 53.4, 5.1, ""),
        ("V", "(b) d = 4 (32)", _reduced(4), 53.0, 5.0, ""),
        ("V", "(b) d = 8 (16)", _reduced(8), 52.8, 4.9, ""),
        ("VI", "Baseline", baseline(), 51.7, 4.7, ""),
        ("VI", "+ Q6, Q7", baseline_q67(), 51.9, 7.1, ""),
        ("VI", "+ RSP x1 (43)", rsp4(at=(43,)), 53.2, 7.3, ""),
        ("VI", "+ RSP x1 (76)", rsp4(at=(76,)), 51.9, 7.3, ""),
        ("VI", "+ RSP x2 (54, 43)", rsp4(at=(54, 43)), 53.6, 7.4, ""),
        ("VI", "+ RSP x2 (76, 65)", rsp4(at=(76, 65)), 52.0, 7.4, ""),
        ("VI", "+ RSP x3 (65, 54, 43)", rsp4(at=(65, 54, 43)), 53.7, 7.6, ""),
        ("VI", "+ RSP x3 (76, 65, 54)", rsp4(at=(76, 65, 54)), 52.3, 7.6, ""),
        ("VI", "+ RSP x4 (76, 65, 54, 43)", rsp4(), 53.7, 7.8, ""),
    ]


def row_keys(table: str) -> tuple[str, ...]:
    """The rows of Table I, III, IV, V or VI, as the paper labels them, in its order."""
    return tuple(row for number, row, *_ in _printed() if number == table)


def cost_tables() -> list[TableRow]:
    """Every row of Tables I, III, IV, V and VI, counted from modules built on meta tensors."""
    rows = []
    for table, row, config, gmacs, megabytes, note in _printed():
        cost = _cost(config)
        rows.append(TableRow(table, row, round(cost.gmacs, 3), gmacs, round(cost.megabytes, 3), megabytes, note))
    return rows
