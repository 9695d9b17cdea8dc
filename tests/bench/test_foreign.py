"""The bench of foreign networks on one small network: every number is there, and the ledger it times adds up."""

from __future__ import annotations

import pytest
import torch

from rsp_lab.bench.foreign import foreign_case, networks
from rsp_lab.models.adapt import adapt
from rsp_lab.models.subject import Subject


def test_a_row_has_times_residual_and_share() -> None:
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, 4, 1), torch.nn.ReLU(), torch.nn.Conv2d(8, 3, 1))
    subject = adapt(network.eval(), class_names=("a", "b", "c"), cut=("1",))
    assert isinstance(subject, Subject)

    row = foreign_case(subject, (32, 48), 1)

    assert {name for name in row if name.endswith("_ms")} == {
        "forward_ms",
        "ledger_ms",
        "further_ms",
        "level_ledger_ms",
    }
    assert all(row[name] > 0 for name in row if name.endswith("_ms"))
    assert 0 <= row["residual"] < 1e-5
    assert 0 < row["bias_share"] < 1


def test_there_are_at_least_ten_networks_of_three_libraries() -> None:
    pytest.importorskip("segmentation_models_pytorch", reason="the extra foreign is not installed")
    pytest.importorskip("transformers", reason="the extra foreign is not installed")
    names = networks()
    assert len(names) >= 10
    assert {name.split()[0] for name in names} == {"smp", "Hugging", "torchvision"}
