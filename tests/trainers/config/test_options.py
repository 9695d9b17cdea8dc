"""Each option of the loop: off by default, exact on resuming, and what it says it is."""

import json
import os
import signal
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

from rsp_lab.data.labels import CAMVID
from rsp_lab.data.sample import Sample
from rsp_lab.data.transforms import AugmentConfig
from rsp_lab.interruption import Interrupted
from rsp_lab.models.presets import tiny_baseline
from rsp_lab.models.segmenter import Segmenter
from trainers.config.run import LossConfig, Optimiser, RunConfig
from trainers.training import loop
from trainers.training.batches import batch_names, training_batches
from trainers.training.checkpoint import LAST, CheckpointError, load_model
from trainers.training.loop import train
from trainers.training.losses import Criterion, class_weights, segmentation_loss

CLASSES = ("a", "b", "c")


@dataclass(frozen=True)
class StandIn:
    class_names: tuple[str, ...] = CLASSES


class Net(nn.Sequential):
    def __init__(self, norm=nn.BatchNorm2d) -> None:
        layers = (nn.Conv2d(3, 8, 3, 2, 1), norm(8), nn.ReLU(), nn.Conv2d(8, len(CLASSES), 3, 1, 1))
        super().__init__(*layers, nn.Upsample(scale_factor=2, mode="bilinear"))


@pytest.fixture(scope="module")
def samples():
    rng = np.random.default_rng(0)
    images = torch.from_numpy(rng.integers(0, 256, (5, 3, 64, 72), dtype=np.uint8))
    return [Sample(f"s{i}", image, image.argmax(0).to(torch.uint8)) for i, image in enumerate(images)]


@pytest.fixture
def config():
    return RunConfig(
        name="test",
        model=StandIn(),
        augment=AugmentConfig(crop=(32, 40)),
        optimiser=Optimiser(learning_rate=1e-2),
        steps=6,
        batch_size=4,
        eval_every=4,
        log_every=2,
        num_threads=1,
        workers=0,
    )


def run(config, samples, folder, net=Net, save=lambda *_: None):
    torch.manual_seed(0)
    model = net()
    train(config, model, samples, samples[:2], folder, save)
    return load_file(folder / LAST)


