"""The decision flow as one file: shut off, a click cuts and can be undone, and motion is as the reader wants it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import Page, expect

from rsp_lab.analysis.comparison.flow_picture import FlowPicture, flow_picture
from rsp_lab.analysis.ledger.decision_flow import Ribbon
from rsp_lab.analysis.passes.view import view_model
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.explorer.flow_picture import flow_data, flow_page, ribbon_key
from rsp_lab.models.heads import SemanticFPNConfig
from rsp_lab.models.presets import rsp4
from rsp_lab.text import signed_fixed
from tests.kit.chromium import running_chromium
from tests.kit.networks import network, noise_image

ANIMATED = "() => document.getAnimations().length"


@pytest.fixture(scope="module")
def picture(small: Any) -> FlowPicture:
    image, label, _, views = small
    return flow_picture([view.looked for view in views], image, PixelTarget(48, 65), labels=label)


@pytest.fixture(scope="module")
def opened(
    picture: FlowPicture, chromium: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Page, list[str]]]:
    """The open page, without motion; what its console said, it broke on or it asked for."""
    path = tmp_path_factory.mktemp("page") / "flow.html"
    path.write_text(flow_page(picture, "Why? </script><b>", "One <note>"), encoding="utf-8")
    with running_chromium(chromium) as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: said.append(request.url) if request.url.startswith("http") else None)
        page.goto(path.as_uri())
        page.locator(".rsp-flow-svg").wait_for()
        yield page, said


def strongest(picture: FlowPicture, side: int) -> Ribbon:
    flow = picture.flows[side]
    return max((one for one in flow.ribbons if one.level in flow.chain), key=lambda one: abs(flow.ribbons[one]))


def test_the_numbers_of_the_picture_add_up(picture: FlowPicture, opened: Any) -> None:
    page, _ = opened

    for side, flow in enumerate(picture.flows):
        drawn = page.locator(".rsp-flow-pixel").nth(side).locator("text").all_text_contents()
        assert drawn[-4:] == ["bias", signed_fixed(flow.bias), "of the steps", signed_fixed(flow.step_bias)]
        levels = sum(node.own for nodes in flow.nodes.values() for node in nodes)
        assert levels + flow.bias + flow.step_bias == pytest.approx(flow.total, abs=1e-4)


def words(page: Page) -> str:
    return page.locator(".rsp-flow-words").inner_text()


def test_a_click_cuts_a_ribbon_and_the_answer_is_the_frozen_heads(picture: FlowPicture, opened: Any) -> None:
    page, said = opened
    one = strongest(picture, 1)
    ribbon = page.locator(f'[data-side="1"][data-key="{ribbon_key(one)}"]')

    assert page.evaluate(ANIMATED) == 0
    assert words(page).startswith("Click a ribbon to cut it")
    ribbon.dispatch_event("click")
    left = signed_fixed(picture.flows[1].without([one]))
    assert f"{picture.flows[1].name} without 1 ribbon: {left} logits" in words(page)
    assert "Exact in the frozen head" in words(page)
    drawn = page.locator(".rsp-flow-head text").all_text_contents()
    assert drawn[3].endswith(f": {signed_fixed(picture.flows[1].total)}; with the cuts {left}")
    assert "cuts" not in drawn[1]
    assert ribbon.get_attribute("aria-pressed") == "true"
    assert ribbon_key(one) in page.evaluate("() => decodeURIComponent(location.hash)")

    page.get_by_role("button", name="Undo").click()
    assert words(page).startswith("Click a ribbon to cut it")
    assert said == []


def test_a_link_leads_to_its_cuts_and_what_is_none_is_left_out(picture: FlowPicture, opened: Any) -> None:
    page, said = opened
    one = ribbon_key(strongest(picture, 1))

    for address, cut in ((f";{one},9/9/9", 1), ("nonsense;<b>;more", 0), (f";{one}", 1), ("%", 0)):
        # The page as it stands, and the page opened anew.
        for reload in (False, True):
            page.evaluate("(text) => (location.hash = text)", address)
            if reload:
                page.reload()
            page.locator(".rsp-flow-svg").wait_for()
            there = f"{picture.flows[1].name} without 1 ribbon" if cut else "Click a ribbon to cut it"
            expect(page.locator(".rsp-flow-words")).to_contain_text(there)
    assert said == []


def test_keys_cut_and_undo_and_all_can_be_restored(picture: FlowPicture, opened: Any) -> None:
    page, _ = opened
    for side in range(2):
        page.locator(f'[data-side="{side}"][data-key="{ribbon_key(strongest(picture, side))}"]').focus()
        page.keyboard.press("Enter")
    assert words(page).count("without 1 ribbon") == 2
    page.keyboard.press("Control+z")
    assert words(page).count("without 1 ribbon") == 1
    page.get_by_role("button", name="Restore all").click()
    assert words(page).startswith("Click a ribbon")


def test_it_plays_for_readers_who_want_motion_and_fits_a_telephone(opened: Any) -> None:
    page, _ = opened
    page.emulate_media(reduced_motion="no-preference")
    page.get_by_role("button", name="Play").click()
    assert page.evaluate(ANIMATED) > 10

    page.set_viewport_size({"width": 420, "height": 900})
    page.wait_for_function("() => document.querySelector('.rsp-flow-svg').clientWidth <= 400")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 420
    page.set_viewport_size({"width": 1280, "height": 900})


@pytest.mark.parametrize("width", [1280, 700, 420])
def test_no_node_covers_the_name_of_a_level(opened: Any, tmp_path: Path, width: int) -> None:
    """Strides, of networks without top-down steps, make names of levels long: their end lay below the first node."""
    models = network(SemanticFPNConfig(), dtype=torch.float32, channels=64), network(rsp4(), dtype=torch.float32)
    path = tmp_path / "flow.html"
    passes = [view_model(model, noise_image((128, 256))).looked for model in models]
    decision = flow_picture(passes, passes[0].image[0], PixelTarget(60, 120))
    path.write_text(flow_page(decision, "Why?", ""), encoding="utf-8")
    page = opened[0].context.browser.new_page(viewport={"width": width, "height": 900}, reduced_motion="reduce")
    page.goto(path.as_uri())
    page.locator(".rsp-flow-svg").wait_for()

    names, covered = page.evaluate(
        """() => {
          const boxes = (of) => [...document.querySelectorAll(of)].map((one) => one.getBoundingClientRect());
          const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
          const texts = [...document.querySelectorAll(".rsp-flow-level")];
          const nodes = boxes(".rsp-flow-node > rect");
          const hit = texts.filter((one) => nodes.some((node) => meet(one.getBoundingClientRect(), node)));
          return [texts.map((one) => one.textContent), hit.map((one) => one.textContent)];
        }"""
    )
    page.close()
    assert any("32" in name for name in names)
    assert covered == []


def test_the_file_saved_is_the_picture(opened: Any, tmp_path: Path) -> None:
    page, _ = opened
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as SVG").click()
    content = download.value.path().read_text(encoding="utf-8")

    assert content.startswith("<svg")
    assert "data:image/jpeg;base64" in content
    assert "rsp-flow-ribbon" in content


def test_the_page_may_fetch_nothing_and_its_words_are_text(picture: FlowPicture) -> None:
    page = flow_page(picture, "Why? </script><b>", "One <note>")

    assert "default-src 'none'" in page
    assert "<title>Why? &lt;/script&gt;&lt;b&gt;</title>" in page
    assert page.count("</script>") == 2


def test_data_are_plain_and_unknown_ribbons_are_refused(picture: FlowPicture) -> None:
    one = strongest(picture, 0)
    data = json.loads(json.dumps(flow_data(picture, ([one], []))))

    assert data["cuts"] == [[ribbon_key(one)], []]
    assert data["sentence"] == picture.sentence()
    with pytest.raises(ValueError, match="no ribbon"):
        flow_data(picture, ([Ribbon(9, 9, 9)], []))
