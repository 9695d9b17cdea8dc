"""The three places an image comes from: a planted scene, an upload, a file of ``CAMVID_ROOT``."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import streamlit as st

from app.cache import UPLOAD_SIDE, Photograph, cached_upload, model_names, photograph
from app.state import forget_pixel
from rsp_lab.data.camvid import SPLITS, CamVid, camvid_root
from rsp_lab.data.images import MIN_SIDE
from rsp_lab.data.labels import CAMVID

SCENE, UPLOAD, FOLDER = SOURCES = ("Planted scene", "Your image", "CamVid")
_PHOTOGRAPHS = "camvid-baseline", "camvid-rsp4"
PAIRS = {SCENE: ("scenes-baseline", "scenes-rsp4"), UPLOAD: _PHOTOGRAPHS, FOLDER: _PHOTOGRAPHS}
"""The models, left and right, that a source starts with: those trained on such images."""


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
    if source == UPLOAD and held != PAIRS[SCENE]:
        return
    for side, name in zip(("left", "right"), PAIRS[source], strict=True):
        if name in model_names():
            st.session_state[side] = name


def choose_photograph(source: str) -> Photograph | None:
    """The image of an upload or a folder, or None while the reader has not chosen one.

    Raises:
        ValueError: if it cannot be used; the message says what to do.
    """
    return _uploaded() if source == UPLOAD else _from_camvid()


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
    return cached_upload(hashlib.sha256(file.getbuffer()).hexdigest(), file, file.name)


def _from_camvid() -> Photograph | None:
    """A file chosen by its name in a listing: what a link says never becomes a path."""
    try:
        names = camvid_names()
    except ValueError:
        st.selectbox("File", (), disabled=True, placeholder="no files", key="no-file")
        raise
    name = st.selectbox("File", names, key="file", bind="query-params", on_change=forget_pixel)
    return _camvid_image(str(camvid_root()), name) if name else None


def camvid_names() -> tuple[str, ...]:
    """Names ``split/stem`` of all images of ``CAMVID_ROOT``, those the shipped models were not trained on first.

    Raises:
        ValueError: if the variable is not set or the folder is not as expected.
    """
    root = camvid_root()
    return _listing(
        str(root), *(os.stat(root / split).st_mtime_ns if (root / split).is_dir() else 0 for split in SPLITS)
    )


@st.cache_data(max_entries=4, show_spinner=False)
def _listing(root: str, *changed: int) -> tuple[str, ...]:
    return tuple(f"{split}/{path.stem}" for split in reversed(SPLITS) for path, _ in CamVid(root, split, False).paths)


@st.cache_resource(max_entries=8, show_spinner=False)
def _camvid_image(root: str, name: str) -> Photograph:
    split, stem = name.split("/")
    data = CamVid(Path(root), split, cache=False)
    return photograph(data[[path.stem for path, _ in data.paths].index(stem)], CAMVID.name)


def describe_empty(source: str) -> str:
    """What an empty page says to do."""
    if source == UPLOAD:
        return (
            f"Choose a photograph above: PNG or JPEG, at most {st.get_option('server.maxUploadSize')} MB, "
            f"from {MIN_SIDE} x {MIN_SIDE} to {UPLOAD_SIDE} x {UPLOAD_SIDE} pixels. It stays on this machine."
        )
    return "Choose a file above."