OPTIONS = {
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
def test_every_option_changes_the_run_and_resumes_exactly(config, samples, tmp_path, monkeypatch, name):
    plain_config, plain = config, run(config, samples, tmp_path / "plain")
    config = replace(config, **OPTIONS[name])
    whole = run(config, samples, tmp_path / "whole")
    assert any(not torch.equal(value, whole[key]) for key, value in plain.items()) or name == "ema"
    update, calls = loop.update, []

    def update_then_signal(*arguments):
        calls.append(1)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return update(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "update", update_then_signal)
        with pytest.raises(Interrupted):
            run(config, samples, tmp_path / "parts")
    run(config, samples, tmp_path / "parts")
    assert (tmp_path / "whole" / LAST).read_bytes() == (tmp_path / "parts" / LAST).read_bytes()
    with pytest.raises(CheckpointError, match="another configuration"):
        run(plain_config, samples, tmp_path / "whole")


def test_options_that_are_off_leave_no_trace_in_a_state(config):
    assert not {key for key in config.fingerprint() if key.startswith(("loss", "ema", "precision", "accumulate"))}
    assert "augment.bootstrap" not in config.fingerprint()
    on = replace(config, ema=0.9, loss=LossConfig("ohem")).fingerprint()
    assert on["ema"] == 0.9
    assert on["loss.kind"] == "ohem"


@pytest.mark.parametrize("parts", [2, 4])
def test_accumulation_is_the_whole_batch(config, samples, tmp_path, parts):
    def net():
        return Net(lambda channels: nn.GroupNorm(2, channels))

    whole = run(config, samples, tmp_path / "whole", net)
    in_parts = run(replace(config, accumulate=parts), samples, tmp_path / "parts", net)
    for name, value in whole.items():
        torch.testing.assert_close(value, in_parts[name], rtol=0, atol=1e-5)


def test_the_average_follows_the_weights_and_is_what_is_kept(config, samples, tmp_path):
    kept = []
    state = run(replace(config, ema=0.5, steps=2, eval_every=1), samples, tmp_path, save=lambda *a: kept.append(a[0]))
    first = run(replace(config, steps=2, eval_every=1, ema=0.5, seed=0), samples, tmp_path / "again")
    assert torch.equal(state["average/module.0.weight"], first["average/module.0.weight"])
    assert all(torch.equal(kept[-1].state_dict()[name], state[f"average/module.{name}"]) for name in ("0.weight",))
    assert not torch.equal(state["average/module.0.weight"], state["model/0.weight"])


def test_the_loss_is_in_float32_under_autocast(config, samples, tmp_path, monkeypatch):
    seen = []
    total = Criterion.total

    def watched(self, logits, label):
        loss = total(self, logits, label)
        seen.append((logits.dtype, loss.dtype))
        return loss

    monkeypatch.setattr(Criterion, "total", watched)
    for precision, dtype in (("bf16", torch.bfloat16), ("fp16", torch.float16), ("float32", torch.float32)):
        seen.clear()
        run(replace(config, precision=precision, steps=2), samples, tmp_path / precision)
        assert set(seen) == {(dtype, torch.float32)}


def test_hard_pixels_by_hand():
    logits, label = torch.randn(2, 3, 5, 7), torch.randint(0, 3, (2, 5, 7))
    label[0, :2] = 255
    losses = F.cross_entropy(logits, label, ignore_index=255, reduction="none")[label != 255]
    hard = losses[losses.neg().exp() < 0.3]
    torch.testing.assert_close(segmentation_loss(logits, label, LossConfig("ohem", 0.3, 0.01)), hard.mean())
    least = losses.sort(descending=True).values[: round(0.5 * losses.numel())].mean()
    torch.testing.assert_close(segmentation_loss(logits, label, LossConfig("ohem", 1e-6, 0.5)), least)
    assert segmentation_loss(logits, torch.full_like(label, 255), LossConfig("ohem")) == 0


def test_class_weights_by_hand():
    label = torch.tensor([[0] * 8 + [1] * 4 + [2] * 2 + [255] * 2], dtype=torch.uint8)
    weights = class_weights([Sample("s", torch.zeros(3, *label.shape, dtype=torch.uint8), label)], 4)
    assert weights.tolist() == [0.5, 1.0, 2.0, 1.0]
    logits, truth = torch.randn(1, 4, 1, 16), label.long()[None]
    criterion = Criterion(LossConfig(balanced=True), weights)
    ours = criterion.total(logits, truth) / criterion.weight(truth)
    torch.testing.assert_close(ours, F.cross_entropy(logits, truth, weights, ignore_index=255))


def test_a_loss_that_is_not_finite_names_its_batch_and_leaves_the_state(config, samples, tmp_path, monkeypatch):
    config = replace(config, checkpoint_every=1)
    total, calls = Criterion.total, []

    def broken(self, logits, label):
        calls.append(1)
        return total(self, logits, label) * (float("nan") if len(calls) == 4 else 1)

    with monkeypatch.context() as patch:
        patch.setattr(Criterion, "total", broken)
        with pytest.raises(ValueError, match="the loss is nan at step 3") as error:
            run(config, samples, tmp_path)
    names = batch_names(samples, config, 3)
    assert len(names) == 4
    assert ", ".join(names) in str(error.value)
    with safe_open(tmp_path / "nonfinite-step-00000003-0.safetensors", "pt") as file:
        assert json.loads(file.metadata()["batch"]) == {"step": 3, "names": names}
        batch = next(iter(training_batches(samples, config, 3)))
        assert torch.equal(file.get_tensor("image"), batch[0])
        assert torch.equal(file.get_tensor("label"), batch[1])
    assert (tmp_path / LAST).exists()
    run(config, samples, tmp_path)
    run(config, samples, tmp_path / "whole")
    assert (tmp_path / LAST).read_bytes() == (tmp_path / "whole" / LAST).read_bytes()


def test_states_are_kept_by_number(config, samples, tmp_path):
    run(replace(config, keep_every=1, keep=2), samples, tmp_path)
    assert sorted(path.name for path in tmp_path.glob("step-*")) == [
        "step-00000005.safetensors",
        "step-00000006.safetensors",
    ]
    assert (tmp_path / "step-00000006.safetensors").read_bytes() == (tmp_path / LAST).read_bytes()


@pytest.mark.parametrize("ema", [None, 0.5])
def test_any_state_can_be_evaluated(config, samples, tmp_path, ema):
    config = replace(config, model=tiny_baseline(CAMVID.classes, CAMVID.name), steps=1, batch_size=2, ema=ema)
    scored = []
    torch.manual_seed(0)
    train(config, Segmenter(config.model), samples, samples[:1], tmp_path, lambda *a: scored.append(a[0]))
    loaded = load_model(tmp_path / LAST)
    assert not loaded.training
    assert all(torch.equal(value, scored[-1].state_dict()[name]) for name, value in loaded.state_dict().items())


def test_one_batch_again_and_again(config, samples):
    batches = list(training_batches(samples, replace(config, overfit_one_batch=True), 0))
    assert len(batches) == config.steps
    assert all(torch.equal(batch[0], batches[0][0]) for batch in batches)


def test_tensorboard_and_memory(config, samples, tmp_path):
    pytest.importorskip("tensorboard")
    run(replace(config, tensorboard=True), samples, tmp_path)
    assert list((tmp_path / "tensorboard").glob("events.*"))
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert all(line["memory_mb"] > 10 for line in lines if "loss" in line)


def test_the_state_of_the_checkout_is_in_the_run_folder(config, samples, tmp_path):
    run(config, samples, tmp_path)
    described = json.loads((tmp_path / "config.json").read_text())
    if (Path(__file__).parents[3] / ".git").exists():
        assert len(described["git"]["commit"]) == 40
        assert isinstance(described["git"]["changed"], bool)
    assert described["processes"] == 1


@pytest.mark.parametrize("wrong", [{"accumulate": 3}, {"accumulate": 0}, {"ema": 1.0}, {"keep": 0}, {"keep_every": -1}])
def test_a_wrong_option_is_refused(config, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        replace(config, **wrong)
