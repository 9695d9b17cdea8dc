"""``rsp-lab compare``: two models side by side on one photograph."""

from __future__ import annotations

import time

from rsp_lab.analysis.comparison import compare as comparison
from rsp_lab.cli import arguments
from rsp_lab.cli.output import say
from rsp_lab.cli.reports import report_facts, report_folder, write_report
from rsp_lab.data.images import read_image
from rsp_lab.figures.catalogue import figure_kind
from rsp_lab.figures.figure_input import FigureInput
from rsp_lab.files import readable_name, write_atomic

FIGURES = ("predictions", "context_flow", "key_query", "relation_grids")
"""Of the catalogue; what the models do not have is not written."""
_LARGE_PIXELS = 2_000_000


def compare(
    image: arguments.Image,
    out: arguments.Folder,
    *,
    models: arguments.Models = arguments.CAMVID_PAIR,
    pixel: tuple[int, int] | None = None,
    channel: int | None = None,
) -> None:
    """Two models side by side on one photograph: predictions, context flow, key and query, relation weights.

    Writes predictions, context_flow, key_query and relation_grids as PNG and PDF, captions.txt and summary.json.

    Args:
        pixel: row and column to look at; default: inside the largest disagreement.
        channel: to show in the context flow; default: by class selectivity, the rule is written to summary.json.
    """
    began = time.perf_counter()
    picture, pair, name = read_image(image), models.load(), readable_name(image.name)
    comparison.check_request(*pair, picture, pixel=pixel, channel=channel)
    height, width = picture.shape[-2:]
    with report_folder(out, (image, *models.files)) as folder:
        assert folder is not None
        if height * width > _LARGE_PIXELS:
            say(f"{height} x {width} pixels: {comparison.expected_cost(*pair, picture)}")
        say(f"running {models.left} and {models.right} on {height} x {width} pixels")
        result = comparison.compare(*pair, picture, pixel=pixel, channel=channel)
        say("drawing")
        given = FigureInput(pair, picture, name, known=result)
        drawn = {kind: figure_kind(kind).draw(given) for kind in FIGURES if figure_kind(kind).refusal(given) is None}
        write_atomic(
            folder / "captions.txt", "\n\n".join(f"{kind}: {one.caption}" for kind, one in drawn.items()) + "\n"
        )
        facts = report_facts(result, image=name)
        write_report(folder, "summary", facts, {kind: one.figure for kind, one in drawn.items()})
    print(result.sentence())
    say(f"wrote {out} in {time.perf_counter() - began:.1f} s")
