"""Attention of every family in one form: it proves itself, and fused is as written out."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from rsp_lab.attention.edits import edited_attention, uniform_attention
from rsp_lab.attention.layers import AttentionLayer, AttentionRecord, DenseAttention
from rsp_lab.attention.layout import Layout
from rsp_lab.attention.places import grid_places
from rsp_lab.attention.record import record_attention
from rsp_lab.frozen.rules import attention_weights
from tests.kit.attention_families import FAMILIES, family, subject_of
from tests.kit.networks import noise_image

SIZE = (64, 96)
KINDS = {
    "SegFormer, fused": ["global"] * 5,
    "SegFormer, written out": ["global"] * 5,
    "Swin of Hugging Face": ["windows"] * 6 + ["global"],
    "Swin of torchvision": ["windows"] * 4,
    "Swin of timm": ["windows"] * 4,
    "ViT of timm": ["global"] * 2,
    "torch": ["global"] * 2,
    "deformable": ["sampled"],
    "neighbourhood": ["neighbourhoods"],
}


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (
            ["net.stages.0.blocks.0.attn", "net.stages.0.blocks.1.attn", "net.stages.2.blocks.0.attn"],
            ["stages.0.blocks.0, stride 4", "stages.0.blocks.1, stride 4", "stages.2.blocks.0, stride 4"],
        ),
        (["block.self_attn", "attend"], ["block.self_attn, stride 4", "attend, stride 4"]),
        (["a.b", "a.b.c"], ["a.b, stride 4", "a.b.c, stride 4"]),
        (["only.one.attn"], ["only.one.attn, stride 4"]),
    ],
)
def test_layers_are_called_by_what_tells_them_apart_and_their_stride(names: list[str], words: list[str]) -> None:
    places = grid_places(2, 3, (8, 12)).reshape(1, 6)
    layers = {name: AttentionLayer(name, (8, 12), places, 0.0, Layout(())) for name in names}

    assert list(AttentionRecord(layers).words().values()) == words
    nowhere = AttentionLayer("a", (8, 12), places * float("nan"), 0.0, Layout(()))
    assert AttentionRecord({"a": nowhere}).words() == {"a": "a"}


def hook_count(network: nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in network.modules())


@pytest.mark.parametrize("name", FAMILIES)
def test_every_layer_proves_itself(name: str) -> None:
    subject, image = family(name), noise_image(SIZE)
    before, hooks = subject(image), hook_count(subject)

    record = record_attention(subject, image)

    assert [layer.kind for layer in record.layers.values()] == KINDS[name]
    assert 0 <= record.residual < 1e-5
    for layer in record.layers.values():
        look = layer.look(31, 47)
        torch.testing.assert_close(look.weights.sum(-1) + look.elsewhere, torch.ones(layer.heads))
        assert look.weights.shape == (layer.heads, look.positions.shape[0])
        assert abs(look.cell[0] - 31) <= 16
        assert abs(look.cell[1] - 47) <= 16
    assert torch.equal(subject(image), before)
    assert hook_count(subject) == hooks


def test_fused_is_as_written_out() -> None:
    fused, written = (
        record_attention(family(name), noise_image(SIZE)) for name in ("SegFormer, fused", "SegFormer, written out")
    )
    assert list(fused) == list(written)
    for name in fused:
        one, other = fused[name], written[name]
        assert isinstance(one, DenseAttention)
        assert isinstance(other, DenseAttention)
        for part in ("query", "key", "value", "context", "weights", "scores"):
            torch.testing.assert_close(getattr(one, part), getattr(other, part))
        torch.testing.assert_close(other.position_scores, torch.zeros_like(other.scores), atol=1e-5, rtol=0)


def test_weights_are_those_of_query_and_key() -> None:
    subject = family("SegFormer, fused")
    kept = {}
    layer = subject.network.get_submodule("segformer.stages.1.blocks.0.attention")
    hooks = [
        getattr(layer, name).register_forward_hook(lambda *passed, name=name: kept.update({name: passed[2]}))
        for name in ("q_proj", "k_proj")
    ]
    try:
        record = record_attention(subject, noise_image(SIZE))
    finally:
        for hook in hooks:
            hook.remove()
    query, key = (kept[name].unflatten(-1, (2, 8)).transpose(1, 2) for name in ("q_proj", "k_proj"))

    found = record["segformer.stages.1.blocks.0.attention"]

    assert isinstance(found, DenseAttention)
    torch.testing.assert_close(found.weights, attention_weights(query, key, key))


def test_tables_of_positions_and_masks_stand_by_themselves() -> None:
    subject = family("Swin of torchvision")
    layer = record_attention(subject, noise_image(SIZE))["backbone.features.1.0.attn"]
    table = subject.network.get_submodule("backbone.features.1.0.attn").get_relative_position_bias()  # type: ignore[operator]

    assert isinstance(layer, DenseAttention)
    torch.testing.assert_close(layer.position_scores, table.expand_as(layer.scores), atol=1e-5, rtol=1e-4)


def test_layers_are_chosen_and_a_wrong_one_is_named() -> None:
    subject = family("torch")
    assert list(record_attention(subject, noise_image(SIZE), ["attend"])) == ["attend"]

    with pytest.raises(ValueError, match=r"no attention 'other' on this image\. It has block\.self_attn, attend\."):
        record_attention(subject, noise_image(SIZE), ["other"])


def test_a_softmax_over_all_pairs_is_no_attention() -> None:
    """As in the position attention of MAnet, whose weights of one query do not sum to 1."""

    class Pairs(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            tokens = x.flatten(2).transpose(1, 2)
            pairs = tokens @ tokens.transpose(1, 2)
            weights = pairs.view(1, -1).softmax(1).view(pairs.shape)
            return (weights @ tokens).transpose(1, 2).reshape(x.shape)

    network = nn.Sequential(nn.Conv2d(3, 3, 8, 8), Pairs())
    with pytest.raises(ValueError, match="has no attention on this image"):
        record_attention(subject_of(network, ("0",)), noise_image(SIZE))


def test_a_network_without_attention_says_so() -> None:
    subject = subject_of(nn.Conv2d(3, 3, 1), ("",))
    with pytest.raises(ValueError, match=r"Conv2d has no attention on this image\. None of it can be seen\."):
        record_attention(subject, noise_image(SIZE))


def test_a_pixel_outside_and_a_token_without_a_place_are_refused() -> None:
    record = record_attention(family("torch"), noise_image(SIZE))
    with pytest.raises(ValueError, match=r"pixel \(64, 3\) lies outside the image of 64 x 96"):
        record["attend"].look(64, 3)

    class Learned(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.queries = nn.Conv2d(3, 4, 8, 8), nn.Parameter(torch.rand(1, 2, 5, 4))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            tokens = self.first(x).flatten(2).transpose(1, 2)[:, None]
            found = nn.functional.scaled_dot_product_attention(self.queries, tokens, tokens)
            return found[:, 0, :3].mean(-1)[..., None, None].expand(1, 3, 8, 12)

    layer = record_attention(subject_of(Learned(), ("first",)), noise_image(SIZE))[""]
    assert layer.asking == "5 tokens without a place"
    with pytest.raises(ValueError, match="not known where the tokens"):
        layer.look(3, 3)
    assert layer.look_of(0, 4).positions.shape == (96, 2)


def test_a_compiled_part_is_seen_and_edited_as_it_was_written() -> None:
    subject, image = family("torch"), noise_image(SIZE)
    plain = record_attention(subject, image)
    network = copy.deepcopy(subject.network)
    network.attend = torch.compile(network.attend, backend="eager")
    compiled = subject_of(network, ("embed",), shake=False)
    try:
        compiled(image)
        record = record_attention(compiled, image)
        assert list(record) == ["block.self_attn", "attend._orig_mod"]
        look, other = record["attend._orig_mod"].look(31, 47), plain["attend"].look(31, 47)
        torch.testing.assert_close(look.weights, other.weights)
        with edited_attention(compiled, {"attend._orig_mod": uniform_attention}):
            edited = compiled(image)
        with edited_attention(subject, {"attend": uniform_attention}):
            torch.testing.assert_close(edited, subject(image))
    finally:
        torch.compiler.reset()
