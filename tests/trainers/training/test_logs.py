"""What a run says about the machine and the code it ran on."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
import torch

from rsp_lab.files import FileError
from tests.trainers.small import config, run
from trainers.training.logs import memory_mb, open_log


def test_tensorboard_and_memory(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    run(config(tensorboard=True), tmp_path)
    assert list((tmp_path / "tensorboard").glob("events.*"))
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert all(line["memory_mb"] > 10 for line in lines if "loss" in line)


def test_memory_is_unknown_where_the_system_does_not_tell_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)  # as on Windows
    assert memory_mb(torch.device("cpu")) is None
    run(config(), tmp_path)
    assert '"memory_mb": null' in (tmp_path / "log.jsonl").read_text()


def test_configuration_versions_and_the_state_of_the_checkout_are_in_the_run_folder(tmp_path: Path) -> None:
    run(config(), tmp_path)
    described = json.loads((tmp_path / "config.json").read_text())
    assert described["config"]["augment"]["crop"] == [32, 40]
    assert described["versions"]["torch"].startswith(torch.__version__.split("+")[0])
    if (Path(__file__).parents[3] / ".git").exists():
        assert len(described["git"]["commit"]) == 40
        assert isinstance(described["git"]["changed"], bool)
    assert described["processes"] == 1


def test_lines_that_are_none_are_dropped_when_a_run_goes_on(tmp_path: Path) -> None:
    lines = ['{"step": 1}', '{"step": ' + "7" * 400 + "}", '{"step": "1"}', "[" * 10_000, "null", '{"a": 1}', '{"st']
    (tmp_path / "log.jsonl").write_bytes("\n".join([*lines, '{"step": 2}', '{"step": 3}']).encode() + b"\n\xff\n")

    with open_log(tmp_path, config(), start=2):
        pass

    assert (tmp_path / "log.jsonl").read_text() == '{"step": 1}\n{"step": 2}\n'


@pytest.mark.parametrize("name", ["log.jsonl", "config.json"])
def test_a_log_is_not_written_into_a_pipe(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name)

    with pytest.raises(FileError, match=f"{name} is a pipe"):
        open_log(tmp_path, config(), start=0)
