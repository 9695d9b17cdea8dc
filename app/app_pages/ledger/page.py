"""Ledger: where a decision came from, level by level and cell by cell, in both models, with the sum adding up."""

from __future__ import annotations

from enum import StrEnum

import pandas as pd
import streamlit as st

from app.app_pages.ledger import bars, maps, splits, whole_image
from app.app_pages.ledger.readings import Column, Panel, Panels, Reading, panels_of, strongest_level
from app.app_pages.ledger.splits import Split, SplitBy
from app.app_pages.ledger.text import READING_HELP, apart_words, measures, part_words, readings_of, sentence, sum_words
from app.app_pages.ledger.thumbs import thumbs_html
from app.charts.bar_rows import rows_html
from app.charts.signed_cells import FINEST, SIDE, grey_uri, scale_of
from app.charts.small_pictures import outline_uri
from app.charts.theme import draw as draw_chart
from app.charts.theme import is_dark
from app.shell import scenes
from app.shell.choices import choose, choose_number, control_columns, select
from app.shell.errors import REFUSED
from app.shell.heading import Heading
from app.shell.region_target import LABELS_HELP, MODE_HELP, WITHIN, Labels, Mode, TargetChoice, target_of
from app.shell.selection import Selection
from app.shell.terms import draw_terms
from app.shell.text import draw_caption, draw_head, draw_narrow_head, draw_table, escape
from app.store.results import results
from rsp_lab.analysis.targets.target import RegionTarget, Target
from rsp_lab.shapes import step_name
from rsp_lab.text import signed

STRONGEST, ALL = "strongest", "all"
WIDTHS = 1, 2.55, 1.3, 1.1, 1


class View(StrEnum):
    """How much of the image the maps show."""

    IMAGE = "whole image"
    CLOSE = "close"


def draw(selection: Selection, heading: Heading) -> None:
    reading, choice, chosen, close = choose_all(selection, heading)
    try:
        if reading == Reading.WHOLE:
            with heading.spinner("Taking the levels apart"):
                ledgers = whole_image.ledgers_of(selection)
            heading.write(whole_image.sentence(selection, ledgers))
            whole_image.draw_whole(selection, ground_of(selection, None), chosen)
            _measures(selection)
            return
        target = target_of(selection, choice)
        with heading.spinner("Adding up the ledger"):
            panels = panels_of(selection, reading, target)
            split = _class_split(selection, panels, choice, reading)
    except REFUSED as problem:
        heading.write("This cannot be put in a ledger.")
        st.error(escape(str(problem)))
        return
    note = f"{selection.chosen}." if choice.mode == Mode.PIXEL else ""
    if choice.mode == Mode.FLIP and reading == Reading.DECISION:
        note = apart_words(selection, target)
    heading.write(sentence(selection, reading, panels, target, split, choice.labels), note)
    words = part_words(selection, reading)
    parts = {x: name for x, name in words.items() if any(x in panel.maps for panel in panels)}
    ground = ground_of(selection, target)
    draw_maps(panels, ground, chosen, close, words)
    draw_sums(selection, panels, reading, parts)
    draw_thumbs(panels, ground, words, "Step by step" if reading == Reading.REJECTION else "Level by level")
    if reading != Reading.REJECTION:
        draw_split(selection, heading, panels, choice, reading, parts)
        draw_cells(panels, words)
    _measures(selection)


