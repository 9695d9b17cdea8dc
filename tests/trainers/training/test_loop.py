"""An interrupted run must end as one without a break, to the last bit, whatever its options."""

from __future__ import annotations

import json
import math
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from rsp_lab.data.labels import CITYSCAPES
from rsp_lab.data.transforms import AugmentConfig, Crop
from rsp_lab.interruption import Interrupted
from rsp_lab.models.relation import relation_modules
from rsp_lab.models.run_state import LAST, CheckpointError
from rsp_lab.models.segmenter import Segmenter
from tests.kit.pretended_gpu import GPU, pretended_gpu
from tests.trainers.small import Net, NetConfig, config, run
from trainers.config.recipes import study
from trainers.config.run import LossConfig, Optimiser, RunConfig
from trainers.training import loop
from trainers.training.checkpoint import BEST, Progress
from trainers.training.learner import Learner
from trainers.training.logs import MACHINE_KEYS
from trainers.training.loop import keep_best, update
from trainers.training.losses import Criterion
from trainers.training.task import build_task


def stop_in(folder: Path, settings: RunConfig, after: int, number: int, patch: pytest.MonkeyPatch) -> None:
    """Starts a run that gets a signal in update number ``after``, and so stops after it."""
    plain, calls = loop.update, []

    def update_then_signal(*arguments: Any) -> dict[str, float]:
        calls.append(1)
        if len(calls) == after:
            os.kill(os.getpid(), number)
        return plain(*arguments)

    with patch.context() as context:
        context.setattr(loop, "update", update_then_signal)
        with pytest.raises(Interrupted, match=f"after {after} updates"):
            run(settings, folder)


def log(folder: Path) -> list[dict[str, Any]]:
    """The log's lines without what they say about the machine."""
    lines = map(json.loads, (folder / "log.jsonl").read_text().splitlines())
    return [{key: value for key, value in line.items() if key not in MACHINE_KEYS} for line in lines]


@pytest.mark.parametrize("kind", ["adamw", "sgd"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("stop_after", [1, 3, 5])
def test_resuming_is_exact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, number: int, stop_after: int
) -> None:
    settings = config(optimiser=Optimiser(kind, learning_rate=1e-2), batch_size=3)  # type: ignore[arg-type]
    whole, progress = run(settings, tmp_path / "whole")
    stop_in(tmp_path / "parts", settings, stop_after, number, monkeypatch)
    resumed, again = run(settings, tmp_path / "parts")
    assert all(
        torch.equal(a, b) for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True)
    )
    assert log(tmp_path / "whole") == log(tmp_path / "parts")
    assert progress == again
    assert (tmp_path / "whole" / LAST).read_bytes() == (tmp_path / "parts" / LAST).read_bytes()


OPTIONS: dict[str, dict[str, Any]] = {
    "bf16": {"precision": "bf16"},
    "fp16": {"precision": "fp16"},
    "accumulate": {"accumulate": 2},
    "ema": {"ema": 0.9},
    "ohem": {"loss": LossConfig("ohem", ohem_threshold=0.35)},
    "balanced": {"loss": LossConfig(balanced=True)},
    "overfit": {"overfit_one_batch": True},
    "centres": {"augment": AugmentConfig(crop=(32, 40), bootstrap="centres")},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_changes_the_run_and_resumes_exactly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    run(config(), tmp_path / "plain")
    settings = config(**OPTIONS[name])
    run(settings, tmp_path / "whole")
    plain, whole = (load_file(tmp_path / folder / LAST) for folder in ("plain", "whole"))
    assert any(not torch.equal(value, whole[key]) for key, value in plain.items()) or name == "ema"
    stop_in(tmp_path / "parts", settings, 3, signal.SIGTERM, monkeypatch)
    run(settings, tmp_path / "parts")
    assert (tmp_path / "whole" / LAST).read_bytes() == (tmp_path / "parts" / LAST).read_bytes()
    with pytest.raises(CheckpointError, match="another configuration"):
        run(config(), tmp_path / "whole")


@dataclass(frozen=True)
class Score:
    score: float


@pytest.mark.parametrize(
    ("before", "mious", "saved", "best"),
    [
        (None, [math.nan, 0.0, math.nan, 0.3, 0.2], [2, 4], 0.3),
        (math.nan, [math.nan, 0.1], [2], 0.1),
        (0.5, [math.nan, 0.5, 0.6], [3], 0.6),
        (None, [math.nan], [], None),
    ],
)
def test_a_score_that_is_no_number_is_no_score(
    before: float | None, mious: list[float], saved: list[int], best: float | None
) -> None:
    progress, calls = Progress(best=before), []
    for progress.step, miou in enumerate(mious, start=1):
        scores: Any = Score(miou)
        keep_best(Net(), scores, progress, lambda _model, scores, step: calls.append((step, scores.score)))
    assert calls == [(step, mious[step - 1]) for step in saved]
    assert progress.best == best


def test_log_lines_after_the_last_state_are_dropped(tmp_path: Path) -> None:
    settings = config(checkpoint_every=3)
    run(settings, tmp_path / "whole")
    crashed = tmp_path / "crashed"

    class CrashError(Exception):
        pass

    def crash(*_: object) -> None:
        raise CrashError

    with pytest.raises(CrashError):
        run(settings, crashed, save=crash)  # in the evaluation after update 4
    assert log(crashed)[-1]["step"] == 4
    with (crashed / "log.jsonl").open("a") as file:
        file.write('{"step": 5, "lo')
    run(settings, crashed)
    assert log(crashed) == log(tmp_path / "whole")


def test_a_finished_run_does_nothing_more(tmp_path: Path) -> None:
    run(config(), tmp_path)
    before = (tmp_path / LAST).read_bytes(), log(tmp_path)
    _, progress = run(config(), tmp_path)
    assert progress.step == config().steps
    assert ((tmp_path / LAST).read_bytes(), log(tmp_path)) == before


def test_what_is_left_in_the_folder(tmp_path: Path) -> None:
    run(config(), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {BEST, LAST, "config.json", "log.jsonl"}
    assert [line["step"] for line in log(tmp_path) if "val" in line] == [4, 6]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"steps": 7}, "steps 6 -> 7"),
        ({"seed": 1}, "seed 0 -> 1"),
        ({"optimiser": Optimiser(learning_rate=1.0)}, "optimiser.learning_rate"),
        ({"augment": AugmentConfig(crop=(32, 41))}, "augment.crop"),
        ({"model": NetConfig(width=9)}, "model.width"),
    ],
)
def test_another_configuration_does_not_resume(tmp_path: Path, change: dict[str, Any], named: str) -> None:
    run(config(), tmp_path)
    with pytest.raises(CheckpointError, match=named) as error:
        run(config(**change), tmp_path)
    assert "--out" in str(error.value)


