"""A scan that a reader asks for: two models and a data set, with a bar and a way to stop it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from app.shell.choices import select
from app.shell.heading import Heading
from app.shell.sources import DATA, PAIRS, Source
from app.shell.text import escape
from app.store.image_folders import FOLDERS
from app.store.models import LoadedModel, loaded_model, model_files, model_names, scene_size
from app.store.private_models import private_copy
from app.store.scans import made_scans
from rsp_lab._version import __version__
from rsp_lab.analysis.comparison.flips import LEAST
from rsp_lab.analysis.passes.pair import check_comparable
from rsp_lab.analysis.scan.run import ScanQuestion, scan
from rsp_lab.data.scenes.dataset import SMALL
from rsp_lab.data.sources import Samples, open_split
from rsp_lab.files import digest
from rsp_lab.models.functions import function_file, names_a_function
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject

COUNTS = ("10", "30", "all")
SHOW = "gallery show"
_SOURCES = (Source.SCENE, *DATA)
_TEXT = "Scanning"
_GO = "gallery-make-go"


@dataclass(frozen=True)
class Request:
    """What a reader asks for.

    Attributes:
        count: of images; None for all.
    """

    source: Source
    left: str
    right: str
    count: int | None


def draw_making(heading: Heading) -> None:
    """The button that opens the request, and the work once it is asked for; a scan that is done is shown."""
    with st.popover("Make a scan"):
        first, second = st.columns(2)
        source = select(heading, first, "Images of", "gallery_make_source", _SOURCES)
        count = select(heading, second, "How many", "gallery_make_count", COUNTS)
        names = model_names()
        sides = []
        for place, side, default in zip(st.columns(2), ("left", "right"), PAIRS[Source(source)], strict=True):
            options = (default, *(name for name in names if name != default)) if default in names else names
            sides.append(select(heading, place, f"{side.capitalize()} model", f"gallery_make_{side}", options))
        st.caption("It looks for all regions in which the two part, and takes seconds an image.")
        wanted = Request(Source(source), sides[0], sides[1], None if count == "all" else int(count))
        asked = st.button("Scan", key=_GO, type="primary")
    if not asked:
        return
    try:
        name = made(heading, wanted)
    except ValueError as problem:
        st.error(escape(str(problem)))
        return
    st.session_state[SHOW] = name
    st.rerun()


def made(heading: Heading, wanted: Request) -> str:
    """Makes a scan, and keeps it; its name.

    Raises:
        ValueError: for models that do not fit each other or the images, or images that are not there.
    """
    loaded = loaded_model(wanted.left), loaded_model(wanted.right)
    check_comparable(loaded[0].model, loaded[1].model)
    data, samples = _samples(wanted)
    if samples.table.classes != loaded[0].table.classes:
        raise ValueError(
            f"{wanted.left} and {wanted.right} know other classes than {data} has: choose models that were trained on "
            "such images."
        )
    left, right = map(_file_digest, (wanted.left, wanted.right))
    question = ScanQuestion((wanted.left, wanted.right), (left, right), data, samples.split, LEAST, __version__)
    with heading.stoppable(_TEXT) as bar:
        found = scan(
            _copy(loaded[0]),
            _copy(loaded[1]),
            samples,
            question,
            count=wanted.count,
            report=lambda done, count: bar.report(done / count),
        )
    return made_scans().keep(found)


def _samples(wanted: Request) -> tuple[str, Samples]:
    if wanted.source == Source.SCENE:
        data = "small-scenes" if scene_size((wanted.left, wanted.right)) == SMALL else "scenes"
        return data, open_split(data, "test")
    data = DATA[wanted.source]
    folder = FOLDERS[data]
    return data, open_split(data, next(iter(folder.splits(folder.root()))), labels="optional", things=False)


def _file_digest(name: str) -> str:
    file = model_files()[name]
    return digest(function_file(file) if names_a_function(file) else Path(file))


def _copy(loaded: LoadedModel) -> Segmenter | Subject:
    """A scan takes long: it hangs its hooks on a copy, so that nobody waits for it."""
    return private_copy(loaded.model, loaded.lock)
