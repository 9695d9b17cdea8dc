"""Figures: every picture of the selection for print, the captured record, and the explorer as one offline file."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from app.app_pages.figures import shelf
from app.shell.choices import choose, control_columns, select
from app.shell.errors import REFUSED
from app.shell.heading import Heading
from app.shell.progress import forget_stop, was_stopped
from app.shell.selection import SIDES, Selection
from app.shell.text import escape
from app.store.models import LoadedModel
from app.store.results import results
from rsp_lab.capture.record import Record
from rsp_lab.figures.catalogue import FIGURES

KEY = "figure"
PREVIEWS = 4
"""Beside each other."""
_ALL = "Drawing all figures"
_FORMAT_HELP = {
    "pdf": "Vectors, with the fonts embedded.",
    "svg": "Vectors, with letters as outlines.",
    "png": "300 pixels an inch.",
}
_WIDTH_HELP = "Of a page, 7.16 inches, or of one of its columns, 3.5 inches, where the figure has that form."


def draw(selection: Selection, heading: Heading) -> None:
    names = shelf.on_shelf(selection)
    (y, x), target = selection.result.pixel, selection.target
    heading.write(
        f"{len(names)} figures for print, about {target.class_name} over {target.rival} at y {y}, x {x}.",
        "The one that is chosen is drawn from what is selected above, and kept until it is drawn anew.",
    )
    width = _draw_one(selection, heading, names)
    _draw_all(selection, heading, names, width)
    _draw_explorer(selection)
    _draw_records(selection)


def _draw_one(selection: Selection, heading: Heading, names: tuple[str, ...]) -> str:
    """One figure; returns the width that is chosen."""
    first, second, _ = control_columns([2.6, 1.3, 2.4])
    titles = {name: FIGURES[name].title for name in names}
    name = select(heading, first, "Figure", KEY, names, words=titles)
    width = choose(heading, second, "Width", "width", tuple(shelf.WIDTHS), help=_WIDTH_HELP)
    only = "" if FIGURES[name].column or width == "page" else " It has the width of a page only."
    _show(selection, heading, name, width, f"{FIGURES[name].shows}{only}")
    return width


def _show(selection: Selection, heading: Heading, name: str, width: str, words: str) -> None:
    try:
        with heading.spinner(f"Drawing {FIGURES[name].title}"):
            figure = shelf.drawn(selection, name, width)
    except REFUSED as problem:
        st.error(escape(str(problem)))
        return
    if figure.notice:
        st.warning(escape(figure.notice))
    with st.container(key="figure-paper"):
        st.image(figure.preview, width="stretch" if width == "page" or not FIGURES[name].column else "content")
    st.caption(escape(words))
    row = st.container(horizontal=True, vertical_alignment="center")
    for ending, mime in shelf.FORMATS.items():
        row.download_button(
            ending.upper(),
            partial(_written, selection, name, width, ending),
            f"{shelf.file_stem(selection)}-{name}.{ending}",
            mime,
            key=f"download-{ending}",
            on_click="ignore",
            help=f"{_FORMAT_HELP[ending]} Written when pressed.",
        )
    st.markdown("###### Caption")
    st.code(figure.caption, language=None, wrap_lines=True)


def _written(selection: Selection, name: str, width: str, ending: str) -> bytes:
    """The file of one ending."""
    return shelf.drawn(selection, name, width, (ending,)).files[ending]


def _draw_all(selection: Selection, heading: Heading, names: tuple[str, ...], width: str) -> None:
    st.markdown("##### All of them")
    asked = st.button(f"Draw all {len(names)}", key="draw-all")
    if asked:
        forget_stop()
    ready = all(shelf.is_written(selection, name, width) for name in names)
    if not asked and not ready:
        if was_stopped(_ALL):
            st.caption("Stopped. What was drawn before is kept.")
        return
    bar = heading.stoppable(_ALL)
    figures, problems = {}, []
    for number, name in enumerate(names):
        bar.report(number / len(names))
        try:
            figures[name] = shelf.drawn(selection, name, width, shelf.FORMATS)
        except REFUSED as problem:
            problems.append(f"{FIGURES[name].title}: {problem}")
    bar.close()
    for text in problems:
        st.error(escape(text))
    for notice in sorted({figure.notice for figure in figures.values() if figure.notice}):
        st.warning(escape(notice))
    _draw_previews(figures)
    content = results().get((shelf.key_of(selection, "all", width), tuple(figures)), lambda: shelf.archive(figures))
    st.download_button(
        f"ZIP of PDF, SVG, PNG and captions, {_size(len(content))}",
        content,
        f"{shelf.file_stem(selection)}-figures.zip",
        "application/zip",
        key="download-all",
        on_click="ignore",
    )


def _draw_previews(figures: dict[str, shelf.FigureFiles]) -> None:
    """All figures small, each with its name; a click enlarges one."""
    with st.container(key="figure-previews"):
        for row in range(0, len(figures), PREVIEWS):
            for place, (name, figure) in zip(
                st.columns(PREVIEWS), list(figures.items())[row : row + PREVIEWS], strict=False
            ):
                with place:
                    st.image(figure.preview, width="stretch")
                    title = FIGURES[name].title
                    st.button(title, key=f"choose-{name}", type="tertiary", on_click=_choose, args=(name,))


def _choose(name: str) -> None:
    st.session_state[KEY] = name


def _draw_records(selection: Selection) -> None:
    st.markdown("##### The captured tensors")
    row = st.container(horizontal=True, vertical_alignment="center")
    for side, loaded, looked in zip(SIDES, selection.loaded, selection.passes, strict=True):
        row.download_button(
            f"{escape(loaded.name)}, safetensors, {_size(shelf.record_size(looked.record))}",
            _writer(looked.record, selection, loaded),
            f"{shelf.file_stem(selection)}-{shelf.safe(loaded.name)}.safetensors",
            "application/octet-stream",
            key=f"download-record-{side}",
            on_click="ignore",
            help=f"What was captured of the {side} model on this image; written when pressed.",
        )
    ours = ["Q maps, every step's maps and weights, logits at stride 4"] * (not all(selection.foreign))
    others = ["of a network of another make the maps of its cut by level, and its logits"] * any(selection.foreign)
    st.caption(
        f"Read them with `rsp_lab.Record.load(path)`: {'; '.join([*ours, *others])}, each with its axes and stride."
    )


def _draw_explorer(selection: Selection) -> None:
    st.markdown("##### The explorer as one file")
    st.download_button(
        "Offline HTML",
        lambda: shelf.explorer_file(selection),
        f"{shelf.file_stem(selection)}-explorer.html",
        "text/html",
        key="download-html",
        on_click="ignore",
        help="At most 3 MB for 512 x 1024 pixels; written when pressed.",
    )
    st.caption("Opens in any browser from a folder, without a server, and fetches nothing.")


def _writer(record: Record, selection: Selection, loaded: LoadedModel) -> Callable[[], bytes]:
    meta = {"model": loaded.name, "image": selection.shown.sample.name, "image_digest": selection.shown.digest}

    def write() -> bytes:
        told = record.select("*")
        told.meta.update(meta)
        return shelf.record_bytes(told)

    return write


def _size(count: int) -> str:
    return f"{count / 1e6:.2g} MB" if count >= 1e6 else f"{max(1, round(count / 1e3))} kB"
