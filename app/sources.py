"""The three places an image comes from: a drawn scene, an upload, a file of ``CAMVID_ROOT``."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import streamlit as st

from app.cache import UPLOAD_SIDE, Photograph, cached_scene, cached_upload, photograph
from app.state import forget_pixel
from rsp_lab.data.camvid import SPLITS, CamVid, camvid_root
from rsp_lab.data.images import MIN_SIDE

SCENE, UPLOAD, FOLDER = SOURCES = ("Drawn scene", "Your image", "CamVid")
LAST_SCENE = 999
_SCENE_HELP = "Scenes are drawn by the program: the same number gives the same image on every machine."


def choose_source() -> str:
    return st.selectbox(
        "Image from",
        SOURCES,
        key="source",
        bind="query-params",
        on_change=forget_pixel,
    )


def choose_image(source: str) -> Photograph | None:
    """The image of a source, or None while the reader has not chosen one.

    Raises:
        ValueError: if it cannot be used; the message says what to do.
    """
    if source == SCENE:
        seed = st.number_input(
            "Scene", 0, LAST_SCENE, key="scene", bind="query-params", help=_SCENE_HELP, on_change=forget_pixel
        )
        return cached_scene(int(seed))
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
    return photograph(data[[path.stem for path, _ in data.paths].index(stem)])


def describe_empty(source: str) -> str:
    """What an empty page says to do."""
    if source == UPLOAD:
        return (
            f"Choose a photograph above: PNG or JPEG, at most {st.get_option('server.maxUploadSize')} MB, "
            f"from {MIN_SIDE} x {MIN_SIDE} to {UPLOAD_SIDE} x {UPLOAD_SIDE} pixels. It stays on this machine."
        )
    return "Choose a file above."
