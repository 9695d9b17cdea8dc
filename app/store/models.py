"""What the workbench keeps between reruns, each with a bound: models, images, views and payloads.

Nothing here belongs to one reader. Images are known by a digest of their content, models by name, size and time of
their file, so that weights replaced on disk are read again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import streamlit as st
from torch import Tensor

from app.store.private_models import private_copy
from app.store.run_folders import run_weights, runs_root
from app.store.stamps import Stamp, stamp
from app.store.user_models import user_models
from rsp_lab.analysis.panoptic.segmentation import PanopticPass, panoptic
from rsp_lab.analysis.passes.view import ModelView, view_model
from rsp_lab.analysis.scenes.rates import ReadingRate, rates_in
from rsp_lab.data.class_file import NAMES
from rsp_lab.data.folder import folder_root
from rsp_lab.data.labels import CITYSCAPES, ClassTable
from rsp_lab.data.sample import Sample
from rsp_lab.data.scenes.dataset import SIZE, SMALL
from rsp_lab.data.scenes.scene import Scene, draw_scene_pair
from rsp_lab.data.tables import labels_in, table_for
from rsp_lab.explorer.payload import build_payload
from rsp_lab.explorer.quantise import BUDGET
from rsp_lab.files import digest
from rsp_lab.models.functions import function_file, names_a_function
from rsp_lab.models.load_any import check_panoptic, load_whole
from rsp_lab.models.panoptic.segmenter import PanopticSegmenter
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.stepless import stepless_as_subject
from rsp_lab.models.subject import Subject
from rsp_lab.models.weights import read_header, shipped
from rsp_lab.models.whole import WholeModel

# A forward pass holds about 10 times this many bytes at its peak, and a view up to 140 MB.
UPLOAD_SIDE = 2048
UPLOAD_PIXELS = UPLOAD_SIDE * UPLOAD_SIDE


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model that several readers share.

    Attributes:
        name: as chosen.
        identity: changes when the weights file does.
        data: name of the data set it was trained on; empty where the file does not say.
        rates: how many readings of test scenes it gets right, by case; empty where the file does not say.
        lock: held during a forward pass, because capture hangs hooks on the model.
        panoptic: the whole model, where ``model`` is the semantic branch of a panoptic one.
    """

    name: str
    identity: str
    model: Segmenter | Subject
    table: ClassTable
    data: str
    rates: Mapping[str, ReadingRate] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)
    panoptic: PanopticSegmenter | None = None


@dataclass(frozen=True, eq=False)
class Photograph:
    """An image to look at.

    Attributes:
        table: the classes of its labels; None without labels.
        scene: the scene that the image is, if it is one.
    """

    sample: Sample
    table: ClassTable | None = None
    scene: Scene | None = None

    @property
    def size(self) -> tuple[int, int]:
        return self.sample.size

    @cached_property
    def digest(self) -> str:
        """Of the image alone, which is what models see."""
        return digest(self.sample.image)

    @cached_property
    def identity(self) -> str:
        """Changes with the image, its labels, their classes or its name: what results are kept under."""
        label = b"" if self.sample.label is None else self.sample.label
        return digest(self.sample.name, self.sample.image, label, repr(self.table))

    def labels_for(self, loaded: LoadedModel) -> Tensor | None:
        """Train ids (y, x) of the model's classes, see :func:`~rsp_lab.data.tables.labels_in`; None where the labels do
        not say them, or are not known."""
        if self.table is None or self.sample.label is None:
            return None
        return labels_in(loaded.table.classes, self.sample.label, self.table)


def model_files() -> dict[str, Path | str]:
    """What a model is made of by the name it is chosen by: shipped weights, those of run folders, and functions of the
    reader's own files (``FILE.py:function``)."""
    return {**shipped(), **run_weights(runs_root()), **user_models()}


def model_names() -> tuple[str, ...]:
    return tuple(model_files())


def loaded_model(name: str) -> LoadedModel:
    """A model chosen by its name in the listing: a name never becomes a path.

    Raises:
        ValueError: if there is no such model any more, or its file cannot be used.
    """
    files = model_files()
    if name not in files:
        raise _no_model(name, files)
    file = files[name]
    size, changed = stamp(function_file(file) if names_a_function(file) else Path(file))
    if not size:  # a run that is cleaned up between the listing and here
        raise _no_model(name, files)
    return _cached_model(name, f"{name}-{size}-{changed}", str(files[name]), *map(stamp, class_files()))


def class_files() -> list[Path]:
    """The files that name the classes of the data set in ``FOLDER_ROOT``, whether they are there or not."""
    try:
        return [folder_root() / name for name in NAMES]
    except ValueError:
        return []


def _no_model(name: str, files: Mapping[str, Path | str]) -> ValueError:
    others = ", ".join(other for other in list(files)[:6] if other != name)
    return ValueError(f"there is no model {name!r} any more. Choose one of {others}.")


@st.cache_resource(max_entries=4, show_spinner=False)
def _cached_model(name: str, identity: str, _file: str, *classes: Stamp) -> LoadedModel:
    whole = load_whole(_file)
    model = stepless_as_subject(whole.semantic if isinstance(whole, WholeModel) else whole)
    metadata = {} if names_a_function(_file) else read_header(_file)[1]
    table = table_for(model.class_names, model.label_table)
    # What analyses say about a model names it as its readers chose it.
    model.name = name
    return LoadedModel(
        name,
        identity,
        model,
        table,
        str(metadata.get("data", "")),
        rates_in(metadata),
        panoptic=whole if isinstance(whole, PanopticSegmenter) else None,
    )


