"""The explorer as one file: small enough, shut off, and whole when opened from a folder."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from rsp_lab.analysis.comparison.compare import compare
from rsp_lab.cli import main
from rsp_lab.data.labels import CAMVID
from rsp_lab.data.sample import Sample
from rsp_lab.data.tables import table_for
from rsp_lab.explorer.html import FILE_BUDGET, explorer_page, file_budget
from rsp_lab.explorer.payload import build_payload
from tests.kit.attention_families import family
from tests.kit.canvas import overlay, painted, photograph
from tests.kit.chromium import running_chromium
from tests.kit.networks import noise_image

READY = '.rsp[data-ready="1"]'
TITLE = "Where? </script><script>alert(1)</script> <b>&"


@pytest.fixture(scope="module")
def payload(small: Any) -> bytes:
    image, label, models, views = small
    return build_payload(image, models, views, CAMVID, label)


@pytest.fixture(scope="module")
def file(payload: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "explorer.html"
    path.write_text(explorer_page(payload, TITLE, "One <note>", (48, 65)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def opened(file: Path, chromium: str) -> Iterator[tuple[Page, list[str], list[str]]]:
    """The open page; what its console said or it broke on; what it asked for."""
    with running_chromium(chromium) as browser:
        context = browser.new_context(
            viewport={"width": 1280, "height": 800}, permissions=["clipboard-read", "clipboard-write"]
        )
        page = context.new_page()
        said: list[str] = []
        asked: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(file.as_uri())
        page.locator(READY).wait_for(timeout=600_000)
        yield page, said, asked


@pytest.fixture
def page(opened: tuple[Page, list[str], list[str]]) -> Page:
    page = opened[0]
    # What the test before did is in the address a moment later.
    page.wait_for_timeout(300)
    page.evaluate("location.hash = 'pixel=48,65'")
    expect(page.locator(".rsp")).to_have_attribute("data-pick", "48,65")
    page.mouse.move(0, 0)
    return page


def test_names_are_text_and_the_policy_names_the_page_s_own_script_and_styles_alone(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    (script,) = re.findall(r'<script type="module">(.*?)</script>', text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()

    assert policy.startswith("default-src 'none'; ")
    assert f"script-src 'sha256-{digest}';" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert text.count("</script>") == 2
    assert "alert(1)</script>" not in text
    assert "&lt;/script&gt;" in text


@pytest.mark.browser
def test_the_file_opens_without_a_complaint_and_asks_for_nothing(opened: Any, file: Path) -> None:
    page, said, asked = opened

    assert page.title() == TITLE
    assert [url for url in asked if not url.startswith(("data:", "blob:"))] == [file.as_uri()]
    assert said == []
    assert painted(overlay(page, "right")) > 500


@pytest.mark.browser
def test_what_is_not_in_the_file_does_not_run(opened: Any) -> None:
    page, said, _ = opened
    page.evaluate("""() => {
      const script = document.createElement("script");
      try { script.text = "window.ran = true"; } catch { return; }
      document.body.append(script);
    }""")

    assert page.evaluate("window.ran") is None
    assert said
    said.clear()


@pytest.mark.browser
def test_hovering_shows_margins_and_moves_both_cursors(page: Page) -> None:
    photograph(page, "left").hover(position={"x": 60, "y": 80})

    expect(page.locator(".rsp")).not_to_have_attribute("data-cursor", "48,65")
    for side in ("left", "right"):
        says = photograph(page, side).locator("xpath=../figcaption/span")
        expect(says).to_have_text(re.compile("^says .*(logits over|by at least|at the edge of) "))


@pytest.mark.browser
def test_a_view_is_a_link_and_the_link_is_the_view(page: Page) -> None:
    page.get_by_role("button", name="Chain").click()
    page.get_by_role("button", name="Position").click()
    page.get_by_label("Gaze").check()
    page.get_by_label("Level 7 on the photographs").uncheck()
    photograph(page, "right").click(position={"x": 120, "y": 60}, modifiers=["Shift"])
    page.get_by_role("button", name="Zoom in").click()
    second = page.locator(".rsp").get_attribute("data-second")
    assert second
    page.get_by_role("button", name="Copy a link to exactly this view").click()
    link = page.evaluate("navigator.clipboard.readText()")
    before = painted(overlay(page, "right"))
    page.wait_for_url(link)

    other = page.context.new_page()
    other.goto(link)
    other.locator(READY).wait_for(timeout=600_000)
    for name, value in (("data-pick", "48,65"), ("data-second", second), ("data-zoom", "1.5")):
        expect(other.locator(".rsp")).to_have_attribute(name, value)
    for name in ("Chain", "Position"):
        expect(other.get_by_role("button", name=name)).to_have_attribute("aria-pressed", "true")
    expect(other.get_by_label("Level 7 on the photographs")).not_to_be_checked()
    other.mouse.move(0, 0)
    assert abs(painted(overlay(other, "right")) - before) < 0.02 * before
    other.close()


@pytest.mark.browser
def test_chain_gaze_and_levels_change_what_is_drawn(page: Page) -> None:
    windows = painted(overlay(page, "right"))
    page.get_by_role("button", name="Chain").click()
    expect(page.locator(".rsp-pair p").nth(1)).to_contain_text("90 %")
    chain = painted(overlay(page, "right"))
    assert chain != windows
    page.get_by_role("button", name="Windows").click()
    page.get_by_label("Gaze").check()
    for level in (7, 6, 5, 4):
        page.get_by_label(f"Level {level} on the photographs").uncheck()
    page.wait_for_timeout(100)
    assert painted(overlay(page, "right")) < windows / 2


@pytest.mark.browser
def test_zoom_by_wheel_and_keys_pan_by_drag_and_back(page: Page) -> None:
    photo, explorer = photograph(page, "right"), page.locator(".rsp")
    photo.click(position={"x": 100, "y": 100})
    picked = str(explorer.get_attribute("data-pick"))
    page.mouse.wheel(0, -400)
    expect(explorer).not_to_have_attribute("data-zoom", "1")
    # What was under the pointer still is.
    expect(explorer).to_have_attribute("data-cursor", picked)

    box = photo.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 150, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 110, box["y"] + 90, steps=4)
    page.mouse.up()
    expect(explorer).to_have_attribute("data-pick", picked)
    assert "zoom=" in page.evaluate("new Promise(done => setTimeout(() => done(location.hash), 400))")

    page.keyboard.press("0")
    expect(explorer).to_have_attribute("data-zoom", "1")
    page.keyboard.press("+")
    expect(explorer).to_have_attribute("data-zoom", "1.5")
    page.keyboard.press("-")
    expect(explorer).to_have_attribute("data-zoom", "1")


@pytest.mark.browser
def test_the_keyboard_alone_pins_two_pixels_and_says_where_it_is(page: Page) -> None:
    explorer = page.locator(".rsp")
    photograph(page, "left").focus()
    page.keyboard.press("Shift+ArrowRight")
    expect(explorer).to_have_attribute("data-cursor", "48,66")
    page.keyboard.press("Shift+Enter")
    expect(explorer).to_have_attribute("data-second", "48,66")
    expect(page.locator(".rsp-step .rsp-mark").first).to_have_text("◇ y 48, x 66")
    expect(page.locator(".rsp-pair canvas:visible")).to_have_count(16)
    expect(page.get_by_role("status")).to_contain_text("y 48, x 66: sum says")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(explorer).to_have_attribute("data-pick", "48,58")
    page.keyboard.press("Delete")
    expect(explorer).to_have_attribute("data-second", "")
    order = page.evaluate("""() => [...document.querySelectorAll("[tabindex], button, input, summary")]
      .filter((e) => e.checkVisibility())
      .map((e) => e.getAttribute("aria-label") || e.textContent || e.labels[0].textContent)""")
    assert all(order)
    assert order[0].startswith("Photograph with the prediction of sum")


@pytest.mark.browser
def test_a_finger_points_taps_and_pinches(page: Page, file: Path) -> None:
    browser = page.context.browser
    assert browser is not None
    context = browser.new_context(viewport={"width": 420, "height": 900}, has_touch=True, is_mobile=True)
    phone = context.new_page()
    phone.goto(file.as_uri())
    phone.locator(READY).wait_for(timeout=600_000)
    photo, explorer = photograph(phone, "left"), phone.locator(".rsp")
    photo.tap(position={"x": 40, "y": 50})
    expect(explorer).not_to_have_attribute("data-pick", "48,65")
    assert explorer.get_attribute("data-pick") == explorer.get_attribute("data-cursor")

    phone.get_by_role("button", name="Pin a second pixel beside the first one").tap()
    photo.tap(position={"x": 90, "y": 60})
    expect(explorer).not_to_have_attribute("data-second", "")

    box = photo.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch = context.new_cdp_session(phone)
    for kind, apart in (("touchStart", 20), ("touchMove", 40), ("touchMove", 60)):
        points = [{"x": x - apart, "y": y, "id": 0}, {"x": x + apart, "y": y, "id": 1}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(explorer).to_have_attribute("data-zoom", re.compile(r"^[23]"))
    widths = phone.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert widths[0] <= widths[1]
    context.close()


def test_the_command_writes_a_file_of_at_most_3_mb(
    street: Callable[[int, int, int], Sample], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(street(3, 512, 1024).image.permute(1, 2, 0).numpy()).save(tmp_path / "street.png")
    out = tmp_path / "deep" / "x.html"

    main.main(
        ["export-html", str(tmp_path / "street.png"), "-o", str(out), "--left", "camvid-rsp4", "--pixel", "9", "7"]
    )

    assert [path.name for path in out.parent.iterdir()] == ["x.html"]
    assert out.stat().st_size < 3e6
    assert 'data-view="pixel=9,7"' in out.read_text(encoding="utf-8")
    assert "camvid-rsp4 (left) beside camvid-rsp4 (right) on street.png" in out.read_text(encoding="utf-8")
    assert "wrote" in capsys.readouterr().err


def test_the_command_writes_the_decision_flow_on_request(
    street: Callable[[int, int, int], Sample], tmp_path: Path
) -> None:
    picture = tmp_path / "street.png"
    Image.fromarray(street(3, 64, 128).image.permute(1, 2, 0).numpy()).save(picture)
    out = tmp_path / "x.html"

    main.main(["export-html", str(picture), "-o", str(out), "--left", "camvid-rsp4", "--pixel", "9", "7", "--flow"])

    assert 'id="rsp-picture"' in out.read_text(encoding="utf-8")
    assert "How camvid-rsp4 (left) and camvid-rsp4 (right) decide" in out.read_text(encoding="utf-8")


@pytest.mark.parametrize("out", ["", "street.png/x.html"])
def test_what_cannot_be_written_is_said_in_one_line(
    out: str, street: Callable[[int, int, int], Sample], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "street.png"
    Image.fromarray(street(3, 64, 128).image.permute(1, 2, 0).numpy()).save(picture)
    with pytest.raises(SystemExit) as caught:
        main.main(["export-html", str(picture), "-o", str(tmp_path / out)])

    assert caught.value.code == 2
    assert "-o" in capsys.readouterr().err.splitlines()[-1]
    assert [path.name for path in tmp_path.iterdir()] == ["street.png"]


def test_a_pixel_outside_the_image_is_refused(payload: bytes) -> None:
    with pytest.raises(ValueError, match="outside the image of 97 x 131"):
        explorer_page(payload, "", pixel=(97, 0))


def test_the_budget_of_a_file_grows_with_large_images_only() -> None:
    assert file_budget((97, 131)) == file_budget((512, 1024)) == FILE_BUDGET
    assert file_budget((1024, 2048)) == 4 * FILE_BUDGET


@pytest.fixture
def foreign(tmp_path: Path, opened: tuple[Page, list[str], list[str]]) -> Iterator[Page]:
    """Two networks of another make, each with attentions of 4 and of 2 heads; no script may fail."""
    subject, image = family("torch"), noise_image((64, 96))
    found = compare(subject, subject, image)
    payload = build_payload(found.image, (subject, subject), found.views, table_for(subject.class_names, ""))
    path = tmp_path / "pair.html"
    path.write_text(explorer_page(payload, "Two", "", (31, 47)), encoding="utf-8")
    said: list[str] = []
    browser = opened[0].context.browser
    assert browser is not None
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(path.as_uri())
    page.locator(READY).wait_for(timeout=600_000)
    yield page
    page.close()
    assert said == []


@pytest.mark.browser
def test_two_networks_of_another_make_have_their_attention_under_the_cursor(foreign: Page) -> None:
    assert foreign.locator(".rsp-step").count() == 0
    expect(foreign.locator(".rsp-parts").first).to_contain_text("level 3")
    expect(foreign.locator(".rsp-peak").first).to_contain_text("peak 0.")
    before = painted(overlay(foreign, "left"))
    photograph(foreign, "left").hover(position={"x": 60, "y": 60})
    expect(foreign.locator(".rsp")).not_to_have_attribute("data-cursor", "31,47")
    assert painted(overlay(foreign, "left")) > 2000
    choice = foreign.get_by_label("Layer of Layers (left) whose attention is shown")
    names = ["none", "block.self_attn, stride 8", "attend, stride 8"]
    assert choice.locator("option").all_inner_texts() == names
    choice.select_option("none")
    expect(foreign.locator(".rsp-peak").first).to_have_text("")
    foreign.mouse.move(0, 0)
    expect(foreign.locator(".rsp")).to_have_attribute("data-cursor", "31,47")
    assert painted(overlay(foreign, "left")) < before / 4


@pytest.mark.browser
def test_layer_and_head_of_an_attention_are_chosen_by_hand_or_by_keys_and_stand_in_the_link(foreign: Page) -> None:
    layer, head = (
        foreign.get_by_label(f"{what} of Layers (left) whose attention is shown") for what in ("Layer", "Head")
    )
    peak = foreign.locator(".rsp-peak").first
    assert head.locator("option").all_inner_texts() == ["mean of 2 heads", "head 0", "head 1"]
    mean = peak.inner_text()
    head.select_option("head 1")
    expect(peak).not_to_have_text(mean)
    second = peak.inner_text()
    foreign.wait_for_url(re.compile("left-head=1"))

    photograph(foreign, "right").focus()
    foreign.keyboard.press("Shift+L")
    foreign.keyboard.press("h")
    status = foreign.get_by_role("status")
    expect(status).to_contain_text("Attention of Layers (right): block.self_attn, head 0, peak 0.")
    foreign.keyboard.press("ArrowRight")
    expect(foreign.locator(".rsp")).to_have_attribute("data-cursor", "31,55")
    foreign.keyboard.press("Escape")
    foreign.wait_for_url(re.compile("left-head=1&right-layer=block.self_attn&right-head=0"))

    foreign.reload()
    foreign.locator(READY).wait_for(timeout=600_000)
    expect(peak).to_have_text(second)
    expect(head).to_have_value("2")
    expect(layer).to_have_value("attend")
    expect(foreign.get_by_label("Layer of Layers (right) whose attention is shown")).to_have_value("block.self_attn")
    expect(foreign.get_by_label("Head of Layers (right) whose attention is shown")).to_have_value("1")
    layer.select_option("none")
    expect(head).to_be_hidden()
