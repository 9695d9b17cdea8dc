"""Flips: where the two models part, strongest first, whichever is correct, and what tipped each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd
import streamlit as st

from app.app_pages.flips import pictures
from app.app_pages.flips.pictures import VERDICTS, Flip, Verdict
from app.charts.on_image import photograph_uri
from app.charts.theme import draw as draw_chart
from app.shell.choices import choose, choose_number, control_columns, select
from app.shell.errors import REFUSED
from app.shell.heading import Heading
from app.shell.link import set_pixel
from app.shell.navigation import jump
from app.shell.progress import may_start
from app.shell.region_target import Labels, Mode, has_true_labels, label_map
from app.shell.selection import Selection
from app.shell.terms import draw_terms
from app.shell.text import draw_table, escape
from app.store.results import results
from rsp_lab.analysis.comparison.disagreement import verdict_pixels
from rsp_lab.analysis.comparison.flips import RANK_RULE, TIPPING_RULE, FlipStories, flip_stories
from rsp_lab.text import significant

ALL = "all"
COUNTS = ("10", "20", "40")
LEAST = 30
ORDERS: dict[str, Callable[[Flip], float]] = {
    "strength": lambda flip: flip.story.score,
    "size": lambda flip: flip.story.pixels,
    "right model’s margin": lambda flip: flip.story.margins[1],
    "left model’s margin": lambda flip: flip.story.margins[0],
}

WAYS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("story", "Story", {}),
    ("ledger", "Ledger", {"ledger_target": Mode.FLIP}),
    ("flow", "Context flow", {}),
)
"""From a flip to other pages: address, title and what is chosen there."""

MEASURES = f"""
- **Flip**: a connected region in which the left model says one class and the right model another; smaller ones than
  the least size are mostly jitter of boundaries and are left out.
- **Strength**, by which flips are numbered: {RANK_RULE}.
- **Margin** of a model: its own class over the other model’s, mean over the region, in logits.
- **Right model better**: it is correct on more of the region’s labelled pixels than the left model; **neither**: both
  on as many, often none; **unknown**: no pixel of it is labelled.
