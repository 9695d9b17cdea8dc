"""Key and query of every relation (Fig. 4), and whether the two complement each other beyond chance."""

from __future__ import annotations

import math
from functools import partial

import pandas as pd
import streamlit as st

from app.app_pages.key_query import charts
from app.app_pages.key_query.charts import Pair
from app.charts.theme import draw as draw_chart
from app.shell.choices import choose, control_columns, select
from app.shell.heading import Heading
from app.shell.progress import may_start
from app.shell.selection import SIDES, Selection
from app.shell.steps import no_relations, steps_with_relations
from app.shell.terms import draw_terms
from app.shell.text import draw_head, draw_table, escape
from app.store.results import results
from app.store.side_by_side import Report, side_by_side
from rsp_lab.analysis.passes.captured import CapturedPass
from rsp_lab.analysis.relation_weights.complementarity import (
    Null,
    RandomNetworks,
    StepComplementarity,
    channel_correlations,
    step_complementarities,
)
from rsp_lab.analysis.relation_weights.key_query import key_query
from rsp_lab.shapes import step_digits
from rsp_lab.text import fixed, signed_fixed, significant

TYPICAL, STRONGEST, MEAN = "typical", "strongest", "mean over all"
DRAWS = 2000
RANDOM_MODELS = ("8", "19", "39")
LEVEL = 0.05

MEASURES = """
- **Complementarity score**: minus the mean, over the middle channels c, of the correlation over the map of query
  channel c with key channel c. Above 0 the two complement each other, below 0 they agree; within −1 to 1.
- **Shuffled pairs**: the same maps with query channels paired with key channels at random, 2,000 times. **p** is the
  share of draws at least as far from their mean as the score, two-sided; the score counts as a draw itself.
- **Random weights**: scores of models of the same architecture before training, on the same image; with n of them p is
  never below 1 / (n + 1); a p at that floor is written with ≤: more draws could only make it smaller.
- **Covariance**: of query with key over the map, summed over the middle channels, in score units. No change of basis
  of the middle channels changes it, while it does change the score.
- **Typical**: the channel whose own score is nearest to the score over all channels, so that what is shown is what is
  said. **Strongest**: the channel with the largest standard deviation over the map of query · key, which moves the
  relation’s scores most, as in Fig. 4; it may well say the opposite of all the others.
- Every score has one sign: that of a channel is minus the correlation of its two maps.
- The cells of a map are not independent of each other, and one image is one image: p says how the score lies among
  these draws, and nothing about other images.
"""


def draw(selection: Selection, heading: Heading) -> None:
    steps = steps_with_relations(selection)
    if not steps:
        heading.write("There is no key and no query to look at here.")
        st.info(escape(no_relations(selection)))
        return
    first, second, third = control_columns([1, 1.4, 2.6])
    options = (TYPICAL, STRONGEST, MEAN, *map(str, range(_channels(selection.passes))))
    channel = select(heading, first, "Middle channel", "keyquery_channel", options)
    models = choose(
        heading, second, "Models with random weights", "keyquery_random", RANDOM_MODELS, default=RANDOM_MODELS[1]
    )
    with third.popover("What these measures are"):
        st.markdown(MEASURES)
    scores = [_scores(selection, side) for side in range(2)]
    heading.write(*sentence(selection.names, scores))
    draw_maps(selection, steps, channel)
    st.markdown("##### Do key and query complement each other?")
    scores = [with_random(selection, heading, side, found, int(models)) for side, found in enumerate(scores)]
    draw_scores(selection, scores)


def _channels(passes: tuple[CapturedPass, CapturedPass]) -> int:
    """Middle channels that every relation of both models has."""
    return min(one.record[f"{step}.query"].shape[1] for one in passes for step in one.steps)


