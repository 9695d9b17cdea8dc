"""Input attribution of both models on the selection: worked out once, kept, and held against random orders."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from app.shell.selection import Selection
from app.store.private_models import private_copy
from app.store.results import Stoppable, results
from rsp_lab.analysis.attribution.attribute import Attribution, attribute
from rsp_lab.analysis.faithfulness.at_input import Faithfulness, input_curves
from rsp_lab.analysis.targets.regions import connected_regions
from rsp_lab.capture.points import taps_of

METHODS = {
    "integrated_gradients": "Integrated gradients",
    "gradient_x_input": "Gradient × input",
    "layer_gradcam": "Layer Grad-CAM",
    "occlusion": "Occlusion",
    "feature_ablation": "Feature ablation",
}
PREDICTED, CONNECTED, LABELLED = "predicted classes", "connected regions", "labelled classes"
LEAST_SHARE = 1 / 1000
"""Connected regions of a smaller share of the image are put together: each costs a forward pass."""
STEPS, CELL, SEEDS = 10, 8, 3
"""Of the deletion and insertion curves."""
FIRST = "step54.fused"
T = TypeVar("T")


@dataclass(frozen=True)
class Request:
    """A method and the settings that belong to it.

    Attributes:
        method: a key of :data:`METHODS`.
        reference: see :func:`~rsp_lab.analysis.attribution.references.reference_image`; the curves use it for every
            method.
        steps: of integrated gradients.
        window: of occlusion in pixels; its stride is half of it.
        layer: of Grad-CAM.
        regions: of feature ablation: one of the three kinds.
    """

    method: str
    reference: str
    steps: int = 16
    window: int = 48
    layer: str = FIRST
    regions: str = PREDICTED


def layers_of(selection: Selection) -> tuple[str, ...]:
    """Taps of both models that Grad-CAM can be asked about: level 4's fused map, the others, coarse to fine, Q maps."""
    names = set.intersection(*({*taps_of(loaded.model)} for loaded in selection.loaded))
    fused = sorted((name for name in names if name.endswith(".fused")), key=lambda name: (name != FIRST, -int(name[4])))
    return (*fused, *sorted((name for name in names if name.startswith("q")), reverse=True))


def region_kinds(selection: Selection) -> tuple[str, ...]:
    """Kinds of regions that there are for this image."""
    known = selection.shown.sample.label is not None and selection.loaded[0].table.name == selection.shown.table
    return (PREDICTED, CONNECTED, LABELLED) if known else (PREDICTED, CONNECTED)


def attributions(selection: Selection, request: Request, text: str) -> tuple[Attribution, Attribution]:
    """The maps of both models, left and right; what is not held is worked out behind a bar that says ``text``."""

    def work(side: int) -> Callable[[Callable[[float], None]], Attribution]:
        return lambda report: _attribute(selection, side, request, report)

    return _both(selection, (request, "map"), text, work)


def curves(
    selection: Selection, request: Request, maps: tuple[Attribution, Attribution], text: str
) -> tuple[Faithfulness, Faithfulness]:
    """Deletion and insertion along both maps."""

    def work(side: int) -> Callable[[Callable[[float], None]], Faithfulness]:
        return lambda report: _curves(selection, side, request, maps[side], report)

    return _both(selection, (request, "curves"), text, work)


def held(selection: Selection, request: Request, what: str) -> bool:
    """Whether both models' ``"map"`` or ``"curves"`` are there already."""
    return all(results().held(_key(selection, side, (request, what))) for side in (0, 1))


def _key(selection: Selection, side: int, about: Hashable) -> Hashable:
    return "attribution", selection.shown.digest, selection.loaded[side].identity, selection.target, about


def _both(
    selection: Selection,
    about: Hashable,
    text: str,
    work: Callable[[int], Callable[[Callable[[float], None]], T]],
) -> tuple[T, T]:
    keys = [_key(selection, side, about) for side in (0, 1)]
    missing = [key for key in dict.fromkeys(keys) if not results().held(key)]
    bar = Stoppable(text) if missing else None
    found = []
    try:
        for side, key in enumerate(keys):
            done = missing.index(key) if key in missing else 0

            def report(share: float, done: int = done) -> None:
                if bar is not None:
                    bar.report((done + share) / len(missing))

            found.append(results().get(key, lambda side=side, report=report: work(side)(report)))  # type: ignore[misc]
    finally:
        if bar is not None:
            bar.close()
    return found[0], found[1]


def _attribute(selection: Selection, side: int, request: Request, report: Callable[[float], None]) -> Attribution:
    loaded, method = selection.loaded[side], request.method
    regions, names = _regions(selection, side, request.regions) if method == "feature_ablation" else (None, None)
    return attribute(
        private_copy(loaded.model, loaded.lock),
        selection.passes[side].image,
        selection.target,
        method,
        reference=request.reference,
        steps=request.steps,
        window=request.window,
        stride=request.window // 2,
        layer=request.layer,
        regions=regions,
        region_names=names,
        report=report,
    )


def _curves(
    selection: Selection, side: int, request: Request, found: Attribution, report: Callable[[float], None]
) -> Faithfulness:
    loaded = selection.loaded[side]
    curves = input_curves(
        private_copy(loaded.model, loaded.lock),
        selection.passes[side].image,
        selection.target,
        {found.name: found.values},
        reference=request.reference,
        steps=STEPS,
        cell=CELL,
        random_seeds=SEEDS,
        report=report,
    )
    return curves[found.name]


def _regions(selection: Selection, side: int, kind: str) -> tuple[Tensor, dict[int, str]]:
    """A number for each pixel, and the numbers' names; predictions are the model's own, from its captured pass."""
    names = selection.class_names
    if kind == LABELLED:
        label = selection.shown.sample.label
        assert label is not None
        labels = torch.as_tensor(label).long()
    else:
        labels = torch.from_numpy(selection.views[side].labels).long()
    if kind == CONNECTED:
        return connected_regions(labels, names, least=max(1, round(LEAST_SHARE * labels.numel())))
    present = labels.unique().tolist()
    return labels, {i: names[i] if i < len(names) else "unlabelled" for i in present}
