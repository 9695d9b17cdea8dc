"""The page of flips without a browser: its stories and counts against the analysis, both ways, and its jumps."""

from __future__ import annotations

from functools import cache as once
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

from app.app_pages.flips import page as flips
from app.app_pages.flips import pictures
from app.shell.text import as_read
from app.store import models
from app.store.results import Results
from rsp_lab.analysis.comparison.flips import FlipStories, flip_stories
from rsp_lab.analysis.passes.captured import CapturedPass, capture_pass
from rsp_lab.data.sample import Sample
from rsp_lab.data.scenes.dataset import FIRST_SEED
from rsp_lab.models.pyramid import FeaturePyramid
from rsp_lab.models.segmenter import labels_from_logits
from rsp_lab.models.weights import load, shipped
from tests.kit.pages import run, tables

NAMES = "scenes-baseline", "scenes-rsp4"
WORDS = {"better": "right model better", "worse": "left model better", "neither": "neither", None: "unknown"}


def sample() -> Sample:
    """What the workbench opens with."""
    return models.cached_pair("person-rider", FIRST_SEED["test"], None)[0].sample


@once
def passes() -> tuple[CapturedPass, CapturedPass]:
    left, right = (capture_pass(load(str(shipped()[name])), sample().image) for name in NAMES)
    return left, right


@once
def stories() -> FlipStories:
    left, right = (looked.frozen for looked in passes())
    return flip_stories(left, right, passes()[0].image, labels=sample().label)


def test_stories_are_those_of_the_analysis_in_their_order(page: AppTest) -> None:
    run(page)

    said = [as_read(element.value) for element in page.markdown]
    told = [words for words in said if any(words == story.sentence() for story in stories().stories)]
    assert told == [story.sentence() for story in stories().stories]
    titles = [words for words in said if words.startswith("**")]
    for number, (title, story) in enumerate(zip(titles, stories().stories, strict=True), 1):
        assert title.startswith(f"**{number}. {story.left_class} (left) / {story.right_class} (right)**")
        assert title.endswith(f"{story.pixels:,} px, {WORDS[story.verdict]}")


def test_both_directions_are_counted(page: AppTest) -> None:
    said = run(page)

    size = passes()[0].frozen.image_size
    left, right = (labels_from_logits(looked.frozen.logits, size).numpy() for looked in passes())
    label = sample().label
    assert label is not None
    truth, classes = label.numpy().astype(int), len(passes()[0].frozen.class_names)
    counts = dict.fromkeys(WORDS.values(), 0)
    for ours, theirs, true in zip(left.flat, right.flat, truth.flat, strict=True):
        if ours != theirs:
            known = 0 <= true < classes
            better, worse = known and theirs == true, known and ours == true
            counts[
                "right model better" if better else "left model better" if worse else "neither" if known else "unknown"
            ] += 1
    table = tables(page)[0]
    for verdict, count in counts.items():
        of_them = [story for story in stories().stories if WORDS[story.verdict] == verdict]
        assert table.loc[verdict].tolist() == [str(len(of_them)), f"{sum(s.pixels for s in of_them):,}", f"{count:,}"]
    assert counts["right model better"]
    assert counts["left model better"]
    assert f"in {stories().regions:,} regions" in said
    assert f"scenes-rsp4 is correct on {counts['right model better']:,} px" in said
    assert f"scenes-baseline on {counts['left model better']:,} px" in said


@pytest.mark.parametrize("verdict", ["better", "worse"])
def test_one_direction_alone(page: AppTest, verdict: str) -> None:
    run(page, flips_show=WORDS[verdict])

    wanted = [s.sentence() for s in (stories().better() if verdict == "better" else stories().worse()).stories]
    said = [as_read(element.value) for element in page.markdown]
    assert [words for words in said if " around y " in words] == wanted
    assert wanted


def test_sorted_by_size(page: AppTest) -> None:
    run(page, flips_order="size")

    sizes = [s.pixels for s in stories().stories]
    said = [as_read(element.value) for element in page.markdown]
    shown = [
        next(s.pixels for s in stories().stories if s.sentence() == words) for words in said if " around y " in words
    ]
    assert shown == sorted(sizes, reverse=True)


@pytest.mark.parametrize("way", ["pixel", "ledger"])
def test_a_flip_selects_its_innermost_pixel(page: AppTest, way: str) -> None:
    run(page)

    page.button(key=f"flips-{way}-3").click()
    run(page)

    chosen = tuple(int(page.number_input(key=f"typed_{axis}").value) for axis in "yx")
    mask = torch.nn.functional.pad(stories().stories[2].mask, (1, 1, 1, 1)).numpy()
    depths = {}
    for y, x in np.argwhere(mask):
        # Chessboard distance to what lies outside, by trying out ever larger squares.
        depth = 0
        while mask[max(0, y - depth) : y + depth + 1, max(0, x - depth) : x + depth + 1].all():
            depth += 1
        depths[int(y) - 1, int(x) - 1] = depth
    assert depths[chosen] == max(depths.values())


