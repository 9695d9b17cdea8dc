"""From an input to a figure with its caption and its numbers: one function a figure of the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rsp_lab.analysis.comparison.compare import Comparison
from rsp_lab.analysis.comparison.context_paths import context_paths as paths_of_view
from rsp_lab.analysis.panoptic.changes import compare_segments
from rsp_lab.analysis.receptive_field.geometry import reach_geometry
from rsp_lab.analysis.scenes.distance import distance_curves
from rsp_lab.figures.figure_input import FigureInput
from rsp_lab.figures.figure_kind import DrawnFigure
from rsp_lab.figures.paper.dataflow import dataflow_caption, draw_dataflow
from rsp_lab.figures.paper.decision_flow import decision_flow_caption, draw_decision_flow
from rsp_lab.figures.paper.flow import context_flow_caption, draw_context_flow
from rsp_lab.figures.paper.grids import draw_relation_grids, relation_grids_caption
from rsp_lab.figures.paper.key_query import draw_key_query, key_query_caption
from rsp_lab.figures.paper.paths import context_paths_caption, draw_context_paths
from rsp_lab.figures.paper.predictions import draw_predictions, predictions_caption
from rsp_lab.figures.paper.reach import draw_reach, reach_caption
from rsp_lab.figures.paper.structure import draw_structure, structure_caption
from rsp_lab.figures.results.distance import distance_caption, draw_distance_curves
from rsp_lab.figures.results.flips import draw_flips, flips_caption
from rsp_lab.figures.results.gaze import draw_gaze, gaze_caption
from rsp_lab.figures.results.ledger import draw_ledger, ledger_caption
from rsp_lab.figures.results.segments import draw_segments, segments_caption
from rsp_lab.models.heads import TopDownConfig
from rsp_lab.models.inspection.dataflow import step_dataflow
from rsp_lab.models.inspection.structure import head_structure

SCENE_SIZE = (256, 512)
"""Of the scenes of the distance curves, (y, x) in pixels."""


def _by_model(names: Sequence[str], facts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"models": [{"model": name, **found} for name, found in zip(names, facts, strict=True)]}


def reach(given: FigureInput) -> DrawnFigure:
    """Regions and reach (Fig. 1 c, d)."""
    configs = [model.config.head for model in given.segmenters]
    size = given.geometry or given.image_size
    # The default has room towards the opposite corner.
    pixel = given.pixel if size == given.image_size else None
    pixel = pixel or (min(round(0.68 * size[0]), size[0] - 1), min(round(0.73 * size[1]), size[1] - 1))
    reaches = [reach_geometry(config, size, pixel) for config in configs if isinstance(config, TopDownConfig)]
    figure = draw_reach(given.image, reaches, given.names, width=given.width)
    caption = reach_caption(reaches, given.names, given.image_name)
    return DrawnFigure(figure, caption, _by_model(given.names, [reach.to_dict() for reach in reaches]))


def structure(given: FigureInput) -> DrawnFigure:
    """Structure of the heads (Fig. 2)."""
    heads = [head_structure(model) for model in given.segmenters]
    titles = [f"{name}: {head.name}" for name, head in zip(given.names, heads, strict=True)]
    figure = draw_structure(heads, names=titles, width=given.width)
    caption = structure_caption(heads, given.names)
    return DrawnFigure(figure, caption, _by_model(given.names, [head.to_dict() for head in heads]))


def dataflow(given: FigureInput) -> DrawnFigure:
    """Data flow of one step (Fig. 3)."""
    model, name = given.segmenters[-1], given.names[-1]
    steps = [f"step{high}{high - 1}" for high in model.steps if high > 3]
    step = given.step or steps[len(steps) // 2]
    flow = step_dataflow(model, step, given.image_size)
    grids = given.view.grids[-1] if flow.step.kind in ("RSP", "SELF") else ()
    grid = next((grid for grid in grids if grid.step == step), None)
    figure = draw_dataflow(flow, grid=grid, width=given.width)
    return DrawnFigure(figure, dataflow_caption(flow, name, grid=grid), _by_model([name], [flow.to_dict()]))


def context_flow(given: FigureInput) -> DrawnFigure:
    """One channel, level by level."""
    view = given.view
    data = {**_by_model(given.names, [{"flow": one.flow.to_dict()} for one in view.views])}
    data["channel"] = view.flow_channel.to_dict()
    return DrawnFigure(draw_context_flow(view, width=given.width), context_flow_caption(view, given.image_name), data)


def key_query(given: FigureInput) -> DrawnFigure:
    """Query above key (Fig. 4)."""
    view = given.view
    data = _by_model(given.names, [{"key_query": [p.to_dict() for p in one.key_queries]} for one in view.views])
    return DrawnFigure(draw_key_query(view, width=given.width), key_query_caption(view, given.image_name), data)


def relation_grids(given: FigureInput) -> DrawnFigure:
    """Relation weights at one pixel."""
    view = given.view
    data = _by_model(given.names, [{"relation_grids": [g.to_dict() for g in grids]} for grids in view.grids])
    return DrawnFigure(
        draw_relation_grids(view, width=given.width), relation_grids_caption(view, given.image_name), data
    )


def predictions(given: FigureInput) -> DrawnFigure:
    """Labels beside each other (Fig. 5 a)."""
    view, truth = given.view, None if given.labels is None else given.labels.cpu().numpy()
    figure = draw_predictions(view, given.table, truth=truth, width=given.width)
    data: dict[str, Any] = {"sentence": view.sentence()}
    if isinstance(view, Comparison):
        data["disagreements"] = [region.to_dict() for region in view.disagreements]
    return DrawnFigure(figure, predictions_caption(view, given.image_name, truth=truth), data)


def decision_flow(given: FigureInput) -> DrawnFigure:
    """How a decision comes down through the levels (Fig. 5 b)."""
    picture = given.picture
    figure = draw_decision_flow(picture, width=given.width)
    return DrawnFigure(figure, decision_flow_caption(picture, given.image_name), picture.to_dict())


def context_paths(given: FigureInput) -> DrawnFigure:
    """Paths on one channel's maps, the paper's own form of Fig. 5 b."""
    view, asked = given.view, given.target
    paths = paths_of_view(view, asked if asked is not None and asked.class_name is not None else None)
    caption = context_paths_caption(view, paths, given.image_name)
    return DrawnFigure(draw_context_paths(view, paths), caption, {"models": [path.to_dict() for path in paths]})


def ledger(given: FigureInput) -> DrawnFigure:
    """Levels and cells of one decision."""
    accounts = given.accounts
    data = {"models": [account.to_dict() for account in accounts]}
    return DrawnFigure(
        draw_ledger(given.image, accounts, width=given.width), ledger_caption(accounts, given.image_name), data
    )


def gaze(given: FigureInput) -> DrawnFigure:
    """Where relations look from everywhere: the last model's that has relations."""
    view = next(view for view in reversed(given.view.views) if view.looked.gaze)
    steps = view.looked.gaze
    figure = draw_gaze(given.image, steps, width=given.width)
    data = _by_model([view.name], [{"steps": [step.to_dict() for step in steps]}])
    return DrawnFigure(figure, gaze_caption(steps, view.name, given.image_name), data)


def flips(given: FigureInput) -> DrawnFigure:
    """The strongest disagreements."""
    flips = given.flips
    return DrawnFigure(
        draw_flips(given.image, flips, width=given.width), flips_caption(flips, given.image_name), flips.to_dict()
    )


def segments(given: FigureInput) -> DrawnFigure:
    """Things and stuff by name."""
    passes = given.segments
    data = _by_model(given.names, [one.merged.to_dict() for one in passes])
    if len(passes) == 2:
        data["changes"] = compare_segments(*passes).changes.to_dict()
    return DrawnFigure(draw_segments(given.image, passes), segments_caption(passes, given.image_name), data)


def distance(given: FigureInput) -> DrawnFigure:
    """Accuracy by distance of the cue."""
    curves = distance_curves(given.segmenters, given.names, size=SCENE_SIZE, scenes=given.scenes)
    caption = distance_caption(curves, SCENE_SIZE, 2 * given.scenes)
    return DrawnFigure(draw_distance_curves(curves), caption, {"curves": [curve.to_dict() for curve in curves]})
