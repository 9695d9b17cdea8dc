"""Figures for print of the selection: what there is, drawn when asked, as files in memory with their captions."""

from __future__ import annotations

import io
import re
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from app.shell import scenes
from app.shell.selection import Selection
from app.store import models
from app.store.results import results
from rsp_lab._version import __version__
from rsp_lab.analysis.comparison.context_paths import context_paths
from rsp_lab.analysis.comparison.explain import explain
from rsp_lab.analysis.comparison.flips import RANK_RULE, FlipStories, flip_stories
from rsp_lab.capture.record import Record
from rsp_lab.explorer.html import explorer_page, file_budget
from rsp_lab.figures.caption import caption
from rsp_lab.figures.paper.flow import draw_context_flow
from rsp_lab.figures.paper.grids import draw_relation_grids
from rsp_lab.figures.paper.key_query import draw_key_query
from rsp_lab.figures.paper.paths import draw_context_paths
from rsp_lab.figures.paper.predictions import draw_predictions
from rsp_lab.figures.paper_captions import gaze_caption, paths_caption
from rsp_lab.figures.results.flips import draw_flips
from rsp_lab.figures.results.gaze import draw_gaze
from rsp_lab.figures.results.ledger import draw_ledger
from rsp_lab.figures.style import DOUBLE, SINGLE, save

# A matplotlib figure, of whose package this room knows nothing.
Figure = Any
FORMATS = {"pdf": "application/pdf", "svg": "image/svg+xml", "png": "image/png"}
STORIES = 3
# The look of figures is set for the whole process while one is drawn.
_DRAWING = Lock()


@dataclass(frozen=True)
class Drawn:
    """One figure as files.

    Attributes:
        files: content by ending, see :data:`FORMATS`.
        caption: plain text.
    """

    files: Mapping[str, bytes]
    caption: str


@dataclass(frozen=True)
class Kind:
    """A figure that can be asked for.

    Attributes:
        words: what it is called on the page.
        says: what it shows, in one sentence.
        make: figure and caption of a selection; raises ValueError where there is nothing to draw.
        relations: whether it needs a model with relations.
    """

    words: str
    says: str
    make: Callable[[Selection], tuple[Figure, str]]
    relations: bool = False


def _predictions(width: float) -> Callable[[Selection], tuple[Figure, str]]:
    def make(selection: Selection) -> tuple[Figure, str]:
        result = selection.result
        return draw_predictions(result, selection.loaded[1].table, width=width), caption(result, "predictions")

    return make


def _of_comparison(name: str, drawing: Callable[[Selection], Figure]) -> Callable[[Selection], tuple[Figure, str]]:
    return lambda selection: (drawing(selection), caption(selection.result, name))


def _paths(selection: Selection) -> tuple[Figure, str]:
    result = selection.result
    paths = context_paths(result, selection.target)
    return draw_context_paths(result, paths), paths_caption(result, paths, selection.shown.sample.name)


def _gaze(selection: Selection) -> tuple[Figure, str]:
    """Of the right model; of the left one where the right one has no relations."""
    view = next(view for view in reversed(selection.views) if view.looked.gaze)
    steps = view.looked.gaze
    return draw_gaze(selection.result.image, steps), gaze_caption(steps, view.name, selection.shown.sample.name)


def _ledger(selection: Selection) -> tuple[Figure, str]:
    target = selection.target
    told = explain(
        selection.result.image,
        selection.passes,
        selection.names,
        (target.y, target.x),
        class_name=target.class_name,
        rival=target.rival,
    )
    return draw_ledger(told), f"Where the decision came from. {told.sentence()} Class and rival: {selection.chosen}."


def _flips(selection: Selection) -> tuple[Figure, str]:
    found = stories(selection)
    words = [f"{number}: {story.sentence()}" for number, story in enumerate(found.stories, 1)]
    head = f"Where {found.names[0]} (left) and {found.names[1]} (right) part, ranked by {RANK_RULE}."
    return draw_flips(selection.result.image, found), " ".join([head, *words])


def stories(selection: Selection) -> FlipStories:
    """The strongest flips; true labels name the sources where their classes are the models' own."""
    shown = selection.shown
    known = shown.sample.label is not None and shown.table == selection.loaded[0].table.name
    left, right = selection.passes
    return flip_stories(
        left.frozen,
        right.frozen,
        right.image,
        count=STORIES,
        labels=shown.sample.label if known else None,
        names=selection.names,
    )


SHELF: dict[str, Kind] = {
    "predictions": Kind(
        "Predictions, both columns", "Photograph and both models' labels, 7.16 inches wide.", _predictions(DOUBLE)
    ),
    "predictions_single": Kind(
        "Predictions, one column",
        "The same at 3.5 inches, one below the other where that is larger.",
        _predictions(SINGLE),
    ),
    "context_flow": Kind(
        "Context flow",
        "What each step was offered, took and handed on in one channel (Fig. 5 b), 7.16 inches wide.",
        _of_comparison("context_flow", lambda selection: draw_context_flow(selection.result)),
    ),
    "key_query": Kind(
        "Key and query",
        "The query map above the key map of every relation (Fig. 4), 7.16 inches wide.",
        _of_comparison("key_query", lambda selection: draw_key_query(selection.result)),
        relations=True,
    ),
    "relation_grids": Kind(
        "Relation weights",
        "Where every step looks from the selected pixel, 7.16 inches wide.",
        _of_comparison("relation_grids", lambda selection: draw_relation_grids(selection.result)),
        relations=True,
    ),
    "context_paths": Kind(
        "Context paths",
        "What went down to the decision and what was refused on the way (Fig. 5 b), 7.16 inches wide.",
        _paths,
    ),
    "gaze": Kind(
        "Gaze fields",
        "Where position alone and the full weights look, over the image, 7.16 inches wide.",
        _gaze,
        relations=True,
    ),
    "ledger": Kind("Ledger", "What every level and cell adds to the decision, 7.16 inches wide.", _ledger),
    "flips": Kind("Flips", f"The {STORIES} strongest disagreements and what tipped them, 7.16 inches wide.", _flips),
}
"""By the name of its files."""


def on_shelf(selection: Selection) -> tuple[str, ...]:
    """Names of the figures that exist for a selection."""
    related = any(selection.result.grids)
    return tuple(
        name
        for name, kind in SHELF.items()
        if (related or not kind.relations) and (name != "flips" or selection.result.disagreements)
    )


def key_of(selection: Selection, name: str) -> tuple[object, ...]:
    """What a drawn figure is kept under."""
    target = selection.target
    channel = selection.result.channel.channel
    return ("figure", name, *selection.key, selection.result.pixel, target.class_name, target.rival, channel)


def drawn(selection: Selection, name: str) -> Drawn:
    """A figure in all formats, drawn once.

    Raises:
        ValueError, LedgerError: if it cannot be drawn.
    """
    return results().get(key_of(selection, name), lambda: _draw(selection, name))


def is_drawn(selection: Selection, name: str) -> bool:
    return results().held(key_of(selection, name))


def _draw(selection: Selection, name: str) -> Drawn:
    with _DRAWING, tempfile.TemporaryDirectory() as folder:
        figure, words = SHELF[name].make(selection)
        files = {ending: save(figure, Path(folder) / f"{name}.{ending}").read_bytes() for ending in FORMATS}
    return Drawn(files, words)


def archive(figures: Mapping[str, Drawn]) -> bytes:
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
