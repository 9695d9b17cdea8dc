"""Every figure of one or two models on an image: what it shows, what it needs, how it is made, and its caption.

The command line, the workbench and notebooks draw from this one list. Figures of whole data sets (trade, arena) are
made from their results and stand beside it, in :mod:`rsp_lab.figures.results`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from jaxtyping import Integer
from matplotlib.figure import Figure
from torch import Tensor, nn

from rsp_lab.analysis.comparison.compare import Comparison
from rsp_lab.analysis.comparison.context_paths import context_paths
from rsp_lab.analysis.ledger.frozen import check_affine
from rsp_lab.analysis.panoptic.changes import compare_segments
from rsp_lab.analysis.passes.view import check_top_down, check_viewable
from rsp_lab.analysis.receptive_field.geometry import reach_geometry
from rsp_lab.analysis.scenes.distance import distance_curves
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.data.labels import CITYSCAPES
from rsp_lab.figures.drawing.captions import no_relations
from rsp_lab.figures.figure_input import STORIES, FigureInput, semantic_branches
from rsp_lab.figures.paper.dataflow import dataflow_caption, draw_dataflow
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
from rsp_lab.figures.style import DOUBLE
from rsp_lab.models.heads import TopDownConfig
from rsp_lab.models.inspection.dataflow import step_dataflow
from rsp_lab.models.inspection.structure import head_structure
from rsp_lab.models.load_any import check_panoptic
from rsp_lab.models.relation import relation_modules
from rsp_lab.models.whole import WholeModel
from rsp_lab.rgb import ImageLike, rgb_pixels

SCENE_SIZE = (256, 512)
"""Of the scenes of the distance curves, (y, x) in pixels."""


class DrawnFigure(NamedTuple):
    """A figure with what must be said beside it.

    Attributes:
        figure: as drawn; :func:`rsp_lab.figures.style.save` writes it.
        caption: names models, image, pixel, rules and scales, as plain text.
        data: the numbers it shows, JSON-able; one object a model where they are a model's.
    """

    figure: Figure
    caption: str
    data: dict[str, Any]


Refusal = Callable[[FigureInput], str | None]
"""Why a figure does not exist for an input, in a sentence with the remedy; None where it does."""


@dataclass(frozen=True)
class FigureKind:
    """One figure of the catalogue.

    Attributes:
        title: what it is called.
        shows: what it shows, in one sentence.
        make: draws it, with its caption and data.
        needs: reasons why it may not exist.
        paper: the paper's figure that it is, e.g. ``"fig4"``; empty for others.
        about: what makes another figure of it: another ``"image"``, only other ``"models"``, or other models on
            ``"scenes"`` that it draws itself, which takes minutes.
        column: whether it has a form as wide as one column.
    """

    title: str
    shows: str
    make: Callable[[FigureInput], DrawnFigure]
    needs: tuple[Refusal, ...] = ()
    paper: str = ""
    about: Literal["image", "models", "scenes"] = "image"
    column: bool = False

    def refusal(self, given: FigureInput) -> str | None:
        """Why the figure does not exist for an input; None where it does."""
        return next((reason for need in self.needs if (reason := need(given)) is not None), None)

    def draw(self, given: FigureInput) -> DrawnFigure:
        """The figure of an input, with its caption.

        Raises:
            ValueError: where it does not exist, or the input does not fit.
            LedgerError: if a ledger does not add up.
        """
        reason = self.refusal(given)
        if reason is not None:
            raise ValueError(reason)
        return self.make(given)


def _passing(check: Callable[[object], None]) -> Refusal:
    """What a check says of a model that it refuses."""

    def refusal(given: FigureInput) -> str | None:
        try:
            for model in given.models:
                check(model)
        except ValueError as reason:
            return str(reason)
        return None

    return refusal


_top_down, _ours, _viewable = map(_passing, (check_top_down, check_affine, check_viewable))


def _panoptic(given: FigureInput) -> str | None:
    try:
        for model in given.whole:
            check_panoptic(model)
    except ValueError as reason:
        return str(reason)
    return None


def _relations(given: FigureInput) -> str | None:
    return None if any(relation_modules(model) for model in given.models) else no_relations(given.names)


def _two_models(given: FigureInput) -> str | None:
    return None if len(given.models) == 2 else "flips are where two models part: give two models."


def _disagreements(given: FigureInput) -> str | None:
    view = given.view
    if isinstance(view, Comparison) and view.disagreements:
        return None
    return "there is no flip to draw: the models agree, or part only in regions of less than 30 pixels."


def _scene_classes(given: FigureInput) -> str | None:
    if all(model.class_names == CITYSCAPES.classes for model in given.models):
        return None
    return "distance curves need models of the drawn scenes' classes, e.g. scenes-baseline, scenes-rsp4."


def _by_model(names: Sequence[str], facts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"models": [{"model": name, **found} for name, found in zip(names, facts, strict=True)]}


def _reach(given: FigureInput) -> DrawnFigure:
    configs = [model.config.head for model in given.segmenters]
    size = given.geometry or given.image_size
    # The default has room towards the opposite corner.
    pixel = given.pixel if size == given.image_size else None
    pixel = pixel or (round(0.68 * size[0]), round(0.73 * size[1]))
    reaches = [reach_geometry(config, size, pixel) for config in configs if isinstance(config, TopDownConfig)]
    figure = draw_reach(given.image, reaches, given.names, width=given.width)
    caption = reach_caption(reaches, given.names, given.image_name)
    return DrawnFigure(figure, caption, _by_model(given.names, [reach.to_dict() for reach in reaches]))


def _structure(given: FigureInput) -> DrawnFigure:
    heads = [head_structure(model) for model in given.segmenters]
    titles = [f"{name}: {head.name}" for name, head in zip(given.names, heads, strict=True)]
    figure = draw_structure(heads, names=titles, width=given.width)
    caption = structure_caption(heads, given.names)
    return DrawnFigure(figure, caption, _by_model(given.names, [head.to_dict() for head in heads]))


def _dataflow(given: FigureInput) -> DrawnFigure:
    model, name = given.segmenters[-1], given.names[-1]
    steps = [f"step{high}{high - 1}" for high in model.steps if high > 3]
    step = given.step or steps[len(steps) // 2]
    flow = step_dataflow(model, step, given.image_size)
    grids = given.view.grids[-1] if flow.step.kind in ("RSP", "SELF") else ()
    grid = next((grid for grid in grids if grid.step == step), None)
    figure = draw_dataflow(flow, grid=grid, width=given.width)
    return DrawnFigure(figure, dataflow_caption(flow, name, grid=grid), _by_model([name], [flow.to_dict()]))


def _context_flow(given: FigureInput) -> DrawnFigure:
    view = given.view
    data = {**_by_model(given.names, [{"flow": one.flow.to_dict()} for one in view.views])}
    data["channel"] = view.flow_channel.to_dict()
    return DrawnFigure(draw_context_flow(view), context_flow_caption(view, given.image_name), data)


def _key_query(given: FigureInput) -> DrawnFigure:
    view = given.view
    data = _by_model(given.names, [{"key_query": [p.to_dict() for p in one.key_queries]} for one in view.views])
    return DrawnFigure(draw_key_query(view), key_query_caption(view, given.image_name), data)


def _relation_grids(given: FigureInput) -> DrawnFigure:
    view = given.view
    data = _by_model(given.names, [{"relation_grids": [g.to_dict() for g in grids]} for grids in view.grids])
    return DrawnFigure(draw_relation_grids(view), relation_grids_caption(view, given.image_name), data)


def _predictions(given: FigureInput) -> DrawnFigure:
    view, truth = given.view, None if given.labels is None else given.labels.cpu().numpy()
    figure = draw_predictions(view, given.table, truth=truth, width=given.width)
    data: dict[str, Any] = {"sentence": view.sentence()}
    if isinstance(view, Comparison):
        data["disagreements"] = [region.to_dict() for region in view.disagreements]
    return DrawnFigure(figure, predictions_caption(view, given.image_name, truth=truth), data)


def _context_paths(given: FigureInput) -> DrawnFigure:
    view, asked = given.view, given.target
    paths = context_paths(view, asked if asked is not None and asked.class_name is not None else None)
    caption = context_paths_caption(view, paths, given.image_name)
    return DrawnFigure(draw_context_paths(view, paths), caption, {"models": [path.to_dict() for path in paths]})


def _ledger(given: FigureInput) -> DrawnFigure:
    accounts = given.accounts
    data = {"models": [account.to_dict() for account in accounts]}
    return DrawnFigure(draw_ledger(given.image, accounts), ledger_caption(accounts, given.image_name), data)


def _gaze(given: FigureInput) -> DrawnFigure:
    """The last model's that has relations."""
    view = next(view for view in reversed(given.view.views) if view.looked.gaze)
    steps = view.looked.gaze
    figure = draw_gaze(given.image, steps, width=given.width)
    data = _by_model([view.name], [{"steps": [step.to_dict() for step in steps]}])
    return DrawnFigure(figure, gaze_caption(steps, view.name, given.image_name), data)


