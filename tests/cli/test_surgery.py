"""Levels taken away and weights edited by command, in a model of ours and in networks of another make."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from rsp_lab.analysis.surgery.account import run_surgery
from rsp_lab.analysis.surgery.knock_out import knock_out_levels
from rsp_lab.analysis.surgery.operations import Uniform
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.cli import main
from rsp_lab.data.images import read_image
from rsp_lab.data.sample import Sample
from rsp_lab.models import weights

pytestmark = pytest.mark.usefixtures("one_thread")
PIXEL = ["--pixel", "30", "40"]


@pytest.fixture
def picture(tmp_path: Path, street: Callable[[int, int, int], Sample]) -> Path:
    Image.fromarray(street(1, 64, 96).image.permute(1, 2, 0).numpy()).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def test_of_a_model_of_ours(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["surgery", str(picture), *PIXEL, "--model", "scenes-rsp4-tiny", "--edit", "uniform", "--at", "step54"]
    main.main([*words, "--json"])
    facts = json.loads(capsys.readouterr().out)

    model, image = weights.load("scenes-rsp4-tiny"), read_image(picture)
    expected = knock_out_levels(model, image, PixelTarget(30, 40))
    assert facts["levels"] == json.loads(json.dumps(expected.to_dict()))["levels"]
    account = run_surgery(model, image, Uniform("step54")).account(expected.target)
    assert facts["edit"]["change"] == pytest.approx(account.change, abs=1e-5)
    assert facts["edit"]["predicted"] == pytest.approx(account.predicted.total, abs=1e-5)

    main.main(words)
    printed = capsys.readouterr().out
    assert "without level" in printed
    assert "equal weights at step54, whole map: " in printed
    assert "with all else held, the rest is the reaction" in printed


@pytest.fixture
def former(tmp_path: Path) -> str:
    pytest.importorskip("transformers", reason="transformers, of the extra foreign, is not installed")
    file = tmp_path / "former.py"
    file.write_text(
        "from tests.kit.attention_families import family\n\n\ndef former():\n    return family('SegFormer, fused')\n"
    )
    return f"{file}:former"


def test_attention_inside_the_cut_is_edited_live_alone(
    picture: Path, former: str, capsys: pytest.CaptureFixture[str]
) -> None:
    layer = "segformer.stages.3.blocks.1.attention"
    edit = ["--edit", "zero", "--at", layer, "--heads", "0", "2", "--here"]
    main.main(["surgery", str(picture), *PIXEL, "--model", former, *edit])
    printed = capsys.readouterr().out
    assert f"weight 0 on all at {layer}, heads 0, 2, at pixel (30, 40): " in printed
    assert "in the running network; not held: the weights of" in printed
    assert "gates that flip" in printed


def test_where_no_ledger_adds_up_levels_are_taken_away_live(
    picture: Path, foreign: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main.main(["surgery", str(picture), *PIXEL, "--model", f"{foreign}:gated"])
    assert "Nothing can be held: residual" in capsys.readouterr().out


def test_what_it_refuses(picture: Path, foreign: Path, fails: Callable[[list[str]], str]) -> None:
    command = ["surgery", str(picture), *PIXEL]
    assert "are of an edit: give --edit" in fails([*command, "--here"])
    assert "has no attention on this image" in fails([*command, "--model", f"{foreign}:other", "--edit", "uniform"])
    assert "no relation step of this head" in fails([*command, "--edit", "uniform", "--at", "step99"])
    assert "outside" in fails(["surgery", str(picture), "--pixel", "300", "4"])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--temperature", "3"], "--temperature is of --edit temperature: give that with it."),
        (["--edit", "uniform", "--temperature", "3"], "--temperature is of --edit temperature"),
        (["--seed", "0"], "--seed is of --edit shuffle"),
    ],
)
def test_an_option_of_another_edit_is_refused(words: list[str], says: str, fails: Callable[[list[str]], str]) -> None:
    assert says in fails(["surgery", "a.png", "--pixel", "1", "1", *words])
