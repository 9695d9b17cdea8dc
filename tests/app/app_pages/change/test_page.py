"""The page of changes without a browser: it says what the change ledger says, and strokes are the mask they show."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache as once

import pytest
import torch
from streamlit.testing.v1 import AppTest

from app.app_pages.change import page as change
from app.app_pages.change.strokes import link_of, mask_of
from app.charts.signed_cells import in_fine_cells
from app.shell import changes
from app.shell.text import as_read
from app.store import models
from rsp_lab.analysis.ledger.change import ChangeLedger, change_ledger
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.data.scenes.dataset import FIRST_SEED
from rsp_lab.models.weights import load
from rsp_lab.text import signed
from tests.kit.pages import first_sentence, run


@once
def pair() -> tuple[models.Photograph, models.Photograph]:
    return models.cached_pair("car-bus", FIRST_SEED["test"] + 2, None)


def ledger(name: str, y: int, x: int) -> ChangeLedger:
    before, after = (one.sample.image for one in pair())
    return change_ledger(load(name), before, after, PixelTarget(y, x, "car", "bus"))


@pytest.fixture
def two_threads() -> Iterator[None]:
    """As on a machine that works on both models at once."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_it_says_what_the_other_cue_did_to_both_models(page: AppTest) -> None:
    said = run(page, case="car-bus", scene="2", **{"class": "car", "rival": "bus"})

    y, x = (int(page.number_input(key=f"typed_{axis}").value) for axis in "yx")
    assert not page.error, page.error[0].value
    assert f"With the other cue, car over bus at y {y}, x {x} goes" in said
    for name in ("scenes-baseline", "scenes-rsp4"):
        found = ledger(name, y, x)
        assert f"{signed(found.before)} → {signed(found.after)} logits in {name}" in said
        assert f"most by level {found.leading_level}, {signed(found.content[found.leading_level])}" in said
    assert f"looking {signed(sum(ledger('scenes-rsp4', y, x).looking.values()))}" in said
    bars = [as_read(one.proto.body) for one in page.get("html") if "rsp-bars" in one.proto.body]
    assert len(bars) == 2
    assert "looking, step 54" in bars[1]
    assert "looking" not in bars[0]
    assert any("it has no weights that could change" in as_read(one.value) for one in page.caption)


def test_the_other_reading_is_the_scenes_own_at_any_distance(page: AppTest) -> None:
    run(page, case="car-bus", scene="2", reading="1", distance="9")

    other = models.cached_pair("car-bus", FIRST_SEED["test"] + 2, 9)
    assert not page.error
    for reading in (0, 1):

        class Chosen:
            shown = other[reading]

        picture = changes.other_reading(Chosen())  # type: ignore[arg-type]
        assert torch.equal(picture, other[1 - reading].sample.image)
    for reading in (0, 1):

        class AsDrawn:
            shown = pair()[reading]

        assert torch.equal(changes.other_reading(AsDrawn()), pair()[1 - reading].sample.image)  # type: ignore[arg-type]


def test_a_photograph_waits_for_the_brush(page: AppTest, upload_png: bytes) -> None:
    run(page, source="Your image")
    page.file_uploader(key="upload").upload("street.png", upload_png, "image/png")

    assert "Paint over a part of the photograph" in run(page)
    assert page.segmented_control(key="change_how").options == ["paint over"]
    assert page.segmented_control(key="change_how").label == "What is changed"
    # Where the changed picture is going to be the photograph waits, grey and with its pixel.
    assert len(page.get("plotly_chart")) == 1
    assert any("what you paint over is filled here" in one.value for one in page.markdown)


def test_what_is_painted_over_is_accounted_for(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    mask = pair()[0].scene.ambiguities[0].cue  # type: ignore[union-attr]
    monkeypatch.setattr(change, "draw_brush", lambda selection, heading: mask)
    words = {"case": "car-bus", "scene": "2", "class": "car", "rival": "bus", "change_how": "paint over"}

    said = run(page, **words, change_fill="mean", change_level="5")

    assert "Without what is painted over, car over bus" in said
    assert "No model was trained on pictures with a part missing." in said
    before = pair()[0].sample.image
    y, x = (int(page.number_input(key=f"typed_{axis}").value) for axis in "yx")
    after = change.erase(before, mask, "mean")
    found = change_ledger(load("scenes-rsp4"), before, after, PixelTarget(y, x, "car", "bus"))
    assert f"{signed(found.before)} → {signed(found.after)} logits in scenes-rsp4" in said


def test_a_link_holds_what_is_painted(page: AppTest) -> None:
    words = {"case": "car-bus", "scene": "2", "class": "car", "rival": "bus", "change_how": "paint over"}
    shown = pair()[0]
    strokes = [([(120, 200), (130, 260)], 14)]

    said = run(page, **words, change_fill="mean", paint=str(link_of(strokes, shown.digest)))

    assert "Without what is painted over, car over bus" in said
    y, x = (int(page.number_input(key=f"typed_{axis}").value) for axis in "yx")
    after = change.erase(shown.sample.image, mask_of(strokes, shown.size), "mean")
    found = change_ledger(load("scenes-rsp4"), shown.sample.image, after, PixelTarget(y, x, "car", "bus"))
    assert f"{signed(found.before)} → {signed(found.after)} logits in scenes-rsp4" in said

    # Another photograph, and strokes that are none.
    page.number_input(key="scene").set_value(3)
    assert "Paint over a part" in run(page)
    assert "paint" not in page.query_params
    assert "Paint over a part" in run(
        page, paint=f"{models.cached_pair('car-bus', FIRST_SEED['test'] + 3, None)[0].digest[:8]}.9-1"
    )
    assert "strokes cannot be read" in as_read(page.warning[0].value)


def test_a_stale_link_says_what_to_choose_instead(page: AppTest) -> None:
    run(page, change_how="erase", change_level="9")

    assert len(page.warning) == 2
    assert "the other reading" in as_read(page.warning[0].value)
    assert "With the other cue" in first_sentence(page)


def test_fine_cells_keep_the_sum_where_four_does_not_divide_the_sides() -> None:
    values = torch.rand(30, 45, dtype=torch.float64)

    assert float(in_fine_cells(values).sum()) == pytest.approx(float(values.sum()))
    assert in_fine_cells(values).shape == (8, 12)