def sentence(names: tuple[str, str], scores: list[tuple[StepComplementarity, ...]]) -> tuple[str, str]:
    """How the scores of each model lie, and of how many things that was worked out."""
    says = list(dict.fromkeys(_says(names[side], scores[side]) for side in (1, 0) if scores[side]))
    both = [score for side in scores for score in side]
    channels = " and ".join(map(str, sorted({score.channels for score in both})))
    counts = f"n = 1 image, {channels} middle channels a step, {len(both[0].draws):,} shuffles."
    return f"{_verdict([score for side in scores for score in side])}: {'; '.join(says)}.", counts


def _verdict(scores: list[StepComplementarity]) -> str:
    """The paper's claim (Fig. 4) and what is found of it here."""
    apart = [score for score in scores if score.shuffled.p < LEVEL]
    complement = sum(score.score > score.shuffled.mean for score in apart)
    claim = "The paper’s claim, that key and query complement each other,"
    if not apart:
        return f"{claim} can be neither seen nor denied on this image"
    if complement == len(scores):
        return f"{claim} holds on this image"
    if not complement:
        return f"{claim} does not hold on this image"
    return f"{claim} holds on this image at {complement} of {len(scores)} steps"


def _says(name: str, scores: tuple[StepComplementarity, ...]) -> str:
    values = [score.score for score in scores]
    ends = fixed(min(values)), fixed(max(values))
    span = f"scores from {ends[0]} to {ends[1]}" if len(scores) > 1 else f"score {ends[0]}"
    apart = [score for score in scores if score.shuffled.p < LEVEL]
    if not apart:
        return f"key and query of {name} neither complement each other nor agree beyond chance ({span}, p ≥ {LEVEL})"
    complement = [step_digits(s.step) for s in apart if s.score > s.shuffled.mean]
    agree = [step_digits(s.step) for s in apart if s.score <= s.shuffled.mean]
    parts = [
        f"{verb} at step{'s' if len(steps) > 1 else ''} {', '.join(steps)}"
        for verb, steps in (("complement each other", complement), ("agree", agree))
        if steps
    ]
    rest = len(scores) - len(apart)
    chance = f", and do no more than by chance at {rest} other step{'s' if rest > 1 else ''}" if rest else ""
    return f"key and query of {name} {' and '.join(parts)}{chance} ({span}; shuffled pairs p < {LEVEL})"


def draw_maps(selection: Selection, steps: tuple[str, ...], channel: str) -> None:
    """Query above key at every step, one scale a step for both maps and both models."""
    pairs = [_pairs(looked, channel) for looked in selection.passes]
    scales = charts.pair_scales(pairs)
    size, pixel = selection.shown.size, selection.result.pixel
    for side, name, shown in zip(SIDES, selection.names, pairs, strict=True):
        if not shown:
            continue
        draw_head(name, side)
        by_step = {pair.step: pair for pair in shown}
        for step, place in zip(steps, st.columns(max(3, len(steps))), strict=False):
            pair = by_step.get(step)
            if pair is None:
                place.caption(f"Step {step_digits(step)} has no relation here.")
                continue
            with place:
                draw_chart(charts.pair_chart(pair, scales[step], size, pixel), f"keyquery-maps-{side}-{step}")
                st.caption(f"**{step_digits(step)}** {pair.what}, ±{scales[step]:.3g}: {pair.words}")
    without = [f"{name} ({side})" for side, name, shown in zip(SIDES, selection.names, pairs, strict=True) if not shown]
    missing = f" {without[0]} has no relation: it computes no key and no query." if without else ""
    st.caption(
        escape(
            "Red is above 0, blue and hatched below; activations have no unit. ± is a step’s scale, the same for "
            "both maps and both models. Scores are above 0 where the two complement each other, and below 0 where "
            f"they agree; in brackets that over all channels.{missing}"
        )
    )