def test_a_new_pixel_tells_nothing_anew(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    said = run(page)
    monkeypatch.setattr(FeaturePyramid, "forward", lambda *_: pytest.fail("a new pixel ran a network"))
    monkeypatch.setattr(flips, "flip_stories", lambda *_, **__: pytest.fail("a new pixel told the stories again"))

    assert run(page, pixel="100,100") == said


def test_without_labels_nobody_knows(page: AppTest, small_camvid: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMVID_ROOT", str(small_camvid))
    said = run(page, source="CamVid", left="scenes-baseline", right="scenes-rsp4", flips_least="1")

    # CamVid's labels are not in these models' classes.
    assert "without labels nobody can say which is correct" in said
    assert tables(page)[0].loc["right model better"].tolist() == ["0", "0", "0"]
    assert all(words.value.endswith("unknown") for words in page.markdown if words.value.startswith("**"))


def test_pixels_without_a_label_are_counted(page: AppTest, small_camvid: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = small_camvid / "valannot" / "val_1.png"
    label = np.array(Image.open(path))
    monkeypatch.setenv("CAMVID_ROOT", str(small_camvid))
    label[:, ::2] = 11
    Image.fromarray(label).save(path)
    said = run(page, source="CamVid", file="val/val_1")
    counts = tables(page)[0]["px, all"].str.replace(",", "").astype(int)
    assert counts["unknown"] > 0
    assert f"neither on {counts['neither']:,} px; {counts['unknown']:,} px are not labelled." in said

    label[:] = 11
    Image.fromarray(label).save(path)
    assert "no pixel of them is labelled, so nobody can say which is correct." in run(page)


def test_the_same_model_twice_has_none(page: AppTest) -> None:
    said = run(page, left="scenes-rsp4")

    assert "part on 0 % of the image, in 0 regions" in said
    assert "Choose a smaller least size, or other models." in page.info[0].value


def test_an_empty_choice_says_so(page: AppTest) -> None:
    run(page, flips_show="unknown")

    assert "Show all, or more of them." in page.info[0].value


def test_after_a_stop_it_waits_for_its_own_button(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Results()
    monkeypatch.setattr(flips, "results", lambda: store)
    page.session_state["stopped"] = "Finding what tipped each flip"
    run(page)
    assert "not finished" in next(e.proto.body for e in page.get("html") if "not finished" in e.proto.body)

    page.button(key="flips-go").click()
    run(page)

    assert any(as_read(element.value) == stories().stories[0].sentence() for element in page.markdown)


def test_progress_is_reported_and_can_end_the_work() -> None:
    shares: list[float] = []
    left, right = (looked.frozen for looked in passes())
    flip_stories(left, right, passes()[0].image, count=4, report=shares.append)
    assert shares == [0.0, 0.25, 0.5, 0.75]

    def stop(share: float) -> None:
        if share:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        flip_stories(left, right, passes()[0].image, count=4, report=stop)


def test_choices_stand_in_the_link_and_a_stale_one_is_said(page: AppTest) -> None:
    run(page, flips_show="neither", flips_order="beauty", flips_count="20")

    assert page.segmented_control(key="flips_show").value == "neither"
    assert page.segmented_control(key="flips_count").value == "20"
    assert "Choose one of: strength, size, right model’s margin, left model’s margin." in page.warning[0].value


def test_a_close_look_holds_the_whole_flip() -> None:
    for flip in pictures.flips_of(stories().stories):
        top, left, bottom, right = pictures.look_window(flip.story, sample().image)
        inner = flip.story.box
        assert top <= inner[0] < inner[2] <= bottom <= 256
        assert left <= inner[1] < inner[3] <= right <= 512
        assert flip.story.mask[flip.pixel]
        assert flip.story.left_class in pictures.close_look(sample().image, flip)


def test_a_letter_says_what_a_colour_says() -> None:
    told = pictures.flips_of(stories().stories)
    figure = pictures.overview_chart(told, (256, 512), "", (0, 0)).figure()
    written = next(trace.text for trace in figure.data if trace.mode == "text")

    assert list(written) == [f"<b>{flip.number}{pictures.LETTERS[flip.verdict]}</b>" for flip in told]
    assert len(set(pictures.LETTERS.values())) == len(pictures.Verdict)
    legend = as_read(pictures.verdict_legend())
    assert all(f"{letter}: {verdict}" in legend for verdict, letter in pictures.LETTERS.items())


def test_a_number_at_a_side_of_the_picture_stands_towards_its_middle() -> None:
    told = pictures.flips_of(stories().stories)
    figure = pictures.overview_chart(told, (256, 512), "", (0, 0)).figure()
    written = next(trace for trace in figure.data if trace.mode == "text")

    for x, position in zip(written.x, written.textposition, strict=True):
        assert position == ("middle right" if x < 20.48 else "middle left" if x > 491.52 else "middle center")
