"""Segments: things and stuff of two panoptic models, why the selected segment is what it is, and what changed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import streamlit as st

from app.app_pages.segments import stories
from app.app_pages.segments.pictures import Shown, ground_uri, names_html, panoptic_html, semantic_html
from app.shell.chip import size_words
from app.shell.choices import choose, choose_number, control_columns, select
from app.shell.heading import Heading
from app.shell.link import set_pixel
from app.shell.selection import SIDES, Selection
from app.shell.text import draw_caption, draw_head, escape
from app.store.models import Photograph, scene_size, segments_of
from app.store.results import results
from rsp_lab.analysis.ledger.residual import LedgerError
from rsp_lab.analysis.panoptic.changes import (
    KINDS,
    MATCH_RULE,
    PanopticComparison,
    SegmentChange,
    compare_segments,
)
from rsp_lab.analysis.panoptic.merge import MergeRule
from rsp_lab.analysis.panoptic.score import SCORE_METHODS, SCORE_RULE
from rsp_lab.analysis.panoptic.segmentation import PanopticPass
from rsp_lab.models.weights import shipped_panoptic
from rsp_lab.text import percent

ALL = "all"
LISTED = 12
NOT_ATTRIBUTED = "not at all"
METHODS = {NOT_ATTRIBUTED: NOT_ATTRIBUTED, **{method.name: method.title for method in SCORE_METHODS}}
Passes = tuple[PanopticPass | None, PanopticPass | None]

MEASURES = f"""
- **Segments**: detections are placed best score first, each on what is left of its mask; one is dropped if its score
  is below the bound, or if more than half of its mask is taken. Stuff lies on what is left, if it is large enough; the
  rest is **void**.
- **Why stuff**: margins of the semantic branch, means over the segment’s pixels, each added up from the levels exactly,
  with relation weights held: over the strongest other stuff, and over things together. A residual stands beside each.
- **Why a thing**: the merge record is exact. The semantic branch’s margin of things says what it sees there; the merge
  does not ask it. The class comes from features of a region by fully connected layers: no ledger, an attribution of
  the {SCORE_RULE}.
- **Why void**: what it would have been, and the rule that dropped it.
- **What changed**: {MATCH_RULE}.
"""


@dataclass(frozen=True)
class Choices:
    """What is chosen on the page."""

    shown: Shown
    score: float
    method: str


def draw(selection: Selection, heading: Heading) -> None:
    passes, problems = passes_of(selection, heading)
    if passes == (None, None):
        draw_nothing(heading, selection.shown, problems[1] or problems[0] or "")
        return
    choices = choose_all(heading)
    passes = (_merged_by(passes[0], choices.score), _merged_by(passes[1], choices.score))
    try:
        left, right = passes
        compared = None if left is None or right is None else compare_segments(left, right)
        told = stories.stories_of(selection, heading, passes, choices.score, choices.method)
    except (ValueError, LedgerError) as problem:
        heading.write("These segments cannot be explained.")
        st.error(escape(str(problem)))
        return
    heading.write(*_sentences(selection, passes, compared, told))
    draw_pictures(selection, passes, problems, compared, told, choices.shown)
    if compared is not None:
        draw_changes(heading, compared)
    stories.draw_stories(selection, told)
    with st.popover("What these measures are"):
        st.markdown(MEASURES)


def passes_of(selection: Selection, heading: Heading) -> tuple[Passes, tuple[str | None, str | None]]:
    """Both models' segments, and of a model without an instance branch what is missing."""
    found: list[PanopticPass | None] = []
    problems: list[str | None] = []
    for loaded, view in zip(selection.loaded, selection.views, strict=True):
        try:
            with heading.spinner(f"{loaded.name} looks for things"):
                found.append(segments_of(loaded, selection.shown, view))
            problems.append(None)
        except ValueError as problem:
            found.append(None)
            problems.append(str(problem))
    return (found[0], found[1]), (problems[0], problems[1])


def draw_nothing(heading: Heading, shown: Photograph, problem: str) -> None:
    """Neither model finds segments: what is missing, and a way to models that have it."""
    heading.write("These models find no segments: they have no instance branch.")
    st.info(escape(problem))
    pair = shipped_panoptic()[:2]
    if len(pair) == 2:
        st.button(f"Take {pair[0]} and {pair[1]}", key="segments-pair", on_click=_take, args=(pair,))
        size = scene_size(pair)
        if shown.scene is not None and size != shown.size:
            st.caption(escape(f"The picture changes with them: these models have scenes of {size_words(size)}."))


def _take(pair: tuple[str, str]) -> None:
    for side, name in zip(SIDES, pair, strict=True):
        st.session_state[side] = name


