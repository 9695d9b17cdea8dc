"""The change ledger by command: two pictures, or one with a part erased."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rsp_lab.analysis.attribution.erase import erase
from rsp_lab.analysis.ledger.change import change_ledger
from rsp_lab.analysis.targets.target import PixelTarget, RegionTarget
from rsp_lab.cli import main
from rsp_lab.data.images import read_image
from rsp_lab.data.masks import read_mask
from rsp_lab.data.sample import Sample
from rsp_lab.models import weights

pytestmark = pytest.mark.usefixtures("one_thread")
SIZE = (64, 96)


@pytest.fixture
def folder(tmp_path: Path, street: Callable[[int, int, int], Sample]) -> Path:
    """Two images of one size, one of another, and a mask."""
    for name, seed, size in (("a", 1, SIZE), ("b", 2, SIZE), ("larger", 3, (96, 128))):
        Image.fromarray(street(seed, *size).image.permute(1, 2, 0).numpy()).save(tmp_path / f"{name}.png")
    mask = np.zeros(SIZE, np.uint8)
    mask[20:40, 30:60] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    return tmp_path


def test_two_pictures_and_two_models(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = folder / "out"
    words = ["--pixel", "30", "40", "--beside", "camvid-baseline", "-o", str(out)]
    main.main(["change", str(folder / "a.png"), str(folder / "b.png"), *words])

    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["camvid-rsp4", "camvid-baseline"]
    assert sorted(path.name for path in out.iterdir()) == ["change.json", "change.pdf", "change.png", "change.txt"]
    facts = json.loads((out / "change.json").read_text())
    first, second = read_image(folder / "a.png"), read_image(folder / "b.png")
    ledger = change_ledger(weights.load("camvid-rsp4"), first, second, PixelTarget(30, 40))
    expected = json.loads(json.dumps(ledger.to_dict()))
    assert {key: facts[key] for key in expected} == expected
    assert facts["images"] == {"before": "a.png", "after": "b.png"}
    beside = facts["beside"]
    assert beside["looking"] == {}
    assert beside["target"] == facts["target"]
    assert beside["total"] == pytest.approx(sum(beside["content"].values()), abs=1e-4)
    assert "from a.png to b.png" in (out / "change.txt").read_text()


def test_an_erased_part(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--erase", str(folder / "mask.png"), "--fill", "mean", "--region", str(folder / "mask.png"), "--json"]
    main.main(["change", str(folder / "a.png"), *words])

    facts = json.loads(capsys.readouterr().out)
    image, mask = read_image(folder / "a.png"), read_mask(folder / "mask.png", SIZE)
    model = weights.load("camvid-rsp4")
    assert facts["total"] == pytest.approx(
        change_ledger(model, image, erase(image, mask, "mean"), RegionTarget(mask)).total, abs=1e-5
    )
    assert facts["total"] == pytest.approx(sum(facts["content"].values()) + sum(facts["looking"].values()), abs=1e-4)
    assert facts["images"]["after"] == "the same with mask.png erased (mean)"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["a.png", "--pixel", "3", "4"], "name the changed image, or give --erase"),
        (["a.png", "b.png", "--erase", "mask.png", "--pixel", "3", "4"], "one of the two"),
        (["a.png", "b.png"], "say where the decision is"),
        (["a.png", "b.png", "--pixel", "64", "4"], "outside the image of 64 x 96"),
        (["a.png", "larger.png", "--pixel", "3", "4"], "give two of one size"),
        (["a.png", "--erase", "larger.png", "--pixel", "3", "4"], "draw it at the image"),
        (["a.png", "b.png", "--pixel", "3", "4", "--class", "tram"], "tram"),
        (["a.png", "b.png", "--pixel", "3", "4", "--beside", "scenes-rsp4"], "classes"),
    ],
)
def test_wrong_requests_write_nothing(
    folder: Path, words: list[str], says: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit) as stop:
        main.main(["change", *words, "-o", "out"])

    assert stop.value.code == 2
    assert says in capsys.readouterr().err
    assert not (folder / "out").exists()


def test_inputs_are_not_written_over(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "change.png").write_bytes((folder / "a.png").read_bytes())
    words = [str(folder / "change.png"), str(folder / "b.png"), "--pixel", "3", "4", "-o", str(folder)]
    with pytest.raises(SystemExit):
        main.main(["change", *words])

    assert "change.png" in capsys.readouterr().err
    assert (folder / "change.png").read_bytes() == (folder / "a.png").read_bytes()
