"""What must be said beside a figure: models, image, pixel, how things were chosen, and the scale."""

from __future__ import annotations

from rsp_lab.analysis.comparison.compare import Comparison
from rsp_lab.analysis.passes.view import ModelView
from rsp_lab.analysis.relation_weights.key_query import KEY_QUERY_RULE
from rsp_lab.figures.drawing.panels import symbol, three
from rsp_lab.figures.paper.flow import PERCENTILE, flow_scale, flow_steps
from rsp_lab.figures.paper.grids import NOTE, grid_steps, weight_limit, weight_words, without_weights
from rsp_lab.figures.paper.key_query import key_query_scale, key_query_steps
from rsp_lab.shapes import step_levels

NAMES = ("predictions", "context_flow", "key_query", "relation_grids")


def caption(comparison: Comparison, figure_name: str) -> str:
    """The caption of one of :data:`NAMES`, as plain text.

    Raises:
        ValueError: for another name.
    """
    writers = dict(zip(NAMES, (_predictions, _context_flow, _key_query, _relation_grids), strict=True))
    if figure_name not in writers:
        raise ValueError(f"{figure_name!r} is no figure; expected one of {', '.join(NAMES)}.")
    return " ".join([*writers[figure_name](comparison), *_common(comparison)])


def _common(comparison: Comparison) -> list[str]:
    (y, x), (rows, columns) = comparison.pixel, comparison.image_size
    return [
        f"Image: {columns} x {rows} pixels (width x height).",
        f"Ring: pixel y {y}, x {x} ({comparison.pixel_rule}).",
        comparison.sentence(),
    ]


def _models(comparison: Comparison) -> str:
    return f"{comparison.left.name} (left) and {comparison.right.name} (right)"


def _predictions(comparison: Comparison) -> list[str]:
    regions = "; ".join(
        f"{number}: {region.left} | {region.right}, {region.area} px"
        for number, region in enumerate(comparison.disagreements, 1)
    )
    return [
        f"Predictions of {_models(comparison)}.",
        f"Boxes: the largest connected regions with different labels, left | right, and their area ({regions})."
        if regions
        else "No connected region with different labels is large enough for a box.",
    ]


def _context_flow(comparison: Comparison) -> list[str]:
    scale, channel, steps = flow_scale(comparison), comparison.channel, flow_steps(comparison)
    high = step_levels(steps[0])[0]
    return [
        f"Context flow of {_models(comparison)}, one row a step, coarse to fine.",
        f"In each row the upsampled map from above (first row: {symbol('Q', high, prime=True)}), the context taken "
        "from it, the level's own map and their sum, which, upsampled, is offered to the next row.",
        "RSE: context extracted by a relation; passed down: all that was offered.",
        f"Channel {channel.channel}: {channel.rule}.",
        f"One colour scale for all maps, {three(-scale.limit)} to {three(scale.limit)}, arbitrary unit: its end is the "
        f"largest of the maps' {PERCENTILE:g}th percentiles of |value|; {scale.words}.",
        "The step 32 is the same sum in every head and is left out.",
    ]


def _key_query(comparison: Comparison) -> list[str]:
    views = [view for view in (comparison.left, comparison.right) if view.key_queries]
    _require(views, comparison)
    channels = "; ".join(
        f"{view.name}: "
        + ", ".join(f"RSP-{pair.step.removeprefix('step')} {pair.channel}" for pair in view.key_queries)
        for view in views
    )
    scales = []
    for step in key_query_steps(comparison):
        scale = key_query_scale(comparison, step)
        scales.append(f"RSP-{step.removeprefix('step')} ±{three(scale.limit)} ({scale.words})")
    return [
        f"Query and key maps of {' and '.join(view.name for view in views)}.",
        f"Channel: {KEY_QUERY_RULE} ({channels}).",
        "r: Pearson correlation of the two maps; beside it, as a control, its median over all middle channels.",
        f"One colour scale a step, arbitrary unit: {'; '.join(scales)}.",
    ]


def _relation_grids(comparison: Comparison) -> list[str]:
    views = (comparison.left, comparison.right)
    shown = [view for view, grids in zip(views, comparison.grids, strict=True) if grids]
    _require(shown, comparison)
    others = [f"{view.name} {without_weights(list(view.flow))}." for view in views if view not in shown]
    limits = ", ".join(
        f"RSP-{step.removeprefix('step')} {three(weight_limit(comparison, step))}" for step in grid_steps(comparison)
    )
    return [
        f"Relation weights of {' and '.join(view.name for view in shown)} at one pixel, on the cells they belong to.",
        *others,
        weight_words(comparison),
        f"End of the colour scale, by step: {limits}; nothing is clipped.",
        NOTE,
    ]


def _require(views: list[ModelView], comparison: Comparison) -> None:
    if not views:
        raise ValueError(
            f"neither {comparison.left.name} nor {comparison.right.name} has a relation: this figure does not exist; "
            "compare with a model that has one, e.g. an RSP head."
        )
