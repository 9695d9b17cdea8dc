"""An interrupted run must end as one without a break, to the last bit."""

import json
import math
import os
import signal
from dataclasses import dataclass, replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from rsp_lab.data.labels import CAMVID
from rsp_lab.data.transforms import AugmentConfig
from rsp_lab.interruption import Interrupted
from trainers.config.run import MultiStep, OneCycle, Optimiser, RunConfig
from trainers.training import loop
from trainers.training.batches import training_batches
from trainers.training.checkpoint import BEST, LAST, CheckpointError, Progress
from trainers.training.logs import MACHINE_KEYS
from trainers.training.loop import keep_best, train
from trainers.training.losses import segmentation_loss


@dataclass(frozen=True)
class StandIn:
    """In the place of a network's configuration."""

    width: int = 8
    class_names: tuple[str, ...] = CAMVID.classes


class Net(nn.Module):
    """Convolution, batch norm, dropout: whatever could break an exact resume."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        layers = [nn.Conv2d(3, width, 3, 2, 1), nn.BatchNorm2d(width), nn.ReLU(), nn.Dropout(0.1)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, len(CAMVID), 3, 1, 1))
        self.to(memory_format=torch.channels_last)

    def forward(self, image):
        return F.interpolate(self.layers(image), size=image.shape[-2:], mode="bilinear")


@pytest.fixture(scope="module")
def scenes(street):
    return [street(seed, 64, 80) for seed in range(5)]


@pytest.fixture
def config():
    return RunConfig(
        name="test",
        model=StandIn(),
        augment=AugmentConfig(crop=(48, 56)),
        steps=6,
        batch_size=3,
        eval_every=4,
        checkpoint_every=100,
        log_every=2,
        num_threads=1,
        workers=0,
    )


def run(config, scenes, folder, stop_after=None, monkeypatch=None, number=signal.SIGTERM):
    torch.manual_seed(config.seed)
    model = Net()
    update, calls = loop.update, []

    def update_then_signal(*arguments):
        calls.append(1)
        if len(calls) == stop_after:
            os.kill(os.getpid(), number)
        return update(*arguments)

    if stop_after:
        monkeypatch.setattr(loop, "update", update_then_signal)
    try:
        progress = train(config, model, scenes, scenes[:2], folder, lambda *_: (folder / BEST).touch())
    finally:
        if stop_after:
            monkeypatch.undo()
    return model, progress


def log(folder):
    """The log's lines without what they say about the machine."""
    lines = map(json.loads, (folder / "log.jsonl").read_text().splitlines())
    return [{key: value for key, value in line.items() if key not in MACHINE_KEYS} for line in lines]


@pytest.mark.parametrize("kind", ["adamw", "sgd"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("stop_after", [1, 3, 5])
def test_resuming_is_exact(config, scenes, tmp_path, monkeypatch, kind, number, stop_after):
    config = replace(config, optimiser=Optimiser(kind, learning_rate=1e-2))
    whole, progress = run(config, scenes, tmp_path / "whole")
    with pytest.raises(Interrupted, match=f"after {stop_after} updates"):
        run(config, scenes, tmp_path / "parts", stop_after, monkeypatch, number)
    resumed, again = run(config, scenes, tmp_path / "parts")
    assert all(
        torch.equal(a, b) for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True)
    )
    assert log(tmp_path / "whole") == log(tmp_path / "parts")
    assert progress == again
    assert (tmp_path / "whole" / LAST).read_bytes() == (tmp_path / "parts" / LAST).read_bytes()


@dataclass(frozen=True)
class Scores:
    miou: float


@pytest.mark.parametrize(
    ("before", "mious", "saved", "best"),
    [
        (None, [math.nan, 0.0, math.nan, 0.3, 0.2], [2, 4], 0.3),
        (math.nan, [math.nan, 0.1], [2], 0.1),
        (0.5, [math.nan, 0.5, 0.6], [3], 0.6),
        (None, [math.nan], [], None),
    ],
)
def test_a_score_that_is_no_number_is_no_score(before, mious, saved, best):
    progress, calls = Progress(best_miou=before), []
    for progress.step, miou in enumerate(mious, start=1):
        keep_best(Net(), Scores(miou), progress, lambda _model, scores, step: calls.append((step, scores.miou)))
    assert calls == [(step, mious[step - 1]) for step in saved]
    assert progress.best_miou == best


def test_log_lines_after_the_last_state_are_dropped(config, scenes, tmp_path):
    run(replace(config, checkpoint_every=3), scenes, tmp_path / "whole")
    state = tmp_path / "crashed"
    killed = replace(config, checkpoint_every=3)

    class CrashError(Exception):
        pass

    def crash(*_):
        raise CrashError

    torch.manual_seed(killed.seed)
    with pytest.raises(CrashError):
        train(killed, Net(), scenes, scenes[:2], state, crash)  # in the evaluation after update 4
    assert log(state)[-1]["step"] == 4
    with (state / "log.jsonl").open("a") as file:
        file.write('{"step": 5, "lo')
    run(killed, scenes, state)
    assert log(state) == log(tmp_path / "whole")


def test_a_finished_run_does_nothing_more(config, scenes, tmp_path):
    run(config, scenes, tmp_path)
    before = (tmp_path / LAST).read_bytes(), log(tmp_path)
    _, progress = run(config, scenes, tmp_path)
    assert progress.step == config.steps
    assert ((tmp_path / LAST).read_bytes(), log(tmp_path)) == before


def test_what_is_left_in_the_folder(config, scenes, tmp_path):
    run(config, scenes, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {BEST, LAST, "config.json", "log.jsonl"}
    described = json.loads((tmp_path / "config.json").read_text())
    assert described["config"]["augment"]["crop"] == [48, 56]
    assert described["versions"]["torch"].startswith(torch.__version__.split("+")[0])
    assert [line["step"] for line in log(tmp_path) if "val" in line] == [4, 6]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"steps": 7}, "steps 6 -> 7"),
        ({"seed": 1}, "seed 0 -> 1"),
        ({"optimiser": Optimiser(learning_rate=1.0)}, "optimiser.learning_rate"),
        ({"augment": AugmentConfig(crop=(48, 57))}, "augment.crop"),
        ({"model": StandIn(width=9)}, "model.width"),
    ],
)
def test_another_configuration_does_not_resume(config, scenes, tmp_path, change, named):
    run(config, scenes, tmp_path)
    with pytest.raises(CheckpointError, match=named) as error:
        run(replace(config, **change), scenes, tmp_path)
    assert "--out" in str(error.value)