def test_where_a_run_executes_may_change(tmp_path: Path) -> None:
    run(config(), tmp_path)
    run(config(workers=1, num_threads=2, log_every=1, checkpoint_every=2), tmp_path)


def test_a_run_keeps_every_tensor_on_its_device(tmp_path: Path) -> None:
    settings = config(steps=3, eval_every=3, accumulate=2, ema=0.9, optimiser=Optimiser("sgd", learning_rate=1e-2))
    run(replace(settings, device="cpu"), tmp_path / "cpu")
    with pretended_gpu(tf32=False):
        model, _ = run(replace(settings, device="cuda"), tmp_path / "gpu")
        assert {value.device.type for value in model.state_dict().values()} == {GPU.type}
    ours, theirs = (load_file(tmp_path / name / LAST) for name in ("cpu", "gpu"))
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


def group_norm() -> nn.Module:
    """A network whose output for an image does not depend on the others of its batch, nor on chance."""
    return Net(lambda channels: nn.GroupNorm(2, channels), dropout=0)


@pytest.mark.parametrize("parts", [2, 4])
def test_accumulation_is_the_whole_batch(tmp_path: Path, parts: int) -> None:
    run(config(), tmp_path / "whole", group_norm)
    run(config(accumulate=parts), tmp_path / "parts", group_norm)
    whole, in_parts = (load_file(tmp_path / folder / LAST) for folder in ("whole", "parts"))
    for name, value in whole.items():
        torch.testing.assert_close(value, in_parts[name], rtol=0, atol=1e-5)


def test_the_loss_is_in_float32_under_autocast(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    total: Callable[..., Tensor] = Criterion.total

    def watched(self: Criterion, logits: Tensor, *truth: Tensor) -> Tensor:
        loss = total(self, logits, *truth)
        seen.append((logits.dtype, loss.dtype))
        return loss

    monkeypatch.setattr(Criterion, "total", watched)
    for precision, dtype in (("bf16", torch.bfloat16), ("fp16", torch.float16), ("float32", torch.float32)):
        seen.clear()
        run(config(precision=precision, steps=2), tmp_path / precision)
        assert set(seen) == {(dtype, torch.float32)}


def moved(rate: float) -> dict[str, Tensor]:
    """What one update of plain gradient descent adds to each parameter."""
    rule = Optimiser("sgd", learning_rate=10.0, momentum=0.0, weight_decay=0.0, clip_norm=None, relation_rate=rate)
    settings = replace(study("rsp2")(), optimiser=rule, num_threads=1)
    torch.manual_seed(0)
    model = Segmenter(settings.model)
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    label = torch.randint(0, len(CITYSCAPES), (2, 64, 64))
    batch = Crop(torch.rand(2, 3, 64, 64), label, torch.zeros(2, 64, 64, dtype=torch.bool))
    update(Learner.build(model, settings), build_task(settings, []), batch, settings, 0)
    return {name: value.detach() - before[name] for name, value in model.named_parameters()}


def test_relations_move_by_their_own_rate_and_nothing_else_does() -> None:
    plain, fast = moved(1.0), moved(3.0)
    model = Segmenter(study("rsp2")().model)
    relations = {id(p) for module in relation_modules(model).values() for p in module.parameters()}
    theirs = {name for name, p in model.named_parameters() if id(p) in relations}

    assert theirs
    assert max(float(plain[name].abs().max()) for name in theirs) > 1e-4
    for name, change in plain.items():
        torch.testing.assert_close(fast[name], change * (3.0 if name in theirs else 1.0), rtol=1e-3, atol=1e-5)
