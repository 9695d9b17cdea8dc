"""The page of key and query without a browser, and its scores against the analysis."""

from __future__ import annotations

import re
from functools import cache as once

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.app_pages.key_query import charts
from app.app_pages.key_query import page as key_query
from app.shell.text import as_read
from app.store import models
from app.store.results import Results
from rsp_lab.analysis.passes.captured import CapturedPass, capture_pass
from rsp_lab.analysis.relation_weights.complementarity import RandomNetworks, complementarity, step_complementarities
from rsp_lab.data.scenes.dataset import FIRST_SEED
from rsp_lab.models.pyramid import FeaturePyramid
from rsp_lab.models.weights import load, shipped
from tests.kit.pages import run, tables

FEW = "8"


@pytest.fixture
def page(page: AppTest) -> AppTest:
    page.query_params["keyquery_random"] = FEW
    page.query_params["left"], page.query_params["right"] = "scenes-baseline-tiny", "scenes-rsp4-tiny"
    return page


@once
def looked() -> CapturedPass:
    """The right model's pass on the scene that the workbench opens with."""
    shown, _ = models.cached_pair("person-rider", FIRST_SEED["test"], None)
    return capture_pass(load(str(shipped()["scenes-rsp4-tiny"])), shown.sample.image[None].float() / 255)


def two(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def test_it_opens_and_its_sentence_is_the_analysis(page: AppTest) -> None:
    said = run(page)

    found = complementarity(looked().model, [looked().image], random_models=0)
    scores = [one.score for one in found]
    assert f"scores from {two(min(scores))} to {two(max(scores))}" in said
    apart = [one.step.removeprefix("step") for one in found if one.shuffled.p < 0.05]
    assert 0 < len(apart) < len(found)
    assert all(one.score < 0 for one in found)
    assert f"agree at steps {', '.join(apart)}, and do no more than by chance at {4 - len(apart)} other step" in said
    assert "n = 1 image, 32 middle channels a step, 2,000 shuffles." in said
    assert "The paper’s claim, that key and query complement each other, does not hold on this image:" in said
    assert any("scenes-baseline-tiny (left) has no relation" in as_read(one.value) for one in page.caption)
    assert any("random weights (n = 8)" in caption.value for caption in page.caption)
    assert len(page.get("plotly_chart")) == 8


def test_the_table_has_score_and_nulls(page: AppTest) -> None:
    run(page)

    table = tables(page)[-1]
    assert list(table.index) == ["76 right", "65 right", "54 right", "43 right"]
    assert list(table["cells"]) == ["4 x 8", "8 x 16", "16 x 32", "32 x 64"]
    for one in complementarity(looked().model, [looked().image], random_models=0):
        row = table.loc[f"{one.step.removeprefix('step')} right"]
        assert float(row["score"].replace("−", "-")) == pytest.approx(one.score, abs=6e-4)
        least = one.shuffled.p == pytest.approx(1 / 2001)
        assert row["p, shuffled"] == ("≤ 0.0005, floor of 2,000" if least else f"{one.shuffled.p:.2g}")
        assert row["p, random"] == "≤ 0.11, floor of 8"


@pytest.mark.parametrize("channel", ["mean over all", "7"])
def test_the_channel_is_chosen(page: AppTest, channel: str) -> None:
    run(page, keyquery_channel=channel)

    for step in ("step76", "step65", "step54", "step43"):
        query, key = (looked().record[f"{step}.{part}"][0].double().numpy() for part in ("query", "key"))
        maps = (query.mean(0), key.mean(0)) if channel == "mean over all" else (query[7], key[7])
        r = np.corrcoef(maps[0].ravel(), maps[1].ravel())[0, 1]
        words = "mean of 32" if channel == "mean over all" else "channel 7"
        starts = f"**{step.removeprefix('step')}** {words}, ±"
        caption = next(caption.value for caption in page.caption if caption.value.startswith(starts))
        assert f"score {'+' if r < 0 else ''}{two(-r)} (" in caption


def test_the_channel_by_rule_says_what_all_say_together(page: AppTest) -> None:
    run(page)

    for one in complementarity(looked().model, [looked().image], random_models=0):
        starts = f"**{one.step.removeprefix('step')}** channel"
        caption = next(caption.value for caption in page.caption if caption.value.startswith(starts))
        found = re.search(r"score ([+−]?[\d.]+) \(([+−]?[\d.]+)\)", caption)
        assert found is not None
        shown, whole = (float(part.replace("−", "-")) for part in found.groups())
        assert whole == pytest.approx(one.score, abs=6e-3)
        assert shown == pytest.approx(whole, abs=0.1)


def test_a_new_pixel_costs_no_forward_pass(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    said = run(page)
    monkeypatch.setattr(FeaturePyramid, "forward", lambda *_: pytest.fail("a new pixel ran a network"))

    page.number_input(key="typed_y").set_value(100)

    assert run(page) == said


def test_after_a_stop_it_waits_for_its_own_button(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RandomNetworks, "scores", lambda *_: pytest.fail("drew after a stop"))
    # Of its own: the made-up scores below stay out of everybody's.
    store = Results()
    monkeypatch.setattr(key_query, "results", lambda: store)
    text = "Models with random weights look at the image, as scenes-rsp4-tiny would before training"
    page.session_state["stopped"] = text
    run(page, scene="3")

    assert any("random weights (n = 0)" in caption.value for caption in page.caption)
    assert set(tables(page)[-1]["p, random"]) == {"–"}

    asked: list[int] = []

    def scores(networks: object, image: object, seed: int) -> dict[str, float]:
        asked.append(seed)
        return dict.fromkeys(looked().frozen.steps, 0.01 * seed)

    monkeypatch.setattr(RandomNetworks, "scores", scores)
    next(button for button in page.button if str(button.key).startswith("keyquery-go")).click()
    run(page)

    assert asked == list(range(8))
    assert any("random weights (n = 8)" in caption.value for caption in page.caption)


def test_without_any_relation_it_says_what_to_choose(page: AppTest) -> None:
    said = run(page, right="scenes-baseline-tiny")

    assert "There is no key and no query" in said
    assert "Choose a model with an RSP head" in page.info[0].value


@pytest.mark.parametrize(("name", "value"), [("keyquery_channel", "32"), ("keyquery_random", "1000")])
def test_a_stale_link_says_what_to_choose_instead(page: AppTest, name: str, value: str) -> None:
    run(page, **{name: value})

    assert len(page.warning) == 1
    assert re.search("Choose one of: (typical, strongest, mean over all|8, 19, 39)", page.warning[0].value)


def test_the_line_stands_at_the_score_on_an_axis_that_holds_all_draws() -> None:
    score = step_complementarities(looked().record)[0]

    ends = charts.null_ends([score])
    figure = charts.null_chart(score, ends).figure()

    assert ends[0] < min(score.score, score.draws.min())
    assert max(score.draws.max(), 0) < ends[1]
    assert set(figure.data[-1].x) == {score.score}
    # All shuffled pairs are in some bar.
    assert sum(figure.data[0].y) == pytest.approx(100)
