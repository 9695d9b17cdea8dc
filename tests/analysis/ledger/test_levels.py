"""Every pixel's levels at once: against the ledger of single pixels, and against heads fed one level."""

from __future__ import annotations

import json

import pytest
import torch
from torch import Tensor

from rsp_lab.analysis.ledger.frozen_head import FrozenHead
from rsp_lab.analysis.ledger.ledger import context_ledger
from rsp_lab.analysis.ledger.levels import LevelLedger, level_ledger
from rsp_lab.analysis.ledger.residual import LedgerError
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.capture.hooks import hooks
from rsp_lab.models import presets
from rsp_lab.models.heads import HeadConfig
from rsp_lab.models.relation import RelationConfig
from rsp_lab.models.segmenter import resize_logits
from tests.kit.heads import PLAIN_HEADS
from tests.kit.networks import SIZE, network, noise_image

pytestmark = pytest.mark.usefixtures("one_thread")
NAMES = ("road", "rider", "person", "sky")
UNNORMALISED = presets.rsp4(RelationConfig(normalisation="none"))
HEADS: dict[str, HeadConfig] = PLAIN_HEADS | {
    "rsp4 unnormalised": UNNORMALISED,
    "semantic_fpn": presets.semantic_fpn(),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", HEADS)
def test_levels_of_a_pixel_are_those_of_its_own_ledger(name: str, dtype: torch.dtype) -> None:
    frozen = FrozenHead.of(network(HEADS[name], NAMES, dtype), noise_image())
    levels = level_ledger(frozen, frozen.image)
    tolerance = {torch.float32: 1e-5, torch.float64: 1e-10}[dtype]

    assert levels.residual <= levels.tolerance == tolerance
    assert torch.equal(levels.logits, frozen.logits[0])
    for y, x in ((0, 130), (41, 7)):
        ledger = context_ledger(frozen, frozen.image, PixelTarget(y, x, "person", "sky"))
        full = resize_logits(levels.contribution("person", "sky")[None], SIZE)[0]
        assert full[:, y, x].tolist() == pytest.approx(list(ledger.sums.values()), abs=tolerance)
        bias = resize_logits(levels.bias[None], SIZE)[0, :, y, x]
        assert float(bias[2] - bias[3]) == pytest.approx(ledger.bias, abs=tolerance)


@torch.no_grad()
def test_a_level_is_what_the_model_says_with_the_others_taken_out() -> None:
    """Through the model itself: Q maps set to 0 by edits, weights held at what they were."""
    model = network(presets.rsp2(), NAMES)
    frozen = FrozenHead.of(model, noise_image())
    levels = level_ledger(frozen, frozen.image)
    held = {f"{step}.weights": (lambda w, tap: frozen.weights[tap.name.partition(".")[0]]) for step in frozen.steps}

    def answer(*kept: int) -> Tensor:
        out = {f"q{x}": (lambda q, _: torch.zeros_like(q)) for x in frozen.levels if x not in kept}
        with hooks(model, {**held, **out}):
            return model.coarse_logits(noise_image().double())[0]

    torch.testing.assert_close(levels.bias, answer(), rtol=0, atol=1e-12)
    for i, x in enumerate(levels.levels):
        torch.testing.assert_close(levels.contributions[i], answer(x) - answer(), rtol=0, atol=1e-12)


def test_the_bias_has_a_place_only_where_weights_do_not_sum_to_one() -> None:
    even = level_ledger(network(presets.rsp4(), NAMES), noise_image()).bias
    uneven = level_ledger(network(UNNORMALISED, NAMES), noise_image()).bias

    torch.testing.assert_close(even, even[:, :1, :1].expand_as(even), rtol=0, atol=1e-12)
    assert float(uneven.std((1, 2)).min()) > 1e-3


def test_some_classes() -> None:
    model = network(presets.rsp2(), NAMES)
    whole, part = level_ledger(model, noise_image()), level_ledger(model, noise_image(), classes=("sky", "road"))

    assert part.class_names == ("sky", "road")
    torch.testing.assert_close(part.contributions, whole.contributions[:, [3, 0]], rtol=0, atol=1e-12)
    torch.testing.assert_close(part.contribution("sky", "road"), whole.contribution("sky", "road"), rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match="Classes: sky, road"):
        part.contribution("rider")
    with pytest.raises(ValueError, match="Did you mean 'sky'"):
        level_ledger(model, noise_image(), classes=("sk",))
    with pytest.raises(ValueError, match="different names"):
        level_ledger(model, noise_image(), classes=("sky", "sky"))
    alone = level_ledger(model, noise_image(), classes=("sky",))
    with pytest.raises(ValueError, match="two classes or more"):
        alone.decision()
    facts, expected = alone.to_dict(), part.to_dict()
    assert facts["levels"] == {str(x): {} for x in alone.levels}
    assert facts.keys() == expected.keys()
    assert set(expected["levels"]["2"]) == {"decides_share", "mean_in_decisions"}


def test_deciding_level_by_hand() -> None:
    """Two places. Left: a over b, level 2 gives 3 - 1, level 5 gives 4 - 0. Right: b over a, 5 - 1 against 1 - 0."""
    contributions = torch.tensor([[[[3.0, 1]], [[1, 5]]], [[[4, 0]], [[0, 1]]]])
    ledger = LevelLedger(
        levels=(2, 5),
        class_names=("a", "b"),
        image_size=(4, 8),
        contributions=contributions,
        bias=torch.zeros(2, 1, 2),
        logits=contributions.sum(0),
        residual=0.0,
        tolerance=1e-5,
    )

    assert ledger.decision().tolist() == [[[2, 4]], [[4, 1]]]
    assert ledger.deciding_level().tolist() == [[5, 2]]
    summary = json.loads(json.dumps(ledger.to_dict()))
    assert summary["levels"] == {
        "2": {"decides_share": 0.5, "mean_in_decisions": 3},
        "5": {"decides_share": 0.5, "mean_in_decisions": 2.5},
    }


def test_an_edited_pass_is_refused() -> None:
    model = network(presets.rsp2(), NAMES)
    with hooks(model, {"step43.fused": lambda x, _: x + 0.1}), pytest.raises(LedgerError, match="all levels"):
        level_ledger(model, noise_image())
