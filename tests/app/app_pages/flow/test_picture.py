"""The decision's flow on the page: the analysis' own, and its files with what is cut."""

from __future__ import annotations

import json
from functools import cache

from streamlit.testing.v1 import AppTest

import rsp_lab as rl
from app.app_pages.flow.picture import AGAIN, FORMATS, KEY, picture_file
from app.shell.text import as_read
from app.store import models
from rsp_lab.analysis.comparison.flow_picture import FlowPicture, flow_picture
from rsp_lab.analysis.ledger.decision_flow import decision_flow
from rsp_lab.analysis.surgery.ribbons import cut_ribbons
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.data.scenes.dataset import FIRST_SEED
from rsp_lab.explorer.flow_picture import ribbon_key
from rsp_lab.text import signed
from tests.kit.pages import run


def pictures(page: AppTest) -> list[dict]:
    components = page.get("bidi_component")
    return [json.loads(one.proto.json) for one in components if one.proto.component_name == "rsp_lab.decision_flow"]


@cache
def expected() -> FlowPicture:
    shown, _ = models.cached_pair("person-rider", FIRST_SEED["test"], None)
    passes = [models.view_of(models.loaded_model(name), shown).looked for name in ("scenes-baseline", "scenes-rsp4")]
    target = PixelTarget(100, 200, "person", "car")
    return flow_picture(passes, shown.sample.image, target, labels=shown.sample.label)


def test_the_picture_is_the_analysis_and_the_raw_channel_stays_on_request(page: AppTest) -> None:
    run(page, pixel="100,200", **{"class": "person", "rival": "car"})

    (shown,) = pictures(page)
    assert shown["picture"]["sentence"] == expected().sentence()
    assert [side["total"] for side in shown["picture"]["sides"]] == [flow.total for flow in expected().flows]
    assert not [button for button in page.button if str(button.key).startswith("channel-")]
    page.toggle(key="raw_channel").set_value(True)
    run(page)
    assert [button for button in page.button if str(button.key).startswith("channel-")]


def test_labels_of_other_classes_are_no_truth(page: AppTest) -> None:
    """A drawn scene's labels are Cityscapes', of which a model of CamVid knows neither the places nor the number."""
    run(page, pixel="100,200", left="camvid-baseline-tiny", right="camvid-rsp4-tiny")

    (shown,) = pictures(page)
    assert "truth" not in shown["picture"]["title"]


def test_files_are_of_this_very_picture() -> None:
    found = expected()
    flow = found.flows[1]
    cut = max((one for one in flow.ribbons if one.level in flow.chain), key=lambda one: abs(flow.ribbons[one]))

    files = {ending: picture_file(found, ((), (cut,)), ending) for ending in FORMATS}

    assert files["pdf"].startswith(b"%PDF")
    assert b"<svg" in files["svg"]
    assert files["html"].startswith(b"<!doctype html>")
    assert files["pdf"] != picture_file(found, ((), ()), "pdf")


def test_the_heads_run_again_without_what_is_cut(page: AppTest) -> None:
    run(page, pixel="100,200", **{"class": "person", "rival": "car"})
    (shown,) = pictures(page)
    assert page.button(key="run-flow-again").disabled
    flows = expected().flows
    cuts = tuple((max(flow.ribbons, key=lambda one: abs(flow.ribbons[one])),) for flow in flows)
    keys = [[ribbon_key(one) for one in side] for side in cuts]

    page.session_state[AGAIN] = shown["id"], cuts
    page.session_state[KEY] = {"cuts": {"id": shown["id"], "cuts": keys}}
    run(page)

    line = next(as_read(one.value) for one in page.caption if "Run again without" in one.value)
    for name, flow, cut in zip(("scenes-baseline", "scenes-rsp4"), flows, cuts, strict=True):
        model, image = rl.load(name), expected().image
        live = cut_ribbons(model, image, decision_flow(model, image, flow.target), cut).live
        assert f"{name} answers {signed(live)} logits (weights held {signed(flow.without(cut))}" in line


def test_an_answer_is_that_of_its_own_picture_and_cuts(page: AppTest) -> None:
    run(page, pixel="100,200", **{"class": "person", "rival": "car"})
    (shown,) = pictures(page)
    cut = max(expected().flows[1].ribbons, key=lambda one: abs(expected().flows[1].ribbons[one]))
    page.session_state[AGAIN] = shown["id"], ((), (cut,))
    run(page)
    assert not [one for one in page.caption if "Run again without" in one.value]

    page.session_state[AGAIN] = "another", ((), (cut,))
    page.session_state[KEY] = {"cuts": {"id": shown["id"], "cuts": [[], [ribbon_key(cut)]]}}
    run(page)
    assert not [one for one in page.caption if "Run again without" in one.value]
