"""The page of ledgers without a browser: its numbers against the analysis called directly, its errors, its links."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import cache as once
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

from app.app_pages.ledger import bars, maps
from app.app_pages.ledger.readings import Panel
from app.charts import bar_rows
from app.charts.chart import Chart
from app.charts.signed_cells import add_signed_cells
from app.charts.small_pictures import cell_picture
from app.shell.scenes import region_pixel
from app.shell.text import as_read
from app.store import models
from rsp_lab.analysis.comparison.disagreement import innermost
from rsp_lab.analysis.comparison.explain import explain
from rsp_lab.analysis.comparison.flips import flip_stories
from rsp_lab.analysis.ledger.footprint import on_pixels
from rsp_lab.analysis.ledger.ledger import ContextLedger, context_ledger
from rsp_lab.analysis.ledger.levels import level_ledger
from rsp_lab.analysis.ledger.selection import rejection_map, selection_gain
from rsp_lab.analysis.passes.captured import CapturedPass, capture_pass
from rsp_lab.analysis.scenes.sources import PARTS, part_map, scene_sources
from rsp_lab.analysis.targets.regions import class_border, class_zone, connected_region
from rsp_lab.analysis.targets.target import PixelTarget, RegionTarget, Target
from rsp_lab.data.images import read_image
from rsp_lab.data.labels import CITYSCAPES
from rsp_lab.data.sample import Sample
from rsp_lab.data.scenes.dataset import FIRST_SEED
from rsp_lab.data.scenes.scene import Scene
from rsp_lab.models.pyramid import FeaturePyramid
from rsp_lab.models.segmenter import labels_from_logits
from rsp_lab.models.weights import load, shipped
from tests.kit.pages import run, tables

NAMES = "scenes-baseline-tiny", "scenes-rsp4-tiny"
"""Models that do not agree everywhere on the first scene."""


@pytest.fixture
def page(page: AppTest) -> AppTest:
    page.query_params["left"], page.query_params["right"] = NAMES
    return page


def scene() -> Scene:
    """What the workbench opens with."""
    drawn = models.cached_pair("person-rider", FIRST_SEED["test"], None)[0].scene
    assert drawn is not None
    return drawn


@once
def passes() -> tuple[CapturedPass, CapturedPass]:
    left, right = (capture_pass(load(str(shipped()[name])), scene().image) for name in NAMES)
    return left, right


@once
def target() -> PixelTarget:
    return explain(*passes(), scene().image, PixelTarget(*region_pixel(scene()))).target


def ledgers(of: Target) -> tuple[ContextLedger, ContextLedger]:
    left, right = (context_ledger(looked.frozen, looked.image, of) for looked in passes())
    return left, right


def signed(value: float) -> str:
    return f"{value:+.3g}".replace("-", "−")


def labels(side: int) -> torch.Tensor:
    frozen = passes()[side].frozen
    return labels_from_logits(frozen.logits, frozen.image_size)


def captions(page: AppTest) -> list[str]:
    return [caption.value for caption in page.caption]


def check_sums(page: AppTest, both: tuple[ContextLedger, ContextLedger]) -> None:
    """The printed sums, and that they do add up."""
    printed = [words for words in captions(page) if words.startswith("Levels ")]
    differences = (both[1].total - both[0].total, both[1].bias - both[0].bias)
    expected = [(found.total, found.bias) for found in both] + [differences]
    assert len(printed) == 3
    for words, (logit, bias) in zip(printed, expected, strict=True):
        assert f"Levels {signed(logit - bias)}" in words
        assert f"= {signed(logit)} logits" in words


def test_it_opens_and_its_sentence_is_the_ledger(page: AppTest) -> None:
    said = run(page)

    both = ledgers(target())
    of = target()
    assert f"At y {of.y}, x {of.x}: {of.class_name} over {of.rival} is {signed(both[1].total)} logits in" in said
    for name, found, side in zip(NAMES, both, (0, 1), strict=True):
        sign = math.copysign(1, found.total)
        level = max(found.sums, key=lambda x: sign * found.sums[x])
        table = found.by_class(labels(1))
        source = max(table.columns, key=lambda kind: sign * table[level, kind])
        part = f"level {level} gives most ({signed(found.sums[level])}, of which {signed(table[level, source])} from"
        cells = f"cells that {NAMES[1]} labels {source}"
        assert f"{signed(found.total)} logits in {name}, where {part} {cells})" in said, side
    check_sums(page, both)
    assert len(page.get("plotly_chart")) == 3
    bodies = [element.proto.body for element in page.get("html")]
    assert sum('class="rsp-bars"' in body for body in bodies) == 6
    assert sum(body.count("data-pick") for body in bodies) == 18


def test_a_flipped_region_is_told_as_on_the_page_flips(page: AppTest) -> None:
    label = scene().label
    heads = [looked.frozen for looked in passes()]
    story = flip_stories(*heads, heads[0].image, count=1, labels=label.long()).stories[0]
    y, x = innermost(story.mask.numpy())
    asked = {"class": story.right_class, "rival": story.left_class, "pixel": f"{y},{x}"}

    said = run(page, ledger_target="flipped region", **asked)

    first = story.tipping
    assert f"As on the page Flips, what tips it is {first.describe()}: {signed(first.right)} logits in" in said
    assert f"{signed(first.left)} in {NAMES[0]}." in said


@pytest.mark.parametrize("mode", ["connected region", "class zone", "border", "flipped region"])
def test_regions_are_those_of_the_analysis(page: AppTest, mode: str) -> None:
    said = run(page, ledger_target=mode)

    of, ids = target(), labels(1)
    names, pixel = passes()[0].frozen.class_names, (of.y, of.x)
    classes = {"class_name": of.class_name, "rival": of.rival}
    assert of.class_name
    assert of.rival
    if mode == "connected region":
        region = connected_region(ids, pixel, **classes)
    elif mode == "class zone":
        region = class_zone(ids, of.class_name, names, **classes)
    elif mode == "border":
        region = class_border(ids, of.class_name, of.rival, names, within=8, **classes)
    else:
        region = RegionTarget(connected_region(labels(0) * len(names) + ids, pixel).mask, **classes)
    both = ledgers(region)
    assert f"({region.pixels:,} px)" in said
    assert f"is {signed(both[1].total)} logits in {NAMES[1]}" in said
    check_sums(page, both)


def test_gain_is_that_of_the_analysis_and_a_sum_has_none(page: AppTest) -> None:
    said = run(page, ledger_reading="selection gain")

    gain = selection_gain(passes()[1].frozen, passes()[1].image, target())
    level = max(gain.sums, key=lambda x: math.copysign(1, gain.total) * gain.sums[x])
    assert f"gains {signed(gain.total)} logits in {NAMES[1]}" in said
    assert f"level {level} gains most ({signed(gain.sums[level])})" in said
    assert any(f"{NAMES[0]} has no relation" in words for words in captions(page))
    assert any("No difference" in words for words in captions(page))


def test_rejection_is_that_of_the_analysis(page: AppTest) -> None:
    said = run(page, ledger_reading="rejection")

    steps = rejection_map(passes()[1].frozen, passes()[1].image, target()).steps
    largest = max(steps, key=lambda step: abs(step.total))
    assert f"if step {largest.step.removeprefix('step')} passed each own cell down whole" in said
    assert f"by {signed(largest.total)} logits" in said


def test_the_whole_image_is_that_of_the_analysis(page: AppTest) -> None:
    said = run(page, ledger_reading="whole image")

    for name, looked in zip(NAMES, passes(), strict=True):
        shares = level_ledger(looked.frozen, looked.image).to_dict()["levels"]
        first, second = sorted(shares, key=lambda x: -shares[x]["decides_share"])[:2]
        part = f"is decided in {name} by level {first}, on {100 * shares[first]['decides_share']:.0f} %"
        assert f"{part}, then by level {second}, on {100 * shares[second]['decides_share']:.0f} %" in said
    residuals = [f"{level_ledger(looked.frozen, looked.image).residual:.1g}" for looked in passes()]
    assert any(f"{residuals[0]} (left) and {residuals[1]} (right)" in words for words in captions(page))


def test_the_planted_table_is_the_analysis_beside_its_control(page: AppTest) -> None:
    run(page)

    table = next(table for table in tables(page) if "share of pixels" in table)
    assert tuple(table.index) == PARTS
    for side, found in zip(("left", "right"), ledgers(target()), strict=True):
        sources = scene_sources(found, scene())
        for part in PARTS:
            row = table.loc[part]
            assert row["share of pixels"] == f"{100 * sources.areas[part]:.3g} %"
            assert row[f"{side}: share of |logits|"] == f"{100 * sources.magnitudes[part]:.3g} %"
            assert float(row[f"{side}: logits"].replace("−", "-")) == pytest.approx(sources.sums[part], abs=6e-3)


def test_planted_sources_against_loops_over_pixels() -> None:
    found = ledgers(target())[1]
    ambiguity = scene().ambiguities[0]
    sums, sizes, areas = (dict.fromkeys(PARTS, 0.0) for _ in range(3))
    kinds = []
    for y in range(ambiguity.region.shape[0]):
        for x in range(ambiguity.region.shape[1]):
            decoy = any(bool(mask[y, x]) for mask in ambiguity.decoys)
            kinds.append(0 if ambiguity.region[y, x] else 1 if ambiguity.cue[y, x] else 2 if decoy else 3)
            areas[PARTS[kinds[-1]]] += 1
    for values in found.maps.values():
        signs, magnitudes = (on_pixels(v, found.image_size).flatten().tolist() for v in (values, values.abs()))
        for kind, sign, magnitude in zip(kinds, signs, magnitudes, strict=True):
            sums[PARTS[kind]] += sign
            sizes[PARTS[kind]] += magnitude

    split = scene_sources(found, scene())

    assert part_map(scene()).flatten().tolist() == kinds
    for part in PARTS:
        assert split.sums[part] == pytest.approx(sums[part], abs=1e-9)
        assert split.magnitudes[part] == pytest.approx(sizes[part] / sum(sizes.values()), abs=1e-9)
        assert split.areas[part] == pytest.approx(areas[part] / len(kinds))
    assert sum(split.sums.values()) + found.bias == pytest.approx(found.total, abs=1e-4)
    assert split.to_dict()["parts"]["cue"]["logits"] == round(split.sums["cue"], 6)


def test_a_ledger_of_another_picture_is_refused() -> None:
    small = capture_pass(load(str(shipped()[NAMES[0]])), scene().image[None, :, :128, :128].float() / 255)

    with pytest.raises(ValueError, match="take the same scene"):
        scene_sources(context_ledger(small.frozen, small.frozen.image, PixelTarget(3, 4, "person", "rider")), scene())


def test_a_new_pixel_costs_no_forward_pass(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    said = run(page)
    monkeypatch.setattr(FeaturePyramid, "forward", lambda *_: pytest.fail("a new pixel ran a network"))

    again = run(page, pixel="200,300")

    assert "At y 200, x 300:" in again
    assert again != said


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ({"right": NAMES[0], "ledger_reading": "selection gain"}, "Neither model selects"),
        ({"class": "train", "ledger_target": "class zone"}, "No pixel is labelled train"),
        ({"pixel": "20,250", "ledger_target": "flipped region"}, "there is no flip"),
        ({"ledger_target": "border", "class": "sky", "rival": "road", "ledger_within": "1"}, "larger distance"),
        (
            {"left": "camvid-baseline", "right": "camvid-rsp4", "ledger_labels": "true labels"},
            "This image has labels of",
        ),
    ],
)
def test_an_error_says_what_to_do(page: AppTest, link: dict[str, str], words: str) -> None:
    said = run(page, **link)

    assert "This cannot be put in a ledger." in said
    assert words in page.error[0].value
    assert any(remedy in page.error[0].value for remedy in ("Choose", "take the labels of a model"))


def test_class_and_rival_the_same_is_said_and_mended(page: AppTest) -> None:
    said = run(page, **{"class": "person", "rival": "person"})

    assert "Class and rival are both person" in page.warning[0].value
    assert "person over person" not in said


def test_true_labels_name_the_sources(page: AppTest) -> None:
    said = run(page, ledger_labels="true labels", ledger_split="class")

    label = scene().sample.label
    assert label is not None
    found = ledgers(target())[1]
    sign = math.copysign(1, found.total)
    level = max(found.sums, key=lambda x: sign * found.sums[x])
    table = found.by_class(label.long())
    source = max(table.columns, key=lambda kind: sign * table[level, kind])
    assert f"of which {signed(table[level, source])} from cells labelled {source}" in said


def test_choices_stand_in_the_link_and_a_stale_one_is_said(page: AppTest) -> None:
    said = run(page, ledger_level="6", ledger_view="close", ledger_target="connected region", ledger_split="sideways")

    assert "Over the region around" in said
    assert page.segmented_control(key="ledger_level").value == "6"
    assert page.segmented_control(key="ledger_view").value == "close"
    assert len(page.warning) == 1
    assert "Choose one of: class, distance, part of the scene" in page.warning[0].value


def test_maps_keep_their_sum_and_cells_stand_at_their_place() -> None:
    found = ledgers(target())[1]
    panel = Panel("right", NAMES[1], found.maps, found.total, found.bias, found)
    size = found.image_size

    whole = maps.shown_map(panel, None, size)
    assert whole is not None
    assert float(whole.sum()) == pytest.approx(sum(found.sums.values()), abs=1e-9)
    assert tuple(whole.shape) == (size[0] // 4, size[1] // 4)
    odd = maps.shown_map(Panel("right", "", {2: torch.ones(3, 5)}), None, (11, 18))
    assert odd is not None
    assert float(odd.sum()) == pytest.approx(15)

    level = 5
    values = found.maps[level].numpy()
    chart = Chart()
    add_signed_cells(chart, found.maps[level], size, 1.0, "logits")
    trace = chart.figure().data[0]
    drawn = np.asarray(trace.z)
    assert np.nansum(drawn) == pytest.approx(values.sum(), abs=1e-4)
    y, x = np.unravel_index(np.nanargmax(np.abs(drawn)), drawn.shape)
    strongest = found.strongest(1, level)[0]
    assert (trace.y0 + y * trace.dy, trace.x0 + x * trace.dx) == pytest.approx(strongest.centre)
    assert tuple(np.asarray(trace.customdata)[y, x]) == (strongest.y, strongest.x)


def test_bars_stand_on_one_axis_and_names_are_only_text() -> None:
    assert bar_rows.ticks(-1.3, 2.2) == [-1, 0, 1, 2]
    assert bar_rows.ticks(0, 0.21) == pytest.approx([0, 0.05, 0.1, 0.15, 0.2])
    row = bar_rows.Row("<u>", (bar_rows.Bar(1.0, -2.0, "#123456", "a&b"),), "−2")

    drawn = bar_rows.rows_html((row,), (-2.0, 2.0), "logits")

    assert "left:25.000%;width:calc(75.000% - 25.000%);background-color:#123456" in drawn
    assert "<u>" not in drawn
    assert "<u>" in as_read(drawn)
    assert 'title="a&b"' in as_read(drawn)


def test_a_small_map_is_blue_below_0_and_red_above() -> None:
    picture = cell_picture(np.array([[-1.0, 0.0], [0.25, 3.0]]), 1.0)

    assert picture[0, 0].tolist() == [42, 110, 196, round(255 * 0.96)]
    assert picture[0, 1].tolist() == [0, 0, 0, 0]
    assert picture[1, 0].tolist() == [200, 48, 34, round(255 * 0.27)]
    assert picture[1, 1, 3] == round(255 * 0.96)


def test_the_last_bar_is_where_the_parts_end() -> None:
    found = ledgers(target())[0]
    panel = Panel("left", NAMES[0], found.maps, found.total, found.bias, found)

    ends = bars.sum_ends((panel, panel, panel), summed=True)
    words = {x: f"level {x}" for x in (*found.levels, 9)}
    missing, *rows = bars.sum_rows(panel, words, "= margin")
    assert (missing.name, missing.bars, missing.text) == ("level 9", (), "–")
    *parts, last = (row.bars[0] for row in rows)

    starts = [bar.start for bar in parts]
    assert parts[-1].start + parts[-1].value == pytest.approx(found.total, abs=1e-4)
    assert (last.start, last.value) == (0, found.total)
    assert all(bar.start + bar.value == pytest.approx(start) for bar, start in zip(parts, starts[1:], strict=False))
    assert ends[0] < min(starts) <= max(starts) < ends[1]


def test_a_photograph_of_the_paper_s_size_is_explained(
    page: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, street: Callable[[int, int, int], Sample]
) -> None:
    (tmp_path / "images").mkdir()
    pixels = street(1, 128, 256).image.permute(1, 2, 0).numpy()
    Image.fromarray(np.kron(pixels, np.ones((8, 8, 1), np.uint8))).save(tmp_path / "images" / "large.png")
    (tmp_path / "classes.csv").write_text("\n".join(["name", *CITYSCAPES.classes]))
    monkeypatch.setenv("FOLDER_ROOT", str(tmp_path))

    said = as_read(run(page, source="Your folder", file="all/large.png", pixel="600,1300"))

    assert not page.error
    assert "At y 600, x 1300: " in said
    assert re.search(r"is [+−][\d.]+ logits in scenes-rsp4-tiny", said)
    residuals = re.findall(r"relative residual ([\de.-]+)\)", " ".join(one.value for one in page.caption))
    assert residuals
    assert max(map(float, residuals)) < 1e-4
    assert read_image(tmp_path / "images" / "large.png").shape == (3, 1024, 2048)
