"""rsp-lab figures: what is written, batches, the same bytes twice, and what wrong requests say."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from rsp_lab.cli import figures, main
from rsp_lab.cli.figures import GROUPS, TABLES
from rsp_lab.data.labels import CAMVID
from rsp_lab.data.sample import Sample
from rsp_lab.figures import fonts
from rsp_lab.figures.catalogue import FIGURES, PAPER
from rsp_lab.models import weights
from rsp_lab.models.presets import semantic_fpn, tiny_baseline, tiny_rsp4
from rsp_lab.models.pyramid import PyramidConfig
from rsp_lab.models.segmenter import Segmenter, SegmenterConfig

pytestmark = pytest.mark.usefixtures("unchecked_module", "one_thread")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Arguments that name an untrained pair."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    for name, config in (("left", tiny_baseline), ("right", tiny_rsp4)):
        weights.save(Segmenter(config(CAMVID.classes, CAMVID.name)), folder / f"{name}.safetensors", {})
    return ["--left", str(folder / "left.safetensors"), "--right", str(folder / "right.safetensors")]


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory, street: Callable[[int, int, int], Sample]) -> list[Path]:
    folder = tmp_path_factory.mktemp("scenes")
    paths = []
    for number in (1, 2):
        paths.append(folder / f"scene{number}.png")
        Image.fromarray(street(number, 80, 128).image.permute(1, 2, 0).numpy()).save(paths[-1])
    return paths


def draw(arguments: list[str], out: Path) -> list[str]:
    main.main(["figures", *arguments, "-o", str(out)])
    return sorted(path.name for path in out.iterdir())


def test_each_image_has_its_figures_and_what_needs_none_is_drawn_once(
    scenes: list[Path], models: list[str], tmp_path: Path
) -> None:
    images = ["--image", *map(str, scenes)]
    found = draw(["fig1", "fig2", *images, *models, "--format", "svg"], tmp_path / "out")

    each = [f"fig1-scene{number}.{ending}" for number in (1, 2) for ending in ("svg", "txt")]
    assert found == sorted([*each, "fig2.svg", "fig2.txt"])
    for number in (1, 2):
        words = (tmp_path / "out" / f"fig1-scene{number}.txt").read_text(encoding="utf-8")
        assert f"scene{number}.png, 128 x 80 pixels" in words


@pytest.mark.parametrize(
    ("width", "names", "endings"),
    [("page", ("fig5",), ("svg", "pdf")), ("column", ("fig1", "fig3"), ("svg",))],
)
def test_the_same_request_gives_the_same_bytes(
    width: str,
    names: tuple[str, ...],
    endings: tuple[str, ...],
    scenes: list[Path],
    models: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Resolution is no matter of chance, and photographs at 300 dots an inch take their time.
    monkeypatch.setattr(figures, "save", lambda figure, path: real(figure, path, dpi=40))
    arguments = [*names, "--image", str(scenes[0]), *models]
    arguments += ["--format", *endings, "--width", width, "--pixel", "40", "70"]
    first, second = draw(arguments, tmp_path / "1"), draw(arguments, tmp_path / "2")

    assert first == second
    for name in first:
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes(), name


real = figures.save


def test_json_holds_captions_and_data(
    scenes: list[Path], models: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["fig2", "fig3", "tables", "--image", str(scenes[0]), *models, "--step", "step65", "--format", "svg"]
    found = draw([*arguments, "--json"], tmp_path / "out")
    records = {record["figure"]: record for record in json.loads(capsys.readouterr().out)}

    assert found == sorted(name for record in records.values() for name in record["files"])
    assert set(records) == {"fig2", "fig3", "tables"}
    assert records["fig3"]["caption"] == (tmp_path / "out" / "fig3.txt").read_text(encoding="utf-8").strip()
    (flow,) = records["fig3"]["data"]["models"]
    assert flow["step"]["name"] == "step65"
    assert flow["model"] == "right"
    assert {table["number"] for table in records["tables"]["data"]} == {"I", "II", "III", "IV", "V", "VI"}


def test_scores_stand_in_the_tables(tmp_path: Path) -> None:
    scores = tmp_path / "scores.json"
    scores.write_text('{"VI/Baseline": 71.25}')
    draw(["tables", "--scores", str(scores)], tmp_path / "out")

    assert "| Baseline | - | (54, 43) | 74.8 | 71.2 |" in (tmp_path / "out" / "tables.md").read_text(encoding="utf-8")


def test_list_says_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    main.main(["figures", "--list", "--json"])
    listed = [row["name"] for row in json.loads(capsys.readouterr().out)]

    assert listed == [*FIGURES, TABLES, *GROUPS]
    assert all(part in {*FIGURES, *PAPER, TABLES} for group in GROUPS.values() for part in group)


def test_a_figure_named_twice_is_drawn_once_under_the_first_name(
    scenes: list[Path], models: list[str], tmp_path: Path
) -> None:
    request = ["--image", str(scenes[0]), *models, "--format", "svg"]

    assert draw(["structure", "fig2", *request], tmp_path / "out") == ["structure.svg", "structure.txt"]


def test_one_model_is_drawn_alone_and_groups_leave_out_what_it_does_not_have(
    scenes: list[Path], models: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    request = ["--image", str(scenes[0]), "--model", models[1], "--format", "svg", "--width", "column"]
    found = draw(["all", *request], tmp_path / "out")

    assert {name.partition(".")[0] for name in found} == {
        *("fig1", "fig2", "fig3", "fig5a", "fig5b", "context_paths", "context_flow", "ledger", "tables")
    }
    assert "fig4 is left out: " in capsys.readouterr().err
    words = (tmp_path / "out" / "fig5a.txt").read_text(encoding="utf-8")
    assert words.startswith("Predictions of left. Image: scene1.png")


def test_wrong_requests_write_nothing(
    scenes: list[Path], models: list[str], tmp_path: Path, fails: Callable[[list[str]], str]
) -> None:
    out, image = ["-o", str(tmp_path / "out")], ["--image", str(scenes[0])]
    twin = tmp_path / "scene1.png"
    twin.write_bytes(scenes[0].read_bytes())

    assert "'fig9' is no figure here; expected some of reach, structure" in fails(["figures", "fig9", *out])
    assert "name what to draw" in fails(["figures", *out])
    assert "-o DIR" in fails(["figures", "fig2"])
    assert "two images are called 'scene1'" in fails(["figures", "fig1", *image, str(twin), *models, *out])
    assert "--labels are of one image, got 0" in fails(["figures", "fig5a", "--labels", str(twin), *models, *out])
    for option, value, of in (
        ("--step", "step54", "dataflow"),
        ("--channel", "3", "context_flow or context_paths"),
        ("--scenes", "3", "distance"),
        ("--scores", str(twin), "tables"),
        ("--labels", str(twin), "predictions or decision_flow or flips"),
    ):
        said = fails(["figures", "fig2", *image, *models, option, value, *out])
        assert f"{option} is of {of}: name one of them, or leave it off" in said
    assert "'step98' is no step" in fails(["figures", "fig3", *image, *models, "--step", "step98", *out])
    assert "drawn scenes' classes" in fails(["figures", "distance", *models, *out])
    assert "one model alone" in fails(["figures", "fig2", *models, "--model", models[1], *out])
    assert "give two models" in fails(["figures", "flips", *image, "--model", models[1], *out])
    assert not (tmp_path / "out").exists()


def test_letters_that_no_font_has_are_said_once(
    scenes: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fonts, "FALLBACKS", ())
    fonts._families.cache_clear()
    name = str(tmp_path / "foreign.safetensors")
    weights.save(Segmenter(tiny_baseline(("車", "人", "天"))), name, {})

    try:
        draw(["fig5a", "ledger", "--image", str(scenes[0]), "--model", name, "--format", "svg"], tmp_path / "out")
    finally:
        fonts._families.cache_clear()

    notices = [line for line in capsys.readouterr().err.splitlines() if "Noto Sans CJK" in line]
    assert len(notices) == 1
    assert notices[0].startswith("rsp-lab: no installed font has some letters of the names, so figures write ")
    assert "車 as \\u8eca" in notices[0]


def test_semantic_fpn_has_a_structure_and_levels_and_no_steps(
    scenes: list[Path], models: list[str], tmp_path: Path, fails: Callable[[list[str]], str]
) -> None:
    config = SegmenterConfig(PyramidConfig("tiny", 64, top=5), semantic_fpn(), CAMVID.classes)
    path = str(tmp_path / "semantic.safetensors")
    weights.save(Segmenter(config), path, {})
    request = ["--image", str(scenes[0]), "--left", path, "--right", path]

    assert "fig2.svg" in draw(["fig2", *request, "--format", "svg"], tmp_path / "out")
    assert "fig5b.svg" in draw(["fig5b", *request, "--format", "svg"], tmp_path / "flow")
    for name in ("fig1", "fig3"):
        assert "no top-down steps to show" in fails(["figures", name, *request, "-o", str(tmp_path / "out2")])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1]", "is a list, expected an object"),
        ("{", "Expecting"),
        ('{"VI/Baseline": "71"}', "not all of its scores are numbers"),
        ('{"VI/Baseline": true}', "not all of its scores are numbers"),
        ('{"VI/Baseline": NaN}', "NaN is no number of JSON"),
        ('{"VI/Baseline": 1e400}', "is not finite"),
        ('{"VI/Baseline": ' + "7" * 400 + "}", "of 400 digits is beyond 64 bits"),
        ('{"a": ' * 10_000 + "1" + "}" * 10_000, "nested deeper than 64 levels"),
    ],
)
def test_scores_that_are_none_are_refused(
    text: str, words: str, tmp_path: Path, fails: Callable[[list[str]], str]
) -> None:
    scores = tmp_path / "scores.json"
    scores.write_text(text)

    said = fails(["figures", "tables", "--scores", str(scores), "-o", str(tmp_path / "out")])

    assert words in said
    assert str(scores) in said
    assert "Give one object of numbers" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["/dev/zero", "fifo"])
def test_endless_scores_are_refused(kind: str, tmp_path: Path, fails: Callable[[list[str]], str]) -> None:
    os.mkfifo(tmp_path / "fifo")

    said = fails(["figures", "tables", "--scores", str(tmp_path / kind), "-o", str(tmp_path / "out")])

    assert "which may never end" in said


def test_the_list_has_every_word_in_its_column(capsys: pytest.CaptureFixture[str]) -> None:
    """What tables shows stood under their width."""
    main.main(["figures", "--list"])
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in capsys.readouterr().out.splitlines()]
    found = {row[0]: row for row in rows if row}

    assert found["tables"][2:] == ["Tables I to VI, the paper's numbers and ours.", "", "no"]
    assert found["fig5"][2:4] == ["fig5a, fig5b", ""]
