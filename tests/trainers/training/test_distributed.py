"""Two processes reach the weights that one reaches with the same global batch."""

import json
import os
import subprocess
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

from trainers.training.checkpoint import LAST
from trainers.training.logs import MACHINE_KEYS

SCRIPT = Path(__file__).with_name("ddp_run.py")
ROOT = SCRIPT.parents[3]


def test_two_processes_are_as_one(tmp_path):
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    for name, launcher in (("one", []), ("two", torchrun)):
        command = [sys.executable, *launcher, str(SCRIPT), str(tmp_path / name)]
        done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
    one, two = (load_file(tmp_path / name / LAST) for name in ("one", "two"))
    assert one.keys() == two.keys()
    assert any(name.startswith("average/module") for name in one)
    difference = max(float((one[name].double() - two[name].double()).abs().max()) for name in one)
    print(f"largest difference of a weight: {difference:.1e}")
    assert difference < 1e-5
    moved = max(float(value.abs().max()) for name, value in one.items() if "momentum" in name)
    assert moved > 1e-3

    def log(name):
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
