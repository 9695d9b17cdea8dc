"""Other weights act: the logits are those of a network that works out just these weights."""

from __future__ import annotations

import copy
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from rsp_lab.analysis.ledger.attention_gain import attention_gain
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.attention.edits import edited_attention, uniform_attention
from rsp_lab.attention.layers import DenseAttention
from rsp_lab.attention.record import record_attention
from rsp_lab.models import presets
from rsp_lab.models.subject import Subject
from tests.kit.attention_families import FAMILIES, family
from tests.kit.networks import network, noise_image

SIZE = (64, 96)


def built_with(subject: Subject, image: Tensor, number: int, edit: Callable[[Tensor], Tensor]) -> Tensor:
    """Logits of the network whose attention ``number`` works out edited weights, by functions in torch's place."""
    fused, softmax = F.scaled_dot_product_attention, F.softmax
    count = 0

    def here() -> bool:
        nonlocal count
        count += 1
        return count == number + 1

    def other_softmax(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        weights = softmax(x, *args, **kwargs)
        return edit(weights) if here() else weights

    def other_fused(query: Tensor, key: Tensor, value: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if not here():
            return fused(query, key, value, *args, **kwargs)
        mask = kwargs.get("attn_mask", args[0] if args else None)
        scale = kwargs.get("scale") or query.shape[-1] ** -0.5
        scores = scale * query @ key.transpose(-2, -1)
        return edit(softmax(scores if mask is None else scores + mask, -1)) @ value

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(F, "softmax", other_softmax)
        patch.setattr(F, "scaled_dot_product_attention", other_fused)
        logits = subject(image)
    assert count > number
    return logits


def first_half(weights: Tensor) -> Tensor:
    """Nothing for the second half of the keys."""
    return torch.cat((weights[..., : weights.shape[-1] // 2], 0 * weights[..., weights.shape[-1] // 2 :]), -1)


@pytest.mark.parametrize("edit", [uniform_attention, first_half, torch.zeros_like], ids=["uniform", "half", "zero"])
@pytest.mark.parametrize("name", FAMILIES)
def test_logits_are_those_of_a_network_with_these_weights(name: str, edit: Callable[[Tensor], Tensor]) -> None:
    subject, image = copy.deepcopy(family(name)).double(), noise_image(SIZE, dtype=torch.float64)
    layers = list(record_attention(subject, image))
    # Written out, Hugging Face's attention works its softmax out in single precision.
    near = 1e-5 if name == "SegFormer, written out" else 1e-9
    for number in {0, len(layers) - 1}:
        # With gradients, without which torch's own layers take a way on which no function is seen.
        plain = subject(image)
        with edited_attention(subject, {layers[number]: edit}):
            edited = subject(image)
        with torch.no_grad(), edited_attention(subject, {layers[number]: edit}):
            torch.testing.assert_close(subject(image), edited, rtol=near, atol=near)
        expected = built_with(subject, image, number, edit)

        torch.testing.assert_close(edited, expected, rtol=near, atol=near)
        assert float((edited - plain).detach().abs().max()) > 1e-5
        assert torch.equal(subject(image), plain)


def test_weights_as_they_are_change_nothing() -> None:
    subject, image = family("Swin of Hugging Face"), noise_image(SIZE)
    layers = record_attention(subject, image)
    with edited_attention(subject, {name: lambda weights: weights for name in layers}):
        torch.testing.assert_close(subject(image), family("Swin of Hugging Face")(image))


def test_nothing_looks_into_a_region_any_more() -> None:
    subject, image = family("SegFormer, written out"), noise_image(SIZE)
    layer = record_attention(subject, image)["segformer.stages.3.blocks.1.attention"]
    assert isinstance(layer, DenseAttention)
    region = torch.zeros(SIZE, dtype=torch.bool)
    region[:, :50] = True
    kept: list[Tensor] = []
    edit = layer.without(region)
    with edited_attention(subject, {layer.layer: lambda weights: kept.append(edit(weights)) or kept[-1]}):  # type: ignore[func-returns-value]
        subject(image)

    inside = layer.key_places[0].imag < 50
    assert torch.all(kept[0][..., inside] == 0)
    torch.testing.assert_close(kept[0].sum(-1), torch.ones(kept[0].shape[:-1]))
    shares = layer.weights[..., ~inside]
    torch.testing.assert_close(kept[0][..., ~inside], shares / shares.sum(-1, keepdim=True))
    with pytest.raises(ValueError, match="no key of"):
        layer.without(torch.zeros(SIZE, dtype=torch.bool))
    with pytest.raises(ValueError, match="the region is"):
        layer.without(torch.zeros(3, 3, dtype=torch.bool))


def test_gradients_go_through_edited_weights() -> None:
    subject, image = family("torch"), noise_image(SIZE).requires_grad_()
    with edited_attention(subject, {"attend": uniform_attention}):
        subject.answer(image).sum().backward()
    assert image.grad is not None
    assert bool(image.grad.abs().sum() > 0)


@pytest.mark.parametrize(
    ("edits", "calls", "message"),
    [
        ({"other": uniform_attention}, 1, r"edit of other never ran.*attention was seen in block\.self_attn, attend"),
        ({"attend": uniform_attention}, 0, r"edit of attend never ran.*no attention was seen"),
    ],
)
def test_an_edit_that_cannot_act_is_an_error(edits: Any, calls: int, message: str) -> None:
    subject = family("torch")

    def run() -> None:
        with edited_attention(subject, edits):
            for _ in range(calls):
                subject(noise_image(SIZE))

    with pytest.raises(ValueError, match=message):
        run()
    assert "answer" not in subject.__dict__


def test_an_edit_of_another_shape_or_of_none_is_refused() -> None:
    subject = family("torch")
    with (
        pytest.raises(ValueError, match=r"edit of attend answers the shape \(1, 2\)"),
        edited_attention(subject, {"attend": lambda weights: torch.zeros(1, 2)}),
    ):
        subject(noise_image(SIZE))
    assert "answer" not in subject.__dict__
    with pytest.raises(ValueError, match="no edit is given"), edited_attention(subject, {}):
        pass


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equal_weights_leave_what_is_masked_masked(dtype: torch.dtype) -> None:
    """A shifted window holds cells from both ends of the map, masked from each other by adding -100."""
    subject, image = copy.deepcopy(family("Swin of torchvision")).to(dtype), noise_image(SIZE, dtype=dtype)
    layer = record_attention(subject, image)["backbone.features.1.1.attn"]
    assert isinstance(layer, DenseAttention)
    equal = uniform_attention(layer.weights)
    masked = layer.position_scores < -50

    assert bool(masked.any())
    assert torch.equal(equal == 0, masked)
    torch.testing.assert_close(equal.sum(-1), torch.ones_like(equal.sum(-1)))


def test_a_block_inside_another_leaves_the_outer_one_in_force() -> None:
    subject, image = family("torch"), noise_image(SIZE)
    with edited_attention(subject, {"attend": uniform_attention}):
        outer = subject(image)
        with edited_attention(subject, {"block.self_attn": uniform_attention}):
            both = subject(image)
        torch.testing.assert_close(subject(image), outer)
    with edited_attention(subject, {"attend": uniform_attention, "block.self_attn": uniform_attention}):
        torch.testing.assert_close(subject(image), both)


@pytest.mark.usefixtures("unchecked")
def test_other_threads_take_their_own_weights() -> None:
    subject, image = family("ViT of timm"), noise_image(SIZE)
    layers = list(record_attention(subject, image))
    with torch.no_grad(), ThreadPoolExecutor(1) as pool:
        plain = subject(image)
        with edited_attention(subject, dict.fromkeys(layers, uniform_attention)):
            edited = subject(image)
            assert not torch.equal(edited, plain)
            meanwhile = pool.submit(torch.no_grad()(subject), image)
            assert torch.equal(meanwhile.result(), plain)
            assert list(pool.submit(record_attention, subject, image).result()) == layers
        assert torch.equal(subject(image), plain)


def test_a_model_of_ours_is_refused_by_what_it_has_instead() -> None:
    model = network(presets.rsp2(), dtype=torch.float32)
    for ask in (
        lambda: record_attention(model, noise_image(SIZE)),  # type: ignore[arg-type]
        lambda: edited_attention(model, {"x": uniform_attention}).__enter__(),  # type: ignore[arg-type]
        lambda: attention_gain(model, noise_image(SIZE), PixelTarget(1, 1)),  # type: ignore[arg-type]
    ):
        with pytest.raises(ValueError, match=r"another make.* got a Segmenter: .*rl\.relation_grids"):
            ask()
