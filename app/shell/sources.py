"""Where an image comes from: a drawn scene, an upload, or a folder of images."""

from __future__ import annotations

from enum import StrEnum

import streamlit as st

from app.shell import link
from app.store.image_folders import FOLDERS, file_names, folder_photograph
from app.store.models import UPLOAD_SIDE, Photograph, model_names
from app.store.uploads import ROOM, uploads
from rsp_lab.data.images import MIN_SIDE, ImageError


class Source(StrEnum):
    """Where images come from."""

    SCENE = "Drawn scene"
    UPLOAD = "Your image"
    CAMVID = "CamVid"
    CITYSCAPES = "Cityscapes"
    COCO = "COCO"
    FOLDER = "Your folder"


_PHOTOGRAPHS, _DRAWN = ("camvid-baseline", "camvid-rsp4"), ("scenes-baseline", "scenes-rsp4")
PAIRS = {
    Source.SCENE: _DRAWN,
    Source.UPLOAD: _PHOTOGRAPHS,
    Source.CAMVID: _PHOTOGRAPHS,
    Source.CITYSCAPES: _DRAWN,
    Source.COCO: _PHOTOGRAPHS,
    Source.FOLDER: _PHOTOGRAPHS,
}
"""The models, left and right, that a source starts with: those trained on such images,
or, for Cityscapes, on its classes."""
_UPLOADER, _PROBLEM = "upload", "upload refused"
DATA = {Source(folder.title): data for data, folder in FOLDERS.items()}
"""The data set of each source whose images lie in a folder, as commands know it."""


def choose_source() -> Source:
    chosen = st.selectbox(
        "Image from",
        tuple(Source),
        key="source",
        bind="query-params",
        on_change=_another_source,
    )
    return Source(chosen or Source.SCENE)


def _another_source() -> None:
    """Another source brings the models trained on such images; an upload keeps a pair that was chosen by hand."""
    link.forget_pixel()
    source, pair = st.session_state["source"], (st.session_state.get("left"), st.session_state.get("right"))
    if source == Source.UPLOAD and pair != _DRAWN:
        return
    for side, name in zip(("left", "right"), PAIRS[source], strict=True):
        if name in model_names():
            st.session_state[side] = name


def choose_photograph(source: Source) -> Photograph | None:
    """The image of an upload or a folder, or None while the reader has not chosen one.

    Raises:
        ValueError: if it cannot be used; the message says what to do.
    """
    return _uploaded() if source == Source.UPLOAD else _from_folder(source)


def _uploaded() -> Photograph | None:
    """The photograph that the link names; what the uploader holds is put there when it is chosen."""
    st.file_uploader(
        "A photograph",
        ("png", "jpg", "jpeg", "webp", "bmp", "tif", "tiff"),
        key=_UPLOADER,
        help=(
            f"At most {st.get_option('server.maxUploadSize')} MB and {UPLOAD_SIDE} x {UPLOAD_SIDE} pixels. It "
            "stays in the memory of this machine and is never written to its disk. The link of this view holds a "
            "secret token for it, so that it is there on other pages and after a reload, until newer photographs "
            f"need its room ({ROOM // 1_000_000} MB for all) or the workbench ends."
        ),
        on_change=_take_upload,
    )
    if st.session_state.get(_UPLOADER) is not None and _PROBLEM in st.session_state:
        raise ImageError(st.session_state[_PROBLEM])
    if link.UPLOAD not in st.query_params and (token := link.remembered(link.UPLOAD)) is not None:
        st.query_params[link.UPLOAD] = token
    token = st.query_params.get(link.UPLOAD)
    if token is None:
        return None
    photograph = uploads().find(token)
    if photograph is None:
        link.forget(link.UPLOAD)
    link.remember(link.UPLOAD)
    if photograph is None:
        raise ValueError(
            "the photograph of this link is not kept any more: newer ones took its room, or the workbench was started "
            "again. Choose the file once more."
        )
    return photograph


def _take_upload() -> None:
    """Callback: the file that was chosen goes into the link, and one that was taken away out of it."""
    link.forget_pixel()
    link.forget(link.UPLOAD)
    st.session_state.pop(_PROBLEM, None)
    file = st.session_state[_UPLOADER]
    if file is not None:
        try:
            st.query_params[link.UPLOAD] = uploads().keep(file.name, file.getvalue())
        except ImageError as problem:
            st.session_state[_PROBLEM] = str(problem)
    link.remember(link.UPLOAD)


def _from_folder(source: Source) -> Photograph | None:
    """A file chosen by its name in a listing."""
    try:
        files = file_names(DATA[source])
    except ValueError:
        st.selectbox("File", (), disabled=True, placeholder="no files", key="no-file")
        raise
    if st.session_state.get("file") not in (None, *files):
        del st.session_state["file"]
    name = st.selectbox("File", files, key="file", bind="query-params", on_change=link.forget_pixel)
    return folder_photograph(DATA[source], name) if name else None


def describe_empty(source: Source) -> str:
    """What an empty page says to do."""
    if source == Source.UPLOAD:
        return (
            "Choose a photograph under “Change” above: PNG or JPEG, at most "
            f"{st.get_option('server.maxUploadSize')} MB, from {MIN_SIDE} x {MIN_SIDE} to "
            f"{UPLOAD_SIDE} x {UPLOAD_SIDE} pixels. It stays on this machine."
        )
    return "Choose a file under “Change” above."