def choose_all(heading: Heading) -> Choices:
    first, second, third = control_columns([1.6, 1, 1.6])
    shown = choose(heading, first, "Over the photograph", "segments_shown", tuple(Shown))
    score = choose_number(
        heading,
        second,
        "Least score",
        "segments_score",
        (0.05, 1.0),
        MergeRule().score,
        step=0.05,
        help="A detection with a lower score is dropped; everything is merged anew.",
    )
    method = select(
        heading,
        third,
        "Class of a thing attributed by",
        "segments_method",
        tuple(METHODS)[1:] + tuple(METHODS)[:1],
        words=METHODS,
        help="Which pixels the score of the selected thing rests on.",
    )
    return Choices(shown, score, method)


def _merged_by(seen: PanopticPass | None, score: float) -> PanopticPass | None:
    if seen is None or score == seen.merged.rule.score:
        return seen
    rule = seen.merged.rule
    return seen.merged_by(MergeRule(score, rule.overlap, rule.stuff_area))


def _sentences(
    selection: Selection, passes: Passes, compared: PanopticComparison | None, told: stories.Stories
) -> tuple[str, str, tuple[str, str]]:
    """The page's sentence, its note, and the line about the selected segment."""
    y, x = selection.result.pixel
    here = ", ".join(f"{story.place.title} in {story.name}" for story in told if story is not None)
    below = (f"At y {y}, x {x}: {here}.", "A thing’s percentage is its score.")
    if compared is None:
        (seen,) = (one for one in passes if one is not None)
        areas = seen.merged.map.areas
        void = sum(seen.merged.void.values()) / (seen.image_size[0] * seen.image_size[1])
        things = sum(fate.segment is not None for fate in seen.merged.instances)
        found = f"{_counted(things, 'thing')} and {_counted(len(areas) - things, 'kind')} of stuff"
        words = f"{seen.name} finds {found}; {percent(void)} is void."
        return words, "", below
    return compared.changes.sentence(), "", below


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def draw_pictures(
    selection: Selection,
    passes: Passes,
    problems: tuple[str | None, str | None],
    compared: PanopticComparison | None,
    told: stories.Stories,
    shown: Shown,
) -> None:
    """Both panoptic pictures; what the models match has one number."""
    known: dict[int, int] = {}
    for side, place, seen, problem, story, name in zip(
        SIDES, st.columns(2, gap="medium"), passes, problems, told, selection.names, strict=True
    ):
        with place:
            draw_head(name, side)
            if seen is None:
                st.info(escape(f"{problem}"))
                continue
            chosen = None if story is None else story.place.mask
            key = selection.key(("segments picture", shown, seen.merged.rule), side=SIDES.index(side))
            ground = results().get(key, partial(ground_uri, selection.shown.sample.image, seen.merged, shown))
            picture, placed = panoptic_html(ground, seen.merged, shown, selection.result.pixel, chosen, known)
            st.html(picture)
            with st.container(key=f"lines-3-segments-{side}"):
                if shown == Shown.SEMANTIC:
                    st.html(semantic_html(seen.merged))
                elif seen.merged.map.segments:
                    st.html(names_html(seen.merged, placed))
                else:
                    st.caption("No segment at all: everything is void.")
            if side == SIDES[0] and compared is not None:
                numbers = {one.segment: one.number for one in placed if one.number is not None}
                known = {second: numbers[first] for first, second in compared.changes.matches if first in numbers}


def draw_changes(heading: Heading, compared: PanopticComparison) -> None:
    """What changed from left to right, most pixels first; each selects its pixel."""
    first, second = st.columns([1, 2.4], vertical_alignment="bottom")
    first.markdown("##### What changed, left to right")
    kind = choose(heading, second, "Show", "segments_kind", (ALL, *KINDS))
    picked = [change for change in compared.changes.changes if kind in (ALL, change.kind)]
    with st.container(key="segments-changes"):
        for number, change in enumerate(picked[:LISTED], 1):
            st.button(
                escape(change_words(change)),
                key=f"segments-change-{number}",
                on_click=set_pixel,
                args=(change.pixel,),
                help=escape(f"{change.sentence()} ({KINDS[change.kind]})"),
            )
        if not picked:
            st.caption("No segment changed." if kind == ALL else f"No segment changed in this way: {kind}.")
        # The room of all of them: what stands below stays where it is.
        for _ in range(min(LISTED, len(compared.changes.changes)) - max(1, len(picked[:LISTED]))):
            st.html("<i></i>")
    more = f"And {len(picked) - LISTED} more with fewer pixels. " if len(picked) > LISTED else ""
    draw_caption(f"{more}{compared.sentences()[1]}", "segments-changes", 3)


def change_words(change: SegmentChange) -> str:
    """A change on a button, e.g. ``"new: rider 52 %, 153 px"``."""
    before, after = change.titles
    if change.kind in ("lost", "new"):
        return f"{change.kind}: {before if change.kind == 'lost' else after}, {change.pixels:,} px"
    return f"{before if before == after else f'{before} → {after}'}, {change.pixels:,} px"