- **Tipped by**: {TIPPING_RULE}. Every number in a sentence is one of a ledger, whose sum is proven.
"""


def draw(selection: Selection, heading: Heading) -> None:
    first, second, third, fourth = control_columns([2.9, 1.05, 0.9, 1])
    shown = choose(heading, first, "Show", "flips_show", (ALL, *Verdict))
    order = select(heading, second, "Sorted by", "flips_order", tuple(ORDERS))
    least = choose_number(heading, third, "Least size, px", "flips_least", (1, 9999), LEAST)
    count = choose(heading, fourth, "Strongest", "flips_count", COUNTS, default=COUNTS[0])
    try:
        stories = stories_of(selection, heading, int(count), least)
    except REFUSED as problem:
        heading.write("The flips of these models cannot be listed.")
        st.error(escape(str(problem)))
        return
    if stories is None:
        heading.write("The list of flips is not finished.")
        st.info("You stopped it. Press the button above, or choose fewer flips.")
        return
    flips = pictures.flips_of(stories.stories)
    heading.write(sentence(selection, stories), _true_words(selection, stories))
    if not flips:
        st.info(
            f"No region of {least} px or more is labelled differently. Choose a smaller least size, or other models."
        )
        return
    picked = sorted((f for f in flips if shown in (ALL, f.verdict)), key=lambda flip: -ORDERS[order](flip))
    draw_overview(selection, stories, flips, picked)
    st.markdown(f"##### {'Flips' if shown == ALL else f'Flips, {shown}'}")
    if not picked:
        st.info(f"None of the {len(flips)} strongest flips is “{shown}”. Show all, or more of them.")
    for flip in picked:
        draw_flip(selection, flip)
    if picked:
        residual = max(max(flip.story.left.residual, flip.story.right.residual) for flip in picked)
        st.caption(
            f"Every number is a ledger’s, which adds up to the model’s own margin, off by at most {residual:.0e}."
        )
    draw_terms("margin", "by class, by ring", "residual")
    with st.popover("What these measures are"):
        st.markdown(MEASURES)


def stories_of(selection: Selection, heading: Heading, count: int, least: int) -> FlipStories | None:
    """From the captured passes; kept. None where the reader stopped the work.

    Raises:
        ValueError, LedgerError: as :func:`rsp_lab.analysis.comparison.flips.flip_stories`.
    """
    key = selection.key(("flips", count, least))
    text = "Finding what tipped each flip"
    if key not in results() and not may_start(text, f"List the {count} strongest flips", "flips-go"):
        return None

    def work() -> FlipStories:
        with heading.stoppable(text) as bar:
            return flip_stories(
                selection.passes[0].frozen,
                selection.passes[1].frozen,
                selection.passes[0].image,
                count=count,
                least=least,
                labels=label_map(selection, Labels.TRUE) if has_true_labels(selection) else None,
                report=bar.report,
            )

    return results().get(key, work)


def pixel_counts(selection: Selection) -> dict[Verdict, int]:
    """Of all pixels that the models label differently, by who is correct there."""
    truth = selection.shown.labels_for(selection.loaded[0])
    left, right = (view.labels for view in selection.views)
    counts = verdict_pixels(left, right, selection.loaded[0].table.classes, truth=truth)
    return {VERDICTS[verdict]: count for verdict, count in counts.items()}


def sentence(selection: Selection, stories: FlipStories) -> str:
    """How often they part, and how often each is correct there."""
    left, right = selection.names
    share = f"{100 * selection.result.disagreeing_share:.3g} % of the image"
    regions = f"{stories.regions:,} region{'' if stories.regions == 1 else 's'}"
    if not has_true_labels(selection):
        return f"{right} and {left} part on {share}, in {regions}; without labels nobody can say which is correct."
    ours, theirs, neither, unknown = pixel_counts(selection).values()
    parted = f"{right} and {left} part on {share}, in {regions}"
    if unknown and not ours + theirs + neither:
        return f"{parted}; no pixel of them is labelled, so nobody can say which is correct."
    rest = f"; {unknown:,} px are not labelled" if unknown else ""
    return (
        f"{parted}: there {right} is correct on {ours:,} px, {left} on {theirs:,} px, neither on {neither:,} px{rest}."
    )


def _true_words(selection: Selection, stories: FlipStories) -> str:
    told = f"The {len(stories.stories)} strongest are listed; sources are named by {stories.source_rule}."
    return told if stories.stories else ""


def draw_overview(selection: Selection, stories: FlipStories, flips: Sequence[Flip], picked: Sequence[Flip]) -> None:
    """The flips on the photograph, and on how many which model is correct."""
    ground, size = photograph_uri(selection), selection.shown.size
    first, second = st.columns([1.75 if size[1] > 1.6 * size[0] else 1.2, 1], gap="medium")
    with first:
        figure = pictures.overview_chart(picked, size, ground, selection.result.pixel)
        draw_chart(figure, "flips-overview")
        st.html(pictures.verdict_legend())
    with second:
        st.markdown("##### Who is correct")
        everywhere = pixel_counts(selection)
        rows = {
            verdict: {
                "flips listed": str(sum(flip.verdict == verdict for flip in flips)),
                "their px": f"{sum(flip.story.pixels for flip in flips if flip.verdict == verdict):,}",
                "px, all": f"{everywhere[verdict]:,}",
            }
            for verdict in Verdict
        }
        draw_table(pd.DataFrame(rows).T)
        st.caption("Listed: the strongest. All: every pixel that is labelled differently, by who is correct there.")
        _draw_groups(stories)


def _draw_groups(stories: FlipStories) -> None:
    """Flips with one story."""
    groups = [(key, count) for key, count in stories.groups().most_common(5) if count > 1]
    st.markdown("##### The same story more than once")
    if not groups:
        st.caption("No two of the listed flips have the same classes and are tipped by the same cells.")
        return
    rows = [
        {
            "left / right": f"{left} / {right}",
            "tipped by": source if level is None else f"{source}, {stories.level_name(level)}",
            "flips": str(count),
        }
        for (left, right, level, source), count in groups
    ]
    draw_table(pd.DataFrame(rows).set_index("left / right"))


def draw_flip(selection: Selection, flip: Flip) -> None:
    """One flip: how it looks, its story, and the ways to look closer."""
    story = flip.story
    looks, words = st.columns([0.85, 3.85], gap="small")
    key = selection.key(("close look", flip.number, flip.verdict, story.box, story.left_class, story.right_class))
    looks.html(results().get(key, lambda: pictures.close_look(selection.shown.sample.image, flip)))
    left, right = story.margins
    words.markdown(
        f"**{flip.number}. {escape(story.left_class)} (left) / {escape(story.right_class)} (right)**, "
        f"{story.pixels:,} px, {flip.verdict}"
    )
    words.markdown(escape(story.sentence()))
    words.caption(
        f"Margin of each over the other’s class: left {significant(left)}, right {significant(right)} logits. Strength "
        f"{significant(story.score)} logits times pixels."
    )
    with words.container(horizontal=True, gap="small", key=f"flips-ways-{flip.number}"):
        for path, label, choices in WAYS:
            if st.button(label, key=f"flips-{path}-{flip.number}", type="tertiary"):
                jump(path, flip.pixel, **choices)
        st.button(
            "Select its pixel",
            key=f"flips-pixel-{flip.number}",
            on_click=set_pixel,
            args=(flip.pixel,),
            type="tertiary",
        )
