"""Relations: where the weights of a step lie, how much of that content and position explain, and one pixel's window."""

from __future__ import annotations

import math
from enum import StrEnum

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.app_pages.relations import charts
from app.app_pages.relations.charts import Arrows
from app.charts.negative_hatch import HATCHED
from app.charts.on_image import photograph_uri
from app.charts.theme import draw as draw_chart
from app.shell.choices import choose, control_columns, select
from app.shell.heading import Heading
from app.shell.selection import Selection
from app.shell.steps import StepSide, no_relations, step_sides, steps_with_relations, warm
from app.shell.terms import draw_terms
from app.shell.text import draw_caption, draw_head, draw_table, escape, way_words
from rsp_lab.analysis.relation_weights.gaze import StepGaze
from rsp_lab.shapes import step_digits
from rsp_lab.text import percent, significant

Sides = tuple[StepSide, StepSide]
FIRST = "54"
COLUMNS = (
    "entropy",
    "reach, px",
    "ring",
    "position’s share of variance",
    "explained by content",
    "explained by position",
)

MEASURES = """
- **Weights** are those of one step; each cell has one weight for every position of its window. All readings are of
  the shares |w| / Σ|w|, which under softmax are the weights.
- **Normalised entropy**: 1 looks everywhere alike, 0 looks at one position.
- **Expected offset**: mean of the offsets from the cell, weighted; **peak offset**: to the largest weight; **reach**:
  root mean square distance. All in input pixels.
- **Score** = **content** (query · key) + **position** (a plane over the window). The slope of the plane is the
  **gaze**; its arrow is the expected offset if position alone decided, far from the border.
- **Position’s share of score variance**: cov(position, score) / var(score); content has the rest. Below 0 or above 1
  where the two work against each other.
- **Total variation** from the full weights: 0 the same, 1 nothing in common. **Explained** by one part alone: one
  minus its mean total variation over that of equal weights; the two need not add up to 1.
- **Ring**: share of weight on the outermost positions; equal weights have 24 of 49 there in a 7 x 7 window.
- **Residual**: largest |content + position − captured score|, over the largest captured score.
"""


class Drawn(StrEnum):
    """How a map lies on the page."""

    OVER = "over the photograph"
    MAP = "map"


def draw(selection: Selection, heading: Heading) -> None:
    steps = steps_with_relations(selection)
    if not steps:
        heading.write("There are no relations to look at here.")
        st.info(escape(no_relations(selection)))
        return
    with heading.spinner("Taking the relations apart"):
        warm(selection)
    first, second, third, fourth = control_columns([1.1, 1.6, 1.25, 1.05])
    options = tuple(step_digits(step) for step in steps)
    step = f"step{choose(heading, first, 'Step', 'relations_step', options, default=FIRST)}"
    name = select(heading, second, "Map of", "relations_map", tuple(charts.READINGS))
    shown = choose(heading, third, "Drawn as", "relations_drawn", tuple(Drawn))
    arrows = choose(heading, fourth, "Arrows", "relations_arrows", tuple(Arrows))
    sides = step_sides(selection, step)
    heading.write(sentence(sides, selection.result.pixel), note(sides))
    draw_maps(selection, sides, name, shown == Drawn.OVER)
    draw_windows(selection, sides)
    draw_arrows(selection, sides, arrows)
    draw_means(selection, steps)


def sentence(sides: Sides, pixel: tuple[int, int]) -> str:
    """What each model's step does at the pixel."""
    step = next(one.gaze.step for one in sides if one.gaze is not None)
    # The same model may stand on both sides.
    says = "; ".join(dict.fromkeys(_says(one, pixel) for one in reversed(sides)))
    return f"Step {step_digits(step)} at y {pixel[0]}, x {pixel[1]}: {says}."


