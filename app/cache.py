"""What the workbench keeps between reruns, each with a bound: models, images, views and payloads.

Nothing here belongs to one reader. Images are known by a digest of their content, models by name, size and time of
their file, so that weights replaced on disk are read again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from threading import Lock

import numpy as np
import streamlit as st
from torch import Tensor

from rsp_lab.analysis.view import ModelView, view_model
from rsp_lab.data.images import Readable, read_image
from rsp_lab.data.labels import TABLES, ClassTable, table_for
from rsp_lab.data.sample import Sample
from rsp_lab.data.scenes import draw_scene
from rsp_lab.explorer.payload import build_payload
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.weights import load, read_header, shipped

# A forward pass holds about 10 times this many bytes at its peak, and a view up to 140 MB.
UPLOAD_SIDE = 2048
UPLOAD_PIXELS = UPLOAD_SIDE * UPLOAD_SIDE


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model that several readers share.

    Attributes:
        name: of the shipped weights.
        identity: changes when the weights file does.
        data: name of the data set it was trained on; empty where the file does not say.
        lock: held during a forward pass, because capture hangs hooks on the model.
    """

    name: str
    identity: str
    model: Segmenter
    table: ClassTable
    data: str
    lock: Lock = field(default_factory=Lock)


@dataclass(frozen=True, eq=False)
class Photograph:
    """An image to look at and the digest that it is cached under."""

    sample: Sample
    digest: str

    @property
    def size(self) -> tuple[int, int]:
        return self.sample.size


def model_names() -> tuple[str, ...]:
    return tuple(shipped())


def loaded_model(name: str) -> LoadedModel:
    """A shipped model.

    Raises:
        WeightsError: if its file cannot be used.
    """
    if name not in shipped():
        raise ValueError(f"there is no model {name!r}. Choose one of {', '.join(shipped())}.")
    facts = shipped()[name].stat()
    return _cached_model(name, f"{name}-{facts.st_size}-{facts.st_mtime_ns}")


@st.cache_resource(max_entries=4, show_spinner=False)
def _cached_model(name: str, identity: str) -> LoadedModel:
    config, metadata = read_header(name)
    table = table_for(config.class_names, config.label_table)
    return LoadedModel(name, identity, load(name), table, str(metadata.get("data", "")))


@st.cache_resource(max_entries=8, show_spinner=False)
def cached_scene(seed: int) -> Photograph:
    return photograph(draw_scene(seed))


@st.cache_resource(max_entries=4, show_spinner=False)
def cached_upload(digest: str, _file: Readable, name: str) -> Photograph:
    """An uploaded picture; a picture that cannot be used raises ImageError and is not kept."""
    return photograph(Sample(name, read_image(_file, max_pixels=UPLOAD_PIXELS)))


def photograph(sample: Sample) -> Photograph:
    return Photograph(sample, _digest(sample.image))


def _digest(image: Tensor) -> str:
    pixels: np.ndarray = image.contiguous().numpy()
    return hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()[:16]


def view_of(loaded: LoadedModel, shown: Photograph) -> ModelView:
    """One model's view of one image: the only place where the workbench runs a network."""
    return _cached_view(shown.digest, loaded.identity, shown, loaded)


@st.cache_resource(max_entries=6, show_spinner=False)
def _cached_view(digest: str, identity: str, _shown: Photograph, _loaded: LoadedModel) -> ModelView:
    with _loaded.lock:
        return view_model(_loaded.model, _shown.sample.image, _loaded.name)


def payload_of(shown: Photograph, loaded: tuple[LoadedModel, LoadedModel], views: tuple[ModelView, ModelView]) -> bytes:
    """The explorer's bytes, the same object for as long as image and models stay the same."""
    return _cached_payload(
        shown.digest, loaded[0].identity, loaded[1].identity, shown.sample.label is not None, shown, loaded, views
    )


@st.cache_data(max_entries=6, show_spinner=False)
def _cached_payload(
    digest: str,
    left: str,
    right: str,
    labelled: bool,
    _shown: Photograph,
    _loaded: tuple[LoadedModel, LoadedModel],
    _views: tuple[ModelView, ModelView],
) -> bytes:
    models = _loaded[0].model, _loaded[1].model
    # The true label counts only where its classes are the models' own.
    truth = _shown.sample.label if _loaded[0].table.name in TABLES else None
    return build_payload(_shown.sample.image, models, _views, _loaded[0].table, truth)
