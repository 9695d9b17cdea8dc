"""Two processes reach the weights that one reaches with the same global batch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from torch import Tensor

from rsp_lab.models.run_state import LAST
from tests.kit.processes import torchrun
from tests.trainers.training import ddp_run
from trainers.training.logs import MACHINE_KEYS

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, one_thread: None) -> Path:
    """The runs of one process and, in folders beside them, the same of two."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"PYTHONPATH": ROOT, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}.items():
            patch.setenv(name, str(value))
        ddp_run.main(folder / "one")
        torchrun(ddp_run.__file__, str(folder / "two"))
    return folder


def states(runs: Path, kind: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The last states of one and of two processes."""
    one, two = (load_file(runs / name / kind / LAST) for name in ("one", "two"))
    assert one.keys() == two.keys()
    return one, two


def logs(runs: Path, kind: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Line by line without what they say about the machine."""

    def log(name: str) -> list[dict[str, Any]]:
        lines = map(json.loads, (runs / name / kind / "log.jsonl").read_text().splitlines())
        return [{key: value for key, value in line.items() if key not in MACHINE_KEYS} for line in lines]

    pairs = list(zip(log("one"), log("two"), strict=True))
    assert all(ours.keys() == theirs.keys() for ours, theirs in pairs)
    return pairs


@pytest.mark.parametrize(("kind", "tolerance"), [("semantic", 1e-5), ("rsp4", 1e-5), ("panoptic", 1e-4)])
def test_two_processes_are_as_one(runs: Path, kind: str, tolerance: float) -> None:
    one, two = states(runs, kind)
    difference = max(float((one[name].double() - two[name].double()).abs().max()) for name in one)
    print(f"largest difference of a weight: {difference:.1e}")
    assert difference < tolerance
    moved = max(float(value.abs().max()) for name, value in one.items() if "momentum" in name)
    assert moved > 1e-3
    for ours, theirs in logs(runs, kind):
        if "loss" in ours:
            assert ours["loss"] == pytest.approx(theirs["loss"], rel=tolerance)
    assert json.loads((runs / "two" / kind / "config.json").read_text())["processes"] == 2


def test_the_moving_average_is_shared(runs: Path) -> None:
    assert any(name.startswith("average/module") for name in states(runs, "semantic")[1])


def test_processes_share_the_images_of_an_evaluation(runs: Path) -> None:
    (scores,) = ((a["val"], b["val"]) for a, b in logs(runs, "panoptic") if "val" in a)
    for one, two in scores, scores[::-1]:
        assert one["images"] == one["panoptic"]["images"] == one["precision"]["images"] == 2
        assert one["panoptic"]["all"]["categories"] == two["panoptic"]["all"]["categories"]
        assert one["miou"] == pytest.approx(two["miou"], abs=1e-3)
        assert one["precision"]["box"]["AP"] == pytest.approx(two["precision"]["box"]["AP"], abs=1e-3)
    for one, two in ((a["val"], b["val"]) for a, b in logs(runs, "semantic") if "val" in a):
        assert one["images"] == two["images"] == 3


def test_each_loss_is_that_of_the_whole_batch(runs: Path) -> None:
    for ours, theirs in logs(runs, "panoptic"):
        if "losses" in ours:
            assert ours["losses"] == pytest.approx(theirs["losses"], rel=1e-4)
