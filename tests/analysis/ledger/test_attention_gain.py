"""What selection adds, against networks in which nothing but the attention decides."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import rsp_lab as rl
from rsp_lab.analysis.targets.target import target_value
from rsp_lab.models.adapt import adapt
from rsp_lab.models.subject import Subject
from tests.kit.attention_families import family
from tests.kit.networks import noise_image

pytestmark = pytest.mark.usefixtures("one_thread", "unchecked_module")
SIZE = (32, 48)
NAMES = ("road", "car", "sky")


class Looking(nn.Module):
    """Two attentions, one after the other, fused or written out, and nothing else that decides."""

    def __init__(self, fused: bool) -> None:
        super().__init__()
        self.first, self.last, self.fused = nn.Conv2d(3, 8, 4, 4), nn.Conv2d(8, 3, 1), fused
        self.key = nn.ModuleList(nn.Linear(8, 8) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        found = self.first(x)
        tokens = found.flatten(2).transpose(1, 2)[:, None]
        for key in self.key:
            if self.fused:
                looked = nn.functional.scaled_dot_product_attention(tokens, 3 * key(tokens), tokens)
            else:
                looked = ((tokens @ (3 * key(tokens)).transpose(-2, -1)) / 8**0.5).softmax(-1) @ tokens
            tokens = tokens + looked
        return self.last(tokens[:, 0].transpose(1, 2).reshape(found.shape))


def looking(fused: bool) -> Subject:
    torch.manual_seed(0)
    subject = adapt(Looking(fused).double().eval(), class_names=NAMES, cut=("first",))
    assert isinstance(subject, Subject)
    return subject


@pytest.mark.parametrize("fused", [True, False])
def test_the_last_layers_gain_is_what_equal_weights_change(fused: bool) -> None:
    """Nothing decides behind it, so that what is held and what is live agree."""
    subject, image = looking(fused), noise_image(SIZE, dtype=torch.float64)
    found = rl.attention_gain(subject, image, rl.PixelTarget(9, 20))

    layers = list(found.gains)
    assert layers == ["", "#2"]
    with torch.no_grad(), rl.edited_attention(subject, {"#2": rl.uniform_attention}):
        other = subject(image)
    change = found.value - target_value(other[0], found.target, SIZE, NAMES)
    assert found.gains["#2"] == pytest.approx(change, abs=1e-12)
    assert abs(change) > 1e-4
    assert found.residual < 1e-12
    assert found.left_out == ()


def test_the_first_layers_gain_is_asked_with_the_second_as_it_was() -> None:
    subject, image = looking(True), noise_image(SIZE, dtype=torch.float64)
    found = rl.attention_gain(subject, image, rl.PixelTarget(9, 20))

    # By hand: the second attention keeps its weights.
    weights = rl.record_attention(subject, image)["#2"].weights  # type: ignore[attr-defined]
    with torch.no_grad(), rl.edited_attention(subject, {"": rl.uniform_attention, "#2": lambda own: weights}):
        other = subject(image)
    change = found.value - target_value(other[0], found.target, SIZE, NAMES)
    assert found.gains[""] == pytest.approx(change, abs=1e-12)
    with torch.no_grad(), rl.edited_attention(subject, dict.fromkeys(("", "#2"), rl.uniform_attention)):
        both = subject(image)
    assert found.together == pytest.approx(found.value - target_value(both[0], found.target, SIZE, NAMES), abs=1e-12)


def test_attention_inside_the_cut_is_left_out() -> None:
    subject = family("SegFormer, fused")
    with pytest.raises(ValueError, match=r"all attention of .* lies inside the modules of its cut"):
        rl.attention_gain(subject, noise_image((64, 96)), rl.PixelTarget(9, 20))
    one = adapt(subject.network, class_names=NAMES, cut=("segformer.stages.2",))
    assert isinstance(one, Subject)
    found = rl.attention_gain(one, noise_image((64, 96)), rl.PixelTarget(9, 20))
    # The decoder reads the other stages beside it.
    assert found.left_out == ("segformer.stages.2.blocks.0.attention",)
    assert len(found.gains) == 4


def test_attention_before_the_cut_is_left_out() -> None:
    subject = adapt(looking(True).network, class_names=NAMES, cut=("last",))
    assert isinstance(subject, Subject)
    with pytest.raises(ValueError, match=r"inside the modules of its cut or before them: take a cut before it"):
        rl.attention_gain(subject, noise_image(SIZE, dtype=torch.float64), rl.PixelTarget(9, 20))
