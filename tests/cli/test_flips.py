"""rsp-lab flips: the sentences, the files, and what it refuses."""

from __future__ import annotations

import json

import pytest

from rsp_lab.cli import main
from rsp_lab.data.scenes.files import write_cityscapes_layout
from rsp_lab.data.scenes.scene import draw_scene

MODELS = ["--left", "scenes-baseline", "--right", "scenes-rsp4"]


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scene")
    write_cityscapes_layout([draw_scene(2_000_001, 128, 256)], folder, "val")
    image = next(folder.glob("leftImg8bit/val/*/*.png"))
    label = next(folder.glob("gtFine/val/*/*_labelIds.png"))
    return str(image), str(label)


def test_it_tells_the_strongest_and_draws_them(scene, tmp_path, capsys):
    image, label = scene
    main.main(["flips", image, *MODELS, "--labels", label, "-n", "2", "-o", str(tmp_path / "out")])
    printed = capsys.readouterr().out
    facts = json.loads((tmp_path / "out" / "flips.json").read_text())
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"flips.png", "flips.pdf", "flips.json"}
    assert len(facts["stories"]) == 2
    assert all(story["sentence"] in printed for story in facts["stories"])
    assert facts["sources"] == "true labels"


@pytest.mark.parametrize("verdict", ["better", "worse"])
def test_a_verdict_chooses_stories(scene, capsys, verdict):
    image, label = scene
    main.main(["flips", image, *MODELS, "--labels", label, "--verdict", verdict, "-n", "9", "--json"])
    stories = json.loads(capsys.readouterr().out)["stories"]
    assert all(story["verdict"] == verdict for story in stories)


def test_models_that_agree_write_nothing(scene, tmp_path, capsys):
    same = ["--left", "scenes-rsp4", "--right", "scenes-rsp4"]
    main.main(["flips", scene[0], *same, "-o", str(tmp_path / "out")])
    assert capsys.readouterr().out == (
        "The two models agree, but for regions of fewer than 30 pixels if any; nothing was written.\n"
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--verdict", "worse"], "needs --labels"),
        (["-n", "0"], "at least 1"),
        (["--left", "camvid-rsp4"], "trained on the same classes"),
    ],
)
def test_what_it_refuses(scene, capsys, words, says):
    with pytest.raises(SystemExit) as stopped:
        main.main(["flips", scene[0], *MODELS, *words])
    assert stopped.value.code == 2
    assert says in capsys.readouterr().err
