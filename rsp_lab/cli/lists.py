"""Commands about what is there: weights, the paper's cost tables, drawn scenes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import tyro

from rsp_lab.cli import words
from rsp_lab.cli.output import print_rows, say
from rsp_lab.data.street import scene as planted
from rsp_lab.data.street.files import write_cityscapes_layout
from rsp_lab.figures.contact_sheet import draw_contact_sheet
from rsp_lab.figures.style import save
from rsp_lab.models import paper_tables, weights


def models(*, json: words.Json = False) -> None:
    """The weights that come with the package."""
    rows = []
    for name, path in weights.shipped().items():
        config, metadata = weights.read_header(path)
        rows.append(
            {
                "name": name,
                "encoder": config.pyramid.encoder,
                "steps": " ".join(type(f).__name__.removesuffix("Config") for f in getattr(config.head, "fusions", ())),
                "classes": len(config.class_names),
                "val_miou": metadata.get("validation", {}).get("miou"),
                "data": metadata.get("data"),
                "terms": metadata.get("terms"),
                "megabytes": round(path.stat().st_size / 1e6, 2),
            }
        )
    if not rows:
        raise ValueError("no weights come with this installation; train some with `python -m trainers`.")
    print_rows(rows, json)


def tables(*, json: words.Json = False) -> None:
    """Cost columns of Tables I, III, IV, V, VI: counted from the built modules, beside the paper's print."""
    rows = paper_tables.cost_tables()
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


def scenes_(
    out: words.Out,
    *,
    n: Annotated[int, tyro.conf.arg(aliases=("-n",))] = 8,
    seed: int = 0,
    size: tuple[int, int] = (256, 512),
    case: str | None = None,
    distance: int | None = None,
    split: Literal["train", "val", "test"] = "train",
    pairs: bool = False,
    sheet: Path | None = None,
) -> None:
    """Draws street scenes in which the deciding context is known, in Cityscapes' folder layout.

    Writes leftImg8bit/SPLIT/CASE/*.png and, under gtFine, label and instance ids, the masks of the ambiguous region,
    its cue and its decoys, and the facts as JSON.

    Args:
        n: scenes to draw.
        seed: of the first scene; the next ones count up.
        size: rows and columns, 64 128 to 2048 4096.
        case: person-rider, road-pavement or car-bus; default: they take turns.
        distance: from the region to its cue in pixels; default: at random.
        split: folder below leftImg8bit and gtFine.
        pairs: write both readings of each scene, which differ in the cue's pixels and the region's class alone.
        sheet: also draw all scenes with their outlines on one sheet (.png, .pdf or .svg).
    """
    if n < 1:
        raise ValueError(f"-n must be at least 1, got {n}.")
    drawn: list[planted.PlantedScene] = []
    for number in range(seed, seed + n):
        if pairs:
            drawn += planted.plant_pair(number, *size, case=case, distance=distance)
        else:
            drawn.append(planted.plant(number, *size, case=case, distance=distance))
    write_cityscapes_layout(drawn, out, split)
    say(f"{len(drawn)} scenes in {out}")
    if sheet is not None:
        say(f"sheet in {save(draw_contact_sheet(drawn), sheet, dpi=200)}")
