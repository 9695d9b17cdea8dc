"""``rsp-lab tables``: the paper's tables beside ours."""

from __future__ import annotations

from typing import Any

from rsp_lab.cli.output import Json, print_rows
from rsp_lab.cli.progress import progress_on_stderr
from rsp_lab.models.paper import costs
from rsp_lab.models.paper.printed import printed_scores
from rsp_lab.models.paper.system_costs import SYSTEM_NOTES, SystemRow, system_costs


def tables(*, systems: bool = False, json: Json = False) -> None:
    """What the paper's tables say, beside what is counted from the built modules; scores are the paper's.

    Tables I, III, IV, V and VI are about heads, Table II is about whole networks.

    Args:
        systems: Table II: measured, reconstructed or cited, row by row.
    """
    if systems:
        _print_systems(json)
    else:
        _print_heads(json)


def _print_heads(json: bool) -> None:
    rows = costs.cost_tables()
    scores = {number: printed_scores(number) for number in {row.table for row in rows}}
    if json:
        print_rows([row.to_dict() | {"scores_paper": scores[row.table][row.row]} for row in rows], True)
        return
    notes = sorted({row.note for row in rows if row.note})
    print_rows([_head_row(row, scores[row.table][row.row], notes) for row in rows], False)
    print("G: multiply-adds of the head (10^9) at 1024 x 2048, 19 classes. MB: float32 parameters (10^6 bytes).")
    print("Scores are the paper's, in per cent: on Cityscapes val, in Table III on COCO val, untrained here.")
    print(
        "Open in the paper, ours: softmax over the window; window masked at borders; GroupNorm(32) after the Q convs."
    )
    for number, note in enumerate(notes, start=1):
        print(f"({number}) {note}.")


def _head_row(row: costs.TableRow, scores: dict[str, str], notes: list[str]) -> dict[str, Any]:
    return {
        "table": row.table,
        "row": row.row,
        "G here": f"{row.gmacs:.2f}",
        "G paper": f"{row.gmacs_paper:.1f}",
        "MB here": f"{row.megabytes:.2f}",
        "MB paper": f"{row.megabytes_paper:.1f}",
        **{name: scores.get(name, "") for name in ("mIoU", "PQ", "Mask AP", "Box AP")},
        "note": row.note and f"({1 + notes.index(row.note)})",
    }


def _print_systems(json: bool) -> None:
    with progress_on_stderr("tables", "networks") as report:
        rows = system_costs(report)
    if json:
        print_rows([row.to_dict() for row in rows], True)
        return
    notes = [row.note for row in rows if row.note]
    print_rows([_system_row(row, notes) for row in rows], False)
    for line in SYSTEM_NOTES:
        print(f"{line[0].upper()}{line[1:]}.")
    for number, note in enumerate(notes, start=1):
        print(f"({number}) {note}.")


def _system_row(row: SystemRow, notes: list[str]) -> dict[str, Any]:
    return {
        "model": row.model,
        "backbone": row.backbone,
        "cost here": row.kind,
        "T here": "" if row.tmacs is None else f"{row.tmacs:.2f}",
        "T paper": row.tmacs_paper,
        "activations G here": "" if row.gigas is None else f"{row.gigas:.2f}",
        "activations G paper": row.gigas_paper,
        "mIoU paper": row.miou_paper,
        "note": row.note and f"({1 + notes.index(row.note)})",
    }
