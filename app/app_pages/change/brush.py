"""A brush over the photograph; what is painted stands in the link."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from jaxtyping import Bool
from torch import Tensor

from app.app_pages.change.strokes import Strokes, is_of, link_of, mask_of, read_strokes, strokes_in
from app.charts.on_image import photograph_uri
from app.shell import link
from app.shell.heading import Heading
from app.shell.selection import Selection

KEY = "brush"
_brush = st.components.v2.component("rsp_lab.brush", js=(Path(__file__).parent / "brush.js").read_text("utf-8"))


def draw_brush(selection: Selection, heading: Heading) -> Bool[Tensor, "y x"] | None:
    """The photograph to paint on; the mask that is painted, or None where nothing is."""
    image = selection.shown.sample.image
    size = image.shape[-2], image.shape[-1]
    strokes = _strokes(selection.shown.digest, size, heading)
    data = {
        "id": selection.shown.digest,
        "size": list(size),
        "pixel": list(selection.result.pixel),
        "source": photograph_uri(selection),
        "strokes": [{"points": points, "radius": radius} for points, radius in strokes],
    }
    # Without a callback of its own a value of the component is not kept.
    _brush(key=KEY, data=data, on_painted_change=lambda: None)
    return mask_of(strokes, size) if strokes else None


def _strokes(digest: str, size: tuple[int, int], heading: Heading) -> Strokes:
    """What the browser told of this photograph, which goes into the link; before it told anything, the link's own."""
    painted = (st.session_state.get(KEY) or {}).get("painted")
    if isinstance(painted, dict) and painted.get("id") == digest:
        strokes = read_strokes(painted, digest, size)
        text = link_of(strokes, digest) if strokes else None
        if text is not None:
            st.query_params[link.PAINT] = text
        else:
            link.forget(link.PAINT)
            if strokes:
                heading.warn("What is painted is too much for a link: a reload or a copy of the address forgets it.")
    else:
        strokes = _strokes_of_link(digest, size, heading)
    link.remember(link.PAINT)
    return strokes


def _strokes_of_link(digest: str, size: tuple[int, int], heading: Heading) -> Strokes:
    text = st.query_params.get(link.PAINT)
    if text is None:
        return []
    try:
        if is_of(text, digest):
            return strokes_in(text, size)
    except ValueError as problem:
        heading.warn(str(problem))
    # Those of another photograph go with it.
    link.forget(link.PAINT)
    return []
