"""The page of attribution without a browser, against maps and curves worked out on the model itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache as once
from html import unescape
from threading import Lock

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from app.app_pages.attribution import charts, results
from app.shell.scenes import outlined, region_pixel
from app.store import models
from app.store.private_models import private_copy
from rsp_lab.analysis.attribution.attribute import Attribution, attribute
from rsp_lab.analysis.attribution.interface import AttributionMethod
from rsp_lab.analysis.attribution.mass import half_radius, zone_shares
from rsp_lab.analysis.attribution.methods import METHODS, IntegratedGradients, Occlusion
from rsp_lab.analysis.faithfulness.at_input import Faithfulness, input_curves
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.data.scenes.dataset import FIRST_SEED
from rsp_lab.data.scenes.scene import LEAST, Scene
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.weights import load, shipped
from tests.kit.pages import run, tables

MODELS = "scenes-baseline", "scenes-rsp4"
# What the scene asks: the two readings of its region.
ASKED = {"class": "person", "rival": "rider"}
SHORT = {"STEPS": 2, "CELL": 16, "SEEDS": 1}


@pytest.fixture(autouse=True, scope="module")
def _small_scenes() -> Iterator[None]:
    """Scenes of the least size, so that a pass costs little."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "SIZE", LEAST)
        models.cached_pair.clear()
        yield
        models.cached_pair.clear()


