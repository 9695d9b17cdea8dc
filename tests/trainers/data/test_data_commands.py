"""check-data, crops, predict, and a run on a folder in Cityscapes' layout."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch._utils import ExceptionWrapper

from rsp_lab.data.images import ImageError
from rsp_lab.data.sample import Sample
from rsp_lab.data.transforms import AugmentConfig, CropBox, augment, centred, draw_centre, sample_rng
from rsp_lab.models import presets
from trainers import commands as program
from trainers.commands import main
from trainers.config.paper import PAPER_RECIPES, cityscapes, differences
from trainers.training.batches import reason
from trainers.training.checkpoint import LAST

H, W = 64, 80


@pytest.fixture
def root(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    folder = tmp_path / "cityscapes"
    for split, count in (("train", 3), ("val", 2)):
        for index in range(count):
            for kind, ending in (("leftImg8bit", "leftImg8bit"), ("gtFine", "gtFine_labelIds")):
                path = folder / kind / split / "ulm" / f"ulm_{index:06d}_000019_{ending}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                shape = (H, W, 3) if kind == "leftImg8bit" else (H // 16, W // 16)
                pixels = rng.integers(0, 256 if kind == "leftImg8bit" else 34, shape, dtype=np.uint8)
                Image.fromarray(pixels).resize((W, H), Image.Resampling.NEAREST).save(path)
    monkeypatch.setenv("CITYSCAPES_ROOT", str(folder))
    return folder


def label(root, index, split="train"):
    return root / "gtFine" / split / "ulm" / f"ulm_{index:06d}_000019_gtFine_labelIds.png"


def tiny():
    """A paper's run with a network and crops for a test."""
    config = cityscapes("cityscapes_tiny", presets.baseline())
    return replace(
        config,
        model=replace(presets.tiny_baseline(config.model.class_names, "cityscapes"), label_table="cityscapes"),
        augment=AugmentConfig(crop=(64, 64), scale_step=8),
        steps=2,
        batch_size=2,
        pretrained=False,
        num_threads=1,
        workers=0,
        keep_every=0,
    )


def test_the_whole_way_on_cityscapes(root, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(program.ALL_RECIPES, "cityscapes_tiny", tiny)
    run = tmp_path / "run"
    assert main(["cityscapes_tiny", "--out", str(run)]) == 0
    said = capsys.readouterr().err
    assert "differs from the paper: batch_size is 2, the paper's 32" in said
    assert "taken for a slip" in said
    assert main(["evaluate", str(run / LAST), "--json", "--window", "64", "64", "--flip"]) == 0
    assert json.loads(capsys.readouterr().out)["images"] == 2
    assert main(["predict", str(run), "-o", str(tmp_path / "out")]) == 0
    assert len(list((tmp_path / "out").iterdir())) == 4
    (root / "leftImg8bit" / "val").rename(root / "leftImg8bit" / "test")
    assert main(["predict", str(run), "-o", str(tmp_path / "test"), "--split", "test"]) == 0
    assert len(list((tmp_path / "test").iterdir())) == 4
    assert main(["evaluate", str(run), "--split", "test"]) == 2
    assert "gtFine/test: there is no such folder" in capsys.readouterr().err
    assert main(["crops", "cityscapes_tiny", "-o", str(tmp_path / "sheet.png"), "-n", "5"]) == 0
    assert Image.open(tmp_path / "sheet.png").size == (4 * 64 + 3 * 4, 2 * (2 * 64 + 8) - 4)
    capsys.readouterr()
    label(root, 0).unlink()
    assert main(["cityscapes_tiny", "--out", str(run)]) == 2
    assert "no label file here: ulm_000000" in capsys.readouterr().err


def test_an_unreadable_image_is_one_line(root, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(program.ALL_RECIPES, "cityscapes_tiny", tiny)
    for index in range(3):
        path = root / "leftImg8bit" / "train" / "ulm" / f"ulm_{index:06d}_000019_leftImg8bit.png"
        path.write_bytes(path.read_bytes()[:300])
    assert main(["cityscapes_tiny", "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert "leftImg8bit.png: the file is damaged" in said
    assert "Traceback" not in said


def test_what_a_loading_process_passes_on_is_said_without_its_traceback():
    try:
        raise ImageError("a.png: the file is damaged. Copy it again.")
    except ImageError:
        passed_on = ExceptionWrapper(where="in DataLoader worker process 0")
    with pytest.raises(ImageError) as error:
        passed_on.reraise()
    assert "Traceback" in str(error.value)
    assert reason(error.value) == "a.png: the file is damaged. Copy it again."


def test_the_paper_has_a_recipe_for_each_of_its_runs():
    configs = {name: recipe() for name, recipe in PAPER_RECIPES.items()}
    assert len({config.model for config in configs.values()}) >= len(configs) - 2  # defaults of Tables IV to VI
    heads = {(config.model.head, config.model.pyramid.encoder) for config in configs.values()}
    for head in (presets.rsp4(), presets.baseline_q67(), presets.context2(), presets.rsp4(at=(76, 65))):
        assert (head, "resnet50") in heads
    assert (presets.rsp4_d(), "resnext101_64x4d") in heads
    for config in configs.values():
        assert config.model.pyramid.frozen_batch_norm
        assert config.pretrained
        assert [config.learning_rate(step) for step in (0, 1000, 40_000, 64_999)] == pytest.approx(
            [1e-3, 1e-2, 1e-3, 1e-4]
        )
        assert len(differences(config)) == 5
    assert not differences(replace(tiny(), data="camvid"))


def test_centres_are_uniform_over_classes_and_in_the_middle():
    label = np.zeros((60, 90), np.uint8)
    label[50:52, 80:83] = 7
    label[:5] = 255
    centres = [draw_centre(label, sample_rng(0, step, 0)) for step in range(400)]
    assert 0.4 < np.mean([label[centre] == 7 for centre in centres]) < 0.6
    assert all(label[centre] != 255 for centre in centres)
    assert label[draw_centre(np.full((4, 5), 255, np.uint8), sample_rng(0, 0, 0))] is not None
    box = centred(CropBox((120, 180), 3, 4), (30, 45), (60, 90), (40, 50))
    assert (box.top, box.left) == (61 - 20, 91 - 25)
    corner = centred(CropBox((120, 180), 3, 4), (59, 0), (60, 90), (40, 50))
    assert (corner.top, corner.left) == (80, 0)
    small = centred(CropBox((30, 180), -5, 4), (59, 0), (60, 90), (40, 50))
    assert small.top == -5


def test_a_rare_class_is_seen_more_often_by_centres():
    label = torch.zeros(60, 90, dtype=torch.uint8)
    label[50:52, 80:83] = 7
    sample = Sample("rare", torch.zeros(3, 60, 90, dtype=torch.uint8), label)

    def seen(bootstrap):
        config = AugmentConfig(crop=(16, 16), scale=(1.0, 1.0), bootstrap=bootstrap)
        return sum(bool((augment(sample, config, sample_rng(0, step, 0))[1] == 7).any()) for step in range(100))

    assert seen("centres") > 40
    assert seen("reject") < seen("centres")
