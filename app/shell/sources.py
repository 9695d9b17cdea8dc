"""Where an image comes from: a drawn scene, an upload, or a file of a folder that the environment names."""

from __future__ import annotations

from collections.abc import Hashable
from enum import StrEnum
from pathlib import Path

import streamlit as st

from app.shell import link
from app.store.models import UPLOAD_SIDE, Photograph, model_names
from app.store.stamps import Stamp, stamp
from app.store.uploads import ROOM, uploads
from rsp_lab.data.class_file import NAMES
from rsp_lab.data.images import MIN_SIDE, ImageError, read_image
from rsp_lab.data.pairs import FilePair, read_sample
from rsp_lab.data.panoptic.coco import coco_root, picture_name, split_paths
from rsp_lab.data.paths import image_files
from rsp_lab.data.sample import Sample
from rsp_lab.data.sources import FILE_SETS
from rsp_lab.files import readable_name


class Source(StrEnum):
    """Where images come from."""

    SCENE = "Drawn scene"
    UPLOAD = "Your image"
    CAMVID = "CamVid"
    CITYSCAPES = "Cityscapes"
    FOLDER = "Your folder"


_PHOTOGRAPHS, _DRAWN = ("camvid-baseline", "camvid-rsp4"), ("scenes-baseline", "scenes-rsp4")
PAIRS = {
    Source.SCENE: _DRAWN,
    Source.UPLOAD: _PHOTOGRAPHS,
    Source.CAMVID: _PHOTOGRAPHS,
    Source.CITYSCAPES: _DRAWN,
    Source.FOLDER: _PHOTOGRAPHS,
}
"""The models, left and right, that a source starts with: those trained on such images,
or, for Cityscapes, on its classes."""
_UPLOADER, _PROBLEM = "upload", "upload refused"
# Of folders below a root: Cityscapes has images/split/town.
_DEPTH = 3
FOLDERS = {
    Source.CAMVID: FILE_SETS["camvid"],
    Source.CITYSCAPES: FILE_SETS["cityscapes"],
    Source.FOLDER: FILE_SETS["folder"],
}
_UNSEEN_FIRST = ("val", "test", "train")
_UNLISTED = ("train_extra",)
"""Splits of more images than a list of names is good for."""


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
    """A file chosen by its name in a listing: what a link says never becomes a path."""
    try:
        files = _files(source)
    except ValueError:
        st.selectbox("File", (), disabled=True, placeholder="no files", key="no-file")
        raise
    if st.session_state.get("file") not in (None, *files):
        del st.session_state["file"]
    name = st.selectbox("File", tuple(files), key="file", bind="query-params", on_change=link.forget_pixel)
    return folder_photograph(source, name) if name else None


def folder_photograph(source: Source, name: str) -> Photograph:
    """The image of a folder by its name ``split/image``, one of :func:`file_names`.

    Raises:
        ValueError: if there is no such image, or it cannot be read; the message says what to do.
    """
    pair = _file_pair(source, name)
    root = FOLDERS[source].root()
    return _folder_image(source, str(root), pair, *_pair_stamps(pair), *_class_stamps(root))


def folder_stamp(source: Source, name: str) -> Hashable:
    """Changes with the files of :func:`folder_photograph`, which need not be read for it.

    Raises:
        ValueError: if there is no such image.
    """
    pair = _file_pair(source, name)
    return str(pair.image), _pair_stamps(pair)


def coco_photograph(split: str, name: str) -> Photograph:
    """A picture of COCO by its name in the data set, without labels.

    Raises:
        ValueError: if ``COCO_ROOT`` is not set, or there is no such picture, or it cannot be read.
    """
    return _coco_image(name, *coco_stamp(split, name))


