"""Where an image comes from: a drawn scene, an upload, or a file of ``CAMVID_ROOT`` or ``CITYSCAPES_ROOT``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from app.shell.link import forget_pixel
from app.store.models import UPLOAD_SIDE, Photograph, cached_upload, model_names, photograph
from rsp_lab.data.camvid import CamVid, camvid_root
from rsp_lab.data.cityscapes import Cityscapes, cityscapes_root
from rsp_lab.data.images import MIN_SIDE
from rsp_lab.data.labels import CAMVID, CITYSCAPES
from rsp_lab.files import digest

SCENE, UPLOAD, CAMVID_FOLDER, CITYSCAPES_FOLDER = SOURCES = ("Drawn scene", "Your image", "CamVid", "Cityscapes")
_PHOTOGRAPHS, _DRAWN = ("camvid-baseline", "camvid-rsp4"), ("scenes-baseline", "scenes-rsp4")
PAIRS = {SCENE: _DRAWN, UPLOAD: _PHOTOGRAPHS, CAMVID_FOLDER: _PHOTOGRAPHS, CITYSCAPES_FOLDER: _DRAWN}
"""The models, left and right, that a source starts with: those trained on such images,
or, for Cityscapes, on its classes."""


def choose_source() -> str:
    return st.selectbox(
        "Image from",
        SOURCES,
        key="source",
        bind="query-params",
        on_change=_another_source,
    )


def _another_source() -> None:
    """Another source brings the models trained on such images; an upload keeps a pair that was chosen by hand."""
    forget_pixel()
    source, held = st.session_state["source"], (st.session_state.get("left"), st.session_state.get("right"))
    if source == UPLOAD and held != _DRAWN:
        return
    for side, name in zip(("left", "right"), PAIRS[source], strict=True):
        if name in model_names():
            st.session_state[side] = name


def choose_photograph(source: str) -> Photograph | None:
    """The image of an upload or a folder, or None while the reader has not chosen one.

    Raises:
        ValueError: if it cannot be used; the message says what to do.
    """
    return _uploaded() if source == UPLOAD else _from_folder(source)


def _uploaded() -> Photograph | None:
    limit = st.get_option("server.maxUploadSize")
    with st.popover("Choose a file", width="stretch"):
        file = st.file_uploader(
            "A photograph",
            ("png", "jpg", "jpeg", "webp", "bmp", "tif", "tiff"),
            key="upload",
            help=f"At most {limit} MB and {UPLOAD_SIDE} x {UPLOAD_SIDE} pixels; it stays on this machine.",
            on_change=forget_pixel,
        )
    if file is None:
        return None
    # The digest is of the file, whose name plays no part: two readers' files of one content share their views.
    return cached_upload(digest(file.getbuffer()), file, file.name)


def _from_folder(source: str) -> Photograph | None:
    """A file chosen by its name in a listing: what a link says never becomes a path."""
    try:
        names = file_names(source)
    except ValueError:
        st.selectbox("File", (), disabled=True, placeholder="no files", key="no-file")
        raise
    if st.session_state.get("file") not in (None, *names):
        del st.session_state["file"]
    name = st.selectbox("File", names, key="file", bind="query-params", on_change=forget_pixel)
    return _folder_image(source, str(FOLDERS[source].root()), name) if name else None


@dataclass(frozen=True)
class Folder:
    """A data set in a folder that the environment names.

    Attributes:
        root: the folder; raises ValueError where it is not set.
        splits: those whose labels are fine, unseen ones first.
        open: the samples of a root's split.
        table: name of the class table.
    """

    root: Callable[[], Path]
    splits: tuple[str, ...]
    open: Callable[[str, str], CamVid | Cityscapes]
    table: str


FOLDERS = {
    CAMVID_FOLDER: Folder(camvid_root, ("val", "train"), lambda root, split: CamVid(root, split, False), CAMVID.name),
    CITYSCAPES_FOLDER: Folder(cityscapes_root, ("val", "train"), Cityscapes, CITYSCAPES.name),
}


def file_names(source: str) -> tuple[str, ...]:
    """Names ``split/stem`` of all images of a folder, those the shipped models were not trained on first.

    Raises:
        ValueError: if the source is no folder, its variable is not set, or the folder is not as expected.
    """
    if source not in FOLDERS:
        raise ValueError(f"{source!r} is no folder of images. Choose one of {', '.join(FOLDERS)}.")
    root = FOLDERS[source].root()
    # A split that is added or replaced while the workbench runs is listed again.
    changed = (path.stat().st_mtime_ns for path in sorted(root.glob("*/")) if path.is_dir())
    return _listing(source, str(root), *changed)


@st.cache_data(max_entries=4, show_spinner=False)
def _listing(source: str, root: str, *changed: int) -> tuple[str, ...]:
    folder, names = FOLDERS[source], []
    for split in folder.splits:
        names += [f"{split}/{pair.image.stem}" for pair in folder.open(root, split).files]
    return tuple(names)


@st.cache_resource(max_entries=8, show_spinner=False)
def _folder_image(source: str, root: str, name: str) -> Photograph:
    folder, (split, stem) = FOLDERS[source], name.split("/")
    data = folder.open(root, split)
    return photograph(data[[pair.image.stem for pair in data.files].index(stem)], folder.table)


def describe_empty(source: str) -> str:
    """What an empty page says to do."""
    if source == UPLOAD:
        return (
            f"Choose a photograph above: PNG or JPEG, at most {st.get_option('server.maxUploadSize')} MB, "
            f"from {MIN_SIDE} x {MIN_SIDE} to {UPLOAD_SIDE} x {UPLOAD_SIDE} pixels. It stays on this machine."
        )
    return "Choose a file above."
