"""The page of runs, on folders that the trainers' own log wrote: what it reads and shows, what it says of damage."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from statistics import median

import pytest
from streamlit.testing.v1 import AppTest

from app.app_pages.runs import charts, records
from app.app_pages.runs.charts import curve_chart, thinned
from app.app_pages.runs.logs import Curve, RunError, differences, flat, read_run, sentence
from app.shell.text import as_read
from app.store.run_folders import run_folders
from tests.kit.pages import run, tables
from tests.kit.runs import write_run

RECORDS = (
    ("camvid", "camvid", "camvid_lite0_rsp4-0.json"),
    ("small-scenes", "study", "study_rsp4-0.json"),
)


def _script() -> None:
    from app.app_pages.runs import page as runs

    runs.draw()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "runs"
    monkeypatch.setenv("RSP_LAB_RUNS", str(root))
    return root


@pytest.fixture
def page() -> AppTest:
    return AppTest.from_function(_script, default_timeout=1500)


def test_curves_and_scores_are_those_of_the_log(root: Path) -> None:
    facts = read_run("one", write_run(root, "one", best=0.4))

    assert facts.curves["loss"] == Curve((10, 20, 30, 40), (0.2, 0.1, 2 / 30, 0.05))
    assert facts.curves["lr"].values[-1] == pytest.approx(1e-3 * 0.2)
    assert all(value > 0 for value in facts.curves["images_per_s"].values)
    assert [(one.step, one.miou) for one in facts.evaluations] == [(20, 0.4), (40, 0.3)]
    assert facts.best is not None
    assert (facts.best.step, facts.best.iou["person"], facts.best.iou["rider"]) == (20, pytest.approx(0.3), None)
    assert (facts.updates, facts.planned, facts.data) == (40, 40, "scenes")
    assert facts.problems == ()


def write_panoptic_run(root: Path, name: str) -> Path:
    """A run whose loss has parts, scored once: a PQ of 0.3 at an mIoU of 0.5."""
    folder = write_run(root, name)
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    for line in lines:
        if "loss" in line:
            line["losses"] = {"semantic": 2 * line["loss"], "rpn_box": 0.1}
    scores = {"images": 7, "miou": 0.5, "pixel_accuracy": 0.9, "iou": {}, "panoptic": {"all": {"pq": 0.3}}}
    lines = [line for line in lines if "val" not in line] + [{"step": 40, "val": scores}]
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def test_parts_of_a_loss_and_the_quality_of_things_are_those_of_the_log(root: Path) -> None:
    facts = read_run("one", write_panoptic_run(root, "one"))

    assert list(facts.parts) == ["semantic", "rpn_box"]
    assert facts.parts["semantic"] == Curve((10, 20, 30, 40), (0.4, 0.2, 4 / 30, 0.1))
    assert facts.tells_things_apart
    assert facts.best is not None
    assert (facts.best.pq, facts.best.miou, facts.best.score) == (0.3, 0.5, 0.3)
    plain = read_run("two", write_run(root, "two"))
    assert plain.parts == {}
    assert not plain.tells_things_apart


def test_a_panoptic_run_is_shown_with_its_parts(page: AppTest, root: Path) -> None:
    write_panoptic_run(root, "things")
    write_run(root, "plain", best=0.9)
    page.query_params["runs"] = ["plain", "things"]

    said = run(page)

    assert "things reaches 30 % PQ and 50 % mIoU after 40 updates; plain: 90 % mIoU after 20 updates." in said
    assert len(page.get("plotly_chart")) == 4 + 1 + 2 + 1  # the last: results that come with the program
    assert list(page.dataframe[0].value["PQ at best, %"]) == ["–", "30.0"]
    assert not page.error


def test_two_runs_are_laid_over_each_other(page: AppTest, root: Path) -> None:
    write_run(root, "one", best=0.4)
    write_run(root, "group/two", best=0.5, seed=3)
    page.query_params["runs"] = ["one", "group/two"]

    said = run(page)

    assert said.startswith('<h1 class="rsp-sentence">')
    assert "group/two reaches 50 % mIoU after 20 updates; one: 40 % mIoU after 20 updates." in said
    assert "Best of each run's own evaluations on val (7 images)" in said
    assert len(page.get("plotly_chart")) == 4 + 1  # the last: results that come with the program
    table = page.dataframe[0].value
    assert list(table.index) == ["one", "group/two"]
    assert list(table["best mIoU, %"]) == ["40.0", "50.0"]
    classes = page.dataframe[1].value
    assert list(classes["group/two minus one"])[:2] == ["+10.0", "+10.0"]
    assert classes.loc["rider", "one"] == "–"
    settings = page.dataframe[2].value
    assert list(settings.index) == ["seed"]
    assert list(settings.loc["seed"]) == ["0", "3"]
    assert not page.warning
    assert not page.error


def test_the_newest_run_is_shown_first_and_a_running_one_again(page: AppTest, root: Path) -> None:
    folder = write_run(root, "one")
    assert "one reaches 40 %" in run(page)
    with (folder / "log.jsonl").open("a") as log:
        log.write(json.dumps({"step": 50, "val": {"images": 7, "miou": 0.7, "iou": {}}}) + "\n")

    page.button[0].click()

    assert "one reaches 70 % mIoU after 50 updates" in run(page)


def test_without_runs_the_page_says_how_to_get_one(page: AppTest, root: Path) -> None:
    said = run(page)

    assert "has the highest median mIoU" in said
    assert "make train RECIPE=" in page.info[0].value


def test_without_a_checkout_there_are_no_records_either(
    page: AppTest, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "record_groups", dict)

    assert "There is no run to look at yet." in run(page)


@pytest.mark.parametrize("group", records.record_groups())
def test_records_that_come_with_the_program_are_read_as_they_are(page: AppTest, root: Path, group: str) -> None:
    folder, _, data = group.partition(", ")
    read = [json.loads(path.read_text()) for path in sorted((records.ROOT / folder).glob("*.json"))]
    kept = [one for one in read if not data or one["header"]["data"] == data]
    said = run(page, runs_records=group)

    table = tables(page)[0]
    assert len(page.get("plotly_chart")) == 1
    assert {as_read(name) for name in table.index} == {one["header"]["recipe"] for one in kept}
    assert sum(len(seeds.split(", ")) for seeds in table["seeds"]) == len(kept)
    measure = "pq" if group == "panoptic" else "miou"
    values: dict[str, list[float]] = {}
    for one in kept:
        scores = one["header"]["validation"]
        value = scores["panoptic"]["all"]["pq"] if group == "panoptic" else scores[measure]
        values.setdefault(one["header"]["recipe"], []).append(value)
    best = max(values, key=lambda recipe: median(values[recipe]))
    assert (
        f"{best} has the highest median {'PQ' if group == 'panoptic' else 'mIoU'}, {100 * median(values[best]):.1f}"
        in said
    )


def test_files_that_are_no_records_are_left_out_and_data_sets_are_kept_apart(tmp_path: Path) -> None:
    kept = {data: (records.ROOT / group / name).read_text() for data, group, name in RECORDS}
    for folder, data in (("mine", "camvid"), ("mine", "small-scenes"), ("theirs", "camvid")):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / f"{data}.json").write_text(kept[data])
    (tmp_path / "theirs" / "half.json").write_text(kept["camvid"][:500])
    (tmp_path / "arena").mkdir()
    (tmp_path / "arena" / "ranks.json").write_text("{}")
    groups = records.record_groups(tmp_path)

    assert sorted(groups) == ["mine, camvid", "mine, small-scenes", "theirs"]
    assert [one.recipe for one in groups["mine, camvid"]] == ["camvid_lite0_rsp4"]
    assert [one.recipe for one in groups["mine, small-scenes"]] == ["study_rsp4"]


def test_a_run_that_vanished_is_said_and_the_others_stay(page: AppTest, root: Path) -> None:
    write_run(root, "one")
    write_run(root, "two")
    page.query_params["runs"] = ["one", "two"]
    run(page)
    shutil.rmtree(root / "two")

    said = run(page)

    assert "'two'" in as_read(page.warning[0].value)
    assert "Choose another one" in page.warning[0].value
    assert "one reaches" in said


@pytest.mark.parametrize("asked", ["../../etc", "/etc/passwd", "<b>run</b>", "one/../../secret"])
def test_a_link_to_what_is_no_run_reads_nothing(page: AppTest, root: Path, asked: str) -> None:
    write_run(root, "one")
    write_run(root.parent, "secret")
    page.query_params["runs"] = asked

    run(page)

    assert "Choose another one" in page.warning[0].value
    assert "secret" not in page.multiselect[0].options
    assert not page.dataframe or list(page.dataframe[0].value.index) == ["one"]


def test_damage_is_said_and_the_rest_is_shown(page: AppTest, root: Path) -> None:
    folder = write_run(root, "one")
    log = folder / "log.jsonl"
    log.write_text(log.read_text() + '[1]\n{"step": "x"}\n{"step": 50, "los')
    (folder / "config.json").write_text("{")

    said = run(page)

    assert "one reaches 40 % mIoU" in said
    warnings = " ".join(warning.value for warning in page.warning)
    assert "3 lines of log.jsonl, first 7, are damaged and left out" in warnings
    assert "config.json is damaged" in warnings


def test_a_folder_without_a_log_says_so(page: AppTest, root: Path) -> None:
    (write_run(root, "one") / "log.jsonl").unlink()

    assert "The chosen runs cannot be shown." in run(page)
    assert "has no log.jsonl yet" in page.error[0].value


def test_names_are_text_and_never_markup(page: AppTest, root: Path) -> None:
    name = "<img src=x onerror=alert(1)> *b*"
    folder = write_run(root, name)
    with (folder / "log.jsonl").open("a") as log:
        log.write(json.dumps({"step": 50, "loss": 1.0, "losses": {"<img src=y>": 0.5}}) + "\n")

    said = run(page)

    assert name in said
    bodies = [element.proto.body for element in page.get("html")]
    assert not any("<img" in body for body in bodies)
    figures = [chart.proto.spec for chart in page.get("plotly_chart")]
    assert not any("<img" in figure for figure in figures)
    assert any("src=y" in as_read(figure) for figure in figures)


def test_settings_of_another_kind_stop_no_sentence(root: Path) -> None:
    folders = [write_run(root, name) for name in ("one", "two")]
    for folder in folders:
        facts = json.loads((folder / "config.json").read_text())
        facts["config"]["seed"] = [1]
        (folder / "config.json").write_text(json.dumps(facts))

    assert "One seed each" in sentence([read_run(folder.name, folder) for folder in folders])[1]


def test_a_run_of_any_name_is_shown(page: AppTest, root: Path) -> None:
    folder = write_run(root, os.fsdecode(b"bad\xff{0}"))
    (folder / "config.json").unlink()

    page.run()

    assert not page.exception
    assert page.multiselect(key="runs").value == ["bad\\xff{0}"]
    assert ["bad\\xff{0}: config.json is missing" in as_read(one.value) for one in page.warning] == [True]


def test_no_link_leads_out_of_the_root(root: Path) -> None:
    write_run(root.parent, "secret")
    root.mkdir()
    (root / "way").symlink_to(root.parent / "secret")

    assert run_folders(root) == {}


def test_a_log_that_vanishes_while_it_is_read_is_an_error_with_a_remedy(root: Path) -> None:
    with pytest.raises(RunError, match=r"is not there any more.*choose another run"):
        read_run("gone", root / "gone")


def test_a_curve_of_many_points_keeps_its_mean_and_its_end() -> None:
    curve = Curve(tuple(range(1, 10_001)), tuple(float(i) for i in range(10_000)))

    short = thinned(curve, 1000)

    assert len(short.steps) == 1000
    assert short.steps[-1] == 10_000
    assert sum(short.values) / 1000 == pytest.approx(sum(curve.values) / 10_000)
    assert thinned(short, 1000) is short


def test_each_run_has_its_own_stroke(root: Path) -> None:
    runs = [read_run(name, write_run(root, name)) for name in ("one", "two", "three")]

    figure = curve_chart(runs, [one.curves["loss"] for one in runs], "loss", log=True).figure()

    assert len({(trace.line.color, trace.line.dash) for trace in figure.data}) == 3
    assert figure.layout.yaxis.type == "log"
    assert len(set(zip(charts.COLOURS, charts.DASHES, strict=True))) == charts.MOST


def test_settings_that_differ_are_found_at_any_depth(root: Path) -> None:
    tree = {"a": {"b": [1, 2], "c": [{"d": 1}]}, "e": None}

    assert flat(tree) == {"a.b": [1, 2], "a.c.0.d": 1, "e": None}
    one, two = read_run("one", write_run(root, "one")), read_run("two", write_run(root, "two", seed=1, updates=80))
    assert differences([one, two]) == {"steps": (40, 80), "seed": (0, 1)}