def _says(one: StepSide, pixel: tuple[int, int]) -> str:
    if one.gaze is None:
        return f"{one.name} {one.rule}"
    readings = one.gaze.readings["full"]
    y, x = one.gaze.cell_at(pixel)
    down, right = readings.offset[:, y, x].tolist()
    return (
        f"{one.name} takes its context from {way_words(down, right)} on average (the expected offset), with a reach of "
        f"{float(readings.reach[y, x]):.3g} px and an entropy of {float(readings.normalised_entropy[y, x]):.2f}"
    )


def note(sides: Sides) -> str:
    """How much each part alone explains, over the whole map."""
    said = []
    for one in reversed(sides):
        if one.gaze is None:
            continue
        content, position = one.gaze.explained("content"), one.gaze.explained("position")
        if math.isnan(content):
            said.append(f"{one.name} has equal weights everywhere: there is nothing to explain.")
        else:
            said.append(
                f"Over the whole map content alone explains {percent(content, 0)} of {one.name}’s selection, position "
                f"alone {percent(position, 0)}."
            )
    return " ".join(dict.fromkeys(said))


def places_of(sides: Sides) -> list[DeltaGenerator]:
    """Columns of left and right; a side with nothing to draw gets room for its words alone."""
    return st.columns([3 if one.gaze is not None else 1 for one in sides])


def shares(sides: Sides) -> float:
    """How much wider a drawn side is than one half of the page."""
    return 1.0 if all(one.gaze is not None for one in sides) else 1.5


def draw_maps(selection: Selection, sides: Sides, name: str, over: bool) -> None:
    """One reading of both models over the image, on one scale."""
    reading = charts.READINGS[name]
    scale = charts.scale_of(reading, sides)
    ground, size, pixel = photograph_uri(selection), selection.shown.size, selection.result.pixel
    for one, place in zip(sides, places_of(sides), strict=True):
        with place:
            draw_head(one.name, one.side)
            if one.gaze is not None:
                figure = charts.reading_chart(one, reading, scale, pixel, ground, size, over, shares(sides))
                draw_chart(figure, f"relations-map-{one.side}")
            st.caption(_map_words(one, name, scale))


def _map_words(one: StepSide, name: str, scale: tuple[float, float]) -> str:
    if one.gaze is None:
        words = "" if one.absent else " What it does is the same at every cell."
        return f"No map: {escape(one.name)} {one.rule}.{words}"
    reading = charts.READINGS[name]
    values = charts.values_of(one.gaze, reading)
    known = values[~pd.isna(values)]
    unit = f" {reading.unit}" if reading.unit else ""
    mean = f"mean {significant(known.mean())}{unit}" if known.size else "not defined anywhere"
    ends = f"±{scale[1]:.3g}" if scale[0] < 0 else f"0 to {scale[1]:.3g}"
    cells = f"{values.shape[0]} x {values.shape[1]} cells"
    hatched = f"; {HATCHED}" if reading.signed else ""
    return f"{name}: {mean}; {cells}; scale {ends}{unit}, the same left and right{hatched}."


def draw_windows(selection: Selection, sides: Sides) -> None:
    """The selected pixel's window in both models."""
    pixel = selection.result.pixel
    st.markdown(f"##### The window at y {pixel[0]}, x {pixel[1]}")
    scales = charts.window_scales(sides, pixel)
    other = next(one.gaze for one in sides if one.gaze is not None)
    for one, place in zip(sides, places_of(sides), strict=True):
        with place:
            if one.gaze is None:
                if not one.absent:
                    draw_chart(charts.fixed_chart(one, other), f"relations-window-{one.side}")
                st.caption(f"{escape(one.name)} {one.rule}. There are no scores.")
            else:
                draw_chart(charts.windows_chart(one, pixel, scales), f"relations-window-{one.side}")
                draw_caption(_window_words(one.gaze, pixel, scales), f"relations-{one.side}", 4)


