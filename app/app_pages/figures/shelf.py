"""Figures for print of the selection: those of the catalogue that exist, drawn and written when asked, in memory."""

from __future__ import annotations

import io
import re
import tempfile
import zipfile
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import cast

from app.shell import scenes
from app.shell.selection import Selection
from app.store import models
from app.store.results import results
from rsp_lab._version import __version__
from rsp_lab.capture.record import Record
from rsp_lab.explorer.html import explorer_page, file_budget
from rsp_lab.figures.catalogue import FIGURES, figure_names
from rsp_lab.figures.figure_input import FigureInput
from rsp_lab.figures.letters import collected_letters, missing_notice
from rsp_lab.figures.style import DOUBLE, SINGLE, save

FORMATS = {"pdf": "application/pdf", "svg": "image/svg+xml", "png": "image/png"}
WIDTHS = {"page": DOUBLE, "column": SINGLE}
"""Inches by name."""
FIRST = "predictions"
"""Offered first."""
PREVIEW_DPI = 200
"""Pixels an inch on the page: a figure as wide as a page has as many as it is shown in, and no more are sent."""
# The look of figures is set for the whole process while one is drawn.
_DRAWING = Lock()


@dataclass(frozen=True)
class FigureFiles:
    """One figure, and what has been written of it.

    Attributes:
        preview: PNG of :data:`PREVIEW_DPI`.
        files: content by ending, of those of :data:`FORMATS` that were asked for so far.
        caption: plain text.
        notice: what a reader should know about letters that could not be drawn; may be empty.
    """

    preview: bytes
    files: Mapping[str, bytes]
    caption: str
    notice: str = ""


def figure_input(selection: Selection, width: str = "page") -> FigureInput:
    """What figures of a selection are made of; true labels count where their classes are the models' own."""
    shown, left, right = selection.shown, *selection.loaded
    return FigureInput(
        (left.model, right.model),
        selection.result.image,
        shown.sample.name,
        selection.target,
        labels=shown.labels_for(left),
        width=WIDTHS[width],
        known=selection.result,
    )


def on_shelf(selection: Selection) -> tuple[str, ...]:
    """Names of the figures that exist for a selection; those that draw scenes of their own take too long for a page."""
    given = figure_input(selection)
    found = [
        name for name in figure_names() if FIGURES[name].about != "scenes" and FIGURES[name].refusal(given) is None
    ]
    return tuple(sorted(found, key=lambda name: name != FIRST))


def key_of(selection: Selection, name: str, width: str = "page") -> Hashable:
    """What a drawn figure is kept under."""
    return selection.key(("figure", name, width, selection.result.channel), target=selection.target)


def drawn(selection: Selection, name: str, width: str = "page", endings: Iterable[str] = ()) -> FigureFiles:
    """A figure with its preview, and with its files of these endings; what is there already is not made again.

    Raises:
        ValueError, LedgerError: if it cannot be drawn.
    """
    key = key_of(selection, name, width)
    held = _held(key)
    missing = tuple(ending for ending in endings if held is None or ending not in held.files)
    if held is None or missing:
        held = _draw(selection, name, width, missing, held)
        results().put(key, held)
    return held


def is_written(selection: Selection, name: str, width: str = "page") -> bool:
    """Whether a figure's files of all formats are there."""
    held = _held(key_of(selection, name, width))
    return held is not None and set(FORMATS) <= set(held.files)


def _held(key: Hashable) -> FigureFiles | None:
    return cast("FigureFiles | None", results().find(key))


def _draw(
    selection: Selection, name: str, width: str, endings: tuple[str, ...], held: FigureFiles | None = None
) -> FigureFiles:
    """A figure with files of these endings, beside what is held of it."""
    with _DRAWING, collected_letters() as letters, tempfile.TemporaryDirectory() as folder:
        figure = FIGURES[name].draw(figure_input(selection, width))
        files = {ending: save(figure.figure, Path(folder) / f"{name}.{ending}").read_bytes() for ending in endings}
        if held is not None:
            return replace(held, files={**held.files, **files})
        preview = save(figure.figure, Path(folder) / "preview.png", dpi=PREVIEW_DPI).read_bytes()
    return FigureFiles(preview, files, figure.caption, missing_notice(letters) if letters else "")


def archive(figures: Mapping[str, FigureFiles]) -> bytes:
    """All files and captions.txt in one ZIP; the same figures give the same bytes."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, figure in figures.items():
            for ending, content in figure.files.items():
                zipped.writestr(zipfile.ZipInfo(f"{name}.{ending}"), content)
        words = "\n\n".join(f"{name}: {figure.caption}" for name, figure in figures.items())
        zipped.writestr(zipfile.ZipInfo("captions.txt"), words + "\n")
    return held.getvalue()


def explorer_file(selection: Selection) -> bytes:
    """The explorer of the selection as one offline HTML file, at the selected pixel."""
    shown, (left, right) = selection.shown, selection.names
    outlined = scenes.outlined(shown.scene) if shown.scene is not None else None
    payload = models.built_payload(shown, selection.loaded, selection.views, outlined, file_budget(shown.size))
    note = f"{left} beside {right} on {shown.sample.name}, {shown.size[0]} × {shown.size[1]} px. rsp_lab {__version__}."
    return explorer_page(payload, f"Where do {left} and {right} look?", note, selection.result.pixel).encode()


def record_bytes(record: Record) -> bytes:
    """A record as one safetensors file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "record.safetensors"
        record.save(path)
        return path.read_bytes()


def record_size(record: Record) -> int:
    """Bytes of its tensors."""
    return sum(tensor.numel() * tensor.element_size() for tensor in record.values())


def file_stem(selection: Selection) -> str:
    """Start of a file's name out of the image's; of what an upload is called, only letters, digits, dots and dashes."""
    return safe(re.sub(r"\.[A-Za-z]{2,4}$", "", selection.shown.sample.name.replace("\\", "/").rpartition("/")[2]))


def safe(name: str) -> str:
    """A part of a file's name out of any text."""
    return re.sub(r"[^A-Za-z0-9.-]+", "-", name)[:60].strip(".-") or "image"
