"""The stories of the selected segment in both models: worked out once, kept, and drawn side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import streamlit as st
import torch

from app.app_pages.segments.pictures import score_cells, score_chart
from app.charts.bar_rows import rows_html
from app.charts.level_rows import level_ends, level_parts, level_rows
from app.charts.signed_cells import scale_of, signed_scale_html
from app.charts.theme import draw as draw_chart
from app.shell.heading import Heading
from app.shell.progress import may_start
from app.shell.selection import SIDES, Selection
from app.shell.text import draw_caption, draw_head, escape
from app.store.private_models import private_copy
from app.store.results import results
from rsp_lab.analysis.attribution.attribute import Attribution, reliability_warning
from rsp_lab.analysis.panoptic.fates import InstanceFate
from rsp_lab.analysis.panoptic.places import place_at, window_around
from rsp_lab.analysis.panoptic.score import SCORE_METHODS, attribute_score
from rsp_lab.analysis.panoptic.segmentation import PanopticPass
from rsp_lab.analysis.panoptic.segments import SegmentStory, explain_segment
from rsp_lab.text import percent, significant

Passes = tuple[PanopticPass | None, PanopticPass | None]
Stories = tuple[SegmentStory | None, SegmentStory | None]


def stories_of(selection: Selection, heading: Heading, passes: Passes, score: float, method: str) -> Stories:
    """Of each model that finds segments; a thing's attribution is left out where the reader stopped it."""
    found: list[SegmentStory | None] = []
    for side, seen in enumerate(passes):
        if seen is None:
            found.append(None)
            continue
        place = place_at(seen.merged, selection.result.pixel)
        key = selection.key(("segment", score, place.segment, selection.result.pixel), side=side)

        def tell(seen: PanopticPass = seen) -> SegmentStory:
            with heading.spinner(f"{seen.name}: why this segment"):
                return explain_segment(seen, selection.result.pixel, method=None)

        story = results().get(key, tell)
        found.append(_attributed(selection, heading, side, seen, story, method))
    return found[0], found[1]


def _attributed(
    selection: Selection, heading: Heading, side: int, seen: PanopticPass, story: SegmentStory, method: str
) -> SegmentStory:
    """The story with what the class of a thing rests on, by a method that :data:`SCORE_METHODS` has; else as it is."""
    fate = story.place.fate
    known = {one.name for one in SCORE_METHODS}
    if not isinstance(fate, InstanceFate) or method not in known:
        return story
    key = selection.key(("score", fate.rank, method), side=side)
    text = f"What {fate.title} rests on in {seen.name}"
    if key not in results() and not may_start(text, f"Show what {fate.title} rests on in {seen.name}", f"score-{side}"):
        return story
    loaded = selection.loaded[side]

    def work() -> Attribution:
        with heading.stoppable(text) as bar:
            # A copy of its own: others may run the shared one meanwhile.
            own = replace(seen, model=private_copy(seen.model, loaded.lock))
            return attribute_score(own, fate.rank, method, report=bar.report)

    return replace(story, attribution=results().get(key, work))


def draw_stories(selection: Selection, told: Stories) -> None:
    """Both stories side by side: in words, margins by level, the merge record, and what a thing's class rests on."""
    st.markdown("##### What decides the selected segment")
    _beside(told, _draw_words)
    ends = level_ends(
        (level_parts(ledger.sums, ledger.bias), ledger.total)
        for story in told
        if story is not None
        for ledger in story.ledgers
    )
    for number in range(max((len(story.ledgers) for story in told if story is not None), default=0)):
        _beside(told, lambda side, story, number=number: _draw_ledger(side, story, number, ends))  # type: ignore[misc]
    _beside(told, _draw_record)
    if any(story is not None and story.attribution is not None for story in told):
        _draw_scores(selection, told)


def _beside(told: Stories, draw: Callable[[str, SegmentStory], None]) -> None:
    for side, place, story in zip(SIDES, st.columns(2, gap="medium"), told, strict=True):
        with place:
            if story is not None:
                draw(side, story)


def _draw_words(side: str, story: SegmentStory) -> None:
    st.markdown(f"**{escape(story.place.title)}** in {escape(story.name)}")
    with st.container(key=f"lines-4-segment-{side}"):
        st.markdown(escape(story.sentence()))


def _draw_ledger(side: str, story: SegmentStory, number: int, ends: tuple[float, float]) -> None:
    if number >= len(story.ledgers):
        return
    ledger = story.ledgers[number]
    target = ledger.target
    words = f"{target.class_name} over {target.rival}, mean over {target.pixels:,} px"
    residual = f"residual {significant(ledger.residual, 1)}"
    st.html(f'<p class="rsp-line">{escape(words)} <span class="rsp-quiet">{residual}</span></p>')
    st.html(rows_html(level_rows(level_parts(ledger.sums, ledger.bias), ledger.total, "= margin"), ends, "logits"))


def _draw_record(side: str, story: SegmentStory) -> None:
    st.markdown("**How the pixels are shared out**")
    st.html(f'<ul class="rsp-record">{"".join(f"<li>{escape(line)}</li>" for line in story.record())}</ul>')
    left = story.merged.unaccounted
    st.caption(f"Pixels that the record does not account for: {left}.")


def _draw_scores(selection: Selection, told: Stories) -> None:
    """What the class of a thing rests on, of one scale left and right."""
    maps = [score_cells(one.attribution.values)[0] for one in told if one is not None and one.attribution is not None]
    end, most = scale_of(maps or [torch.zeros(1)])
    titles = {story.attribution.title for story in told if story is not None and story.attribution is not None}
    st.markdown(f"##### What the class rests on, by {escape(', '.join(titles))}")
    st.caption("A part of the image around what is selected, the same left and right.")
    window = window_around([one.place.mask for one in told if one is not None and one.attribution is not None])

    def draw(side: str, story: SegmentStory) -> None:
        draw_head(story.name, side)
        attribution, fate = story.attribution, story.place.fate
        if attribution is None or not isinstance(fate, InstanceFate):
            st.caption("No thing is selected here: nothing has a score.")
            return
        image = selection.shown.sample.image
        draw_chart(score_chart(image, attribution.values, story.place, window, end), f"segment-score-{side}")
        own, gap = story.own_share, attribution.residual
        share = "" if own is None else f"{percent(own, 0)} of what speaks for {fate.name} lies on its own pixels. "
        warning = reliability_warning({"": attribution})
        missed = "" if gap is None else f" The pixels miss the change by a relative {significant(gap, 1)}."
        missed = f" {warning}." if warning else missed
        reference = (
            ""
            if attribution.reference_value is None
            else (f", {significant(attribution.reference_value)} on the blurred image")
        )
        words = f"{share}Log odds of {fate.title}: {significant(attribution.target_value)} logits{reference}.{missed}"
        draw_caption(words, f"segment-score-{side}", 3)

    _beside(told, draw)
    unit = score_cells(torch.zeros(story_size(told)))[1]
    st.html(signed_scale_html(end, most, unit, "for and against the class, the same scale left and right"))


def story_size(told: Stories) -> tuple[int, int]:
    """(y, x) of the image."""
    return next(story.merged.size for story in told if story is not None)
