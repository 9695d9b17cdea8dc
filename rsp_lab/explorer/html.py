"""One file for a browser: it opens from a folder, asks no server for anything, and may not."""

from __future__ import annotations

import base64
import hashlib
import html

from rsp_lab.explorer.module import host_source, style_sheet
from rsp_lab.explorer.payload import payload_header

FILE_BUDGET = 3 * 2**19
"""Bytes of weights and content scores up to which a file keeps all of them in 8 bits, for images of up to 512 x 1024;
larger images have three bytes per pixel. See :func:`rsp_lab.explorer.quantise.planned_bits`."""

_PAGE_STYLE = """
:root { color-scheme: light dark; }
body { margin: 0 auto; max-width: 1760px; padding: 12px 24px 24px; font: 13px/1.4 system-ui, sans-serif; }
h1 { margin: 0; font-size: 18px; font-weight: 600; }
header p { margin: 2px 0 10px; opacity: 0.75; }
@media (max-width: 640px) { body { padding: 10px 12px 24px; } }
"""
_FRAME_STYLE = "width: 100%; height: 600px; border: 0"
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="generator" content="rsp_lab">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{page_style}</style>
</head>
<body data-view="{view}">
<header><h1>{title}</h1><p>{note}</p></header>
<div id="rsp-root"></div>
<script type="application/octet-stream" id="{name}">{data}</script>
<script type="module">{script}</script>
</body>
</html>
"""


def file_budget(size: tuple[int, int]) -> int:
    """:data:`FILE_BUDGET` of an image of this size (y, x)."""
    return max(FILE_BUDGET, 3 * size[0] * size[1])


def explorer_page(
    payload: bytes, title: str, note: str = "", pixel: tuple[int, int] | None = None, view: str = ""
) -> str:
    """A whole page that shows a payload, as text.

    Its policy lets run and style only what is written in it, by digest, and lets nothing be fetched, sent, framed or
    evaluated. The view stands in the address after the #, so that a link to it leads back.

    Args:
        payload: from :func:`rsp_lab.explorer.payload.build_payload`.
        title: of the page, as plain text.
        note: a line under the title, as plain text.
        pixel: (y, x) to begin with; default the image's middle.
        view: all that is shown to begin with, as an explorer's link has it; default the pixel.

    Raises:
        ValueError: if the bytes are no payload, or the pixel lies outside the image.
    """
    height, width = payload_header(payload)["size"]
    if pixel is not None and not (0 <= pixel[0] < height and 0 <= pixel[1] < width):
        raise ValueError(f"pixel {pixel} lies outside the image of {height} x {width} pixels (rows x columns).")
    if not view and pixel is not None:
        view = f"pixel={pixel[0]},{pixel[1]}"
    return offline_page("page", style_sheet(), ("rsp-payload", payload), title, note, view)


def page_frame(page: str) -> str:
    """A page of :func:`explorer_page` inside another, as HTML; the explorer makes the frame as tall as it needs.

    Args:
        page: the whole page.
    """
    return f'<iframe srcdoc="{html.escape(page)}" title="Explorer" style="{_FRAME_STYLE}"></iframe>'


def offline_page(host: str, style: str, data: tuple[str, bytes], title: str, note: str = "", view: str = "") -> str:
    """A whole page, as text, that runs a host's module on data that stands in it.

    Its policy lets run and style only what is written in it, by digest, and lets nothing be fetched, sent, framed or
    evaluated.

    Args:
        host: see :func:`~rsp_lab.explorer.module.host_source`.
        style: the sheet that the module sets.
        data: the element's name, by which the host finds it, and what it holds.
        title: of the page, as plain text.
        note: a line under the title, as plain text.
        view: what to begin with, for the host.
    """
    # The script is the only place where a "</script" could end the element early; "<\/" is the same text in it.
    script = host_source(host).replace("</", "<\\/")
    return _PAGE.format(
        policy=_policy(script, (style, _PAGE_STYLE)),
        title=html.escape(title),
        note=html.escape(note),
        page_style=_PAGE_STYLE,
        view=html.escape(view),
        name=data[0],
        data=base64.b64encode(data[1]).decode(),
        script=script,
    )


def _policy(script: str, styles: tuple[str, ...]) -> str:
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {_source(script)}",
            "style-src " + " ".join(map(_source, styles)),
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
        ]
    )


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
