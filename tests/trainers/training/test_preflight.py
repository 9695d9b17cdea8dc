"""What is known before the first update stops a run before anything is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from rsp_lab.data.labels import CAMVID
from rsp_lab.data.sample import Sample
from rsp_lab.data.transforms import AugmentConfig
from rsp_lab.models.presets import tiny_baseline, tiny_rsp4
from rsp_lab.models.segmenter import Segmenter, SegmenterConfig
from trainers.config.run import RunConfig
from trainers.training.checkpoint import Progress
from trainers.training.loop import train
from trainers.training.preflight import any_labelled, check_batch_norm, check_memory, memory_bytes


def config(model: SegmenterConfig | None = None, crop: tuple[int, int] = (64, 64), **changes: object) -> RunConfig:
    model = model or tiny_rsp4(CAMVID.classes, CAMVID.name)
    plain = RunConfig("test", model, augment=AugmentConfig(crop=crop), steps=1, batch_size=2, num_threads=1, workers=0)
    return replace(plain, **changes)  # type: ignore[arg-type]


def samples(*values: int) -> list[Sample]:
    image = torch.randint(0, 256, (3, 64, 72), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return [Sample(f"s{v}", image, torch.full((64, 72), v, dtype=torch.uint8)) for v in values]


def run(settings: RunConfig, train_set: list[Sample], val_set: list[Sample], folder: Path) -> Progress:
    torch.manual_seed(0)
    return train(settings, Segmenter(settings.model), train_set, val_set, folder, lambda *_: None)


def test_labels_that_are_all_ignored_teach_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nothing can be learnt: no pixel of any training label has a class"):
        run(config(), samples(255, 255), samples(3), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_one_labelled_pixel_is_found(tmp_path: Path) -> None:
    late = samples(255, 255, 255)
    assert late[2].label is not None
    late[2].label[10, 11] = 3
    assert any_labelled(late)
    assert not any_labelled(late[:2])
    assert not any_labelled([Sample("bare", late[0].image)])


def test_validation_without_labels_is_said_and_scores_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = run(config(), samples(3, 4), samples(255), tmp_path)
    assert progress.best is None
    said = capsys.readouterr().err
    assert "no pixel of any validation label has a class" in said
    assert "val mIoU –" in said
    log = (tmp_path / "log.jsonl").read_text()
    assert "NaN" not in log
    assert '"miou": null' in log


def test_ids_that_are_no_class_of_the_network_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the labels of s77 hold the ids 77; expected train ids 0 to 10"):
        run(config(), samples(77, 77), samples(3), tmp_path)


@pytest.mark.parametrize("head", [tiny_rsp4, tiny_baseline])
def test_batch_norm_with_one_value_a_channel_names_the_remedy(
    head: Callable[..., SegmenterConfig], tmp_path: Path
) -> None:
    settings = config(head(CAMVID.classes), crop=(32, 32), batch_size=1)
    said = r"1 crop\(s\) of 32 x 32 at a time leave one on the coarsest level. Choose a larger --augment.crop"
    with pytest.raises(ValueError, match=said):
        run(settings, samples(3), samples(3), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(ValueError, match=said):
        run(replace(settings, batch_size=2, accumulate=2), samples(3), samples(3), tmp_path / "run")
    run(replace(settings, batch_size=2), samples(3), samples(3), tmp_path / "run")


def test_following_sizes_leaves_the_network_as_it_was() -> None:
    torch.manual_seed(0)
    model = Segmenter(config().model)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    drawn = torch.random.get_rng_state()
    check_batch_norm(config(), model)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), drawn)


class Looking(nn.Module):
    """A network that cannot be followed without values."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, image: Tensor) -> Tensor:
        return image * self.scale if float(image.sum()) >= 0 else image


def test_a_network_that_looks_at_values_is_let_through() -> None:
    check_batch_norm(config(), Looking())


@pytest.mark.parametrize("batch", [1, 8])
def test_crops_that_no_machine_holds_say_what_they_would_need(batch: int, tmp_path: Path) -> None:
    settings = config(crop=(100_000, 100_000), batch_size=batch)
    # By hand: 20 bytes per pixel for image and label, 8 for a logit and its gradient in each of 11 classes.
    needed = batch * 10**10 * (20 + 11 * 8) / 2**30
    with pytest.raises(ValueError, match=rf"{batch} crops of 100000 x 100000 need at least {needed:,.0f} GiB"):
        run(settings, samples(3), samples(3), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_memory_that_the_system_does_not_tell_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainers.training.preflight.memory_bytes", lambda _device: None)
    check_memory(config(crop=(100_000, 100_000)))


def test_the_memory_of_this_machine() -> None:
    there = memory_bytes(torch.device("cpu"))
    assert there is None or 2**28 < there < 2**50
