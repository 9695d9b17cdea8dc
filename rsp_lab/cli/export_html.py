"""``rsp-lab export-html``: the explorer, or the decision flow, as one file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import tyro

from rsp_lab._version import __version__
from rsp_lab.analysis.comparison.compare import check_request
from rsp_lab.analysis.comparison.flow_picture import flow_picture
from rsp_lab.analysis.passes.pair import pair_names
from rsp_lab.analysis.passes.view import view_model
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.cli import arguments
from rsp_lab.cli.output import say
from rsp_lab.cli.reports import check_output
from rsp_lab.data.images import read_image
from rsp_lab.data.tables import table_for
from rsp_lab.explorer.flow_picture import flow_page
from rsp_lab.explorer.html import explorer_page, file_budget
from rsp_lab.explorer.payload import build_payload
from rsp_lab.files import readable_name, write_atomic
from rsp_lab.interruption import kept


def export_html(
    image: arguments.Image,
    out: Annotated[
        Path,
        tyro.conf.arg(aliases=("-o",), metavar="FILE", help="the page to write, e.g. x.html; replaces no other file"),
    ],
    *,
    models: arguments.Models = arguments.CAMVID_PAIR,
    pixel: tuple[int, int] | None = None,
    flow: bool = False,
) -> None:
    """The explorer of two models on one photograph as one offline file: opens in any browser, and fetches nothing.

    Args:
        pixel: row and column to begin with; default: the image's middle.
        flow: the decision flow at that pixel instead, whose ribbons can be cut.
    """
    read = (image, *models.files)
    check_output(out, read, ending=".html")
    picture, pair = read_image(image), models.load()
    check_request(*pair, picture, pixel=pixel)
    height, width = picture.shape[-2:]
    say(f"running {models.left} and {models.right} on {height} x {width} pixels")
    left, right = pair_names(*pair)
    with kept("nothing was written"):
        views = replace(view_model(pair[0], picture), name=left), replace(view_model(pair[1], picture), name=right)
        where = f"{readable_name(image.name)}, {height} × {width} px"
        note = f"{left} beside {right} on {where}. Made with rsp_lab {__version__}."
        if flow:
            target = None if pixel is None else PixelTarget(*pixel)
            decision = flow_picture([view.looked for view in views], picture, target)
            page = flow_page(decision, f"How {left} and {right} decide", note)
        else:
            table = table_for(pair[1].class_names, pair[1].label_table)
            payload = build_payload(picture, pair, views, table, budget=file_budget((height, width)))
            page = explorer_page(payload, f"Where do {left} and {right} look?", note, pixel)
        write_atomic(out, page, protect=read)
    say(f"wrote {out}, {len(page.encode()) / 1e6:.2f} MB")
