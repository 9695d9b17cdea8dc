"""``rsp-lab compare``: two models side by side on one photograph."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import tyro

from rsp_lab.analysis.comparison import compare as comparison
from rsp_lab.cli import arguments
from rsp_lab.cli.arguments import WIDTHS, Width
from rsp_lab.cli.output import say
from rsp_lab.cli.reports import ReportFiles, report_facts, report_folder, write_report
from rsp_lab.data.images import read_image
from rsp_lab.data.label_files import read_label
from rsp_lab.data.tables import table_for
from rsp_lab.figures.catalogue import figure_kind
from rsp_lab.figures.figure_input import FigureInput
from rsp_lab.files import readable_name, write_atomic

FIGURES = ("predictions", "decision_flow", "key_query", "relation_grids")
"""Of the catalogue; what the models do not have is not written."""
RAW = "context_flow"
"""The paper's raw channel, which is drawn where a channel is named."""
_LARGE_PIXELS = 2_000_000


def compare(
    image: arguments.Image,
    out: arguments.Folder,
    *,
    models: arguments.Models = arguments.CAMVID_PAIR,
    pixel: tuple[int, int] | None = None,
    channel: int | None = None,
    labels: Annotated[Path | None, tyro.conf.arg(metavar="PNG")] = None,
    width: Width = "page",
) -> None:
    """Two models side by side on one photograph: predictions, decision flow, key and query, relation weights.

    Writes predictions, decision_flow, key_query and relation_grids as PNG and PDF, captions.txt and summary.json.

    Args:
        pixel: row and column to look at; default: inside the largest disagreement.
        channel: also draw context_flow, the raw maps of this channel at every step.
        labels: true label ids of the image: the figures show them, and say who is right.
        width: of the page (7.16 inches) or of one column (3.5).
    """
    began = time.perf_counter()
    wanted = FIGURES if channel is None else (*FIGURES, RAW)
    files = ReportFiles("summary.json", wanted, ("captions.txt",))
    read = (image, *models.files, *([labels] if labels else []))
    files.check(out, read)
    picture, pair, name = read_image(image), models.load(), readable_name(image.name)
    comparison.check_request(*pair, picture, pixel=pixel, channel=channel)
    rows, columns = picture.shape[-2:]
    with report_folder(out, read, files) as folder:
        assert folder is not None
        if rows * columns > _LARGE_PIXELS:
            say(f"{rows} x {columns} pixels: {comparison.expected_cost(*pair, picture)}")
        say(f"running {models.left} and {models.right} on {rows} x {columns} pixels")
        result = comparison.compare(*pair, picture, pixel=pixel, channel=channel)
        say("drawing")
        last = pair[-1]
        truth = None if labels is None else read_label(labels, table_for(last.class_names, last.label_table))
        given = FigureInput(pair, picture, name, known=result, labels=truth, width=WIDTHS[width])
        drawn = {kind: figure_kind(kind).draw(given) for kind in wanted if figure_kind(kind).refusal(given) is None}
        write_atomic(
            folder / "captions.txt", "\n\n".join(f"{kind}: {one.caption}" for kind, one in drawn.items()) + "\n"
        )
        facts = report_facts(result, image=name)
        write_report(folder, "summary", facts, {kind: one.figure for kind, one in drawn.items()})
    print(result.sentence())
    say(f"wrote {out} in {time.perf_counter() - began:.1f} s")