@pytest.fixture
def page(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    for name, value in SHORT.items():
        monkeypatch.setattr(results, name, value)
    return page


@once
def scene() -> Scene:
    """What the workbench opens with."""
    drawn = models.cached_pair("person-rider", FIRST_SEED["test"], None, LEAST)[0].scene
    assert drawn is not None
    return drawn


@once
def model(name: str) -> Segmenter:
    return load(str(shipped()[name]))


def directly(name: str, target: PixelTarget, method: str) -> Attribution:
    return attribute(model(name), scene().image[None].float() / 255, target, method)


def captions(page: AppTest) -> str:
    return " ".join(caption.value for caption in page.caption)


def reference_label(page: AppTest) -> str:
    (found,) = (group.label for group in page.get("button_group") if group.key == "attribution_reference")
    return str(found)


def signed(value: float) -> str:
    return f"{value:+.3g}".replace("-", "−")


def test_maps_shares_and_curves_are_those_of_the_models(page: AppTest) -> None:
    said = run(page, attribution_method="Layer Grad-CAM", **ASKED)

    y, x = region_pixel(scene())
    target = PixelTarget(y, x, "person", "rider")
    maps = [directly(name, target, "layer_gradcam") for name in MODELS]
    zones = outlined(scene())
    shares = [zone_shares(found.values, zones) for found in maps]
    table = tables(page)[0]
    for (column, share), name in zip(enumerate(shares, 1), MODELS, strict=True):
        assert share is not None
        assert table.columns[column].startswith(name)
        assert [table.loc[zone].iloc[column] for zone in zones] == [f"{100 * share[zone]:.3g} %" for zone in zones]
        assert f"{100 * share['cue']:.3g} % for {name}" in said
    assert table.loc["cue"].iloc[0] == f"{100 * float(zones['cue'].double().mean()):.3g} %"
    assert f"For person over rider at y {y}, x {x}, by layer Grad-CAM" in said
    heads = [text.value for text in page.markdown]
    for name, found, side in zip(MODELS, maps, ("left", "right"), strict=True):
        assert any(
            f"({side}): {signed(found.target_value)} logits" in head and head.startswith(f"**{name}") for head in heads
        )
    assert len(page.get("plotly_chart")) == 4

    rows = tables(page)[1]
    for side, name, found in zip(("left", "right"), MODELS, maps, strict=True):
        image = scene().image[None].float() / 255
        curves = input_curves(model(name), image, target, {"a": found.values}, steps=2, cell=16, random_seeds=1)
        expected = curves["a"]
        mean = rows.loc[f"{side}, replaced"]["mean, logits"].replace("−", "-")
        assert float(mean) == pytest.approx(expected.curves.deletion_area, rel=6e-3, abs=1e-3)
        random = rows.loc[f"{side}, put back"]["random: median"].replace("−", "-")
        assert float(random) == pytest.approx(expected.control.insertion_area.median, rel=6e-3, abs=1e-3)


def test_on_another_target_the_sentence_is_about_the_distance(page: AppTest) -> None:
    said = run(page, attribution_method="Gradient x input", pixel="60,100")
    names = [page.selectbox(key=key).value for key in ("class", "rival")]
    assert names == ["as predicted", "as predicted"]
    assert "half of the mass lies within" in said
    assert "this target is another one" in captions(page)
    assert "This method’s contributions need not add up; its reference is black." in captions(page)
    assert reference_label(page) == "Reference of the test"


def test_feature_ablation_names_the_regions(page: AppTest) -> None:
    run(page, attribution_method="Feature ablation", attribution_regions="labelled classes")
    assert "regions replaced alone:" in captions(page)
    assert page.selectbox(key="attribution_regions").options == [
        "predicted classes",
        "connected regions",
        "labelled classes",
    ]


def test_integrated_gradients_print_their_sum_and_residual(page: AppTest) -> None:
    run(page, attribution_steps="8", left="scenes-rsp4")
    y, x = region_pixel(scene())
    assert page.selectbox(key="attribution_method").value == "Integrated gradients"
    names = page.markdown[0].value
    assert names.startswith("**scenes-rsp4**")
    said = captions(page)
    assert "The pixels add up to" in said
    assert "residual" in said
    assert reference_label(page) == "Reference"
    assert f"y {y}, x {x}" in run(page)


def test_a_sum_that_fails_is_said_in_the_sentence_and_beside_its_map(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = results.attribute

    def failing(*given: object, **settings: object) -> Attribution:
        found = real(*given, **settings)  # type: ignore[arg-type]
        return replace(found, values=found.values + 1, residual=2.0)

    monkeypatch.setattr(results, "attribute", failing)
    said = run(page, attribution_steps="8", attribution_reference="mean")
    assert "Not reliable: the contributions add up to " in said
    assert all(f"logits for {name}" in said for name in MODELS)
    beside = [text.value for text in page.markdown if "Not reliable" in text.value]
    assert len(beside) == 2
    assert all("take more steps" in text for text in beside)


def test_a_second_run_works_nothing_out_again(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    run(page, attribution_method="Layer Grad-CAM")

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("this was worked out already")

    monkeypatch.setattr(results, "attribute", refuse)
    monkeypatch.setattr(results, "input_curves", refuse)
    run(page)


def test_a_second_method_is_held_against_the_same_random_orders(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Faithfulness | None] = []
    real = results.input_curves

    def watch(*given: object, **settings: object) -> dict[str, Faithfulness]:
        asked.append(settings["beside"])  # type: ignore[arg-type]
        return real(*given, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(results, "input_curves", watch)
    y, x = region_pixel(scene())
    run(page, attribution_method="Layer Grad-CAM", pixel=f"{y},{x - 1}")
    assert asked == [None, None]
    page.selectbox(key="attribution_method").select("Gradient x input")
    run(page)

    assert [one.name for one in asked[2:] if one is not None] == ["layer Grad-CAM"] * 2


def test_one_model_on_both_sides_is_worked_out_once(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    real = results.attribute

    def count(*given: object, **settings: object) -> Attribution:
        calls.append("map")
        return real(*given, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(results, "attribute", count)
    run(page, attribution_method="Layer Grad-CAM", attribution_layer="q4", left="scenes-rsp4", right="scenes-rsp4")
    assert calls == ["map"]


def test_a_stopped_map_waits_for_its_button(page: AppTest) -> None:
    y, x = region_pixel(scene())
    page.session_state["stopped"] = f"Layer Grad-CAM of both models at y {y}, x {x}"
    said = run(page, attribution_method="Layer Grad-CAM", attribution_layer="q3")
    assert "they were stopped" in said
    assert not page.get("plotly_chart")
    page.button(key="attribution-go-map").click().run()
    assert len(page.get("plotly_chart")) == 4


def test_stopped_curves_leave_the_maps_and_wait(page: AppTest) -> None:
    y, x = region_pixel(scene())
    page.session_state["stopped"] = f"Replacing in the order of layer Grad-CAM, at y {y}, x {x}"
    run(page, attribution_method="Layer Grad-CAM", attribution_layer="q5")
    assert len(page.get("plotly_chart")) == 2
    assert "Not measured: it was stopped." in captions(page)
    page.button(key="attribution-go-curves").click().run()
    assert len(page.get("plotly_chart")) == 4


def test_every_method_is_offered_and_defined_in_its_own_words(page: AppTest) -> None:
    y, x = 5, 7  # where nothing is worked out yet
    pair = [model(name) for name in MODELS]
    for method in METHODS:
        title = method.title[0].upper() + method.title[1:]
        page.session_state["stopped"] = f"{title} of both models at y {y}, x {x}"
        if method is METHODS[0]:
            run(page, pixel=f"{y},{x}")
        page.selectbox(key="attribution_method").select(title)
        assert f"The maps of {method.title} are not worked out" in run(page)
        assert page.selectbox(key="attribution_method").value == title
        for choices in method.choices(pair, LEAST):
            box = page.selectbox(key=f"attribution_{choices.setting}")
            offered = [str(value) for value in choices.values]
            assert (box.label, box.options[: len(offered)], box.value) == (choices.label, offered, offered[0])
    page.button(key="attribution-go-map").click().run()
    definitions = " ".join(text.value for text in page.markdown)
    assert all(f"**{method.title}**: {method.rule}" in definitions for method in METHODS)


def test_links_that_ask_in_vain_are_told(page: AppTest) -> None:
    run(page, attribution_method="saliency")
    said = [unescape(warning.value) for warning in page.warning]
    assert any("'saliency', which is not here" in one for one in said), said
    assert page.selectbox(key="attribution_method").value == "Integrated gradients"


def test_a_private_copy_shares_the_weights_and_nothing_else() -> None:
    shared = model("scenes-rsp4")
    copied = private_copy(shared, Lock())
    pairs = zip(shared.parameters(), copied.parameters(), strict=True)
    assert all(ours is theirs for ours, theirs in pairs)
    assert not set(map(id, shared.modules())) & set(map(id, copied.modules()))
    image = scene().image[None].float() / 255
    seen: list[object] = []
    copied.logits.register_forward_hook(lambda *_: seen.append(1))
    with torch.no_grad():
        expected = shared(image)
        assert not seen
        torch.testing.assert_close(copied(image), expected, rtol=0, atol=0)
    assert seen


def test_drawn_cells_are_sums_where_values_add_up() -> None:
    size, target = (11, 19), PixelTarget(0, 0, "a", plain_logit=True)
    values = torch.randn(size, dtype=torch.float64)

    def of(method: AttributionMethod) -> np.ndarray:
        return charts.drawn(Attribution(method, target, values, size, "", 0.0, "blur", None, None, {}))

    cell = charts.drawn_cell(size)
    for y in range(3):
        for x in range(5):
            block = values[cell * y : cell * (y + 1), cell * x : cell * (x + 1)]
            assert of(IntegratedGradients())[y, x] == pytest.approx(float(block.sum()))
            assert of(Occlusion())[y, x] == pytest.approx(float(block.mean()))
    assert charts.drawn_cell((1024, 2048)) == 13


def test_the_radius_in_a_caption_is_the_maps(page: AppTest) -> None:
    run(page, attribution_method="Layer Grad-CAM", **ASKED)
    y, x = region_pixel(scene())
    for name in MODELS:
        found = directly(name, PixelTarget(y, x, "person", "rider"), "layer_gradcam")
        radius = half_radius(found.values, (y, x))
        assert f"within {radius:.3g} px of the pixel" in captions(page)