def scene_size(names: Sequence[str]) -> tuple[int, int]:
    """(y, x) in pixels of drawn scenes for models of these names: small where all were trained on small ones."""
    said = [_said_by(name) for name in names]
    data = [one.data for one in said if one is not None]
    return SMALL if data and all(one.startswith("small-") for one in data) else SIZE


def chooses_context(name: str) -> bool | None:
    """Whether a model's head has relations, which choose where context comes from; None where that is not said."""
    said = _said_by(name)
    return None if said is None else said.relations


def _said_by(name: str) -> _Header | None:
    """What a model's weights say of it; None where there is no such file, or it is none of weights."""
    file = model_files().get(name)
    return None if file is None or names_a_function(file) else _header_of(os.fsencode(file), stamp(Path(file)))


class _Header(NamedTuple):
    """What weights say of their model; nothing for a file that cannot be read, which says so later.

    Attributes:
        data: the data set that it was trained on.
        relations: whether its head has any; None where that is not said.
    """

    data: str = ""
    relations: bool | None = None


@st.cache_data(max_entries=64, show_spinner=False)
def _header_of(file: bytes, changed: Stamp) -> _Header:
    try:
        said = read_header(os.fsdecode(file))[1]
    except ValueError:
        return _Header()
    data, run = str(said.get("data", "")), said.get("run")
    model = run.get("model") if isinstance(run, dict) else None
    if not isinstance(model, dict):
        return _Header(data)
    fusions = model.get("semantic", model).get("head", {}).get("fusions", ())
    return _Header(data, any("window" in step for step in fusions) if fusions else None)


# More than a page of the gallery shows, so that a card's decision has its scene already: some 2 MB each.
@st.cache_resource(max_entries=32, show_spinner=False)
def cached_pair(
    case: str, seed: int, distance: int | None, size: tuple[int, int] = SIZE
) -> tuple[Photograph, Photograph]:
    """Both readings of a drawn scene of a size (y, x)."""
    first, second = (
        Photograph(scene.sample, CITYSCAPES, scene)
        for scene in draw_scene_pair(seed, *size, case=case, distance=distance)
    )
    return first, second


def view_of(loaded: LoadedModel, shown: Photograph) -> ModelView:
    """One model's view of one image: the only place where the workbench runs a network."""
    return _cached_view(shown.digest, loaded.identity, shown, loaded)


@st.cache_resource(max_entries=6, show_spinner=False)
def _cached_view(digest: str, identity: str, _shown: Photograph, _loaded: LoadedModel) -> ModelView:
    # A network of another make runs on what is held for as long as the view is asked: on a copy.
    model = private_copy(_loaded.model, _loaded.lock) if isinstance(_loaded.model, Subject) else _loaded.model
    with _loaded.lock:
        return view_model(model, _shown.sample.image)


def segments_of(loaded: LoadedModel, shown: Photograph, view: ModelView) -> PanopticPass:
    """The segments of one image in a panoptic model, merged by the standard bounds.

    Raises:
        ValueError: for a model without an instance branch; the message names models that have one.
    """
    return _cached_segments(shown.digest, loaded.identity, shown, loaded, view)


@st.cache_resource(max_entries=6, show_spinner=False)
def _cached_segments(
    digest: str, identity: str, _shown: Photograph, _loaded: LoadedModel, _view: ModelView
) -> PanopticPass:
    with _loaded.lock:
        model = check_panoptic(_loaded.panoptic or _loaded.model)
        # Without top-down steps the view holds another cut than the semantic branch's own maps.
        held = _view.looked.head if _view.looked.held is None else None
        return panoptic(model, _shown.sample.image, held=held)


def payload_of(
    shown: Photograph,
    loaded: tuple[LoadedModel, LoadedModel],
    views: tuple[ModelView, ModelView],
    outlined: Mapping[str, Tensor] | None = None,
) -> bytes:
    """The explorer's bytes, the same object for as long as image, label, outlines and models stay the same."""
    return _cached_payload(shown.identity, loaded[0].identity, loaded[1].identity, shown, loaded, views, outlined)


@st.cache_data(max_entries=6, show_spinner=False)
def _cached_payload(
    identity: str,
    left: str,
    right: str,
    _shown: Photograph,
    _loaded: tuple[LoadedModel, LoadedModel],
    _views: tuple[ModelView, ModelView],
    _outlined: Mapping[str, Tensor] | None,
) -> bytes:
    return built_payload(_shown, _loaded, _views, _outlined, BUDGET)


def built_payload(
    shown: Photograph,
    loaded: tuple[LoadedModel, LoadedModel],
    views: tuple[ModelView, ModelView],
    outlined: Mapping[str, Tensor] | None,
    budget: int,
) -> bytes:
    """A payload of at most ``budget`` bytes of weights, see :func:`rsp_lab.explorer.quantise.planned_bits`."""
    models, truth = (loaded[0].model, loaded[1].model), shown.labels_for(loaded[0])
    return build_payload(shown.sample.image, models, views, loaded[0].table, truth, outlined, budget=budget)
