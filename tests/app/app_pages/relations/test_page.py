"""The page of relations without a browser, and its charts against the analysis."""

from __future__ import annotations

import math
import re
from functools import cache as once
from types import SimpleNamespace
from typing import cast

import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from streamlit.testing.v1 import AppTest

from app.app_pages.relations import charts
from app.app_pages.relations.page import note
from app.charts.on_image import cell_map
from app.shell.scenes import region_pixel
from app.shell.steps import StepSide
from app.store import models
from rsp_lab.analysis.relation_weights.gaze import StepGaze, gaze_steps
from rsp_lab.data.scenes.dataset import FIRST_SEED
from rsp_lab.models.pyramid import FeaturePyramid
from rsp_lab.models.weights import load, shipped
from rsp_lab.shapes import Window, cell_to_pixel, pixel_to_cell
from tests.kit.pages import run, tables


@once
def direct() -> tuple[StepGaze, ...]:
    """The right model's relations on the scene that the workbench opens with, from a pass of their own."""
    shown, _ = models.cached_pair("person-rider", FIRST_SEED["test"], None)
    return gaze_steps(load(str(shipped()["scenes-rsp4"])), shown.sample.image[None].float() / 255)


def gaze_of(step: str) -> StepGaze:
    return next(one for one in direct() if one.step == step)


def words_at(step: StepGaze, pixel: tuple[int, int]) -> list[str]:
    height, width = step.gaze.shape[-2:]
    y, x = pixel_to_cell(pixel[0], height, step.image_size[0]), pixel_to_cell(pixel[1], width, step.image_size[1])
    readings = step.readings["full"]
    down, right = float(readings.offset[0, y, x]), float(readings.offset[1, y, x])
    return [
        f"takes its context from {abs(down):.3g} px {'down' if down > 0 else 'up'} and {abs(right):.3g} px "
        f"{'right' if right > 0 else 'left'} on average (the expected offset)",
        f"reach of {float(readings.reach[y, x]):.3g} px",
        f"entropy of {float(readings.normalised_entropy[y, x]):.2f}",
        f"content alone explains {100 * step.explained('content'):.0f} %",
        f"position alone {100 * step.explained('position'):.0f} %",
    ]


def test_it_opens_and_its_sentence_is_the_analysis(page: AppTest) -> None:
    said = run(page)

    shown, _ = models.cached_pair("person-rider", FIRST_SEED["test"], None)
    assert shown.scene is not None
    for words in words_at(gaze_of("step54"), region_pixel(shown.scene)):
        assert words in said
    assert "Step 54 at y" in said
    assert "scenes-baseline sums, with weight 1 on each cell’s own position" in said
    assert len(page.get("plotly_chart")) == 4
    captions = " ".join(caption.value for caption in page.caption)
    assert "No map: scenes-baseline sums" in captions
    assert not page.warning


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Reach", r"Reach: mean ([\d.]+) px; 32 x 64 cells; scale 0 to ([\d.]+) px, the same left and right"),
        ("Expected offset, down", r"Expected offset, down: mean ([−\d.]+) px; 32 x 64 cells; scale ±([\d.]+) px"),
    ],
)
def test_step_and_map_are_chosen(page: AppTest, name: str, words: str) -> None:
    said = run(page, relations_step="43", relations_map=name, pixel="20,500")

    for expected in words_at(gaze_of("step43"), (20, 500)):
        assert expected in said
    found = [match for caption in page.caption if (match := re.search(words, caption.value))]
    values = {"Reach": lambda r: r.reach, "Expected offset, down": lambda r: r.offset[0]}[name](
        gaze_of("step43").readings["full"]
    )
    mean, end = (float(group.replace("−", "-")) for group in found[0].groups())
    assert mean == pytest.approx(float(values.mean()), rel=6e-3)
    assert end == pytest.approx(float(values.abs().quantile(0.99)), rel=6e-3)


def test_the_table_has_the_means_of_both_models(page: AppTest) -> None:
    run(page)

    table = tables(page)[-1]
    assert list(table.index) == [f"{step} {side}" for step in (76, 65, 54, 43) for side in ("left", "right")]
    assert list(table["window"])[:2] == ["own cell 1", "7 x 7"]
    for step in direct():
        means, row = step.to_dict(), table.loc[f"{step.step.removeprefix('step')} right"]
        readings = means["readings"]["full"]
        assert float(row["entropy"]) == pytest.approx(readings["normalised_entropy"], abs=6e-3)
        assert float(row["reach, px"]) == pytest.approx(readings["reach_pixels"], rel=6e-3)
        assert row["ring"] == f"{100 * readings['ring_share']:.0f} %"
        assert row["explained by content"] == f"{100 * means['explained_by_content']:.0f} %"
        share = means["position_share_of_score_variance"]
        assert row["position’s share of variance"] == f"{100 * share:.0f} %"


