"""The arena's figure: every method and model, chance, and what was not measured."""

from __future__ import annotations

import math

import pytest
import torch

from rsp_lab.analysis.arena.methods import METHODS, MethodMap
from rsp_lab.analysis.arena.result import MEASURES, ArenaResult, PairOutcome
from rsp_lab.data.scenes.scene import draw_scene
from rsp_lab.figures.results.arena import PANELS, draw_arena
from rsp_lab.figures.results.arena_maps import draw_arena_maps
from tests.kit.figures import axes_of, check_words, words_of

NAMES = ("ledger", "occlusion", "random")


def result(measures=tuple(MEASURES), count=3, models=("a", "b"), left_out=()):
    pairs = tuple(
        PairOutcome(
            model, "car-bus", 4, seed, (1.0, 1.0), 0.1, 0.0,
            {
                m: dict.fromkeys(measures, 0.2 * i + 0.05 * seed + 0.3 * models.index(model))
                for i, m in enumerate(NAMES) if m not in left_out
            },
            dict.fromkeys(left_out, "it does not apply"),
        )
        for model in models
        for seed in range(count)
    )  # fmt: skip
    return ArenaResult(models, dict.fromkeys(models, "sums"), {m: METHODS[m] for m in NAMES}, pairs, {})


def test_marks_are_the_estimates():
    shown = result()
    figure = draw_arena(shown)
    for panel in PANELS:
        axes = axes_of(figure, panel.measure)
        marks = sorted(float(line.get_xdata()[0]) for line in axes.lines if line.get_marker() in ("o", "s"))
        means = sorted(shown.estimate(m, n, panel.measure).mean for m in ("a", "b") for n in NAMES)
        assert all(math.isclose(x, y) for x, y in zip(marks, means, strict=True))
        low, high = axes.get_xlim()
        assert low < marks[0]
        assert marks[-1] < high
    said = words_of(figure)
    assert all(name in said for name in ("a", "b"))
    labels = [tick.get_text() for tick in axes_of(figure, PANELS[0].measure).get_yticklabels()]
    assert labels == [METHODS[name].title for name in NAMES]


def test_what_was_not_measured_is_said_and_one_pair_is_drawn():
    figure = draw_arena(result(measures=("live_score",), count=1))
    axes = axes_of(figure, "input_score")
    assert [text.get_text() for text in axes.texts] == ["not measured"]


def test_a_name_longer_than_the_sheet_is_shortened():
    figure = draw_arena(result(models=("short", "a network whose name says all that was done to it, " * 4)))
    check_words(figure)


def test_many_models_are_told_apart_and_named_in_rows():
    names = tuple(f"a network with a long name, {number}" for number in range(8))
    shown = result(models=names, left_out=("ledger",))
    figure = draw_arena(shown)
    legend = [axes_of(figure, f"legend {name}") for name in names]
    assert len({(axes.lines[0].get_color(), axes.lines[0].get_marker()) for axes in legend}) == len(names)
    assert all(axes.get_position().x1 < 1 for axes in legend)
    assert len({round(axes.get_position().y0, 4) for axes in legend}) > 1
    assert "the method or the measure does not apply" in " ".join(words_of(figure)).replace("\n", " ")
    assert "does not apply" not in " ".join(words_of(draw_arena(result())))


def test_maps_stand_under_their_methods_names_with_the_known_answer_outlined():
    scene = draw_scene(4_999_998, 64, 128, case="car-bus", distance=4)
    values = torch.randn(64, 128, dtype=torch.float64)
    figure = draw_arena_maps(scene, {name: MethodMap(METHODS[name], values, {}) for name in NAMES})
    for name in NAMES:
        axes = axes_of(figure, name)
        assert len(axes.images) == 2
        assert len(axes.collections) >= 2
        assert METHODS[name].title in words_of(figure)
    with pytest.raises(ValueError, match="64 x 128 are needed"):
        draw_arena_maps(scene, {})