def test_where_a_run_executes_may_change(config, scenes, tmp_path):
    run(config, scenes, tmp_path)
    run(replace(config, workers=1, num_threads=2, log_every=1, checkpoint_every=2), scenes, tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_damaged_state_is_named(config, scenes, tmp_path, share):
    run(config, scenes, tmp_path)
    whole = (tmp_path / LAST).read_bytes()
    (tmp_path / LAST).write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(CheckpointError, match=r"last\.safetensors: is damaged"):
        run(config, scenes, tmp_path)


def test_batches_do_not_depend_on_workers_or_start(config, scenes):
    everything = list(training_batches(scenes, config, start=0))
    assert len(everything) == config.steps
    for workers, start in ((2, 0), (0, 4), (1, 4)):
        others = list(training_batches(scenes, replace(config, workers=workers), start))
        for ours, theirs in zip(everything[start:], others, strict=True):
            assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_each_pass_sees_every_sample_once(config, scenes):
    seen = []

    class Watched(list):
        def __getitem__(self, index):
            seen.append(index)
            return super().__getitem__(index)

    list(training_batches(Watched(scenes), replace(config, steps=10, batch_size=3), start=0))
    passes = [tuple(seen[start : start + 5]) for start in range(0, 30, 5)]
    assert all(sorted(one) == [0, 1, 2, 3, 4] for one in passes)
    assert len(set(passes)) > 1


def test_loss_is_the_mean_over_labelled_pixels():
    logits, label = torch.randn(2, 11, 5, 7), torch.randint(0, 11, (2, 5, 7))
    label[0, :3] = 255
    torch.testing.assert_close(segmentation_loss(logits, label), F.cross_entropy(logits, label, ignore_index=255))
    assert segmentation_loss(logits.half(), label).dtype == torch.float32
    empty = segmentation_loss(logits.requires_grad_(), torch.full_like(label, 255))
    empty.backward()
    assert empty == 0
    assert not logits.grad.any()


def test_one_cycle():
    cycle = OneCycle(warm_share=0.25, start_divisor=25, end_divisor=1e4)
    rates = [cycle.factor(step, 101) for step in range(101)]
    assert rates[0] == pytest.approx(1 / 25)
    assert rates[25] == pytest.approx(1)
    assert rates[100] == pytest.approx(1e-4)
    assert rates[:26] == sorted(rates[:26])
    assert rates[25:] == sorted(rates[25:], reverse=True)
    assert OneCycle(warm_share=0).factor(0, 1) == 1


@pytest.mark.parametrize("name", ["start_divisor", "end_divisor"])
@pytest.mark.parametrize("wrong", [0.0, -1.0, math.inf, math.nan])
def test_a_cycle_divides_by_positive_numbers_only(name, wrong):
    with pytest.raises(ValueError, match=f"{name} must be positive, got {wrong}"):
        OneCycle(**{name: wrong})


def test_schedule_of_the_paper():
    schedule = MultiStep()
    expected = {0: 0.1, 500: 0.55, 1000: 1, 39_999: 1, 40_000: 0.1, 54_999: 0.1, 55_000: 0.01, 64_999: 0.01}
    assert {step: schedule.factor(step, 65_000) for step in expected} == pytest.approx(expected)


@pytest.mark.parametrize(
    "wrong", [{"steps": 0}, {"batch_size": 0}, {"seed": -1}, {"workers": -1}, {"log_every": 0}, {"eval_every": 0}]
)
def test_a_wrong_run_is_refused(config, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        replace(config, **wrong)