def _flips(given: FigureInput) -> DrawnFigure:
    flips = given.flips
    return DrawnFigure(draw_flips(given.image, flips), flips_caption(flips, given.image_name), flips.to_dict())


def _segments(given: FigureInput) -> DrawnFigure:
    passes = given.segments
    data = _by_model(given.names, [one.merged.to_dict() for one in passes])
    if len(passes) == 2:
        data["changes"] = compare_segments(*passes).changes.to_dict()
    return DrawnFigure(draw_segments(given.image, passes), segments_caption(passes, given.image_name), data)


def _distance(given: FigureInput) -> DrawnFigure:
    curves = distance_curves(given.segmenters, given.names, size=SCENE_SIZE, scenes=given.scenes)
    caption = distance_caption(curves, SCENE_SIZE, 2 * given.scenes)
    return DrawnFigure(draw_distance_curves(curves), caption, {"curves": [curve.to_dict() for curve in curves]})


FIGURES: dict[str, FigureKind] = {
    "reach": FigureKind(
        "Regions and reach",
        "Which cells of each level a pixel can draw on, and the region that one cell searches (Fig. 1 c, d).",
        _reach,
        (_top_down,),
        paper="fig1",
        column=True,
    ),
    "structure": FigureKind(
        "Structure",
        "The structure of the built heads (Fig. 2).",
        _structure,
        (_ours,),
        paper="fig2",
        about="models",
        column=True,
    ),
    "dataflow": FigureKind(
        "Data flow",
        "The data flow of one step, with real shapes (Fig. 3).",
        _dataflow,
        (_top_down,),
        paper="fig3",
        column=True,
    ),
    "key_query": FigureKind(
        "Key and query",
        "The query map above the key map of every relation (Fig. 4).",
        _key_query,
        (_top_down, _relations),
        paper="fig4",
    ),
    "predictions": FigureKind(
        "Predictions",
        "Photograph, truth where it is known, and each model's labels, boxes where two models differ (Fig. 5 a).",
        _predictions,
        (_viewable,),
        paper="fig5a",
        column=True,
    ),
    "context_paths": FigureKind(
        "Context paths",
        "What went down to the decision, green, and what was refused on the way, red (Fig. 5 b).",
        _context_paths,
        (_top_down,),
        paper="fig5b",
    ),
    "context_flow": FigureKind(
        "Context flow",
        "What each step was offered, took and handed on in one channel.",
        _context_flow,
        (_top_down,),
    ),
    "relation_grids": FigureKind(
        "Relation weights",
        "Where every step looks from one pixel, on the photograph and as plain grids.",
        _relation_grids,
        (_top_down, _relations),
    ),
    "gaze": FigureKind(
        "Gaze fields",
        "Where relations look from everywhere, by position alone and with the weights as they are.",
        _gaze,
        (_top_down, _relations),
        column=True,
    ),
    "ledger": FigureKind(
        "Ledger",
        "What every level and cell adds to one decision.",
        _ledger,
        (_viewable,),
    ),
    "flips": FigureKind(
        "Flips",
        f"The {STORIES} strongest disagreements of two models and what tipped them.",
        _flips,
        (_two_models, _viewable, _disagreements),
    ),
    "segments": FigureKind(
        "Segments",
        "Stuff and instances of panoptic models by name, and what changed from one model to the other.",
        _segments,
        (_panoptic,),
    ),
    "distance": FigureKind(
        "Accuracy by distance",
        "How accuracy falls with the distance of the deciding cue, on drawn scenes.",
        _distance,
        (_ours, _scene_classes),
        about="scenes",
    ),
}
"""By name: first those of the paper, in its order."""

