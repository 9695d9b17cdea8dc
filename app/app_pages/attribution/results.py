"""Input attribution of both models on the selection: worked out once, kept, and held against random orders."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

from app.shell.heading import Heading
from app.shell.region_target import Labels, label_map
from app.shell.selection import Selection
from app.store.private_models import private_copy
from app.store.results import results
from app.store.side_by_side import side_by_side
from rsp_lab.analysis.attribution.attribute import Attribution, attribute
from rsp_lab.analysis.attribution.interface import AttributionMethod, Setting, SettingChoices, find_method
from rsp_lab.analysis.attribution.methods import METHODS
from rsp_lab.analysis.faithfulness.at_input import Faithfulness, input_curves

LABELLED = "labelled classes"
"""Regions that only an image with labels has."""
STEPS, CELL, SEEDS = 10, 8, 3
"""Of the deletion and insertion curves."""
T = TypeVar("T")


@dataclass(frozen=True)
class Request:
    """A method and the settings that were chosen for it, as plain data, which results are kept under.

    Attributes:
        name: of the method.
        reference: see :func:`~rsp_lab.analysis.attribution.references.reference_image`; the curves use it for every
            method.
        settings: names and values; what is not there has the method's own default.
    """

    name: str
    reference: str
    settings: tuple[tuple[str, Setting], ...] = ()

    @property
    def title(self) -> str:
        """Of the method."""
        return find_method(self.name, METHODS).title

    def method(self, selection: Selection) -> AttributionMethod:
        """With its settings; regions that are labelled are the image's own."""
        settings: dict[str, Any] = dict(self.settings)
        if settings.get("regions") == LABELLED:
            labels = label_map(selection, Labels.TRUE)
            names = dict.fromkeys(labels.unique().tolist(), "unlabelled") | dict(enumerate(selection.class_names))
            settings |= {"regions": labels, "names": names}
        return replace(find_method(self.name, METHODS), **settings)  # type: ignore[type-var]


def choices_of(selection: Selection, name: str) -> tuple[SettingChoices, ...]:
    """What may be chosen for a method; its regions may also be those that are labelled, where they are."""
    models = [loaded.model for loaded in selection.loaded]
    choices = find_method(name, METHODS).choices(models, selection.shown.size)
    if selection.shown.labels_for(selection.loaded[0]) is None:
        return choices
    return tuple(replace(one, values=(*one.values, LABELLED)) if one.setting == "regions" else one for one in choices)


def attributions(
    selection: Selection, heading: Heading, request: Request, text: str
) -> tuple[Attribution, Attribution]:
    """The maps of both models, left and right; what is not held is worked out behind a bar that says ``text``."""

    def work(side: int) -> Callable[[Callable[[float], None]], Attribution]:
        return lambda report: _attribute(selection, side, request, report)

    return _both(selection, heading, (request, "map"), text, work)


def curves(
    selection: Selection, heading: Heading, request: Request, maps: tuple[Attribution, Attribution], text: str
) -> tuple[Faithfulness, Faithfulness]:
    """Deletion and insertion along both maps."""

    def work(side: int) -> Callable[[Callable[[float], None]], Faithfulness]:
        return lambda report: _curves(selection, side, request, maps[side], report)

    return _both(selection, heading, (request, "curves"), text, work)


def held(selection: Selection, request: Request, what: str) -> bool:
    """Whether both models' ``"map"`` or ``"curves"`` are there already."""
    return all(_key(selection, side, (request, what)) in results() for side in (0, 1))


def _key(selection: Selection, side: int, about: Hashable) -> Hashable:
    return selection.key(("attribution", about), side=side, target=selection.target)


def _both(
    selection: Selection,
    heading: Heading,
    about: Hashable,
    text: str,
    work: Callable[[int], Callable[[Callable[[float], None]], T]],
) -> tuple[T, T]:
    keys = [_key(selection, side, about) for side in (0, 1)]
    found = {key: results().find(key) for key in keys}
    missing = {key: side for side, key in reversed(tuple(enumerate(keys))) if found[key] is None}
    if missing:
        with heading.stoppable(text) as bar:
            worked = side_by_side([work(side) for side in missing.values()], bar.report)
        for key, value in zip(missing, worked, strict=True):
            results().put(key, value)
            found[key] = value
    return cast("tuple[T, T]", tuple(found[key] for key in keys))


def _attribute(selection: Selection, side: int, request: Request, report: Callable[[float], None]) -> Attribution:
    loaded = selection.loaded[side]
    return attribute(
        private_copy(loaded.model, loaded.lock),
        selection.passes[side].image,
        selection.target,
        request.method(selection),
        reference=request.reference,
        report=report,
    )


def _curves(
    selection: Selection, side: int, request: Request, attribution: Attribution, report: Callable[[float], None]
) -> Faithfulness:
    loaded = selection.loaded[side]
    # The random control does not depend on the map: a second method is held against that of the first.
    control = _key(selection, side, (request.reference, "control"))
    curves = input_curves(
        private_copy(loaded.model, loaded.lock),
        selection.passes[side].image,
        selection.target,
        {attribution.title: attribution.values},
        reference=request.reference,
        steps=STEPS,
        cell=CELL,
        random_seeds=SEEDS,
        beside=cast("Faithfulness | None", results().find(control)),
        report=report,
    )
    found = curves[attribution.title]
    results().put(control, found)
    return found
