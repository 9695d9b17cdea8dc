"""A loss that is no number ends a run without harm, and names its batch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from rsp_lab.models.run_state import LAST
from tests.trainers.small import config, run, samples
from trainers.training.batches import batch_names, training_batches
from trainers.training.losses import Criterion


def test_a_loss_that_is_not_finite_names_its_batch_and_leaves_the_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, calls = config(checkpoint_every=1), []
    total = Criterion.total

    def broken(self: Criterion, *batch: Tensor) -> Tensor:
        calls.append(1)
        return total(self, *batch) * (float("nan") if len(calls) == 4 else 1)

    with monkeypatch.context() as patch:
        patch.setattr(Criterion, "total", broken)
        with pytest.raises(ValueError, match="the loss is nan at step 3") as error:
            run(settings, tmp_path)
    names = batch_names(samples(), settings, 3)
    assert len(names) == 4
    assert ", ".join(names) in str(error.value)
    with safe_open(tmp_path / "nonfinite-step-00000003-0.safetensors", "pt") as file:
        assert json.loads(file.metadata()["batch"]) == {"step": 3, "names": names}
        batch = next(iter(training_batches(samples(), settings, 3)))
        assert torch.equal(file.get_tensor("image"), batch[0])
        assert torch.equal(file.get_tensor("label"), batch[1])
    assert (tmp_path / LAST).exists()
    run(settings, tmp_path)
    run(settings, tmp_path / "whole")
    assert (tmp_path / LAST).read_bytes() == (tmp_path / "whole" / LAST).read_bytes()
