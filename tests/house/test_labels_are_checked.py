"""Whoever hands label ids for train ids to any function gets an error, not an answer."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import rsp_lab
from rsp_lab.analysis.comparison.compare import compare
from rsp_lab.analysis.comparison.disagreement import Disagreement, verdict_pixels
from rsp_lab.analysis.comparison.flips import flip_stories, flip_story
from rsp_lab.analysis.comparison.flow_picture import flow_picture
from rsp_lab.analysis.ledger.frozen_head import FrozenHead
from rsp_lab.analysis.ledger.ledger import context_ledger
from rsp_lab.analysis.metrics import confusion_matrix
from rsp_lab.analysis.panoptic.merge import merge
from rsp_lab.analysis.passes.view import view_model
from rsp_lab.analysis.scan.run import ScanQuestion, scan
from rsp_lab.analysis.surgery.account import run_surgery
from rsp_lab.analysis.surgery.operate import operate
from rsp_lab.analysis.surgery.operations import Uniform
from rsp_lab.analysis.targets.regions import Region, class_border, class_zone, connected_region, connected_regions
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.analysis.trade.image import image_trade
from rsp_lab.analysis.trade.run import trade_matrix
from rsp_lab.data.labels import checked_labels, colour
from rsp_lab.data.panoptic.categories import Category, PanopticTable
from rsp_lab.data.sample import Sample
from rsp_lab.data.tables import table_for
from rsp_lab.explorer.payload import build_payload
from rsp_lab.explorer.widget import explore
from rsp_lab.figures.catalogue import draw_figure
from rsp_lab.figures.paper.predictions import draw_predictions
from rsp_lab.models.panoptic.detections import Detections
from rsp_lab.models.presets import tiny_rsp4
from rsp_lab.models.segmenter import Segmenter
from trainers.training.evaluate import evaluate
from trainers.training.losses import class_weights

pytestmark = pytest.mark.usefixtures("one_thread", "unchecked_module")
NAMES = ("road", "rider", "sky")
SIZE = (64, 72)


@cache
def model() -> Segmenter:
    torch.manual_seed(0)
    return Segmenter(tiny_rsp4(NAMES, "")).eval()


@cache
def image() -> Tensor:
    return torch.randint(0, 256, (3, *SIZE), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


@cache
def batch() -> Tensor:
    return image()[None].float() / 255


@cache
def head() -> FrozenHead:
    return FrozenHead.of(model(), batch())


def sample(labels: Any) -> Sample:
    return Sample("s", image(), torch.as_tensor(labels))


def payload(labels: Any) -> object:
    views = view_model(model(), image()), view_model(model(), image())
    return build_payload(image(), (model(), model()), views, table_for(NAMES, ""), labels)


def predictions(labels: Any) -> object:
    found = compare(model(), model(), image())
    return draw_predictions(found, table_for(NAMES, ""), truth=np.asarray(labels))


def explorer(labels: Any) -> object:
    pytest.importorskip("anywidget")
    return explore(model(), model(), image(), truth=labels)


def verdicts(labels: Any) -> object:
    left, right = (np.full(SIZE, value) for value in (0, 1))
    return verdict_pixels(left, right, NAMES, truth=labels)


def merged(labels: Any) -> object:
    none = Detections(
        torch.zeros(0, 4),
        torch.zeros(0),
        torch.zeros(0, dtype=torch.long),
        torch.zeros(0, *SIZE, dtype=torch.bool),
    )
    categories = (Category(1, "rider", True, (0, 0, 0)), Category(2, "road", False, (0, 0, 0)))
    return merge(labels, none, PanopticTable("t", (*categories, Category(3, "sky", False, (0, 0, 0)))))


def ledger() -> Any:
    return context_ledger(head(), head().image, PixelTarget(5, 6, "road", "sky"))


def story(labels: Any) -> object:
    inside = np.ones((4, 4), dtype=bool)
    flip = Disagreement("rider", "road", Region((0, 0, 4, 4), inside, 16))
    sources = [torch.zeros(SIZE, dtype=torch.long)] * 2
    return flip_story(flip, [head(), head()], sources, labels, ("a", "b"))


CALLS: dict[str, Callable[[Any], object]] = {
    "flip_stories": lambda labels: flip_stories(head(), head(), batch(), labels=labels),
    "flip_story": story,
    "flow_picture": lambda labels: flow_picture(model(), image(), labels=labels),
    "verdict_pixels": verdicts,
    "run_surgery": lambda labels: run_surgery(model(), batch(), Uniform(), label=labels),
    "operate": lambda labels: operate(model(), batch(), Uniform(), label=labels),
    "image_trade": lambda labels: image_trade(head(), labels),
    "confusion_matrix": lambda labels: confusion_matrix(torch.zeros(SIZE, dtype=torch.long), labels, len(NAMES)),
    "by_class": lambda labels: ledger().by_class(labels),
    "merge": merged,
    "connected_regions": lambda labels: connected_regions(labels, NAMES),
    "class_zone": lambda labels: class_zone(labels, "road", NAMES),
    "class_border": lambda labels: class_border(labels, "road", "sky", NAMES),
    "build_payload": payload,
    "draw_predictions": predictions,
    "draw_figure": lambda labels: draw_figure((model(), model()), image(), "predictions", labels=labels),
    "explore": explorer,
}
"""Functions that take a label map beside the names of the classes, by their names."""
BESIDE: dict[str, Callable[[Any], object]] = {
    "checked_labels": lambda labels: checked_labels(labels, NAMES, SIZE),
    "colour": lambda labels: colour(np.asarray(labels), table_for(NAMES, "")),
}
SCAN = ScanQuestion(("a", "b"), ("a", "b"), "none", "val", 30, "0")
OF_SAMPLES: dict[str, Callable[[Any], object]] = {
    "trade_matrix": lambda labels: trade_matrix(model(), model(), [sample(labels)]),
    "scan": lambda labels: scan(model(), model(), [sample(labels)], SCAN),
    "evaluate": lambda labels: evaluate(model(), [sample(labels)], NAMES),
    "class_weights": lambda labels: class_weights([sample(labels)], len(NAMES)),
}
"""The same for functions that take samples, whose labels are of 8 bits and of the image's size in any case."""
ANY_INTEGERS = {"connected_region"}
"""Functions that take a map of any numbers."""
PRESENCE = {"predictions_caption"}
"""Functions that only ask whether there is a label map."""


