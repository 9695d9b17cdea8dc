"""rsp-lab trade: the files, going on where it was, several processes, and what it refuses."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rsp_lab.analysis.trade.run import trade_matrix
from rsp_lab.cli import main, trade
from rsp_lab.data.camvid import CamVid
from rsp_lab.models import weights
from tests.kit.processes import torchrun

pytestmark = pytest.mark.usefixtures("unchecked_module")
ROOT = Path(__file__).parents[2]
FILES = {"trade.csv", "trade.json", "trade.txt", "trade.png", "trade.pdf", "trade.state.safetensors"}
PAIR = ("camvid-baseline", "camvid-rsp4")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, street) -> Path:
    """CamVid's folders with three small drawn streets, which the shipped weights know as such."""
    root = tmp_path_factory.mktemp("camvid")
    for folder in ("val", "valannot", "train", "trainannot"):
        (root / folder).mkdir()
    for seed in range(3):
        sample = street(seed, 64, 96)
        Image.fromarray(sample.image.permute(1, 2, 0).numpy()).save(root / "val" / f"{seed}.png")
        # File ids of this version of CamVid are the train ids; 11 is unlabelled.
        Image.fromarray(sample.label.numpy()).save(root / "valannot" / f"{seed}.png")
    return root


@pytest.fixture(autouse=True)
def _environment(root, monkeypatch):
    monkeypatch.setenv("CAMVID_ROOT", str(root))


@pytest.fixture
def undrawn(monkeypatch):
    """Pictures take most of the time."""
    monkeypatch.setattr(trade.arguments, "FORMATS", ())


@pytest.fixture(scope="module")
def written(root, tmp_path_factory):
    """The folder of a whole run."""
    out = tmp_path_factory.mktemp("trade")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAMVID_ROOT", str(root))
        main.main(["trade", "camvid", "-o", str(out)])
    return out


