"""The page of segments without a browser: its words against the analysis, and what models without segments are told."""

from __future__ import annotations

import re

import pytest
import torch
from streamlit.testing.v1 import AppTest

from app.app_pages.segments import page as segments
from app.app_pages.segments import pictures
from app.app_pages.segments.pictures import Shown
from app.shell.text import as_read
from app.store import models
from rsp_lab.analysis.panoptic.changes import PanopticComparison, compare_segments
from rsp_lab.analysis.panoptic.places import Kind, places
from rsp_lab.analysis.panoptic.segmentation import PanopticPass, panoptic
from rsp_lab.analysis.panoptic.segments import explain_segment
from rsp_lab.data.scenes.dataset import FIRST_SEED, SIZE, SMALL
from rsp_lab.models.load_any import load_panoptic
from tests.kit.pages import run

NAMES = "scenes-panoptic-baseline", "scenes-panoptic-rsp4d"
LINK = {"left": NAMES[0], "right": NAMES[1], "case": "person-rider"}


@pytest.fixture(scope="module")
def compared() -> PanopticComparison:
    """By the analysis alone."""
    image = models.cached_pair("person-rider", FIRST_SEED["test"], None, SMALL)[0].sample.image
    left, right = (panoptic(load_panoptic(name), image) for name in NAMES)
    return compare_segments(left, right)


def pixel_of(seen: PanopticPass, kind: Kind) -> tuple[int, int]:
    return next(place.pixel for place in places(seen.merged) if place.kind == kind)


def html_of(page: AppTest) -> str:
    return "\n".join(as_read(element.proto.body) for element in page.get("html"))


def captions(page: AppTest) -> list[str]:
    return [as_read(element.value) for element in page.caption]


def test_models_without_segments_are_told_what_is_missing(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    said = run(page)

    assert "These models find no segments: they have no instance branch" in said
    assert "scenes-rsp4 has no instance branch" in as_read(page.info[0].value)
    assert "The picture changes with them: these models have scenes of 128 x 256 px." in captions(page)


def test_a_button_takes_the_shipped_pair(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = models.model_names()[:2]
    monkeypatch.setattr(segments, "shipped_panoptic", lambda: pair)
    run(page)
    page.button(key="segments-pair").click()
    page.run()

    assert (page.session_state["left"], page.session_state["right"]) == pair


def test_the_first_sentence_says_what_changed(page: AppTest, compared: PanopticComparison) -> None:
    said = run(page, **LINK)

    assert compared.changes.sentence() in said
    assert any(compared.sentences()[1] in caption for caption in captions(page))
    assert models.scene_size(NAMES) == SMALL
    assert models.scene_size(("scenes-baseline", NAMES[0])) == SIZE


@pytest.mark.parametrize("kind", ["stuff", "thing", "void"])
def test_the_story_of_the_selected_segment_is_that_of_the_analysis(
    page: AppTest, compared: PanopticComparison, kind: Kind
) -> None:
    pixel = pixel_of(compared.right, kind)
    said = run(page, **LINK, pixel=f"{pixel[0]},{pixel[1]}", segments_method="gradient x input")
    told = [explain_segment(seen, pixel, method="gradient_x_input") for seen in (compared.left, compared.right)]

    shown = captions(page)
    for story in told:
        words = "\n".join(as_read(element.value) for element in page.markdown) + html_of(page)
        assert story.sentence() in words
        assert f"{story.place.title} in {story.name}" in said
        assert all(line in words for line in story.record())
    scores = [caption for caption in shown if "lies on its own pixels" in caption and "Log odds" in caption]
    assert len(scores) == sum(story.place.kind == "thing" for story in told)


def test_a_change_selects_its_pixel(page: AppTest, compared: PanopticComparison) -> None:
    run(page, **LINK)
    page.button(key="segments-change-2").click()
    run(page)

    chosen = tuple(int(page.number_input(key=f"typed_{axis}").value) for axis in "yx")
    change = compared.changes.changes[1]
    assert chosen == change.pixel
    assert change.mask[chosen]


def test_changes_of_one_kind(page: AppTest, compared: PanopticComparison) -> None:
    kind = next(change.kind for change in compared.changes.changes if change.kind != "extent")
    run(page, **LINK, segments_kind=kind)
    wanted = [segments.change_words(change) for change in compared.changes.changes if change.kind == kind]

    shown = [as_read(one.label) for one in page.button if one.key.startswith("segments-change")]
    assert shown == wanted[: segments.LISTED]
    room = min(segments.LISTED, len(compared.changes.changes))
    assert len(shown) + sum(element.proto.body == "<i></i>" for element in page.get("html")) == room


def test_nothing_found_is_an_honest_result(page: AppTest) -> None:
    said = run(page, **{**LINK, "segments_score": "1.0"})

    assert "the same segments, pixel for pixel" in said or "of the pixels" in said
    assert not page.exception


@pytest.mark.parametrize("shown", list(Shown))
def test_a_picture_has_the_selected_pixel_and_its_names(compared: PanopticComparison, shown: Shown) -> None:
    seen = compared.left
    image = (seen.image[0] * 255).round().to(torch.uint8)
    picture, placed = pictures.panoptic_html(
        pictures.ground_uri(image, seen.merged, shown), seen.merged, shown, (3, 4), None
    )

    in_picture = [one.words for one in placed if one.centre is not None]
    assert [as_read(words) for words in re.findall(r"<span[^>]*>([^<]*)</span>", picture)] == in_picture
    assert bool(placed) == (shown == Shown.SEGMENTS)
    assert 'data-pick="128,256"' in picture
    assert '<b style="top:2.73%;left:1.76%">' in picture
    below = pictures.names_html(seen.merged, placed)
    assert below.count("<i ") == sum(one.number is not None or one.centre is None for one in placed)


def test_the_semantic_map_names_its_classes_and_what_has_no_tint(compared: PanopticComparison) -> None:
    merged = compared.left.merged
    legend = as_read(pictures.semantic_html(merged))
    names = merged.table.semantic.classes
    present = {names[int(label)] for label in merged.labels.unique() if label}

    assert legend.count("<i ") == len(present)
    assert all(name in legend for name in present)
    assert "not tinted: things" in legend


def test_both_parts_of_the_image_have_their_model_s_name(page: AppTest, compared: PanopticComparison) -> None:
    pixel = pixel_of(compared.right, "thing")
    run(page, **LINK, pixel=f"{pixel[0]},{pixel[1]}", segments_method="gradient x input")
    heads = [as_read(element.value) for element in page.markdown]

    assert all(sum(head.startswith(f"**{name}**") for head in heads) == 2 for name in NAMES)
    assert any("the same left and right" in caption for caption in captions(page))