def labels(value: float, dtype: torch.dtype = torch.long) -> Tensor:
    found = torch.zeros(SIZE, dtype=dtype)
    found[3:30, 4:40] = 2
    found[40:, :] = value
    return found


def takers() -> Iterator[str]:
    """Names of the public functions and methods of analysis, explorer and figures that take a label map."""
    for part in ("analysis", "explorer", "figures"):
        for found in pkgutil.walk_packages([f"{rsp_lab.__path__[0]}/{part}"], f"rsp_lab.{part}."):
            try:
                module = importlib.import_module(found.name)
            except ImportError:  # of an optional extra
                continue
            for thing in list(vars(module).values()):
                if getattr(thing, "__module__", None) != found.name:
                    continue
                for function in (thing, *vars(thing).values()) if inspect.isclass(thing) else (thing,):
                    if inspect.isfunction(function) and not function.__name__.startswith("_") and _takes(function):
                        yield function.__name__


def _takes(function: Callable[..., object]) -> bool:
    parameters = inspect.signature(function).parameters
    kinds = [str(parameters[name].annotation) for name in ("labels", "label", "truth") if name in parameters]
    return any(kind in annotation for annotation in kinds for kind in ("Tensor", "ndarray", "LabelMap"))


def test_no_function_is_forgotten() -> None:
    assert set(takers()) == CALLS.keys() | ANY_INTEGERS | PRESENCE


@pytest.mark.parametrize("name", [*CALLS, *BESIDE])
@pytest.mark.parametrize("value", [77, -1, 3, 254])
def test_what_is_no_train_id_is_named(name: str, value: int) -> None:
    call = CALLS.get(name) or BESIDE[name]
    with pytest.raises(ValueError, match=rf"hold the ids {value}; expected train ids 0 to 2, or 255 to ignore"):
        call(labels(value))


@pytest.mark.parametrize("name", [*CALLS, *BESIDE, *ANY_INTEGERS])
def test_floats_are_refused(name: str) -> None:
    call = CALLS.get(name) or BESIDE.get(name) or (lambda given: connected_region(given, (5, 6)))
    with pytest.raises(ValueError, match="float32: give integer train ids"):
        call(labels(1.0, torch.float32))


@pytest.mark.parametrize("name", [name for name in CALLS if not name.startswith(("connected", "class"))])
def test_another_size_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"are \(64, 71\), the \w+ \(64, 72\): they must be of one size"):
        CALLS[name](labels(1)[:, 1:])


@pytest.mark.parametrize("name", OF_SAMPLES)
def test_samples_are_named(name: str) -> None:
    with pytest.raises(ValueError, match="the labels of s hold the ids 77; expected train ids 0 to 2"):
        OF_SAMPLES[name](labels(77, torch.uint8))


@pytest.mark.parametrize("name", sorted(CALLS.keys() - {"class_border", "explore"}))
def test_train_ids_and_what_is_ignored_are_taken(name: str) -> None:
    assert CALLS[name](labels(255)) is not None
