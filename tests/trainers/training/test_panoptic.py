"""The same loop trains a panoptic network: its losses add up, apart and together, and a break leaves no trace."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from rsp_lab.data.transforms import AugmentConfig
from rsp_lab.interruption import Interrupted
from rsp_lab.models.panoptic.segmenter import PanopticSegmenter
from rsp_lab.models.run_state import LAST
from tests.kit.pretended_gpu import pretended_gpu
from tests.trainers.small_panoptic import MODEL, config, few, run
from trainers.config.run import LossConfig
from trainers.training import loop
from trainers.training.batches import training_batches
from trainers.training.learner import Learner
from trainers.training.logs import MACHINE_KEYS
from trainers.training.losses import TOTAL
from trainers.training.panoptic import INSTANCES, REGIONS, SEMANTIC
from trainers.training.task import build_task

PARTS = (SEMANTIC, *REGIONS, *INSTANCES)


@pytest.fixture(scope="module", autouse=True)
def _one_thread(one_thread: None) -> None: ...


def log(folder: Path) -> list[dict[str, Any]]:
    lines = map(json.loads, (folder / "log.jsonl").read_text().splitlines())
    return [{key: value for key, value in line.items() if key not in MACHINE_KEYS} for line in lines]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run without a break."""
    folder = tmp_path_factory.mktemp("whole")
    run(config(), folder)
    return folder


def test_a_killed_run_ends_with_the_same_weights(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, calls = loop.update, []

    def update_then_signal(*arguments: Any) -> dict[str, float]:
        calls.append(1)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return plain(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "update", update_then_signal)
        with pytest.raises(Interrupted, match="after 3 updates"):
            run(config(), tmp_path)
    run(config(), tmp_path)

    assert (tmp_path / LAST).read_bytes() == (whole / LAST).read_bytes()
    assert log(tmp_path) == log(whole)


def test_losses_are_logged_apart_and_add_up(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line for line in log(whole) if "loss" in line]
    assert [line["step"] for line in lines] == [2, 4]
    for line in lines:
        parts = line["losses"]
        assert tuple(parts) == PARTS
        total = sum(parts[name] for name in (*REGIONS, *INSTANCES)) + 0.5 * parts[SEMANTIC]
        assert line["loss"] == pytest.approx(total, rel=1e-5)
    (scores,) = (line["val"] for line in log(whole) if "val" in line)
    assert scores["images"] == scores["panoptic"]["images"] == scores["precision"]["images"] == 2
    assert set(scores["panoptic"]) >= {"all", "things", "stuff", "by_class"}


def updates(count: int = 1, **changes: Any) -> tuple[PanopticSegmenter, list[dict[str, float]]]:
    settings = config(**changes)
    torch.manual_seed(0)
    model = PanopticSegmenter(MODEL)
    task = build_task(settings, few("train", 4))
    learner = Learner.build(model, settings, task.network(model))
    batches = iter(training_batches(few("train", 4), settings, 0))
    return model, [loop.update(learner, task, next(batches), settings, step) for step in range(count)]


def test_parts_of_a_batch_add_up_to_it() -> None:
    (whole, losses), (parts, again) = updates(2), updates(2, accumulate=2)

    for one, other in zip(losses, again, strict=True):
        assert one == pytest.approx(other, rel=1e-4)
    for (name, value), other in zip(whole.state_dict().items(), parts.state_dict().values(), strict=True):
        torch.testing.assert_close(value, other, rtol=1e-3, atol=1e-5, msg=name)


@pytest.mark.parametrize(
    ("weights", "factors"),
    [
        (LossConfig(instances=2.0, semantic=0.25), (0.25, 1, 1, 2, 2, 2)),
        (LossConfig(instances=0.0, semantic=1.0), (1, 1, 1, 0, 0, 0)),
    ],
)
def test_the_paper_weighs_boxes_and_masks_and_stuff_but_not_the_regions(
    weights: LossConfig, factors: tuple[float, ...]
) -> None:
    _, (losses,) = updates(loss=weights)
    expected = sum(factor * losses[name] for factor, name in zip(factors, PARTS, strict=True))
    assert losses[TOTAL] == pytest.approx(expected, rel=1e-5)


def test_the_semantic_loss_may_be_chosen_as_elsewhere() -> None:
    _, (plain,) = updates()
    _, (hard,) = updates(loss=LossConfig("ohem", ohem_threshold=0.05, ohem_least=0.1))
    assert hard[SEMANTIC] > plain[SEMANTIC]
    assert {name: hard[name] for name in PARTS[1:]} == {name: plain[name] for name in PARTS[1:]}


def test_whole_images_are_for_panoptic_networks_and_crops_for_others() -> None:
    with pytest.raises(ValueError, match="panoptic networks are trained on whole images"):
        replace(config(), augment=AugmentConfig())
    with pytest.raises(ValueError, match="panoptic networks are trained on whole images"):
        replace(config(), model=MODEL.semantic)
    with pytest.raises(ValueError, match="no regions to weigh"):
        config(loss=LossConfig(region_weight=2.0))


def test_a_run_keeps_every_tensor_on_its_device(tmp_path: Path) -> None:
    with pretended_gpu():
        run(config(accumulate=1, steps=1, device="cuda"), tmp_path, lambda *_: None)
    (scores,) = (line["val"] for line in log(tmp_path) if "val" in line)
    assert scores["images"] == 2