def _window_words(step: StepGaze, pixel: tuple[int, int], scales: tuple[tuple[float, float], float]) -> str:
    y, x = step.cell_at(pixel)
    down, right = step.arrow[:, y, x].tolist()
    content, position = (float(step.variation[part][y, x]) for part in ("content", "position"))
    return (
        f"{step.window.describe()} around cell y {y}, x {x} (framed); empty positions lie off the map. Weights "
        f"{significant(scales[0][0])} to {significant(scales[0][1])}, scores ±{scales[1]:.3g}, the same left and "
        f"right; {HATCHED}. Gaze, where position alone would take it from: {way_words(down, right)}. Total "
        f"variation from the full weights: content alone {content:.2f}, position alone {position:.2f}."
    )


def draw_arrows(selection: Selection, sides: Sides, kind: Arrows) -> None:
    """The gaze field, or the expected offsets, in input pixels."""
    st.markdown("##### Gaze field" if kind == Arrows.GAZE else "##### Expected offsets")
    ground, size, pixel = photograph_uri(selection), selection.shown.size, selection.result.pixel
    for one, place in zip(sides, places_of(sides), strict=True):
        with place:
            draw_head(one.name, one.side)
            if one.gaze is None:
                st.caption(f"No arrows: {escape(one.name)} {one.rule}.")
                continue
            figure, every = charts.arrow_chart(one, charts.ARROWS[kind], pixel, ground, size, shares(sides))
            draw_chart(figure, f"relations-arrows-{one.side}")
            longest = float(charts.ARROWS[kind](one.gaze).norm(dim=0).max())
            cells = "each cell" if every == 1 else f"one cell in {every} along both axes"
            what = "if position alone decided" if kind == Arrows.GAZE else "by the full weights"
            st.caption(
                f"From {cells} to where it looks on average {what}; true length in input pixels, at most "
                f"{longest:.3g} px. Arrows that leave the image are cut off."
            )


def draw_means(selection: Selection, steps: tuple[str, ...]) -> None:
    """Means over the map, step by step, of both models."""
    st.markdown("##### Means over the map")
    rows = [
        _means(one, step_digits(step))
        for step in steps
        for one, foreign in zip(step_sides(selection, step), selection.foreign, strict=True)
        if not foreign
    ]
    draw_table(pd.DataFrame(rows).set_index("step"))
    residuals = [gaze.score_residual for looked in selection.passes for gaze in looked.gaze]
    st.caption(
        f"Content + position give the captured scores: off by at most {max(residuals):.1g} of the largest score."
    )
    terms = "entropy", "expected offset, reach of the weights", "gaze", "gaze arrow", "position's share", "variation"
    draw_terms(*terms)
    with st.popover("What these measures are"):
        st.markdown(MEASURES)


def _means(one: StepSide, step: str) -> dict[str, str]:
    row = {"step": f"{step} {one.side}"}
    if one.gaze is None:
        is_sum = one.window is None and not one.absent
        fixed = "own cell 1" if is_sum else "none" if one.window is None else f"{one.window.describe()}, equal"
        # One position has no entropy, no reach and no ring: that is known without a relation.
        known = dict(zip(COLUMNS, ("0.00", "0", "0 %"), strict=False)) if is_sum else {}
        return row | {"window": fixed, **dict.fromkeys(COLUMNS, "–"), **known}
    readings, spread = one.gaze.readings["full"], float(one.gaze.position_spread.nanmean())
    means = (
        f"{float(readings.normalised_entropy.mean()):.2f}",
        f"{float(readings.reach.mean()):.3g}",
        f"{100 * float(readings.ring.mean()):.0f} %",
        _percent(spread),
        _percent(one.gaze.explained("content")),
        _percent(one.gaze.explained("position")),
    )
    return row | {"window": one.gaze.window.describe(), **dict(zip(COLUMNS, means, strict=True))}


def _percent(share: float) -> str:
    return "not defined" if math.isnan(share) else percent(share, 0)
