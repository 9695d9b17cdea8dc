"""A state that someone or something changed is refused before anything in the learner changes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from rsp_lab.files import FileError
from rsp_lab.models import run_state
from rsp_lab.models.heads import TopDownConfig
from rsp_lab.models.presets import tiny_baseline
from rsp_lab.models.pyramid import PyramidConfig
from rsp_lab.models.run_state import LAST, CheckpointError, load_model
from rsp_lab.models.segmenter import Segmenter, SegmenterConfig
from tests.trainers import small
from trainers.config.run import RunConfig
from trainers.training import checkpoint
from trainers.training.checkpoint import BEST, Progress, resume, save_last
from trainers.training.learner import Learner

Change = Callable[[dict[str, Any], dict[str, torch.Tensor]], object]


@pytest.fixture
def config() -> RunConfig:
    model = SegmenterConfig(PyramidConfig("tiny", 32, top=5), TopDownConfig(channels=64), ("road", "sky"))
    return RunConfig(name="test", model=model, steps=10, ema=0.9)


def learner_of(config: RunConfig, seed: int = 0) -> Learner:
    torch.manual_seed(seed)
    return Learner.build(Segmenter(config.model), config)


@pytest.fixture
def run(config: RunConfig, tmp_path: Path) -> Path:
    """The folder of a run after one update."""
    learner = learner_of(config)
    learner.model(torch.rand(2, 3, 64, 64)).square().mean().backward()
    learner.step(None)
    save_last(tmp_path, config, Progress(1, 0.25, {"loss": [0.5]}), learner)
    return tmp_path


def changed(run: Path, change: Change) -> None:
    with safe_open(run / LAST, "pt") as file:
        facts = json.loads(file.metadata()["rsp_lab_checkpoint"])
    tensors = load_file(run / LAST)
    result = change(facts, tensors)
    facts = facts if result is None else result
    save_file(tensors, run / LAST, {"rsp_lab_checkpoint": facts if isinstance(facts, str) else json.dumps(facts)})


def renamed(before: str, after: str) -> Change:
    def change(_: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
        name = next(name for name in tensors if name.startswith(before))
        tensors[name.replace(before, after, 1)] = tensors.pop(name)

    return change


def reshaped(prefix: str) -> Change:
    def change(_: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
        name = next(name for name, value in tensors.items() if name.startswith(prefix) and value.ndim)
        tensors[name] = torch.zeros(7)

    return change


def fact(*path: str, value: Any) -> Change:
    def change(facts: dict[str, Any], _: dict[str, torch.Tensor]) -> None:
        for name in path[:-1]:
            facts = facts[name]
        facts[path[-1]] = value

    return change


def test_a_state_comes_back(config: RunConfig, run: Path) -> None:
    learner = learner_of(config, seed=1)

    assert resume(run, config, learner) == Progress(1, 0.25, {"loss": [0.5]})

    expected = load_file(run / LAST)
    assert all(torch.equal(value, expected[f"model/{name}"]) for name, value in learner.model.state_dict().items())
    assert len(learner.optimiser.state_dict()["state"]) == len(list(learner.model.parameters()))
    loaded = load_model(run / LAST)
    assert all(torch.equal(v, expected[f"average/module.{name}"]) for name, v in loaded.state_dict().items())


def test_a_state_from_before_names_were_kept_comes_back(config: RunConfig, run: Path) -> None:
    changed(run, lambda facts, _: facts.pop("names") and None)

    assert resume(run, config, learner_of(config)).step == 1


def test_a_state_from_before_losses_had_names_comes_back(config: RunConfig, run: Path) -> None:
    changed(run, lambda facts, _: facts.update(progress={"step": 1, "best_miou": 0.25, "losses": [0.5]}))

    assert resume(run, config, learner_of(config)) == Progress(1, 0.25, {"loss": [0.5]})


DAMAGES: list[tuple[Change, str]] = [
    (lambda *_: "null", "is null, expected an object"),
    (lambda *_: "[]", "is a list, expected an object"),
    (lambda *_: "[" * 10_000, "nested deeper"),
    (lambda *_: "{", "Expecting"),
    (fact("format", value=7), "is no checkpoint of this version"),
    (fact("progress", value=None), "progress is no object"),
    (fact("progress", "step", value=-1), "step is -1 of 10"),
    (fact("progress", "step", value=11), "step is 11 of 10"),
    (fact("progress", "step", value="1"), "step is '1' of 10"),
    (fact("progress", "step", value=10**30), "beyond 64 bits"),
    (fact("progress", "losses", value=7), "the best score or the losses are no numbers"),
    (fact("progress", "losses", value={"loss": 7}), "the best score or the losses are no numbers"),
    (fact("progress", "losses", value=[None]), "the best score or the losses are no numbers"),
    (fact("progress", "best", value="high"), "the best score or the losses are no numbers"),
    (fact("progress", "best", value=float("nan")), "NaN is no number"),
    (fact("fingerprint", value=[]), "fingerprint is no object"),
    (fact("scaler", value=7), "scaler is no object"),
    (renamed("optimiser/0/", "optimiser/9999/"), "its tensors are not those that were written"),
    (renamed("optimiser/0/exp_avg", "optimiser/0/exp_avh"), "its tensors are not those that were written"),
    (renamed("model/head", "model/heads"), "its tensors are not those that were written"),
    (lambda _, tensors: tensors.pop("average/n_averaged") and None, "its tensors are not those that were written"),
    (reshaped("optimiser/0/"), "belongs to no parameter of this network"),
    (reshaped("model/"), r"is of another network \(.*\(7,\), expected \("),
    (reshaped("average/"), r"is of another network \(.*\(7,\), expected \("),
]


@pytest.mark.parametrize(("damage", "words"), DAMAGES)
def test_a_changed_state_is_refused_whole(config: RunConfig, run: Path, damage: Change, words: str) -> None:
    changed(run, damage)
    learner = learner_of(config, seed=1)
    before = {name: value.clone() for name, value in learner.model.state_dict().items()}

    with pytest.raises(CheckpointError, match=rf"last\.safetensors: .*{words}.*(anew|new folder)") as error:
        resume(run, config, learner)

    assert "\n" not in str(error.value)
    assert all(torch.equal(value, before[name]) for name, value in learner.model.state_dict().items())
    assert not learner.optimiser.state_dict()["state"]


@pytest.mark.parametrize("after", ["optimiser/9999/", "optimiser/-1/", "optimiser/x/", "optimiser//"])
def test_a_state_of_the_optimiser_without_its_parameter(config: RunConfig, run: Path, after: str) -> None:
    """Also where the names in the header were changed along."""

    def change(facts: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
        renamed("optimiser/0/", after)(facts, tensors)
        facts["names"] = run_state.names_digest(tensors)

    changed(run, change)
    with pytest.raises(CheckpointError, match=f"{after}.* belongs to no parameter of this network"):
        resume(run, config, learner_of(config))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda *_: "null", "is null"),
        (fact("model", value=None), "model is no object"),
        (fact("model", value={}), "unknown configuration"),
        (fact("model", "pyramid", "channels", value=10**9), "PyramidConfig.channels is 1000000000"),
        (fact("model", "class_names", value=[1, 2]), "class_names"),
        (reshaped("average/module."), "is of another network"),
    ],
)
def test_a_model_of_a_changed_state_is_refused(run: Path, damage: Change, words: str) -> None:
    changed(run, damage)

    with pytest.raises(FileError, match=rf"last\.safetensors: .*{words}"):
        load_model(run / LAST)


def test_what_a_killed_write_left_is_removed(config: RunConfig, run: Path) -> None:
    lock = run / ".unfinished-0123456789abcdef.lock"
    lock.touch()
    lock.with_suffix("").mkdir()
    (lock.with_suffix("") / "content").write_bytes(b"half")

    resume(run, config, learner_of(config))

    assert [path.name for path in run.iterdir()] == [LAST]


def test_a_pipe_in_the_place_of_a_state(config: RunConfig, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / LAST)

    with pytest.raises(CheckpointError, match="is a pipe"):
        resume(tmp_path, config, learner_of(config))
    with pytest.raises(FileError, match="neither a shipped model nor a file"):
        load_model(tmp_path / LAST)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_state_that_is_cut_short_is_named(tmp_path: Path, share: float) -> None:
    small.run(small.config(), tmp_path)
    whole = (tmp_path / LAST).read_bytes()
    (tmp_path / LAST).write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(CheckpointError, match=r"last\.safetensors: is damaged|last\.safetensors: no readable"):
        small.run(small.config(), tmp_path)


def test_states_are_kept_by_number(tmp_path: Path) -> None:
    small.run(small.config(keep_every=1, keep=2), tmp_path)
    assert sorted(path.name for path in tmp_path.glob("step-*")) == [
        "step-00000005.safetensors",
        "step-00000006.safetensors",
    ]
    assert (tmp_path / "step-00000006.safetensors").read_bytes() == (tmp_path / LAST).read_bytes()


class Killed(BaseException):
    """Ends a run where a file was just to be written, or has just been."""


@pytest.mark.parametrize("after", [False, True])
def test_a_run_killed_at_any_of_its_writes_ends_with_the_files_of_one_left_alone(
    after: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = small.config(steps=4, keep_every=1, keep=2, eval_every=2, ema=0.9)
    write, written = checkpoint.write_atomic, []

    def run_until(folder: Path, number: int | None) -> dict[str, bytes]:
        def write_or_die(path: Path, content: bytes) -> None:
            written.append(path)
            if len(written) == number and not after:
                raise Killed
            write(path, content)
            if len(written) == number:
                raise Killed

        written.clear()
        with monkeypatch.context() as patch:
            patch.setattr(checkpoint, "write_atomic", write_or_die)
            small.run(settings, folder)
        return {path.name: path.read_bytes() for path in folder.glob("*.safetensors")}

    whole = run_until(tmp_path / "whole", None)
    assert sorted(whole) == [BEST, LAST, "step-00000003.safetensors", "step-00000004.safetensors"]
    for number in range(1, len(written) + 1):
        folder = tmp_path / f"{number}"
        with pytest.raises(Killed):
            run_until(folder, number)
        assert run_until(folder, None) == whole, number


def test_states_of_a_longer_run_do_not_take_the_place_of_a_new_one(tmp_path: Path) -> None:
    stale = tmp_path / "step-00000900.safetensors"
    stale.write_bytes(b"of another run")
    small.run(small.config(keep_every=1, keep=1), tmp_path)

    assert sorted(tmp_path.glob("step-*")) == [tmp_path / "step-00000006.safetensors", stale]


@pytest.mark.parametrize("ema", [None, 0.5])
def test_any_state_can_be_evaluated(tmp_path: Path, ema: float | None) -> None:
    model = tiny_baseline(small.CLASSES)
    scored: list[nn.Module] = []
    settings = small.config(model=model, steps=1, batch_size=2, ema=ema)
    small.run(settings, tmp_path, lambda: Segmenter(model), lambda found, *_: scored.append(found))
    loaded = load_model(tmp_path / LAST)
    assert not loaded.training
    assert all(torch.equal(value, scored[-1].state_dict()[name]) for name, value in loaded.state_dict().items())
