"""``rsp-lab tables``: the paper's cost tables beside ours."""

from __future__ import annotations

from rsp_lab.cli.output import Json, print_rows
from rsp_lab.models.paper import costs


def tables(*, json: Json = False) -> None:
    """Cost columns of Tables I, III, IV, V, VI: counted from the built modules, beside the paper's print."""
    rows = costs.cost_tables()
    if json:
        print_rows([row.to_dict() for row in rows], True)
        return
    shown = [
        {
            "table": row.table,
            "row": row.row,
            "G here": f"{row.gmacs:.2f}",
            "G paper": f"{row.gmacs_paper:.1f}",
            "MB here": f"{row.megabytes:.2f}",
            "MB paper": f"{row.megabytes_paper:.1f}",
            "note": row.note and f"({1 + sorted({r.note for r in rows if r.note}).index(row.note)})",
        }
        for row in rows
    ]
    print_rows(shown, False)
    print("G: multiply-adds of the head (10^9) at 1024 x 2048, 19 classes. MB: float32 parameters (10^6 bytes).")
    print(
        "Open in the paper, ours: softmax over the window; window masked at borders; GroupNorm(32) after the Q convs."
    )
    for number, note in enumerate(sorted({row.note for row in rows if row.note}), start=1):
        print(f"({number}) {note}.")