def test_its_files_hold_the_matrix(written, root):
    assert {path.name for path in written.iterdir()} == FILES
    expected = trade_matrix(*map(weights.load, PAIR), CamVid(root, "val"))
    facts = json.loads((written / "trade.json").read_text())
    wanted = json.loads(json.dumps(expected.to_dict()))
    assert {key: facts[key] for key in wanted} == wanted
    assert facts["data"] == "camvid val"
    rows = list(csv.DictReader((written / "trade.csv").open()))
    assert tuple(rows[0]) == trade.COLUMNS
    assert {row["side"] for row in rows} == {*PAIR, "right minus left"}
    assert len(rows) == len(expected.rows())
    sides = dict(zip((*PAIR, "right minus left"), ("left", "right", "difference"), strict=True))
    for row in rows[::17]:
        if row["level"]:
            level = row["level"] if row["level"] == "all" else int(row["level"])
            mean, half = expected.at(sides[row["side"]], row["target"], row["source"], level)
            assert float(row["mean"]) == pytest.approx(mean, abs=1e-6)
            assert (row["low"] == "") == np.isnan(half)
    # In each side and target, levels, sources and the bias add up to the logit.
    for side in sides:
        mine = {(r["source"], r["level"]): float(r["mean"]) for r in rows if (r["side"], r["target"]) == (side, "road")}
        parts = [value for (source, level), value in mine.items() if level not in ("", "all") and source != "all"]
        assert sum(parts) + mine["bias", ""] == pytest.approx(mine["total", ""], abs=1e-4)
    assert "over 3 images" in (written / "trade.txt").read_text()
    assert (written / "trade.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.usefixtures("undrawn")
def test_it_goes_on_where_it_was(written, tmp_path, capsys, monkeypatch):
    reads: list[int] = []
    plain = CamVid.__getitem__

    def reading(self, index):
        reads.append(index)
        return plain(self, index)

    monkeypatch.setattr(CamVid, "__getitem__", reading)
    main.main(["trade", "camvid", "-o", str(tmp_path), "--limit", "2"])
    assert "2 of 2 images" in capsys.readouterr().err
    main.main(["trade", "camvid", "-o", str(tmp_path), "--json"])
    assert reads == [0, 1, 1, 2]
    assert json.loads(capsys.readouterr().out) == json.loads((written / "trade.json").read_text())
    for name in FILES - {"trade.pdf", "trade.png"}:
        assert (tmp_path / name).read_bytes() == (written / name).read_bytes(), name
    main.main(["trade", "camvid", "-o", str(tmp_path), "--limit", "1", "--fresh"])
    assert json.loads((tmp_path / "trade.json").read_text())["images"] == 1


def test_an_interruption_before_the_first_image_says_so(tmp_path, capsys, monkeypatch):
    def interrupted(self, index):
        raise KeyboardInterrupt

    monkeypatch.setattr(CamVid, "__getitem__", interrupted)
    with pytest.raises(SystemExit) as stopped:
        main.main(["trade", "camvid", "-o", str(tmp_path)])
    assert stopped.value.code == 130
    assert "nothing was kept yet" in capsys.readouterr().err


@pytest.mark.usefixtures("undrawn")
def test_zones_of_predictions_and_blocks(tmp_path, capsys):
    main.main(["trade", "camvid", "-o", str(tmp_path), "--by", "predictions", "--block", "2", "--json"])
    facts = json.loads(capsys.readouterr().out)
    assert (facts["by"], facts["images_a_block"]) == ("predictions", 2)
    assert np.max(facts["target_blocks"]) == 2
    assert "predictions of each model" in (tmp_path / "trade.txt").read_text()


@pytest.mark.usefixtures("undrawn")
def test_scenes_with_their_own_weights(tmp_path, capsys):
    pair = ["--left", "scenes-baseline", "--right", "scenes-rsp4"]
    main.main(["trade", "small-scenes", *pair, "-o", str(tmp_path), "--limit", "2", "--target", "road"])
    printed = capsys.readouterr().out
    assert "have a 95 % interval that excludes 0" in printed
    assert "Bars: road, level by level" in (tmp_path / "trade.txt").read_text()


def test_torchrun_shares_the_images(written, tmp_path, monkeypatch, capfd):
    for name, value in {"PYTHONPATH": ROOT, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}.items():
        monkeypatch.setenv(name, str(value))
    torchrun("-m", "rsp_lab", "trade", "camvid", "-o", str(tmp_path))
    assert "process 2 of 2" in capfd.readouterr().err
    ours, theirs = (json.loads((folder / "trade.json").read_text()) for folder in (written, tmp_path))
    for name in ("values", "bias", "total"):
        for kind, held in ours.pop(name).items():
            np.testing.assert_allclose(
                np.array(theirs[name][kind], float), np.array(held, float), rtol=0, atol=2e-5, equal_nan=True
            )
        theirs.pop(name)
    assert theirs.pop("residual") == pytest.approx(ours.pop("residual"), abs=1e-6)
    ours.pop("differences_beyond_0")
    theirs.pop("differences_beyond_0")
    assert theirs == ours


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["camvid", "--limit", "0"], "--limit must be at least 1"),
        (["camvid", "--block", "0"], "--block must be at least 1"),
        (["camvid", "--split", "extra"], "no split of CamVid"),
        (["camvid", "--split", "train"], "holds no images"),
        (["places"], "no data set here; expected one of camvid"),
        (["small-scenes"], "know other classes than small-scenes has"),
        (["camvid", "--right", "scenes-rsp4"], "trained on the same classes"),
        (["camvid", "--left", "camvid-rsp5"], "camvid-rsp5"),
        (["camvid", "--target", "pavment"], "Did you mean 'pavement'?"),
    ],
)
def test_what_it_refuses(words, says, tmp_path, fails):
    out = tmp_path / "out"
    assert says in fails(["trade", *words, "-o", str(out)])
    assert not out.exists()


@pytest.mark.usefixtures("undrawn")
def test_states_and_folders_in_the_way(written, tmp_path, fails, monkeypatch):
    main.main(["trade", "camvid", "-o", str(tmp_path), "--limit", "1"])
    refused = fails(["trade", "camvid", "-o", str(tmp_path), "--by", "predictions"])
    assert "other by" in refused
    assert "(-o names another place, --fresh starts over)" in refused
    file = tmp_path / "file"
    file.write_text("")
    assert f"{file} is a file, not a folder" in fails(["trade", "camvid", "-o", str(file)])
    monkeypatch.setenv("RANK", "4")
    assert "torchrun" in fails(["trade", "camvid", "-o", str(tmp_path)])