def coco_stamp(split: str, name: str) -> tuple[str, Stamp]:
    """The file of :func:`coco_photograph`, which is not read, and its stamp.

    Raises:
        ValueError: if ``COCO_ROOT`` is not set, or there is no such picture.
    """
    folder = split_paths(coco_root(), split).images
    # What a scan says never becomes a path.
    names = _coco_names(str(folder), stamp(folder))
    if name not in names:
        raise ValueError(f"there is no image {name!r} in {readable_name(folder)} (any more).")
    return str(folder / names[name]), stamp(folder / names[name])


@st.cache_resource(max_entries=4, show_spinner=False)
def _coco_names(folder: str, changed: Stamp) -> dict[str, str]:
    """Files of a split by the names that samples have; empty where there is no such folder."""
    files = (path.relative_to(folder).as_posix() for path in image_files(Path(folder)))
    return {picture_name(file): file for file in files}


@st.cache_resource(max_entries=8, show_spinner=False)
def _coco_image(name: str, path: str, changed: Stamp) -> Photograph:
    return Photograph(Sample(name, read_image(Path(path), min_side=1)), None)


def _file_pair(source: Source, name: str) -> FilePair:
    files = _files(source)
    if name not in files:
        raise ValueError(f"there is no image {name!r} in the folder of {source} (any more). Choose another one.")
    return files[name]


def _pair_stamps(pair: FilePair) -> tuple[Stamp, Stamp | None]:
    return stamp(pair.image), stamp(pair.label) if pair.label is not None else None


def file_names(source: str) -> tuple[str, ...]:
    """Names ``split/stem`` of all images of a folder, those the shipped models were not trained on first.

    Raises:
        ValueError: if the source is no folder, its variable is not set, or the folder is not as expected.
    """
    return tuple(_files(source))


def _files(source: str) -> dict[str, FilePair]:
    """The files of each image by its name ``split/image``."""
    folders = {str(name): folder for name, folder in FOLDERS.items()}
    if source not in folders:
        raise ValueError(f"{source!r} is no folder of images. Choose one of {', '.join(folders)}.")
    root = folders[source].root()
    # A split that is added or replaced while the workbench runs is listed again.
    inside = (path for depth in range(1, _DEPTH + 1) for path in sorted(root.glob("*/" * depth)))
    return _listing(source, str(root), *map(stamp, inside), *_class_stamps(root))


def _class_stamps(root: Path) -> tuple[Stamp, ...]:
    """Of the files in which a folder may say what its classes are."""
    return tuple(stamp(root / name) for name in NAMES)


@st.cache_resource(max_entries=4, show_spinner=False)
def _listing(source: str, root: str, *changed: Stamp) -> dict[str, FilePair]:
    files, place = FOLDERS[Source(source)], Path(root)
    required, possible = files.splits(place)
    there = [split for split in possible if files.folders(place, split)[0].is_dir() and split not in _UNLISTED]
    if not there:
        images = files.folders(place, (required or possible)[0])[0]
        raise ValueError(f"{readable_name(images)}: there is no such folder. Check the folder that is set.")
    order = {split: rank for rank, split in enumerate(_UNSEEN_FIRST)}
    found = {}
    for split in sorted(there, key=lambda split: order.get(split, len(order))):
        samples = files.open(place, split, cache=False, labels="optional")
        found.update({f"{split}/{pair.name}": pair for pair in samples.files})
    return found


@st.cache_resource(max_entries=8, show_spinner=False)
def _folder_image(source: str, root: str, files: FilePair, *stamps: Stamp | None) -> Photograph:
    sample = read_sample(files, table := FOLDERS[Source(source)].table(Path(root)))
    return Photograph(sample, None if sample.label is None else table)


def describe_empty(source: Source) -> str:
    """What an empty page says to do."""
    if source == Source.UPLOAD:
        return (
            "Choose a photograph under “Change” above: PNG or JPEG, at most "
            f"{st.get_option('server.maxUploadSize')} MB, from {MIN_SIDE} x {MIN_SIDE} to "
            f"{UPLOAD_SIDE} x {UPLOAD_SIDE} pixels. It stays on this machine."
        )
    return "Choose a file under “Change” above."
