"""Ledger: where a decision came from, level by level and cell by cell, in both models, with the sum adding up."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app.app_pages.ledger import bars, maps, splits, whole_image
from app.app_pages.ledger.readings import (
    DECISION,
    GAIN,
    READINGS,
    REJECTION,
    SIDES,
    WHOLE,
    Panel,
    Panels,
    panels_of,
    strongest_level,
)
from app.app_pages.ledger.splits import Split
from app.app_pages.ledger.text import MEASURES, READING_HELP, part_words, sentence, sum_words
from app.app_pages.ledger.thumbs import thumbs_html
from app.charts.bar_rows import rows_html
from app.charts.theme import draw as draw_chart
from app.charts.theme import is_dark
from app.shell import scenes
from app.shell.choices import choose, select
from app.shell.region_target import BORDER, LABELS, LABELS_HELP, MODE_HELP, MODES, PIXEL, WITHIN, Asked, target_of
from app.shell.selection import Selection
from app.shell.text import draw_narrow_head, plain
from app.store.results import results
from rsp_lab.analysis.ledger.ledger import LedgerError
from rsp_lab.analysis.targets.target import RegionTarget, Target
from rsp_lab.shapes import step_name
from rsp_lab.text import signed

STRONGEST, ALL = "strongest", "all"
WIDTHS = 1, 2.55, 1.3, 1.1, 1
IMAGE, CLOSE = VIEWS = ("whole image", "close")


def draw(selection: Selection) -> None:
    reading, asked, chosen, close = choose_all(selection)
    try:
        if reading == WHOLE:
            with selection.notices, st.spinner("Taking the levels apart", show_time=True):
                ledgers = whole_image.ledgers_of(selection)
            selection.say(whole_image.sentence(selection, ledgers))
            whole_image.draw_whole(selection, ground_of(selection, None), chosen)
            _measures()
            return
        target = target_of(selection, asked)
        with selection.notices, st.spinner("Adding up the ledger", show_time=True):
            panels = panels_of(selection, reading, target)
            split = _class_split(selection, panels, asked, reading)
    except (ValueError, LedgerError) as problem:
        selection.say("This cannot be put in a ledger.")
        st.error(plain(str(problem)))
        return
    selection.say(
        sentence(selection, reading, panels, target, split), f"{selection.chosen}." if asked.mode == PIXEL else ""
    )
    words = part_words(reading)
    ground = ground_of(selection, target)
    draw_maps(panels, ground, chosen, close, words)
    draw_sums(selection, panels, reading, words)
    draw_thumbs(panels, ground, words)
    if reading != REJECTION:
        draw_split(selection, panels, asked, reading)
        draw_cells(panels)
    _measures()


def choose_all(selection: Selection) -> tuple[str, Asked, str, bool]:
    """The page's controls: the reading, the target, the level shown, and whether the maps are shown close."""
    first, second, third, fourth, fifth = st.columns(WIDTHS, vertical_alignment="bottom")
    reading = select(selection, first, "Reading", "ledger_reading", READINGS, help=READING_HELP)
    levels = sorted({x for one in selection.passes for x in one.frozen.levels}, reverse=True)
    if reading == WHOLE:
        options = (whole_image.DECIDING, *map(str, levels))
        return reading, Asked(), choose(selection, second, "Level", "ledger_whole", options), False
    mode = select(selection, fourth, "Target", "ledger_target", MODES, help=MODE_HELP)
    labels = select(selection, fifth, "Labels of", "ledger_labels", LABELS, help=LABELS_HELP)
    if reading == REJECTION:
        steps = [x for x in levels if any(step_name(x) in one.frozen.steps for one in selection.passes)]
        step = choose(selection, second, "Step", "ledger_step", (STRONGEST, *(f"{x}{x - 1}" for x in steps)))
        # A step goes by the level that it takes from.
        level = step if step == STRONGEST else step[0]
    else:
        level = choose(selection, second, "Level", "ledger_level", (STRONGEST, ALL, *map(str, levels)))
    close = choose(selection, third, "Maps show", "ledger_view", VIEWS) == CLOSE
    within = WITHIN
    if mode == BORDER:
        place = st.columns([4.85, 1.1, 1])[1]
        within = int(place.number_input("Within, px", 1, 64, WITHIN, key="ledger_within", bind="query-params"))
    return reading, Asked(mode, labels, within), level, close


def _class_split(selection: Selection, panels: Panels, asked: Asked, reading: str) -> Split | None:
    """For the sentence."""
    return None if reading == REJECTION else splits.split_of(selection, panels, splits.CLASS, asked.labels, reading)


def ground_of(selection: Selection, target: Target | None) -> maps.Ground:
    """The grey photograph with the target's region and what is planted outlined."""
    image, digest = selection.shown.sample.image, selection.shown.digest
    dark = is_dark()
    large = results().get((digest, "grey", dark), lambda: maps.grey_uri(image, dark))
    small = results().get((digest, "grey, small", dark), lambda: maps.grey_uri(image, dark, maps.THUMB_SIDE))
    masks = dict(scenes.outlined(selection.shown.scene)) if selection.shown.scene is not None else {}
    if isinstance(target, RegionTarget):
        masks = {**masks, "target": target.mask}
    shown = {name: mask for name, mask in masks.items() if bool(mask.any())}
    outline = maps.outline_uri(shown)
    return maps.Ground(selection.shown.size, large, small, outline, selection.result.pixel, tuple(shown))


