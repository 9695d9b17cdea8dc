"""The story of a decision without a browser: its sentences are what the analyses say, and what is slow waits."""

from __future__ import annotations

import re
from functools import cache as once
from pathlib import Path

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from app.app_pages.story import truth
from app.app_pages.story.decision import main_step
from app.charts.level_rows import tidy
from app.charts.small_pictures import picture_html
from app.shell.text import as_read
from app.store import models
from rsp_lab.analysis.comparison.compare import compare
from rsp_lab.analysis.comparison.explain import explain
from rsp_lab.analysis.ledger.change import change_ledger
from rsp_lab.analysis.passes.view import ModelView, view_model
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.data.labels import CITYSCAPES
from rsp_lab.data.panoptic.categories import THINGS
from rsp_lab.data.scenes.dataset import FIRST_SEED, SMALL
from rsp_lab.models.weights import load
from rsp_lab.text import percent, signed, significant
from tests.kit.pages import first_sentence, run

QUESTIONS = (
    "1. Where do they part?",
    "2. What did each look at?",
    "3. What did each level add?",
    "4. What was refused?",
    "5. What if the context were not there?",
    "6. Is this explanation true?",
)
ASKED = {"case": "car-bus", "scene": "2", "pixel": "140,250", "class": "car", "rival": "bus"}
ROOT = Path(__file__).parents[4]
NAMES = ("scenes-baseline", "scenes-rsp4")


@once
def pair() -> tuple[models.Photograph, models.Photograph]:
    return models.cached_pair("car-bus", FIRST_SEED["test"] + 2, None)


@once
def views() -> tuple[ModelView, ...]:
    return tuple(view_model(load(name).semantic, pair()[0].sample.image) for name in NAMES)


def target() -> PixelTarget:
    return PixelTarget(140, 250, "car", "bus")


def chapters(page: AppTest) -> dict[str, str]:
    """What each question is answered with."""
    found = {}
    for body in (as_read(element.proto.body) for element in page.get("html")):
        if "rsp-chapter" in body:
            title, answer = re.findall(r"<h2>(.*?)</h2>(?:<p>(.*)</p>)?", body)[0]
            found[title] = answer
    return found


@pytest.fixture
def told(page: AppTest) -> AppTest:
    run(page, **ASKED)
    assert not page.error
    return page


def test_six_questions_are_asked_in_order(told: AppTest) -> None:
    assert tuple(chapters(told)) == QUESTIONS


def test_its_first_sentence_says_who_says_what_and_who_is_right(told: AppTest) -> None:
    found = compare(*map(load, NAMES), pair()[0].sample.image, pixel=(140, 250))
    label = pair()[0].sample.label
    assert label is not None
    truth_there = found.class_names[int(label[140, 250])]
    said = first_sentence(told)

    for answer in found.answers:
        assert answer.label in said
        assert significant(answer.margin) in said
    assert f"The label is {truth_there}:" in said


def test_the_label_of_a_drawn_scene_is_told_in_the_classes_of_a_panoptic_pair(page: AppTest) -> None:
    # Drawn in the size that these models are trained for.
    label = models.cached_pair("car-bus", FIRST_SEED["test"] + 2, None, SMALL)[0].sample.label
    assert label is not None
    # Four rows and columns inside a car.
    inside = torch.nn.functional.avg_pool2d((label == CITYSCAPES.index("car")).float()[None], 9, 1, 4)[0] > 0.99
    y, x = inside.nonzero()[0].tolist()

    names = {"left": "scenes-panoptic-baseline", "right": "scenes-panoptic-rsp4d"}
    run(page, case="car-bus", scene="2", pixel=f"{y},{x}", **names)

    assert not page.error
    assert f"The label is {THINGS}: " in first_sentence(page)


def test_the_steps_say_what_the_analyses_say(told: AppTest) -> None:
    found = explain(*map(load, NAMES), pair()[0].sample.image, target())
    said = chapters(told)

    for account in found.accounts:
        sign = -1 if account.ledger.total < 0 else 1
        level = max(account.ledger.sums, key=lambda x: sign * account.ledger.sums[x])
        head = f"In {account.name} car over bus is {signed(account.ledger.total)} logits, and level {level} adds most"
        assert f"{head} to that, {signed(account.ledger.sums[level])}" in said[QUESTIONS[2]]
    assert found.right.rejection is not None
    step = max(found.right.rejection.steps, key=lambda one: one.refused)
    worth = tidy(step.refused).removeprefix("+")
    refused = f"At step {step.step[-2:]} scenes-rsp4 refused context worth {worth} logits for car"
    assert refused in said[QUESTIONS[3]]
    assert "scenes-baseline refuses nothing: it passes all context down." in said[QUESTIONS[3]]
    first, second = (one.sample.image for one in pair())
    for name in NAMES:
        change = change_ledger(load(name), first, second, target())
        assert f"from {signed(change.before)} to {signed(change.after)} logits in {name}" in said[QUESTIONS[4]]
    assert any("Exact: both pictures are drawn" in as_read(one.value) for one in told.caption)


