"""Captions of the figures that are not of a comparison alone; those are in :mod:`rsp_lab.figures.caption`."""

from __future__ import annotations

from collections.abc import Sequence

from rsp_lab.analysis.comparison.compare import Comparison
from rsp_lab.analysis.comparison.context_paths import PATHS_RULE, ContextPaths
from rsp_lab.analysis.comparison.explanation import Explanation
from rsp_lab.analysis.receptive_field.geometry import ReachGeometry
from rsp_lab.analysis.relation_weights.gaze import StepGaze
from rsp_lab.analysis.relation_weights.grids import RelationGrid
from rsp_lab.figures.drawing.panels import symbol, three
from rsp_lab.figures.paper.flow import PERCENTILE, flow_scale
from rsp_lab.figures.paper.paths import SHARE
from rsp_lab.figures.results import gaze, ledger
from rsp_lab.models.inspection.dataflow import StepDataflow
from rsp_lab.models.inspection.structure import HeadStructure


def image_words(image_size: tuple[int, int], image: str) -> str:
    """Which image, and its size."""
    return f"Image: {image}, {image_size[1]} x {image_size[0]} pixels (width x height)."


def reach_caption(reaches: Sequence[ReachGeometry], names: Sequence[str], image: str) -> str:
    """Of :func:`rsp_lab.figures.paper.reach.draw_reach`."""
    shown, (y, x) = reaches[-1], reaches[-1].pixel
    return " ".join(
        [
            f"Regions and reach, from the geometry of {' and '.join(names)} alone; no weights take part.",
            f"(c) {names[-1]}: tinted, the cells of each level's map that pixel D (y {y}, x {x}) can draw on; strong,",
            "the window of the cell below on the longest way; black, that way, from C to D,",
            f"{three(shown.distance)} pixels. Numbers beside a level: its reach away from the border.",
            "Grids of more than 40 cells are left out.",
            f"(d) Step {shown.region.step.removeprefix('step')}: one low-level cell, the region that it searches on",
            "the upsampled map, and the cells that this is upsampled from.",
            "Bars: side of the square that one pixel can draw on, input pixels.",
            image_words(shown.image_size, image),
        ]
    )


def structure_caption(heads: Sequence[HeadStructure], names: Sequence[str]) -> str:
    """Of :func:`rsp_lab.figures.paper.structure.draw_structure`."""
    parts = "; ".join(
        f"{name} ({head.name}), {head.parameters / 1e6:.3g} million parameters"
        for name, head in zip(names, heads, strict=True)
    )
    return (
        f"Structure of the built heads: {parts}. P: maps of the pyramid; Q: transformed maps; × 2: bilinear "
        "upsampling; plus: sum. Frames have the colour and dash of the level that a map or a context comes from. "
        "Sizes of the maps are not to scale."
    )


def dataflow_caption(flow: StepDataflow, name: str, grid: RelationGrid | None) -> str:
    """Of :func:`rsp_lab.figures.paper.dataflow.draw_dataflow`."""
    step, (rows, columns) = flow.step, flow.image_size
    words = [
        f"Data flow of step {step.name.removeprefix('step')} of {name} ({step.kind}): (a) extraction, (b) propagation.",
        f"Shapes are those of the built step for {rows} x {columns} pixels: channels x rows x columns; scores and",
        "weights have the two axes of the window first. p: the position map, from -1 (blue) to 1 (red).",
    ]
    if grid is not None:
        words.append(
            f"Weights drawn: of the cell under pixel y {grid.pixel[0]}, x {grid.pixel[1]}, shaded from 0 (white) to "
            "the largest."
        )
    return " ".join(words)


def paths_caption(comparison: Comparison, paths: tuple[ContextPaths, ContextPaths], image: str) -> str:
    """Of :func:`rsp_lab.figures.paper.paths.draw_context_paths`."""
    scale, channel, (y, x) = flow_scale(comparison), comparison.channel, comparison.pixel
    values = " and ".join(f"{path.name} {three(path.value)}" for path in paths)
    residual = max(path.residual for path in paths)
    return " ".join(
        [
            f"Context paths of {paths[0].name} (left) and {paths[1].name} (right) to one decision:",
            f"{paths[0].target.describe()}, logits: {values}.",
            f"A row of level x: {symbol('Q', 3).replace('₃', 'ₓ')}, the context taken from above, and their sum.",
            f"Green paths: taken; red: refused. {PATHS_RULE}. A path is as wide as its logits, one scale for both",
            "models; its dark core is for the class, the rest against it. It starts and ends at the centre of mass of",
            f"its cells; outlines hold the fewest cells with {100 * SHARE:.0f} % of what was taken or refused.",
            f"Largest relative residual of what was refused: {residual:.1g}.",
            f"Maps: channel {channel.channel} ({channel.rule}), {three(-scale.limit)} to {three(scale.limit)},",
            "arbitrary unit;",
            f"the end is the largest of the maps' {PERCENTILE:g}th percentiles of |value|; {scale.words}.",
            f"Ring: pixel y {y}, x {x} ({comparison.pixel_rule}).",
            image_words(comparison.image_size, image),
        ]
    )


def ledger_caption(told: Explanation, image: str) -> str:
    """Of :func:`rsp_lab.figures.results.ledger.draw_ledger`."""
    (y, x), names = told.pixel, " and ".join(account.name for account in told.accounts)
    return " ".join(
        [
            f"Context ledgers of {names}: {told.target.describe()}.",
            ledger.NOTE,
            f"Ring: pixel y {y}, x {x}.",
            image_words(told.left.ledger.image_size, image),
        ]
    )


def gaze_caption(steps: Sequence[StepGaze], name: str, image: str) -> str:
    """Of :func:`rsp_lab.figures.results.gaze.draw_gaze`."""
    residual = max(step.score_residual for step in steps)
    return " ".join(
        [
            f"Gaze fields of {name}.",
            gaze.NOTE,
            f"Content and position add up to the captured scores to a relative {residual:.1g}.",
            image_words(steps[0].image_size, image),
        ]
    )
