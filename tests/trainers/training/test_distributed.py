"""Two processes reach the weights that one reaches with the same global batch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.kit.processes import torchrun
from tests.trainers.training import ddp_run
from trainers.training.checkpoint import LAST
from trainers.training.logs import MACHINE_KEYS

ROOT = Path(__file__).parents[3]


@pytest.mark.usefixtures("one_thread")
def test_two_processes_are_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PYTHONPATH": ROOT, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}.items():
        monkeypatch.setenv(name, str(value))
    ddp_run.main(tmp_path / "one")
    torchrun(ddp_run.__file__, str(tmp_path / "two"))
    one, two = (load_file(tmp_path / name / LAST) for name in ("one", "two"))
    assert one.keys() == two.keys()
    assert any(name.startswith("average/module") for name in one)
    difference = max(float((one[name].double() - two[name].double()).abs().max()) for name in one)
    print(f"largest difference of a weight: {difference:.1e}")
    assert difference < 1e-5
    moved = max(float(value.abs().max()) for name, value in one.items() if "momentum" in name)
    assert moved > 1e-3

    def log(name: str) -> list[dict[str, Any]]:
        lines = map(json.loads, (tmp_path / name / "log.jsonl").read_text().splitlines())
        return [{key: value for key, value in line.items() if key not in MACHINE_KEYS} for line in lines]

    for ours, theirs in zip(log("one"), log("two"), strict=True):
        assert ours.keys() == theirs.keys()
        if "loss" in ours:
            torch.testing.assert_close(ours["loss"], theirs["loss"], rtol=1e-5, atol=0)
        else:
            assert ours["val"]["images"] == theirs["val"]["images"] == 3
    described = json.loads((tmp_path / "two" / "config.json").read_text())
    assert described["processes"] == 2