def choose_all(selection: Selection, heading: Heading) -> tuple[Reading, TargetChoice, str, bool]:
    """The page's controls: the reading, the target, the level shown, and whether the maps are shown close."""
    first, second, third, fourth, fifth = control_columns(WIDTHS)
    readings = readings_of(selection.foreign)
    about = " ".join(READING_HELP[one] for one in readings)
    reading = select(heading, first, "Reading", "ledger_reading", readings, help=about)
    levels = sorted({x for one in selection.passes for x in one.levels}, reverse=True)
    if reading == Reading.WHOLE:
        options = (whole_image.DECIDING, *map(str, levels))
        return reading, TargetChoice(), choose(heading, second, selection.level_label, "ledger_whole", options), False
    mode = select(heading, fourth, "Target", "ledger_target", tuple(Mode), help=MODE_HELP)
    labels = select(heading, fifth, "Labels of", "ledger_labels", tuple(Labels), help=LABELS_HELP)
    if reading == Reading.REJECTION:
        steps = [x for x in levels if any(step_name(x) in one.steps for one in selection.passes)]
        step = choose(heading, second, "Step", "ledger_step", (STRONGEST, *(f"{x}{x - 1}" for x in steps)))
        # A step goes by the level that it takes from.
        level = step if step == STRONGEST else step[0]
    else:
        level = choose(heading, second, selection.level_label, "ledger_level", (STRONGEST, ALL, *map(str, levels)))
    close = choose(heading, third, "Maps show", "ledger_view", tuple(View)) == View.CLOSE
    within = WITHIN
    if mode == Mode.BORDER:
        place = st.columns([4.85, 1.1, 1])[1]
        within = choose_number(heading, place, "Within, px", "ledger_within", (1, 64), WITHIN)
    return reading, TargetChoice(mode, labels, within), level, close


def _class_split(selection: Selection, panels: Panels, choice: TargetChoice, reading: Reading) -> Split | None:
    """For the sentence."""
    if reading == Reading.REJECTION:
        return None
    return splits.split_of(selection, panels, SplitBy.CLASS, choice.labels, reading)


def ground_of(selection: Selection, target: Target | None) -> maps.Ground:
    """The grey photograph with the target's region and what is planted outlined."""
    image, digest = selection.shown.sample.image, selection.shown.digest
    dark = is_dark()
    large, small = (
        results().get((digest, "grey", side, dark), lambda side=side: grey_uri(image, dark, side))  # type: ignore[misc]
        for side in (SIDE, maps.THUMB_SIDE)
    )
    masks = dict(scenes.outlined(selection.shown.scene)) if selection.shown.scene is not None else {}
    if isinstance(target, RegionTarget):
        masks = {**masks, "target": target.mask}
    shown = {name: mask for name, mask in masks.items() if bool(mask.any())}
    outline = outline_uri(shown)
    return maps.Ground(selection.shown.size, large, small, outline, selection.result.pixel, tuple(shown))


def draw_maps(panels: Panels, ground: maps.Ground, chosen: str, close: bool, words: dict[int, str]) -> None:
    """One level, or all, of both models and their difference, on one scale."""
    level = None if chosen == ALL else strongest_level(panels) if chosen == STRONGEST else int(chosen)
    shown = [maps.shown_map(panel, level, ground.size) for panel in panels]
    held = [values for values in shown if values is not None]
    end, most = scale_of(held)
    box = maps.close_box(held, ground) if close else None
    unit = f"logits per {FINEST} x {FINEST} px" if level is None else "logits per cell"
    for panel, values, place in zip(panels, shown, st.columns(3), strict=True):
        with place:
            draw_head(panel.name, panel.side)
            draw_chart(maps.map_chart(values, ground, end, unit, level, box), f"ledger-map-{panel.side}")
            if panel.missing:
                st.caption(escape(panel.missing))
            elif values is None:
                st.caption(f"{escape(panel.name)} has no {'such level' if level is None else words[level]}.")
    what = "All levels" if level is None else words[level].capitalize()
    st.html(maps.scale_html(end, most, unit, f"{what}; one scale for all three. A click selects a pixel.", ground))


def full_name(panel: Panel) -> str:
    return panel.side if panel.side == Column.DIFFERENCE else f"{panel.name} ({panel.side})"


