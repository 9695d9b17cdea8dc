"""Why a figure does not exist for an input, in a sentence with the remedy; None where it does."""

from __future__ import annotations

from collections.abc import Callable

from rsp_lab.analysis.comparison.compare import Comparison
from rsp_lab.analysis.ledger.explainable import check_affine
from rsp_lab.analysis.passes.view import check_top_down, check_viewable
from rsp_lab.data.labels import CITYSCAPES
from rsp_lab.figures.drawing.captions import no_relations
from rsp_lab.figures.figure_input import FigureInput
from rsp_lab.figures.figure_kind import Refusal
from rsp_lab.models.load_any import check_panoptic
from rsp_lab.models.relation import relation_modules


def passing(check: Callable[[object], None]) -> Refusal:
    """What a check says of a model that it refuses."""

    def refusal(given: FigureInput) -> str | None:
        try:
            for model in given.models:
                check(model)
        except ValueError as reason:
            return str(reason)
        return None

    return refusal


top_down, ours, viewable = map(passing, (check_top_down, check_affine, check_viewable))
"""Where a model has no steps above level 3, is none of ours, or is neither ours nor a subject."""


def panoptic(given: FigureInput) -> str | None:
    """Where a model has no instance branch."""
    try:
        for model in given.whole:
            check_panoptic(model)
    except ValueError as reason:
        return str(reason)
    return None


def relations(given: FigureInput) -> str | None:
    """Where no model has a relation."""
    return None if any(relation_modules(model) for model in given.models) else no_relations(given.names)


def two_models(given: FigureInput) -> str | None:
    """Where there is one model alone."""
    return None if len(given.models) == 2 else "flips are where two models part: give two models."


def disagreements(given: FigureInput) -> str | None:
    """Where two models do not part."""
    view = given.view
    if isinstance(view, Comparison) and view.disagreements:
        return None
    return "there is no flip to draw: the models agree, or part only in regions of less than 30 pixels."


def scene_classes(given: FigureInput) -> str | None:
    """Where a model does not know the drawn scenes' classes."""
    if all(model.class_names == CITYSCAPES.classes for model in given.models):
        return None
    return "distance curves need models of the drawn scenes' classes, e.g. scenes-baseline, scenes-rsp4."
