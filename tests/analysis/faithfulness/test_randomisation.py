"""Parameters drawn anew, and rank correlation over blocks."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import spearmanr
from torch import nn

from rsp_lab.analysis.faithfulness.randomisation import randomised, rank_correlation
from rsp_lab.models import presets
from tests.kit.arena import scene_subject
from tests.kit.networks import network, noise_image

pytestmark = pytest.mark.usefixtures("one_thread", "unchecked_module")


def test_new_parameters_of_the_head_alone_or_of_all():
    model = network(presets.rsp2(), channels=64)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    state = torch.get_rng_state()
    head, whole, again = (randomised(model, part, seed) for part, seed in (("head", 1), ("model", 1), ("model", 1)))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    weights = [k for k, v in before.items() if v.ndim == 4]
    for k in weights:
        assert torch.equal(head.state_dict()[k], before[k]) == (not k.startswith("head."))
        assert not torch.equal(whole.state_dict()[k], before[k])
        assert torch.equal(whole.state_dict()[k], again.state_dict()[k])
    assert not any(module.training for module in [*head.modules(), *whole.modules()])
    assert next(whole.parameters()).dtype == torch.float64
    with pytest.raises(ValueError, match="one of head, model"):
        randomised(model, "tail", 0)


def test_of_a_network_of_another_make_the_head_is_what_lies_behind_its_cut():
    model = scene_subject()
    model.network.low.scale = nn.Parameter(torch.rand(400) + 2)  # of no module that knows how it starts
    before = {k: v.clone() for k, v in model.state_dict().items()}
    state = torch.get_rng_state()
    image = noise_image()

    head, whole, again = (randomised(model, part, 1, image=image) for part in ("head", "model", "model"))

    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    for k, v in before.items():
        assert torch.equal(head.state_dict()[k], v) == (not k.startswith(("network.mix", "network.last")))
        assert not torch.equal(whole.state_dict()[k], v)
        assert torch.equal(whole.state_dict()[k], again.state_dict()[k])
    scale = whole.network.low.scale.detach()
    assert float(scale.mean()) == pytest.approx(2.5, abs=0.1)
    assert float(scale.std()) == pytest.approx(1 / math.sqrt(12), rel=0.2)
    assert (whole.cut, whole.class_names) == (model.cut, model.class_names)
    with pytest.raises(ValueError, match="head of foreign is found on an image"):
        randomised(model, "head", 0)


def test_rank_correlation_is_spearmans_over_blocks():
    a, b = torch.rand(2, 20, 30, generator=torch.Generator().manual_seed(0))
    blocks = [[v[y : y + 8, x : x + 8].mean().item() for y in range(0, 20, 8) for x in range(0, 30, 8)] for v in (a, b)]
    assert rank_correlation(a, b) == pytest.approx(float(spearmanr(*blocks).statistic))
    assert rank_correlation(a, a) == pytest.approx(1)
    assert rank_correlation(a, -a) == pytest.approx(-1)
    assert math.isnan(rank_correlation(a, torch.ones(20, 30)))
