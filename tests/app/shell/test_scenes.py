"""Drawn scenes in the workbench: the counterfactual, what a link says of them, and which models stand beside them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from streamlit.testing.v1 import AppTest

from app.shell.scenes import outlined, rate_note, reading_names, region_pixel
from app.shell.sources import PAIRS, Source
from app.shell.text import as_read
from app.store.models import cached_pair, loaded_model
from rsp_lab.analysis.scenes.rates import OPENING_RULE, SOLVED, ReadingRate, opening_case, rates_in
from rsp_lab.data.scenes.dataset import FIRST_SEED
from rsp_lab.data.scenes.scene import CASES, draw_scene, draw_scene_pair
from rsp_lab.explorer.payload import payload_header
from rsp_lab.models.weights import read_header
from tests.kit.pages import explorer_payloads, run, workbench


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.delenv("CAMVID_ROOT", raising=False)
    return workbench()


def header(page: AppTest) -> dict[str, Any]:
    return payload_header(explorer_payloads(page)[0])


def models(page: AppTest) -> tuple[str, str]:
    return page.selectbox(key="left").value, page.selectbox(key="right").value


@pytest.mark.parametrize("case", CASES)
def test_the_default_pixel_lies_inside_the_region(case: str) -> None:
    scene = draw_scene(5, 128, 256, case=case)
    region = scene.ambiguities[0].region

    y, x = region_pixel(scene)

    assert region[y, x]
    depth = 1
    while region[max(y - depth, 0) : y + depth + 1, max(x - depth, 0) : x + depth + 1].all():
        depth += 1
    padded = torch.nn.functional.pad(region, (depth, depth, depth, depth))
    # No square of pixels inside the region is larger than the one around this pixel.
    assert not padded.unfold(0, 2 * depth + 1, 1).unfold(1, 2 * depth + 1, 1).flatten(2).all(2).any()


def test_a_region_that_fills_the_picture_has_its_middle() -> None:
    scene = draw_scene(0, 64, 128)
    object.__setattr__(scene.ambiguities[0], "region", torch.ones(5, 9, dtype=torch.bool))

    assert region_pixel(scene)[0] == 2


def test_both_readings_are_named_by_their_classes() -> None:
    assert {case: reading_names(case) for case in CASES} == {
        "person-rider": ("person", "rider"),
        "road-pavement": ("road", "sidewalk"),
        "car-bus": ("car", "bus"),
    }


def test_what_is_outlined_are_the_scenes_own_masks() -> None:
    scene, _ = draw_scene_pair(3, 64, 128)
    ambiguity = scene.ambiguities[0]

    masks = outlined(scene)

    assert torch.equal(masks["region"], ambiguity.region)
    assert torch.equal(masks["cue"], ambiguity.cue)
    assert torch.equal(masks["decoy"], ambiguity.decoys[0])


def test_a_link_names_case_scene_distance_and_reading(page: AppTest) -> None:
    said = run(page, case="car-bus", scene="4", distance="30", reading="bus")

    assert "The region is bus: " in said
    assert "Margin over car; cue" in said
    assert not page.warning
    other, scene = cached_pair("car-bus", FIRST_SEED["test"] + 4, 30)
    assert scene.scene.reading == 1
    assert f"cue {scene.scene.ambiguities[0].distance:.3g} px away" in said
    assert f"At y {region_pixel(scene.scene)[0]}, x {region_pixel(scene.scene)[1]}," in said
    assert other.digest != scene.digest


def test_the_counterfactual_keeps_the_pixel_and_changes_the_region(page: AppTest) -> None:
    first = run(page, pixel="130,270")
    before = header(page)["id"]

    page.button_group(key="reading").set_value(1)
    second = run(page)

    assert "The region is person: " in first
    assert "The region is rider: " in second
    assert "At y 130, x 270," in second
    assert header(page)["id"] != before


def test_another_case_starts_from_its_first_reading_and_the_regions_pixel(page: AppTest) -> None:
    run(page, pixel="130,270", reading="rider")

    page.selectbox(key="case").select("road-pavement")
    said = run(page)

    assert "The region is road: " in said
    assert "Shown is the region’s innermost pixel." in said


def test_models_follow_the_source_and_a_pair_chosen_by_hand_stays_for_an_upload(page: AppTest) -> None:
    run(page)
    assert models(page) == ("scenes-baseline", "scenes-rsp4")

    page.selectbox(key="source").select("Your image")
    page.run()
    assert models(page) == ("camvid-baseline", "camvid-rsp4")

    page.selectbox(key="source").select("Drawn scene")
    run(page)
    assert models(page) == ("scenes-baseline", "scenes-rsp4")

    page.selectbox(key="left").select("scenes-rsp4")
    run(page)
    page.selectbox(key="source").select("Your image")
    page.run()
    assert models(page) == ("scenes-rsp4", "scenes-rsp4")


def test_models_of_another_data_set_show_no_label_and_say_what_they_were_trained_on(page: AppTest) -> None:
    said = run(page, left="camvid-baseline", right="camvid-rsp4")

    assert "The region is" not in said
    assert "Trained on camvid: a drawn scene is unlike that" in said
    assert "such as scenes-rsp4, answer for its region too" in said
    assert header(page)["truth"] is None


def test_models_of_scenes_say_so_beside_a_photograph(
    page: AppTest, small_camvid: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMVID_ROOT", str(small_camvid))

    said = run(page, source="CamVid", left="scenes-baseline", right="scenes-rsp4")

    assert "Trained on drawn scenes: a photograph is unlike them" in said
    assert header(page)["truth"] is None


def test_models_of_different_classes_are_not_compared(page: AppTest) -> None:
    run(page, left="camvid-baseline")

    assert "compare models that were trained on the same classes" in page.error[0].value


def test_it_opens_by_a_stated_rule_with_the_rate_beside_it(page: AppTest) -> None:
    run(page)

    stated = [rates_in(read_header(name)[1]) for name in PAIRS[Source.SCENE]]
    assert page.selectbox(key="case").value == opening_case(stated)
    rates = [one[opening_case(stated)] for one in stated]
    assert all(rate.share >= SOLVED for rate in rates)
    said = " ".join(as_read(element.proto.body) for element in page.get("html"))
    for rate in rates:
        assert str(rate) in said
    assert OPENING_RULE in page.selectbox(key="case").help

    page.selectbox(key="left").select("scenes-baseline-tiny")  # which states none, like the other
    page.selectbox(key="right").select("scenes-rsp4-tiny")
    assert "test readings" not in run(page)


def test_rates_that_differ_are_said_of_each_model(page: AppTest) -> None:
    shown = cached_pair("car-bus", 3, None)[0].scene
    assert shown is not None
    left, right = (
        replace(loaded_model(name), rates={"car-bus": ReadingRate(right, 200)})
        for name, right in (("scenes-baseline", 198.5), ("scenes-rsp4", 200))
    )
    said = rate_note(shown, (left, right))
    assert (
        said == "Test readings of this case that are read right: scenes-baseline 198.5 of 200, scenes-rsp4 200 of 200."
    )
    assert rate_note(shown, (right, right)) == (
        "Test readings of this case that are read right: scenes-rsp4 200 of 200."
    )