def draw_maps(panels: Panels, ground: maps.Ground, chosen: str, close: bool, words: dict[int, str]) -> None:
    """One level, or all, of both models and their difference, on one scale."""
    level = None if chosen == ALL else strongest_level(panels) if chosen == STRONGEST else int(chosen)
    shown = [maps.shown_map(panel, level, ground.size) for panel in panels]
    held = [values for values in shown if values is not None]
    end, most = maps.scale_of(held)
    box = maps.close_box(held, ground) if close else None
    unit = f"logits per {maps.FINEST} x {maps.FINEST} px" if level is None else "logits a cell"
    for panel, values, place in zip(panels, shown, st.columns(3), strict=True):
        with place:
            head(panel)
            draw_chart(maps.map_figure(values, ground, end, unit, level, box), f"ledger-map-{panel.side}")
            if panel.missing:
                st.caption(plain(panel.missing))
            elif values is None:
                st.caption(f"{plain(panel.name)} has no {'such level' if level is None else words[level]}.")
    what = "All levels" if level is None else words[level].capitalize()
    st.html(maps.scale_html(end, most, unit, f"{what}; one scale for all three. A click selects a pixel.", ground))


def head(panel: Panel) -> None:
    st.markdown(f"**{panel.side}**" if panel.side == SIDES[2] else f"**{plain(panel.name)}** ({panel.side})")


def full_name(panel: Panel) -> str:
    return panel.side if panel.side == SIDES[2] else f"{panel.name} ({panel.side})"


def draw_sums(selection: Selection, panels: Panels, reading: str, words: dict[int, str]) -> None:
    """Every level's bar begins where the one above it ended; the last bar is the margin."""
    target = selection.target
    margin = "margin" if target.rival else "logit"
    total = {DECISION: f"= {margin}", GAIN: "= gain"}.get(reading, "")
    title = {
        DECISION: f"Levels and bias add up to the {margin}",
        GAIN: "Levels add up to the gain",
        REJECTION: "What taking each own cell whole would change, step by step",
    }[reading]
    st.markdown(f"##### {title}")
    ends = bars.sum_ends(panels, summed=bool(total))
    for panel, place in zip(panels, st.columns(3), strict=True):
        with place:
            if panel.missing:
                continue
            draw_narrow_head(full_name(panel))
            st.html(rows_html(bars.sum_rows(panel, words, total), ends, "logits"))
            st.caption(sum_words(panel))


def draw_thumbs(panels: Panels, ground: maps.Ground, words: dict[int, str]) -> None:
    """Every level at once."""
    levels = sorted({level for panel in panels for level in panel.maps})
    ends = {x: maps.scale_of([panel.maps[x] for panel in panels if x in panel.maps])[0] for x in levels}
    st.markdown("##### Level by level" if words[7].startswith("level") else "##### Step by step")
    for panel, place in zip(panels, st.columns(3), strict=True):
        with place:
            if not panel.missing:
                draw_narrow_head(full_name(panel))
                st.html(thumbs_html(panel, ends, ground, words))
    st.caption(
        "Above each map the sum of its cells and, ±, the end of its scale in logits a cell, the same in all three."
    )


def draw_split(selection: Selection, panels: Panels, asked: Asked, reading: str) -> None:
    """Where the contributions come from: by class, by distance, by part of a drawn scene."""
    known = splits.SPLITS if selection.shown.scene is not None else splits.SPLITS[:2]
    first, second = st.columns([2.2, 4.7], vertical_alignment="bottom")
    first.markdown("##### What it comes from")
    by = choose(selection, second, "Split by", "ledger_split", known, default=splits.PART, help=splits.SPLIT_HELP)
    split = splits.split_of(selection, panels, by, asked.labels, reading)
    end = splits.split_end(split)
    for number_, (panel, place) in enumerate(zip(panels, st.columns(3), strict=True)):
        with place:
            if split.tables[number_] is not None:
                draw_narrow_head(full_name(panel))
                st.html(rows_html(splits.split_rows(split, number_), (-end, end), "logits", thick=0.7))
    st.html(bars.level_legend(sorted({level for panel in panels for level in panel.maps}, reverse=True)))
    if by == splits.PART:
        st.table(pd.DataFrame(splits.planted_rows(selection, panels, reading)).T, border="horizontal")
        st.caption("Only the cue decides. The share of pixels is the control: what falls anywhere alike would have it.")


def draw_cells(panels: Panels) -> None:
    """The strongest cells of both models."""
    st.markdown("##### Strongest cells")
    for panel, place in zip(panels, st.columns(3), strict=True):
        if panel.ledger is None:
            continue
        rows = [
            {
                "level": str(cell.level),
                "cell y, x": f"{cell.y}, {cell.x}",
                "around y, x": f"{cell.centre[0]:.0f}, {cell.centre[1]:.0f}",
                "logits": signed(cell.value),
            }
            for cell in panel.ledger.strongest(5)
        ]
        with place:
            draw_narrow_head(full_name(panel))
            st.table(pd.DataFrame(rows).set_index("level"), border="horizontal")


def _measures() -> None:
    with st.popover("What these measures are"):
        st.markdown(MEASURES)
