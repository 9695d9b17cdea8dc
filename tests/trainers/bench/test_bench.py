"""Both loops of the bench train, on batches of one form, and an update of theirs is the same update."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from rsp_lab.data.labels import CITYSCAPES, IGNORE_INDEX
from rsp_lab.data.sample import Sample
from rsp_lab.data.scenes.dataset import SMALL, SceneSplit
from rsp_lab.data.transforms import AugmentConfig
from trainers import commands as program
from trainers.bench import bench as bench_module
from trainers.bench.bench import WARM_UP, bench, bench_config, turn
from trainers.bench.sides import Ours, Plain
from trainers.commands import main
from trainers.config.run import RunConfig

CROP = (48, 80)
pytestmark = pytest.mark.usefixtures("forked_python")
Side = type[Ours] | type[Plain]
SIDES = pytest.mark.parametrize("side", [Ours, Plain], ids=["ours", "reference"])


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    rng = np.random.default_rng(0)
    pixels = torch.from_numpy(rng.integers(0, 256, (5, 3, 64, 96), dtype=np.uint8))
    return [Sample(f"s{i}", image, image[0] % len(CITYSCAPES)) for i, image in enumerate(pixels)]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def config() -> RunConfig:
    augment = AugmentConfig(crop=CROP, scale_step=8, max_class_share=1.0)
    return replace(bench_config(workers=0, num_threads=1), augment=augment, batch_size=3, steps=7)


@SIDES
@pytest.mark.parametrize("workers", [0, 1])
def test_a_side_has_full_batches_of_the_crop(
    samples: list[Sample], config: RunConfig, side: Side, workers: int
) -> None:
    batches = list(side(samples, replace(config, workers=workers)).batches())
    assert len(batches) == config.steps
    for image, label in (batch[:2] for batch in batches):
        assert (type(image), image.dtype, image.shape) == (torch.Tensor, torch.float32, (3, 3, *CROP))
        assert (type(label), label.dtype, label.shape) == (torch.Tensor, torch.int64, (3, *CROP))
        assert 0 <= image.min() <= image.max() <= 1
        assert set(label.unique().tolist()) <= {*range(len(CITYSCAPES)), IGNORE_INDEX}
    assert any((batch[1] == IGNORE_INDEX).any() for batch in batches)  # small scales leave room around the image
    assert not torch.equal(batches[0][0], batches[1][0])


def test_an_update_of_one_side_is_that_of_the_other(samples: list[Sample], config: RunConfig) -> None:
    ours, plain = Ours(samples, config), Plain(samples, config)
    before = {name: value.clone() for name, value in ours.learner.model.state_dict().items()}
    for batch in list(ours.batches())[:3]:
        assert ours.update(batch) == pytest.approx(plain.update(batch), rel=1e-4)
    assert ours.step == plain.schedule.last_epoch == 3
    for name, value in ours.model.named_parameters():
        assert not torch.equal(value, before[name]), name
        torch.testing.assert_close(plain.model.get_parameter(name), value, rtol=1e-2, atol=1e-3)


@SIDES
def test_a_turn_goes_on_where_the_last_one_ended(
    samples: list[Sample], config: RunConfig, side: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, seen = side(samples, config), []
    monkeypatch.setattr(one, "update", lambda batch, update=one.update: seen.append(update(batch)))
    assert turn(one, 2, torch.device("cpu"))[0] == 2 * config.batch_size
    assert len(list(one.batches())) == config.steps - WARM_UP - 2
    images, seconds = turn(one, 1, torch.device("cpu"))
    assert images == config.batch_size
    assert seconds > 0
    assert len(seen) == 2 * WARM_UP + 3


def test_the_command_prints_the_same_amount_of_work_of_both_sides(
    samples: list[Sample], config: RunConfig, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "bench_samples", lambda: samples)
    monkeypatch.setattr(program, "bench_config", lambda **machine: replace(config, **machine))
    assert main(["bench", "--json", "--updates", "1", "--rounds", "2"]) == 0
    printed = capsys.readouterr()
    figures = json.loads(printed.out)
    assert {"model", "data", "batch", "crop", "device", "updates", "ratio"} < figures.keys()
    assert min(figures["ours_images_per_s"], figures["reference_images_per_s"]) > 0
    assert "round 1/2: ours" in printed.err
    assert figures["images"] == {"ours": 2 * config.batch_size, "reference": 2 * config.batch_size}
    assert figures["updates"] == 2
    assert figures["crop"] == list(CROP)
    assert len(figures["round_ratios"]) == 2
    assert figures["ratio"] == pytest.approx(sum(figures["round_ratios"]) / 2, abs=2e-3)
    low, high = figures["ratio_quartiles"]
    assert min(figures["round_ratios"]) <= low <= figures["ratio"] <= high <= max(figures["round_ratios"])


def test_the_scenes_of_the_bench_are_the_first_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_module, "IMAGES", 2)
    drawn = bench_module.bench_samples()
    assert [tuple(sample.image.shape) for sample in drawn] == [(3, *SMALL)] * 2
    for sample, expected in zip(drawn, SceneSplit("train", SMALL), strict=False):
        assert torch.equal(sample.image, expected.image)


def test_a_bench_of_nothing_is_refused(
    samples: list[Sample], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "bench_samples", lambda: samples)
    assert main(["bench", "--updates", "0"]) == 2
    assert "at least 1" in capsys.readouterr().err


def test_ctrl_c_ends_the_bench_without_a_trace(
    samples: list[Sample], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def pressed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(program, "bench_samples", lambda: samples)
    monkeypatch.setattr(program, "bench", pressed)
    assert main(["bench"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_a_loop_that_ends_on_an_error_ends_the_bench(samples: list[Sample], config: RunConfig) -> None:
    with pytest.raises(RuntimeError, match="ended on an error"):
        bench([replace(sample, label=None) for sample in samples], config, rounds=1, updates=1)
