"""The page of context flow below the explorer: channels to choose from, one step large, and what it refused."""

from __future__ import annotations

import re

import numpy as np
import torch
from streamlit.testing.v1 import AppTest

from app.app_pages.flow.charts import PARTS, flow_map, rejection_chart, step_chart
from app.store import models
from rsp_lab.analysis.comparison.channels import rank_channels
from rsp_lab.analysis.ledger.selection import rejection_map
from rsp_lab.analysis.passes.flow import StepFlow
from rsp_lab.analysis.targets.regions import whole_image
from rsp_lab.data.scenes.dataset import FIRST_SEED
from rsp_lab.models.segmenter import labels_from_logits
from rsp_lab.models.weights import load, shipped
from tests.kit.pages import run, tables

RAW = {"raw_channel": "true"}


def captions(page: AppTest) -> str:
    return " ".join(caption.value for caption in page.caption)


def buttons(page: AppTest, by: str) -> list[str]:
    return [str(b.label) for b in page.button if str(b.key).startswith(f"channel-{by}-")]


def test_the_best_channels_are_a_list_and_one_click_shows_another(page: AppTest) -> None:
    run(page, **RAW)
    listed = buttons(page, "selectivity")
    assert len(listed) == 10
    scores = [float(re.fullmatch(r"\d+ \(([\d.]+)\)", label)[1]) for label in listed]  # type: ignore[index]
    assert scores == sorted(scores, reverse=True)
    assert f"Channel {listed[0].split()[0]} of both models" in captions(page)

    second = listed[1].split()[0]
    next(b for b in page.button if str(b.key) == f"channel-selectivity-{second}").click()
    run(page)

    assert f"Channel {second} of both models" in captions(page)
    assert page.selectbox(key="channel").value == second
    assert any("chosen by hand" in text.value for text in page.markdown)

    page.session_state["channel_by"] = "difference between models"
    run(page)
    assert len(buttons(page, "difference")) == 10


def _answers() -> None:
    from types import SimpleNamespace

    from app.app_pages.flow.details import draw_answers

    answer = SimpleNamespace(logits={"road": 1.5, "car": -0.1741}, margin=1.6741)
    view = SimpleNamespace(name="mine")
    draw_answers(SimpleNamespace(left=view, right=view, answers=(answer, answer)))


def test_logits_below_0_have_a_true_minus() -> None:
    page = AppTest.from_function(_answers).run()

    assert not page.exception
    assert tables(page)[0]["logit right"].tolist() == ["1.5", "−0.174"]


def test_the_channel_by_rule_speaks_about_the_class_that_is_explained(page: AppTest) -> None:
    run(page, **RAW, **{"class": "road", "rival": "car"})

    shown, _ = models.cached_pair("person-rider", FIRST_SEED["test"], None)
    views = [models.view_of(models.loaded_model(name), shown) for name in ("scenes-baseline", "scenes-rsp4")]
    maps = [view.flow[4, 3].fused for view in views]
    inside = []
    for view, fused in zip(views, maps, strict=True):
        inside.append(labels_from_logits(view.record["logits"], (fused.shape[-2], fused.shape[-1])) == 0)
    best = rank_channels(maps[0], maps[1], inside[0].squeeze(), inside[1].squeeze(), step="step43", name="road")
    assert f"Channel {best.channels[0].channel} of both models" in captions(page)
    assert any("a model labels road" in text.value for text in page.markdown)


def test_what_a_step_refused_is_the_analysis(page: AppTest) -> None:
    run(page, flow_step="65", **{"class": "person", "rival": "rider"})

    shown, _ = models.cached_pair("person-rider", FIRST_SEED["test"], None)
    model, image = load(str(shipped()["scenes-rsp4"])), shown.sample.image[None].float() / 255
    step = rejection_map(model, image, whole_image((256, 512), "person", "rider"))["step65"]
    expected = [f"{value:+.3g}".replace("-", "−") for value in (step.refused, step.added, step.total)]
    words = captions(page)
    assert f"refused {expected[0]}, added {expected[1]}." in words
    assert f"would change it by {expected[2]} (residual" in words
    assert "scenes-baseline passes all context down here" in words
    assert "the level that a map comes from, 6 or 5" in words


def test_a_stale_step_is_said(page: AppTest) -> None:
    run(page, flow_step="99")

    assert "Choose one of: 76, 65, 54, 43" in page.warning[0].value
    assert page.select_slider(key="flow_step").value == "54"


def test_the_large_maps_lie_on_the_image_they_are_of(unchecked: None) -> None:
    drawn = torch.Generator().manual_seed(0)
    maps = {part: torch.randn((3, 4, 6), generator=drawn) for part in ("passed", "context")}
    step = StepFlow(5, 4, **maps, fused=maps["context"] + 1)

    figure = step_chart(step, 1, 2.0, (10, 20), (64, 96)).figure()

    heat = [trace for trace in figure.data if trace.type == "heatmap"]
    for trace, part in zip(heat, PARTS, strict=True):
        np.testing.assert_array_equal(trace.z, flow_map(step, part, 1))
        assert (trace.x0, trace.dx, trace.y0, trace.dy) == (7.5, 16, 7.5, 16)
        assert (trace.zmin, trace.zmax) == (-2, 2)
    assert len(figure.layout.shapes) == 4


def test_red_is_refused_and_green_is_added() -> None:
    values = np.array([[1.0, -1.0]])

    figure = rejection_chart(values, 1.0, "logits", (1, 1), "", (8, 16)).figure()

    (heat,) = (trace for trace in figure.data if trace.type == "heatmap")
    colours = dict(heat.colorscale)
    assert colours[1.0].startswith("rgba(213,60,0")
    assert colours[0.0].startswith("rgba(0,158,115")
    assert colours[0.5].endswith(",0)")
    empty = rejection_chart(None, 1.0, "logits", (1, 1), "", (8, 16)).figure()
    assert not [trace for trace in empty.data if trace.type == "heatmap"]