def test_where_a_model_looks_is_its_heaviest_cell_away_from_its_own(told: AppTest) -> None:
    grids = compare(*map(load, NAMES), pair()[0].sample.image, pixel=(140, 250)).grids[1]
    grid, row, column = main_step(grids)
    said = chapters(told)[QUESTIONS[1]]

    assert (
        f"most clearly at step {grid.step[-2:]}: {percent(float(grid.weights[row, column]), 0)} of the weight" in said
    )
    assert (row, column) != (grid.window.half, grid.window.half)
    assert "scenes-baseline sums, with weight 1 on each cell’s own position, on every level" in said


def test_every_step_has_its_numbers_and_its_instruments(told: AppTest) -> None:
    assert len(told.expander) == 6
    ways = {str(button.key) for button in told.button if str(button.key).startswith("story-")}
    assert {"story-parting-flow", "story-looking-relations", "story-adding-ledger", "story-context-change"} <= ways
    told.button(key="story-refusing-ledger").click()
    told.run()
    assert told.session_state["ledger_reading"] == "rejection"
    assert told.query_params["pixel"] in ("140,250", ["140,250"])


def test_the_test_of_truth_runs_on_request_and_is_kept(told: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "has not been tested yet" in chapters(told)[QUESTIONS[5]]

    told.button(key="story-go-test").click()
    told.run()

    said = chapters(told)[QUESTIONS[5]]
    for name in NAMES:
        assert f"Taking away what counts most in {name} moves its margin" in said
    assert len(told.get("plotly_chart")) == 2
    monkeypatch.setattr(truth, "live_curves", lambda *_: pytest.fail("it was measured twice"))
    told.run()
    assert not told.exception
    assert chapters(told)[QUESTIONS[5]] == said


def test_a_photograph_is_told_too_and_its_edit_is_called_one(
    page: AppTest, small_camvid: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMVID_ROOT", str(small_camvid))
    run(page, source="CamVid", pixel="40,50")

    assert not page.error
    said = chapters(page)
    assert tuple(said) == QUESTIONS
    assert re.search(r"Without level \d the margin in camvid-rsp4 goes from [+−][\d.]+ to", said[QUESTIONS[4]])
    assert any("An edit, and no photograph" in as_read(one.value) for one in page.caption)


def test_networks_of_another_make_are_told_as_far_as_they_can_be(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RSP_LAB_MODELS", str(ROOT / "examples" / "home_made_models.py"))
    right = "two_maps"
    run(page, left="scenes-rsp4-tiny", right=right)

    assert not page.error
    said = chapters(page)
    assert f"{right} has no top-down steps: where its attention looks" in said[QUESTIONS[1]]
    assert f"{right} has no top-down steps, so it is not known what it refuses." in said[QUESTIONS[3]]


def test_a_note_stands_in_the_link_and_is_bounded(told: AppTest) -> None:
    told.text_area(key="typed_note").input("the kerb <b>decides</b>\nnot the wheel").run()
    assert told.query_params["note"] in (
        "the kerb <b>decides</b>\nnot the wheel",
        ["the kerb <b>decides</b>\nnot the wheel"],
    )
    told.run()
    assert told.text_area(key="typed_note").value == "the kerb <b>decides</b>\nnot the wheel"

    told.query_params["note"] = "x" * 9000
    told.run()
    assert len(str(told.text_area(key="typed_note").value)) == 500


def test_a_picture_says_what_is_to_be_seen() -> None:
    html = picture_html((4, 8), "none", [], (1, 2), "a <b>name</b>")

    assert 'data-pick="4,8"' in html
    assert "<b>name" not in html
    assert torch.tensor([1.5 / 4, 2.5 / 8]).mul(100).tolist() == [37.5, 31.25]
    assert "left:31.250%;top:37.500%" in html


def test_colours_and_lines_of_the_first_pictures_have_a_key(told: AppTest) -> None:
    bodies = [as_read(element.proto.body) for element in told.get("html") if "rsp-pair" in element.proto.body]
    first, second = ([*re.findall(r"</i>([^<]*)</span>", body)] for body in bodies[:2])

    predicted = [view.labels for view in views()]
    most = [CITYSCAPES.classes[place] for place in np.argsort(-np.bincount(np.concatenate(predicted).ravel()))[:3]]
    assert first[:3] == most
    assert second == [
        *(f"step {high}{high - 1}, from level {high} down to {high - 1}" for high in (7, 6, 5, 4)),
        "heaviest cell away from the own place",
    ]
    assert "repeating-linear-gradient(90deg," in bodies[1]
