"""The moving average of the weights."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from rsp_lab.models.run_state import LAST
from tests.trainers.small import config, run


def test_the_average_follows_the_weights_and_is_what_is_kept(tmp_path: Path) -> None:
    kept: list[nn.Module] = []
    settings = config(ema=0.5, steps=2, eval_every=1)
    run(settings, tmp_path, save=lambda model, *_: kept.append(model))
    state = load_file(tmp_path / LAST)
    averages = {name: value for name, value in state.items() if name.startswith("average/module.")}
    assert averages
    assert all(torch.equal(kept[-1].state_dict()[name[15:]], value) for name, value in averages.items())
    name = "layers.0.weight"
    assert not torch.equal(state[f"average/module.{name}"], state[f"model/{name}"])
    # The first update is taken as it is; of the second, half.
    run(config(ema=0.5, steps=2, checkpoint_every=1, keep_every=1, eval_every=1), tmp_path / "each")
    first, second = (load_file(tmp_path / "each" / f"step-{i:08d}.safetensors")[f"model/{name}"] for i in (1, 2))
    torch.testing.assert_close(state[f"average/module.{name}"], (first + second) / 2)
