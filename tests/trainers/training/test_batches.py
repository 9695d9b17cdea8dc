"""Batches are a function of the seed and the step alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch._utils import ExceptionWrapper

from rsp_lab.data.images import ImageError
from rsp_lab.data.sample import Sample
from tests.trainers.small import config, samples
from trainers.training.batches import reason, training_batches


def test_batches_do_not_depend_on_workers_or_start() -> None:
    settings = config(batch_size=3)
    everything = list(training_batches(samples(), settings, start=0))
    assert len(everything) == settings.steps
    for workers, start in ((2, 0), (0, 4), (1, 4)):
        others = list(training_batches(samples(), config(batch_size=3, workers=workers), start))
        for ours, theirs in zip(everything[start:], others, strict=True):
            assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_each_pass_sees_every_sample_once() -> None:
    seen = []

    class Watched(list[Sample]):
        def __getitem__(self, index: Any) -> Any:
            seen.append(index)
            return super().__getitem__(index)

    list(training_batches(Watched(samples()), config(steps=10, batch_size=3), start=0))
    passes = [tuple(seen[start : start + 5]) for start in range(0, 30, 5)]
    assert all(sorted(one) == [0, 1, 2, 3, 4] for one in passes)
    assert len(set(passes)) > 1


def test_one_batch_again_and_again() -> None:
    settings = config(overfit_one_batch=True)
    batches = list(training_batches(samples(), settings, 0))
    assert len(batches) == settings.steps
    assert all(torch.equal(batch[0], batches[0][0]) for batch in batches)


def test_what_a_loading_process_passes_on_is_said_without_its_traceback() -> None:
    try:
        raise ImageError("a.png: the file is damaged. Copy it again.")
    except ImageError:
        passed_on = ExceptionWrapper(where="in DataLoader worker process 0")
    with pytest.raises(ImageError) as error:
        passed_on.reraise()
    assert "Traceback" in str(error.value)
    assert reason(error.value) == "a.png: the file is damaged. Copy it again."
