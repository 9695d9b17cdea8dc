"""The paper's scores stand once; our page only knows which run answers to which row."""

from __future__ import annotations

from rsp_lab.models.paper.costs import row_keys
from rsp_lab.models.paper.printed import printed_miou
from trainers.config.paper import PAPER_RECIPES
from trainers.config.recipes import STUDY
from trainers.reports.printed import PRINTED


def test_every_row_of_three_tables_has_a_score_and_a_recipe() -> None:
    assert [(row.table, row.row) for row in PRINTED] == [
        (table, key) for table in ("I", "IV", "VI") for key in row_keys(table)
    ]
    assert {(row.table, row.row) for row in PRINTED} <= printed_miou().keys()
    assert {row.recipe for row in PRINTED} <= set(PAPER_RECIPES)
    assert {row.head for row in PRINTED} <= {"", *STUDY}


def test_scores_by_hand() -> None:
    printed = printed_miou()
    assert printed["I", "RSP-4, ResNet-50-FPN"] == "77.5 ± 0.2"
    assert printed["III", "RSP-4-D head"] == "42.7"
    assert printed["IV", "+ RSP x1 (43)"] == "75.6"
    assert printed["V", "(a) (K, D) = (3, 3)"] == "76.0"
    assert printed["VI", "+ RSP x3 (76, 65, 54)"] == "77.2"
