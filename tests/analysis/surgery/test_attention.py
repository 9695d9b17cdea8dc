"""Attention weights edited by layer, head and cell: the network answers as one that works these weights out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import rsp_lab as rl
from rsp_lab.analysis.ledger.freeze import freeze
from rsp_lab.analysis.surgery import presets
from rsp_lab.analysis.surgery.account import run_surgery
from rsp_lab.analysis.surgery.operate import edited_weights, operate, predicted_change
from rsp_lab.analysis.surgery.operation import Operation
from rsp_lab.analysis.surgery.operations import (
    Centre,
    Shuffle,
    Temperature,
    Transplant,
    Uniform,
    ZeroKeys,
    ZeroNeighbours,
)
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.attention.edits import attended, edited_attention, uniform_attention
from rsp_lab.attention.record import record_attention
from rsp_lab.models.adapt import adapt
from rsp_lab.models.presets import rsp2
from rsp_lab.models.subject import Subject
from tests.kit.arena import scene_subject
from tests.kit.attention_families import family
from tests.kit.networks import network, noise_image, rectangle

pytestmark = pytest.mark.usefixtures("one_thread", "unchecked_module")
SIZE = (64, 96)
LAYER = "segformer.stages.3.blocks.1.attention"
TARGET = PixelTarget(20, 31, "car", "sky")


def image(seed: int = 4) -> Tensor:
    return noise_image(SIZE, seed)


def edited(subject: Subject, edits: dict) -> Tensor:
    with torch.no_grad(), edited_attention(subject, edits):
        return subject(image())


@pytest.mark.parametrize("name", ["SegFormer, fused", "Swin of torchvision", "deformable"])
def test_equal_weights_everywhere_are_those_of_the_edit(name: str) -> None:
    subject = family(name)
    layers = list(record_attention(subject, image()))

    found = operate(subject, image(), Uniform(), target=TARGET)

    assert list(found.weights) == layers
    assert all(one.edited and one.changed for one in found.weights.values())
    expected = edited(subject, dict.fromkeys(layers, uniform_attention))
    assert torch.allclose(found.after.logits, expected, atol=1e-6)
    assert not torch.allclose(found.after.logits, found.before.logits, atol=1e-3)
    assert found.describe() == "equal weights at every step, whole map; nothing retrained"


def test_one_head_of_one_layer_and_the_cell_under_a_pixel() -> None:
    subject = family("SegFormer, fused")
    grid = record_attention(subject, image())[LAYER].grid
    assert grid is not None
    cell = 20 * grid[0] // SIZE[0], 31 * grid[1] // SIZE[1]
    token = cell[0] * grid[1] + cell[1]

    def by_hand(weights: Tensor) -> Tensor:
        changed = weights.clone()
        changed[:, 1, token] = uniform_attention(weights)[:, 1, token]
        return changed

    found = operate(subject, image(), Uniform(LAYER, heads=(1,), where=(20, 31)))

    assert torch.allclose(found.after.logits, edited(subject, {LAYER: by_hand}), atol=1e-6)
    assert (found.weights[LAYER].cells, found.weights[LAYER].changed) == (grid[0] * grid[1], 1)
    assert f"equal weights at {LAYER}, head 1, at pixel (20, 31)" in found.describe()


def test_cells_of_shifted_windows_are_found_by_their_places() -> None:
    subject, mask = family("Swin of torchvision"), rectangle(slice(0, 30), slice(50, 96), SIZE)
    layer = list(record_attention(subject, image()))[1]
    found = operate(subject, image(), Temperature(3.0, steps=layer, where=mask)).weights[layer]

    one = record_attention(subject, image())[layer]
    places = one.query_places[~one.query_places.isnan()]
    cell = SIZE[0] / one.grid[0]
    touched = (places.real < 30 + cell / 2 - 0.5) & (places.imag > 50 - cell / 2 - 0.5)
    assert 0 < found.changed == int(touched.sum()) < found.cells


def test_nothing_looks_into_a_region_any_more() -> None:
    subject, region = family("SegFormer, fused"), rectangle(slice(0, 64), slice(48, 96), SIZE)
    frozen = freeze(behind(), image())
    after = edited_weights(frozen, ZeroKeys(region, steps=LAYER))[LAYER]
    layer = record_attention(subject, image())[LAYER]
    inside = layer.keys_in(region).expand(after.shape)

    assert bool((after[inside] == 0).all())
    assert torch.allclose(after.sum(-1), torch.ones(after.shape[:-1]))
    kept = edited_weights(frozen, ZeroKeys(region, renormalise=False, steps=LAYER))[LAYER]
    assert torch.allclose(kept[~inside], layer.weights.detach()[~inside], atol=1e-6)
    nothing = operate(subject, image(), ZeroKeys(steps=LAYER))
    assert torch.allclose(nothing.after.logits, edited(subject, {LAYER: torch.zeros_like}), atol=1e-6)
    preset = operate(subject, image(), presets.without_context(LAYER))
    assert torch.equal(preset.after.logits, nothing.after.logits)


def test_weights_are_sharpened_shuffled_and_taken_from_elsewhere() -> None:
    subject = family("Swin of torchvision")
    record = record_attention(subject, image())
    name = list(record)[1]  # of shifted windows, some keys of which are masked
    layer = record[name]
    own = layer.weights

    sharp = Temperature(0.5).apply_to_attention(layer, own)
    assert torch.allclose(sharp, (2 * layer.scores).softmax(-1), atol=1e-5)
    flat = Temperature(1e4).apply_to_attention(layer, own)
    assert torch.allclose(flat, uniform_attention(own), atol=1e-2)
    shuffled = Shuffle(1).apply_to_attention(layer, own)
    assert torch.allclose(shuffled.sort(-1).values, own.sort(-1).values)
    assert torch.equal(attended(shuffled), attended(own))
    assert not bool(attended(own).all())
    assert not torch.equal(shuffled, own)
    other = record_attention(subject, image(9))[name].weights
    given = operate(subject, image(), Transplant({name: other}, steps=name))
    expected = edited(subject, {name: lambda weights: other.reshape(weights.shape)})
    assert torch.allclose(given.after.logits, expected, atol=1e-6)


def behind() -> Subject:
    """The same network, taken apart in front of its last attentions."""
    found = adapt(family("SegFormer, fused").network, class_names=("road", "car", "sky"), cut=("segformer.stages.2",))
    assert isinstance(found, Subject)
    return found


class Chain(nn.Module):
    """Two attentions, the second of which answers to the first."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 8, 8, 8), nn.Conv2d(8, 3, 1)
        self.key = nn.ModuleList(nn.Linear(8, 8) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        found = self.first(x)
        tokens = found.flatten(2).transpose(1, 2)[:, None]
        for key in self.key:
            tokens = tokens + nn.functional.scaled_dot_product_attention(tokens, 9 * key(tokens), 2 * tokens)
        return self.last(tokens[:, 0].transpose(1, 2).reshape(found.shape))


def chain() -> Subject:
    torch.manual_seed(0)
    found = adapt(Chain().double().eval(), class_names=("road", "car", "sky"), cut=("first",))
    assert isinstance(found, Subject)
    return found


@pytest.mark.parametrize("operation", [Uniform(""), Uniform("#2"), ZeroKeys(steps=("", "#2")), Temperature(2.0)])
def test_the_ledger_is_exact_where_all_else_is_held(operation: Operation) -> None:
    runs = run_surgery(chain(), image().double(), operation)
    account = runs.account(TARGET)

    assert account.deviation < 1e-9
    assert account.predicted.total == pytest.approx(account.held - account.before, abs=1e-9)
    assert sum(account.predicted.sums.values()) + account.predicted.bias == pytest.approx(account.predicted.total)
    assert account.change == pytest.approx(account.predicted.total + account.reaction, abs=1e-12)
    assert abs(account.change) > 1e-4
    predicted = predicted_change(runs.frozen, runs.weights, TARGET)
    assert predicted == pytest.approx(account.predicted.total, abs=1e-9)
    # What lies behind the last attention is affine, so that only its own weights can react, unless they are set.
    assert (abs(account.reaction) > 1e-9) == (operation.named in (("",), None))


def test_what_has_no_such_weights_is_refused_in_words() -> None:
    subject = family("SegFormer, fused")
    for operation, says in (
        (Centre(LAYER), "Centre is an operation on the windows of relations, and attention has none: take Uniform"),
        (ZeroNeighbours(), "ZeroNeighbours is an operation on the windows"),
        (Uniform("step54"), "'step54' is no attention of this network: it has segformer"),
        (Uniform(LAYER, heads=(9,)), f"{LAYER} has the heads 0 to 3, got 9"),
        (ZeroKeys(torch.ones(3, 5, dtype=torch.bool)), r"the region is \(3, 5\), and the image"),
        (Transplant({"a": torch.ones(1)}), "the source has no weights of segformer"),
    ):
        with pytest.raises(ValueError, match=says):
            operate(subject, image(), operation)
    with pytest.raises(ValueError, match=r"not held by themselves in this pass .* Take a cut in front of it"):
        operate(subject, image(), Uniform(LAYER), frozen_keys=True)
    with pytest.raises(ValueError, match="edits weights of relations or of attention: foreign has no attention"):
        operate(scene_subject(), image(), Uniform())
    with pytest.raises(ValueError, match="lie on no one grid over the image"):
        operate(family("deformable"), image(), Uniform(where=(3, 4)))
    ours = network(rsp2())
    with pytest.raises(ValueError, match="ZeroKeys is an operation on attention"):
        operate(ours, noise_image(), ZeroKeys())
    with pytest.raises(ValueError, match="a relation has one head: leave heads out"):
        operate(ours, noise_image(), Uniform(heads=(0,)))
    with pytest.raises(ValueError, match="heads is empty"):
        Uniform(heads=())


def test_it_is_among_the_public_names() -> None:
    found = rl.operate(chain(), image().double(), rl.surgery.Uniform("#2"), target=TARGET, frozen_keys=True)
    assert "all other weights held" in repr(found)
    assert found.to_dict()["weights"]["#2"]["edited"]