def test_a_new_pixel_costs_no_forward_pass(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    run(page)
    monkeypatch.setattr(FeaturePyramid, "forward", lambda *_: pytest.fail("a new pixel ran a network"))

    page.number_input(key="typed_y").set_value(100)
    page.segmented_control(key="relations_step").set_value("65")
    said = run(page)

    assert "Step 65 at y 100, x" in said
    assert words_at(gaze_of("step65"), (100, int(page.query_params["pixel"].partition(",")[2])))[0] in said


def test_without_any_relation_it_says_what_to_choose(page: AppTest) -> None:
    said = run(page, right="scenes-baseline")

    assert "There are no relations to look at here." in said
    assert "Choose a model with an RSP head" in page.info[0].value
    assert "sums, with weight 1" in page.info[0].value
    assert not page.get("plotly_chart")


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [("relations_step", "99", "Choose one of: 76, 65"), ("relations_map", "mood", "Normalised entropy")],
)
def test_a_stale_link_says_what_to_choose_instead(page: AppTest, name: str, value: str, says: str) -> None:
    run(page, **{name: value})

    assert len(page.warning) == 1
    assert says in page.warning[0].value


def test_a_step_that_the_new_models_lack_is_let_go(page: AppTest) -> None:
    page.session_state["relations_step"] = "87"

    said = run(page)

    assert "Step 54 at y" in said
    assert not page.warning


@pytest.mark.parametrize("pixel", [(0, 0), (132, 278), (255, 511)])
def test_the_windows_are_those_of_the_cell_under_the_pixel(pixel: tuple[int, int]) -> None:
    step = gaze_of("step54")

    found = charts.windows_at(step, pixel)

    told = step.at(pixel)
    parts = told["weights"]["full"], told["content"], told["position"]
    for values, expected in zip(found, (*parts, told["weights"]["content"], told["weights"]["position"]), strict=True):
        known = np.array([[math.nan if v is None else v for v in row] for row in expected])
        np.testing.assert_allclose(values, known, atol=1e-6)


def test_arrows_start_at_cell_centres_and_are_as_long_as_the_gaze() -> None:
    step, size = gaze_of("step54"), (256, 512)
    one = StepSide("right", "a", step, "", step.window)

    chart, every = charts.arrow_chart(one, charts.ARROWS["gaze"], (3, 5), "data:,", size)

    lines = next(trace for trace in chart.figure().data if trace.mode == "lines+markers")
    expected = []
    for y in range(every // 2, 16, every):
        for x in range(every // 2, 32, every):
            tail = cell_to_pixel(y, 16, 256), cell_to_pixel(x, 32, 512)
            expected.append((*tail, *(tail[axis] + float(step.arrow[axis, y, x]) for axis in (0, 1))))
    found = list(zip(lines.y[::3], lines.x[::3], lines.y[1::3], lines.x[1::3], strict=True))
    assert found == pytest.approx(np.array(expected))
    assert 0 < len(found) <= 190


def test_a_map_lies_on_the_pixels_of_its_cells() -> None:
    trace = go.Heatmap(cell_map(np.zeros((2, 3)), (10, 33), "px"))

    # Cells of 5 x 11 pixels, whose first centres are at 2 and 5.
    assert (trace.y0, trace.dy, trace.x0, trace.dx) == (2, 5, 5, 11)
    assert trace.customdata[1][2].tolist() == [1, 2]


def test_a_step_without_a_relation_has_the_weights_of_its_rule() -> None:
    window = Window(3)
    sums, averages = StepSide("left", "a", None, "sums", None), StepSide("left", "b", None, "averages", Window(5, 2))

    assert sums.fixed_weights(window).tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]
    assert averages.fixed_weights(window).shape == (5, 5)
    assert averages.fixed_weights(window).sum() == pytest.approx(1)


def test_what_explains_less_than_equal_weights_has_a_true_minus() -> None:
    gaze = SimpleNamespace(explained=lambda part: -0.21 if part == "content" else -0.001)
    side = cast("StepSide", SimpleNamespace(name="mine", gaze=gaze))

    assert "content alone explains −21 % of mine’s selection, position alone 0 %." in note((side, side))


def test_both_models_share_one_scale() -> None:
    steps = [gaze_of("step54"), gaze_of("step43")]
    sides = tuple(StepSide(side, side, one, "", one.window) for side, one in zip(("left", "right"), steps, strict=True))

    low, high = charts.scale_of(charts.READINGS["Reach"], (sides[0], sides[1]))

    both = torch.cat([one.readings["full"].reach.flatten() for one in steps])
    assert low == 0
    assert high == pytest.approx(float(both.double().quantile(0.99)))
    assert charts.scale_of(charts.READINGS["Normalised entropy"], (sides[0], sides[1])) == (0, 1)
