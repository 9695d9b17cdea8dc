"""Every figure of one or two models on an image: what it shows, what it needs, how it is made, and its caption.

The command line, the workbench and notebooks draw from this one list. Figures of whole data sets and trainings (trade,
arena, film) are made from their results and stand beside it, in :mod:`rsp_lab.figures.results`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from jaxtyping import Integer
from torch import Tensor, nn

from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.figures import makers, needs
from rsp_lab.figures.figure_input import STORIES, FigureInput, semantic_branches
from rsp_lab.figures.figure_kind import DrawnFigure, FigureKind
from rsp_lab.figures.style import DOUBLE
from rsp_lab.models.whole import WholeModel
from rsp_lab.rgb import ImageLike, rgb_pixels

FIGURES: dict[str, FigureKind] = {
    "reach": FigureKind(
        "Regions and reach",
        "Which cells of each level a pixel can draw on, and the region that one cell searches (Fig. 1 c, d).",
        makers.reach,
        (needs.top_down,),
        paper="fig1",
        column=True,
    ),
    "structure": FigureKind(
        "Structure",
        "The structure of the built heads (Fig. 2).",
        makers.structure,
        (needs.ours,),
        paper="fig2",
        about="models",
        column=True,
    ),
    "dataflow": FigureKind(
        "Data flow",
        "The data flow of one step, with real shapes (Fig. 3).",
        makers.dataflow,
        (needs.top_down,),
        paper="fig3",
        column=True,
    ),
    "key_query": FigureKind(
        "Key and query",
        "The query map above the key map of every relation (Fig. 4).",
        makers.key_query,
        (needs.top_down, needs.relations),
        paper="fig4",
        column=True,
    ),
    "predictions": FigureKind(
        "Predictions",
        "Photograph, truth where it is known, and each model's labels, boxes where two models differ (Fig. 5 a).",
        makers.predictions,
        (needs.viewable,),
        paper="fig5a",
        column=True,
    ),
    "decision_flow": FigureKind(
        "Decision flow",
        "How one decision comes down through the levels, in logits: cells, ribbons, the pixel (Fig. 5 b).",
        makers.decision_flow,
        (needs.viewable,),
        paper="fig5b",
        column=True,
    ),
    "context_paths": FigureKind(
        "Context paths",
        "The paper's own form of Fig. 5 b: one channel's maps, what went down, and what was refused on the way.",
        makers.context_paths,
        (needs.top_down,),
    ),
    "context_flow": FigureKind(
        "Context flow",
        "What each step was offered, took and handed on in one channel.",
        makers.context_flow,
        (needs.top_down,),
        column=True,
    ),
    "relation_grids": FigureKind(
        "Relation weights",
        "Where every step looks from one pixel, on the photograph and as plain grids.",
        makers.relation_grids,
        (needs.top_down, needs.relations),
        column=True,
    ),
    "gaze": FigureKind(
        "Gaze fields",
        "Where relations look from everywhere, by position alone and with the weights as they are.",
        makers.gaze,
        (needs.top_down, needs.relations),
        column=True,
    ),
    "ledger": FigureKind(
        "Ledger",
        "What every level and cell adds to one decision.",
        makers.ledger,
        (needs.viewable,),
        column=True,
    ),
    "flips": FigureKind(
        "Flips",
        f"The {STORIES} strongest disagreements of two models and what tipped them.",
        makers.flips,
        (needs.two_models, needs.viewable, needs.disagreements),
        column=True,
    ),
    "segments": FigureKind(
        "Segments",
        "Stuff and instances of panoptic models by name, and what changed from one model to the other.",
        makers.segments,
        (needs.panoptic,),
    ),
    "distance": FigureKind(
        "Accuracy by distance",
        "How accuracy falls with the distance of the deciding cue, on drawn scenes.",
        makers.distance,
        (needs.ours, needs.scene_classes),
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
    if not (isinstance(width, int | float) and 0 < width < math.inf):
        raise ValueError(f"width must be a positive number of inches, got {width!r}: {DOUBLE:g} is the default.")
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
