"""Every figure that ``rsp-lab figures`` knows: what it is of, and how it is made from two models and an image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from rsp_lab.analysis.comparison.compare import Comparison, check_request, compare
from rsp_lab.analysis.comparison.context_paths import context_paths
from rsp_lab.analysis.comparison.explain import explain
from rsp_lab.analysis.passes.view import check_top_down
from rsp_lab.analysis.receptive_field.geometry import reach_geometry
from rsp_lab.analysis.scenes.answers import SWEEP_SEED, accuracy, region_answers, sweep_distances
from rsp_lab.data.labels import CITYSCAPES, table_for
from rsp_lab.data.scenes.scene import CASES, draw_scene_pair
from rsp_lab.figures import paper_captions
from rsp_lab.figures.caption import caption
from rsp_lab.figures.drawing.panels import rgb
from rsp_lab.figures.drawn import Drawn
from rsp_lab.figures.paper.dataflow import draw_dataflow
from rsp_lab.figures.paper.key_query import draw_key_query
from rsp_lab.figures.paper.paths import draw_context_paths
from rsp_lab.figures.paper.predictions import draw_predictions
from rsp_lab.figures.paper.reach import draw_reach
from rsp_lab.figures.paper.structure import draw_structure
from rsp_lab.figures.results.distance import DistanceCurve, draw_distance_curves
from rsp_lab.figures.results.gaze import draw_gaze
from rsp_lab.figures.results.ledger import draw_ledger
from rsp_lab.models.heads import TopDownConfig
from rsp_lab.models.inspection.cost import PAPER_INPUT
from rsp_lab.models.inspection.dataflow import step_dataflow
from rsp_lab.models.inspection.structure import head_structure
from rsp_lab.models.segmenter import Segmenter

Pixel = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Subject:
    """What figures are made of. What takes a forward pass is worked out when first asked for, and kept.

    Attributes:
        image_name: as captions call it.
        image: RGB.
        truth: (y, x) true train ids, where known.
        models, names: left and right.
        pixel, channel: asked for, or None for the rules of a comparison.
        step: of the data flow; None takes the right model's middle step.
        width: inches.
        given: whether the image was asked for; Fig. 1 takes the paper's input size otherwise.
        scenes: seeds a case and distance of the distance curves.
    """

    image_name: str
    image: UInt8[Tensor, "3 y x"]
    truth: np.ndarray | None
    models: tuple[Segmenter, Segmenter]
    names: tuple[str, str]
    pixel: Pixel | None
    channel: int | None
    step: str | None
    width: float
    given: bool
    scenes: int

    @cached_property
    def comparison(self) -> Comparison:
        check_request(self.image, self.models, self.names, pixel=self.pixel, channel=self.channel)
        return compare(self.image, self.models, self.names, pixel=self.pixel, channel=self.channel)


def _fig1(subject: Subject) -> Drawn:
    configs = [model.config.head for model in subject.models]
    known = [config for config in configs if isinstance(config, TopDownConfig)]
    for model, name in zip(subject.models, subject.names, strict=True):
        check_top_down(model, name)
    height, width = subject.image.shape[-2:]
    size = (height, width) if subject.given else PAPER_INPUT
    # A pixel that is asked for is one of the image; the default has room towards the opposite corner.
    pixel = subject.pixel if subject.pixel and subject.given else (round(0.68 * size[0]), round(0.73 * size[1]))
    reaches = [reach_geometry(config, size, pixel) for config in known]
    figure = draw_reach(rgb(subject.image), reaches, subject.names, width=subject.width)
    words = paper_captions.reach_caption(reaches, subject.names, subject.image_name)
    data = {name: reach.to_dict() for name, reach in zip(subject.names, reaches, strict=True)}
    return Drawn(figure, words, data)


def _fig2(subject: Subject) -> Drawn:
    heads = [head_structure(model) for model in subject.models]
    titles = [f"{name}: {head.name}" for name, head in zip(subject.names, heads, strict=True)]
    figure = draw_structure(heads, names=titles, width=subject.width)
    data = {name: head.to_dict() for name, head in zip(subject.names, heads, strict=True)}
    return Drawn(figure, paper_captions.structure_caption(heads, subject.names), data)


def _fig3(subject: Subject) -> Drawn:
    model, name = subject.models[1], subject.names[1]
    check_top_down(model, name)
    steps = [f"step{high}{high - 1}" for high in model.steps if high > 3]
    step = subject.step or steps[len(steps) // 2]
    height, width = subject.image.shape[-2:]
    flow = step_dataflow(model, step, (height, width))
    grids = subject.comparison.grids[1] if flow.step.kind in ("RSP", "SELF") else ()
    grid = next((grid for grid in grids if grid.step == step), None)
    figure = draw_dataflow(flow, grid=grid, width=subject.width)
    return Drawn(figure, paper_captions.dataflow_caption(flow, name, grid), {name: flow.to_dict()})


def _fig4(subject: Subject) -> Drawn:
    result = subject.comparison
    figure = draw_key_query(result)
    data = {view.name: [pair.to_dict() for pair in view.key_queries] for view in (result.left, result.right)}
    return Drawn(figure, f"{caption(result, 'key_query')} File: {subject.image_name}.", data)


def _fig5a(subject: Subject) -> Drawn:
    result = subject.comparison
    table = table_for(result.class_names, subject.models[1].config.label_table)
    figure = draw_predictions(result, table, truth=subject.truth, width=subject.width)
    words = f"{caption(result, 'predictions')} File: {subject.image_name}."
    if subject.truth is not None:
        words += " Truth: black where unlabelled."
    data = {"disagreements": [region.to_dict() for region in result.disagreements], "sentence": result.sentence()}
    return Drawn(figure, words, data)


def _fig5b(subject: Subject) -> Drawn:
    result = subject.comparison
    paths = context_paths(result)
    words = paper_captions.paths_caption(result, paths, subject.image_name)
    return Drawn(draw_context_paths(result, paths), words, {path.name: path.to_dict() for path in paths})


def _ledger(subject: Subject) -> Drawn:
    told = explain(subject.image, subject.models, subject.names, pixel=subject.comparison.pixel)
    return Drawn(draw_ledger(told), paper_captions.ledger_caption(told, subject.image_name), told.to_dict())


def _gaze(subject: Subject) -> Drawn:
    view = subject.comparison.right
    steps, name = view.looked.gaze, view.name
    figure = draw_gaze(subject.image, steps, width=subject.width)
    return Drawn(
        figure, paper_captions.gaze_caption(steps, name, subject.image_name), {name: [step.to_dict() for step in steps]}
    )


def _distance(subject: Subject) -> Drawn:
    if any(model.config.class_names != CITYSCAPES.classes for model in subject.models):
        raise ValueError("distance curves need models of the drawn scenes' classes, e.g. scenes-baseline, scenes-rsp4.")
    size, curves = (256, 512), []
    distances = sweep_distances(*size)
    for case in CASES:
        by_distance = [
            [
                s
                for n in range(subject.scenes)
                for s in draw_scene_pair(SWEEP_SEED + n, *size, case=case, distance=distance)
            ]
            for distance in distances
        ]
        for model, name in zip(subject.models, subject.names, strict=True):
            shares = tuple(accuracy(region_answers(model, scenes)) for scenes in by_distance)
            curves.append(DistanceCurve(name, case, distances, (shares,)))
    words = (
        f"Share of ambiguous regions that {' and '.join(subject.names)} read right, by the distance of the "
        f"deciding cue: {2 * subject.scenes} scenes of {size[0]} x {size[1]} pixels a point, no model was trained on "
        "them; one half is chance. One run a model, so there is no spread to show."
    )
    data = {f"{curve.model}, {curve.case}": [list(curve.distances), list(curve.values[0])] for curve in curves}
    return Drawn(draw_distance_curves(curves), words, data)


@dataclass(frozen=True)
class PaperFigure:
    """One figure.

    Attributes:
        words: what it shows.
        draw: makes it.
        per_image: whether another image makes another figure.
        column: whether it has a form as wide as one column.
    """

    words: str
    draw: Callable[[Subject], Drawn]
    per_image: bool = True
    column: bool = False


FIGURES: dict[str, PaperFigure] = {
    "fig1": PaperFigure("regions and reach (Fig. 1 c, d)", _fig1, column=True),
    "fig2": PaperFigure("structure of both heads (Fig. 2)", _fig2, per_image=False, column=True),
    "fig3": PaperFigure("data flow of one step, with real shapes (Fig. 3)", _fig3, column=True),
    "fig4": PaperFigure("query and key maps (Fig. 4)", _fig4),
    "fig5a": PaperFigure("predictions, truth where known, boxes where models differ (Fig. 5 a)", _fig5a, column=True),
    "fig5b": PaperFigure("context paths: green passed, red refused (Fig. 5 b)", _fig5b),
    "ledger": PaperFigure("what each level and cell adds to one decision", _ledger),
    "gaze": PaperFigure("where relations look, by position and with learnt weights", _gaze, column=True),
    "distance": PaperFigure("accuracy by the cue's distance, drawn scenes", _distance, per_image=False),
}
"""By name, in the order of the paper."""

GROUPS: dict[str, tuple[str, ...]] = {
    "fig5": ("fig5a", "fig5b"),
    "all": ("fig1", "fig2", "fig3", "fig4", "fig5a", "fig5b", "ledger", "gaze", "tables"),
}
"""Names that stand for several."""
