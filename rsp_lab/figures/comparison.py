"""All figures of a comparison."""

from __future__ import annotations

from matplotlib.figure import Figure

from rsp_lab.analysis.comparison.compare import Comparison
from rsp_lab.data.labels import ClassTable
from rsp_lab.figures.paper.flow import draw_context_flow
from rsp_lab.figures.paper.grids import draw_relation_grids
from rsp_lab.figures.paper.key_query import draw_key_query
from rsp_lab.figures.paper.predictions import draw_predictions


def draw_all(comparison: Comparison, table: ClassTable) -> dict[str, Figure]:
    """The figures of a comparison by name; ``key_query`` and ``relation_grids`` only where a model has relations.

    Args:
        comparison: of two models.
        table: with the models' classes.

    Raises:
        ValueError: if the table's classes are not the models'.
    """
    figures = {"predictions": draw_predictions(comparison, table), "context_flow": draw_context_flow(comparison)}
    if any(view.key_queries for view in (comparison.left, comparison.right)):
        figures["key_query"] = draw_key_query(comparison)
    if any(comparison.grids):
        figures["relation_grids"] = draw_relation_grids(comparison)
    return figures