def draw_sums(selection: Selection, panels: Panels, reading: Reading, words: dict[int, str]) -> None:
    """Every level's bar begins where the one above it ended; the last bar is the margin."""
    target = selection.target
    margin = "margin" if target.rival else "logit"
    total = {Reading.DECISION: f"= {margin}", Reading.GAIN: "= gain"}.get(reading, "")
    title = {
        Reading.DECISION: f"Levels and bias add up to the {margin}",
        Reading.GAIN: "Levels add up to the gain",
        Reading.REJECTION: "What taking each own cell whole would change, step by step",
    }[reading]
    st.markdown(f"##### {title}")
    ends = bars.sum_ends(panels, summed=bool(total))
    for panel, place in zip(panels, st.columns(3), strict=True):
        with place:
            if panel.missing:
                continue
            draw_narrow_head(full_name(panel))
            st.html(rows_html(bars.sum_rows(panel, words, total), ends, "logits"))
            draw_caption(sum_words(panel), f"ledger-{panel.side}", 3)


def draw_thumbs(panels: Panels, ground: maps.Ground, words: dict[int, str], title: str) -> None:
    """Every level at once."""
    levels = sorted({level for panel in panels for level in panel.maps})
    ends = {x: scale_of([panel.maps[x] for panel in panels if x in panel.maps])[0] for x in levels}
    st.markdown(f"##### {title}")
    for panel, place in zip(panels, st.columns(3), strict=True):
        with place:
            if not panel.missing:
                draw_narrow_head(full_name(panel))
                st.html(thumbs_html(panel, ends, ground, words))
    st.caption(
        "Above each map the sum of its cells and, ±, the end of its scale in logits per cell, the same in all three."
    )


def draw_split(
    selection: Selection,
    heading: Heading,
    panels: Panels,
    choice: TargetChoice,
    reading: Reading,
    words: dict[int, str],
) -> None:
    """Where the contributions come from: by class, by distance, by part of a drawn scene."""
    options = tuple(one for one in SplitBy if one != SplitBy.PART or selection.shown.scene is not None)
    first, second = st.columns([2.2, 4.7], vertical_alignment="bottom")
    first.markdown("##### What it comes from")
    by = choose(heading, second, "Split by", "ledger_split", options, default=SplitBy.PART, help=splits.SPLIT_HELP)
    split = splits.split_of(selection, panels, by, choice.labels, reading)
    end = splits.split_end(split)
    for column, (panel, place) in enumerate(zip(panels, st.columns(3), strict=True)):
        with place:
            if split.tables[column] is not None:
                draw_narrow_head(full_name(panel))
                st.html(rows_html(splits.split_rows(split, column, words), (-end, end), "logits", thick=0.7))
    st.html(bars.level_legend(words))
    if by == SplitBy.PART:
        draw_table(pd.DataFrame(splits.scene_rows(selection, panels, reading)).T)
        st.caption("Only the cue decides. The share of pixels is the control: what falls anywhere alike would have it.")


def draw_cells(panels: Panels, words: dict[int, str]) -> None:
    """The strongest cells of both models."""
    st.markdown("##### Strongest cells")
    for panel, place in zip(panels, st.columns(3), strict=True):
        if panel.ledger is None:
            continue
        rows = [
            {
                "level": words[cell.level].partition(" ")[2],
                "cell y, x": f"{cell.y}, {cell.x}",
                "around y, x": f"{cell.centre[0]:.0f}, {cell.centre[1]:.0f}",
                "logits": signed(cell.value),
            }
            for cell in panel.ledger.strongest(5)
        ]
        with place:
            draw_narrow_head(full_name(panel))
            draw_table(pd.DataFrame(rows).set_index("level"))


def _measures(selection: Selection) -> None:
    of_ours = () if all(selection.foreign) else ("contribution of a cell", "selection gain", "refused, added")
    draw_terms("margin", "residual", *of_ours)
    with st.popover("What these measures are"):
        st.markdown(measures(selection.foreign))