PAPER: dict[str, str] = {kind.paper: name for name, kind in FIGURES.items() if kind.paper}
"""Name by the paper's number, e.g. ``"fig4"``."""


def figure_names() -> tuple[str, ...]:
    """Names that :func:`draw_figure` knows."""
    return tuple(FIGURES)


def figure_kind(name: str) -> FigureKind:
    """A figure of the catalogue by its name or by the paper's number.

    Raises:
        ValueError: for a name that is not there; the message lists those that are.
    """
    if PAPER.get(name, name) not in FIGURES:
        raise ValueError(f"there is no figure {name!r}; there are {', '.join((*FIGURES, *PAPER))}.")
    return FIGURES[PAPER.get(name, name)]


def draw_figure(
    models: WholeModel | Sequence[WholeModel],
    image: ImageLike,
    name: str,
    target: PixelTarget | None = None,
    *,
    image_name: str = "",
    channel: int | None = None,
    labels: Integer[Tensor, "y x"] | None = None,
    step: str | None = None,
    width: float = DOUBLE,
) -> DrawnFigure:
    """A figure of one or two models on an image, with its caption and the numbers it shows.

    Args:
        models: one, or left and right; in eval mode.
        image: RGB, uint8 or float in [0, 1]; see :mod:`rsp_lab.rgb`.
        name: one of :func:`figure_names`, or the paper's number, e.g. ``"fig4"``.
        target: pixel, class and rival; by default a pixel inside the largest disagreement of two models, or the centre
            of the image, and what is predicted there.
        image_name: as the caption calls it.
        channel: of the context flow; default: by class selectivity.
        labels: (y, x) true train ids: the predictions show them, the flips say who is right.
        step: of the data flow, e.g. ``"step54"``; default: the middle one.
        width: inches, :data:`~rsp_lab.figures.style.DOUBLE` or ``SINGLE``.

    Raises:
        ValueError: for a name that is not there, a figure that these models do not have, or an argument that does not
            fit.
        LedgerError: if a ledger does not add up.
    """
    kind = figure_kind(name)
    chosen = (models,) if isinstance(models, nn.Module) else tuple(models)
    given = FigureInput(
        semantic_branches(chosen),
        rgb_pixels(image),
        image_name,
        target,
        channel=channel,
        labels=labels,
        step=step,
        width=width,
        whole=chosen,
    )
    return kind.draw(given)