def _pairs(looked: CapturedPass, channel: str) -> tuple[Pair, ...]:
    found = []
    for step in looked.steps:
        query, key = (looked.record[f"{step}.{part}"][0].detach() for part in charts.PARTS)
        own = -channel_correlations(query, key).diagonal()
        score = float(own.mean())
        if channel == MEAN:
            what, maps = f"mean of {len(query)}", (query.mean(0), key.mean(0))
        else:
            typical = int((own - score).abs().argmin())
            named = {TYPICAL: typical, STRONGEST: key_query(step, query, key).channel} if not channel.isdigit() else {}
            index = named[channel] if named else int(channel)
            what, maps = f"channel {index}", (query[index], key[index])
        shown = -float(channel_correlations(maps[0][None], maps[1][None])[0, 0])
        words = f"score {signed_fixed(shown)} ({signed_fixed(score)})"
        found.append(Pair(step, what, *maps, words))
    return tuple(found)


def _scores(selection: Selection, side: int) -> tuple[StepComplementarity, ...]:
    """The score of every relation and its shuffled pairs, from the captured pass."""
    key = selection.key("complementarity", side=side)
    return results().get(key, lambda: step_complementarities(selection.passes[side].record, draws=DRAWS))


def with_random(
    selection: Selection, heading: Heading, side: int, scores: tuple[StepComplementarity, ...], models: int
) -> tuple[StepComplementarity, ...]:
    """The same with the scores of models with random weights; without them where the reader stopped that."""
    loaded = selection.loaded[side]
    key = selection.key(("complementarity of random weights", models), side=side)
    text = f"Models with random weights look at the image, as {loaded.name} would before training"
    if not scores:
        return scores
    label = f"Draw {models} models with random weights for {loaded.name}"
    if key not in results() and not may_start(text, label, f"keyquery-go-{side}"):
        return scores

    networks = RandomNetworks(selection.passes[side].segmenter)

    def draw(seed: int, _: Report) -> dict[str, float]:
        return networks.scores(selection.passes[side].image, seed)

    def work() -> list[dict[str, float]]:
        with heading.stoppable(text) as bar:
            return side_by_side([partial(draw, seed) for seed in range(models)], bar.report)

    drawn = results().get(key, work)
    return tuple(score.beside([one[score.step] for one in drawn]) for score in scores)


def draw_scores(selection: Selection, scores: list[tuple[StepComplementarity, ...]]) -> None:
    """The observed score among the draws, step by step; then the numbers."""
    both = [score for side in scores for score in side]
    ends = charts.null_ends(both)
    across = max(len(side) for side in scores)
    for side, name, shown in zip(SIDES, selection.names, scores, strict=True):
        if not shown:
            continue
        draw_head(name, side)
        for score, place in zip(shown, st.columns(max(3, across)), strict=False):
            with place:
                draw_chart(charts.null_chart(score, ends), f"keyquery-null-{side}-{score.step}")
    drawn = ", ".join(f"{n}" for n in sorted({len(score.random_draws) for score in both}))
    st.caption(
        f"Coloured line: this model. Grey: {len(both[0].draws):,} shuffled pairs of its own maps. Ticks below: models "
        f"with random weights (n = {drawn}). Above 0 key and query complement each other, below 0 they agree."
    )
    draw_terms("complementarity")
    rows = [_row(score, side) for side, shown in zip(SIDES, scores, strict=True) for score in shown]
    draw_table(pd.DataFrame(rows).set_index("step"))


def _row(score: StepComplementarity, side: str) -> dict[str, str]:
    shuffled, random = score.shuffled, score.random
    return {
        "step": f"{step_digits(score.step)} {side}",
        "cells": f"{score.cells[0]} x {score.cells[1]}",
        "score": significant(round(score.score, 3)),
        "shuffled pairs, middle 95 %": f"{fixed(shuffled.low)} to {fixed(shuffled.high)}",
        "p, shuffled": p_words(shuffled),
        "random weights, all": "–"
        if random is None
        else f"{fixed(min(score.random_draws))} to {fixed(max(score.random_draws))}",
        "p, random": "–" if random is None else p_words(random),
        "covariance, score units": significant(score.covariance),
    }


def p_words(null: Null) -> str:
    """A p; at the least that so many draws can show it is written as what it is, a bound."""
    floor = math.isclose(null.p, 1 / (null.n + 1))
    return f"≤ {null.p:.2g}, floor of {null.n:,}" if floor else f"{null.p:.2g}"
