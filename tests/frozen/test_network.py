"""A network of any kind with its gates held: affine in its cut, its parts add up, and nothing of it changes."""

from __future__ import annotations

import copy
import math
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import get_ident
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rsp_lab.analysis.ledger.frozen_head import FrozenHead
from rsp_lab.analysis.targets.target import PixelTarget, cell_weights
from rsp_lab.frozen.cut import CutPoint
from rsp_lab.frozen.diagnosis import unknown_operation
from rsp_lab.frozen.network import FrozenNetwork
from rsp_lab.frozen.rules import FrozenError, attention_weights
from rsp_lab.models import presets
from tests.kit.networks import network, noise_image

pytestmark = pytest.mark.usefixtures("one_thread", "unchecked_module")
SIZE = (16, 24)


def beside(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """What is held as a whole leaves nothing live, so it stands beside what does."""
    return lambda x: x + function(x)


class Written(nn.Module):
    """One operation between two convolutions, written as a function."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 2, 1)
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.function(self.first(x)))


def in_place(x: Tensor) -> Tensor:
    x = x * 1
    x.relu_()
    x += 1
    return F.relu(x - 1.2, inplace=True)


def home_made_norm(x: Tensor) -> Tensor:
    mean = x.mean(1, keepdim=True)
    return (x - mean) / torch.sqrt((x - mean).pow(2).mean(1, keepdim=True) + 1e-5)


def attention(x: Tensor) -> Tensor:
    tokens = x.flatten(2).transpose(1, 2)
    return F.scaled_dot_product_attention(tokens, tokens.flip(1), tokens).transpose(1, 2).reshape(x.shape)


def eager_attention(x: Tensor) -> Tensor:
    tokens = x.flatten(2).transpose(1, 2)
    weights = (tokens @ tokens.transpose(1, 2) / math.sqrt(8)).softmax(-1)
    return (weights @ tokens).transpose(1, 2).reshape(x.shape)


def sampled(x: Tensor) -> Tensor:
    grid = F.affine_grid(
        torch.tensor([[[0.9, 0.1, 0.0], [0.0, 0.8, 0.1]]], dtype=x.dtype), list(x.shape), align_corners=False
    )
    return F.grid_sample(x, grid + 0.1 * x[:, :2].permute(0, 2, 3, 1), align_corners=False)


def best_first(x: Tensor) -> Tensor:
    return x.topk(8, dim=1).values + x.sort(dim=1)[0]


OPERATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    **{name: getattr(F, name) for name in ("relu", "relu6", "leaky_relu", "gelu", "silu", "hardswish", "elu", "mish")},
    **{name: getattr(F, name) for name in ("selu", "celu", "hardtanh", "softsign")},
    "abs": torch.abs,
    **{f"beside {name}": beside(getattr(F, name)) for name in ("softplus", "logsigmoid", "hardsigmoid", "sigmoid")},
    "beside tanh": beside(torch.tanh),
    "in place": in_place,
    "gated": lambda x: x * torch.sigmoid(x.mean((2, 3), keepdim=True)),
    "layer norm": lambda x: F.layer_norm(x, x.shape[1:]),
    "layer norm, weights": lambda x: F.layer_norm(x, (24,), torch.arange(24.0).double(), torch.ones(24).double()),
    "group norm": lambda x: F.group_norm(x, 4, torch.arange(8.0).double(), torch.ones(8).double()),
    "instance norm": F.instance_norm,
    "instance norm, running statistics": lambda x: F.instance_norm(
        x, torch.arange(8.0).double(), torch.arange(1.0, 9.0).double(), use_input_stats=False
    ),
    "RMS norm": lambda x: F.rms_norm(x, (24,)),
    "home-made norm": home_made_norm,
    "normalised": lambda x: F.normalize(x, dim=1),
    "max pooling": lambda x: F.interpolate(F.max_pool2d(x, 3, 2, 1), SIZE, mode="bilinear"),
    "adaptive max pooling": lambda x: x + F.adaptive_max_pool2d(x, 1),
    "average pooling": lambda x: x + F.adaptive_avg_pool2d(x, 1),
    "maximum along": lambda x: x + x.max(1, keepdim=True).values,
    "amax": lambda x: x + x.amax((2, 3), keepdim=True),
    "amax along the first": lambda x: x + x[0].amax(0),
    "amin over all": lambda x: x + x.amin(),
    "maximum of two": lambda x: torch.maximum(x, x.flip(1)),
    "where": lambda x: torch.where(x > 0, 2 * x, x.flip(1)),
    "clamp": lambda x: x.clamp(0.1, 0.4),
    "clamp below": lambda x: torch.clamp_min(x, -0.2),
    "clamp in place": lambda x: (x * 1).clamp_(min=0.05),
    "softmax": lambda x: x + x.softmax(1),
    "attention": attention,
    "attention, eager": eager_attention,
    "sampling grid": sampled,
    "topk and sort": best_first,
    "concatenated": lambda x: torch.cat([F.relu(x[:, :4]), x[:, 4:]], 1),
}


def written(name: str, dtype: torch.dtype = torch.float64) -> tuple[Written, Tensor]:
    torch.manual_seed(0)
    model = Written(OPERATIONS[name]).eval().to(dtype)
    return model, torch.rand(1, 3, *SIZE, generator=torch.Generator().manual_seed(1)).to(dtype)


def residual(frozen: FrozenNetwork) -> float:
    weights = torch.randn(frozen.output.shape, generator=torch.Generator().manual_seed(2)).to(frozen.output)
    parts = [(g * frozen.cut[name]).sum() for name, g in frozen.gradients(weights).items()]
    whole, bias = (weights * frozen.output).sum(), (weights * frozen.bias).sum()
    return float((sum(parts) + bias - whole).abs() / (weights * frozen.output).abs().sum())


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_parts_of_every_operation_add_up(name: str) -> None:
    model, image = written(name)
    with torch.no_grad():
        live = model(image)

    frozen = FrozenNetwork.record(model, (image,), [CutPoint("first")])

    assert torch.equal(frozen.output, live)
    assert torch.allclose(frozen.recomputed, live, atol=1e-12)
    assert residual(frozen) < 1e-12
    assert unknown_operation(frozen) is None


@pytest.mark.parametrize("name", ["relu", "gelu", "layer norm, weights", "attention", "max pooling"])
def test_single_precision_is_as_exact_as_it_can_be(name: str) -> None:
    model, image = written(name)
    function = model.function
    if name == "layer norm, weights":
        model.function = lambda x: function(x.double()).float()
    frozen = FrozenNetwork.record(model.float(), (image.float(),), [CutPoint("first")])
    assert residual(frozen) < 1e-5


def test_the_frozen_answer_is_affine_and_the_live_one_is_not() -> None:
    model, image = written("gelu")
    frozen = FrozenNetwork.record(model, (image,), [CutPoint("first")])
    one, other = frozen.cut["first"], torch.randn_like(frozen.cut["first"])

    def at(value: Tensor) -> Tensor:
        return frozen.forward({"first": value})

    assert torch.allclose(at(0.3 * one + 0.7 * other), 0.3 * at(one) + 0.7 * at(other), atol=1e-12)
    assert not torch.allclose(at(other), model.last(F.gelu(other)), atol=1e-3)


@pytest.mark.parametrize("name", ["gelu", "max pooling", "attention"])
def test_the_live_answer_holds_nothing_behind_the_cut(name: str) -> None:
    model, image = written(name)
    frozen = FrozenNetwork.record(model, (image,), [CutPoint("first")])
    other = torch.randn_like(frozen.cut["first"]).requires_grad_()

    found = frozen.live({"first": other})

    assert torch.equal(frozen.live(frozen.cut), frozen.output)
    expected = model.last(model.function(other * 1))
    assert torch.equal(found, expected)
    (gradient,), (by_hand,) = (torch.autograd.grad(one.sum(), other) for one in (found, expected))
    assert torch.allclose(gradient, by_hand)
    with pytest.raises(FrozenError, match="needs a tensor first of the shape"):
        frozen.live({})


def test_the_cut_of_another_input_is_that_of_a_pass_on_it() -> None:
    model, image = written("in place")  # what runs next writes into the cut
    frozen = FrozenNetwork.record(model, (image,), [CutPoint("first")])
    other = torch.rand_like(image).requires_grad_()

    found = frozen.cut_of(other)["first"]

    assert torch.equal(found, model.first(other))
    (gradient,) = torch.autograd.grad(found.square().sum(), other)
    (by_hand,) = torch.autograd.grad(model.first(other).square().sum(), other)
    assert torch.allclose(gradient, by_hand)
    assert not model.first._forward_hooks
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_modules_behind_the_cut_are_those_that_its_answer_runs_through() -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1), nn.Sequential(nn.ReLU(), nn.BatchNorm2d(4)), nn.Conv2d(4, 2, 1)
    )
    model[3].requires_grad_(False)
    frozen = FrozenNetwork.record(model.eval(), (torch.rand(1, 3, 4, 4),), [CutPoint("1")])

    assert frozen.modules_behind == {"2.1", "3"}
    assert [p.requires_grad for p in model.parameters()] == [True] * 6 + [False] * 2


def test_a_product_of_two_live_branches_is_named() -> None:
    class Fused(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * F.avg_pool2d(x, 3, 1, 1)

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.fused = nn.Conv2d(3, 8, 1), Fused()

        def forward(self, x: Tensor) -> Tensor:
            return self.fused(self.first(x)) + 1

    torch.manual_seed(0)
    frozen = FrozenNetwork.record(Outer().eval().double(), (torch.rand(1, 3, 8, 8).double(),), [CutPoint("first")])

    assert residual(frozen) > 1e-3
    found = unknown_operation(frozen)
    assert found is not None
    assert found.words in ("torch.Tensor.mul in fused (Fused)", "torch.Tensor.__mul__ in fused (Fused)")
    assert not found.opaque


@pytest.mark.parametrize("preset", ["rsp2", "rsp4", "baseline", "baseline_q67", "self2", "context2", "semantic_fpn"])
def test_our_own_frozen_head_is_its_oracle(preset: str) -> None:
    """Gradients of a margin by either way, at the Q cut."""
    model = network(getattr(presets, preset)(), selective=True)
    image = noise_image(dtype=torch.float64)
    taps = [name for name, _ in model.named_modules() if name.startswith("head.taps.q")]
    target = PixelTarget(30, 60, "rider", "road")

    # Watched weights take the explicit path: the fused relation is an autograd function of its own, which no rule sees.
    for name, module in model.named_modules():
        if name.endswith("fusion.weights"):
            module.register_forward_hook(lambda *_: None)
    frozen = FrozenNetwork.record(model, (image,), [CutPoint(tap) for tap in taps])

    place = cell_weights(target, (67, 131), (67, 131), torch.float64)
    weights = target.direction(model.class_names).double()[None, :, None, None] * place
    found = frozen.gradients(weights)
    assert residual(frozen) < 1e-12
    if preset != "semantic_fpn":
        ours = FrozenHead.of(model, image)
        for level, expected in ours.gradients(target).items():
            assert torch.allclose(found[f"head.taps.q{level}"], expected, atol=1e-6 * float(expected.abs().max()))
            assert torch.allclose(frozen.cut[f"head.taps.q{level}"], ours.q[level])


def test_nothing_of_the_network_changes() -> None:
    model, image = written("in place")
    before = copy.deepcopy(model.state_dict())
    hooks = [(m._forward_hooks.copy(), m._forward_pre_hooks.copy(), set(vars(m))) for m in model.modules()]
    given = image.clone()

    frozen = FrozenNetwork.record(model, (image,), [CutPoint("first")])
    assert residual(frozen) < 1e-12
    frozen.gate_flips({"first": torch.zeros_like(frozen.cut["first"])})

    assert torch.equal(image, given)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert hooks == [(m._forward_hooks, m._forward_pre_hooks, set(vars(m))) for m in model.modules()]
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_other_threads_may_run_the_network_meanwhile() -> None:
    """Behind the cut the network waits for a thread that runs it on another image."""
    model, image = written("relu")
    other, here = 1 - image, get_ident()
    with torch.no_grad():
        expected = model(other)
    seen: list[Tensor] = []

    def meanwhile() -> None:
        with torch.no_grad():
            seen.append(model(other))
        seen.append(FrozenNetwork.record(model, (other,), [CutPoint("first")]).output)

    def function(x: Tensor) -> Tensor:
        if get_ident() == here:
            with ThreadPoolExecutor(1) as pool:
                pool.submit(meanwhile).result()
        return F.relu(x)

    model.function = function
    frozen = FrozenNetwork.record(model, (image,), [CutPoint("first")])
    assert torch.equal(frozen.output, FrozenNetwork.record(written("relu")[0], (image,), [CutPoint("first")]).output)
    assert torch.allclose(frozen.recomputed, frozen.output, atol=1e-12)
    assert torch.equal(frozen.cut_of(image)["first"], frozen.cut["first"])
    assert unknown_operation(frozen) is None
    assert residual(frozen) < 1e-12
    assert len(seen) >= 10
    assert all(torch.equal(one, expected) for one in seen)


def test_nothing_stays_in_force_after_an_error() -> None:
    model, image = written("relu")
    frozen = FrozenNetwork.record(model, (image,), [CutPoint("first")])
    with torch.no_grad():
        live = model(image)

    def broken(func: Any, given: Any, answer: Any) -> None:
        raise KeyError("in between")

    with pytest.raises(KeyError):
        frozen.forward(frozen.cut, broken)
    assert "forward" not in vars(model.first)
    assert all(parameter.requires_grad for parameter in model.parameters())
    with torch.no_grad():
        assert torch.equal(model(image), live)


def test_parts_of_answers_are_cut_and_named() -> None:
    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.low, self.high = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 3, 2, 1)

        def forward(self, x: Tensor) -> dict[str, Any]:
            low = F.relu(self.low(x))
            return {"maps": [low, F.relu(self.high(low))], "size": tuple(x.shape)}

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.last = Encoder(), nn.Conv2d(4, 2, 1)

        def forward(self, x: Tensor) -> Tensor:
            low, high = self.encoder(x)["maps"]
            return self.last(low + F.interpolate(high, scale_factor=2, mode="bilinear"))

    torch.manual_seed(0)
    model, points = Net().eval().double(), [CutPoint.parse(f"encoder[maps][{i}]") for i in (0, 1)]
    frozen = FrozenNetwork.record(model, (torch.rand(1, 3, 8, 8).double(),), points)

    assert [str(point) for point in points] == ["encoder[maps][0]", "encoder[maps][1]"]
    assert list(frozen.cut) == ["encoder[maps][0]", "encoder[maps][1]"]
    assert residual(frozen) < 1e-12
    assert frozen.tape.kinds() == {"ReLU": 2}
    assert 0 < frozen.tape.size == 4 * 64 + 4 * 16


class Output(OrderedDict[str, Tensor]):
    """As an answer of Hugging Face: made of keywords, and its parts are taken by index too."""

    def to_tuple(self) -> tuple[Tensor, ...]:
        return tuple(self.values())

    def __getitem__(self, part: Any) -> Any:
        return super().__getitem__(part) if isinstance(part, str) else self.to_tuple()[part]


@pytest.mark.parametrize(
    ("answer", "plain", "other"),
    [
        (lambda maps: list(maps), ("maps[0]", "maps[1]"), ("maps[-2]", "maps[-1]")),
        (lambda maps: tuple(maps), ("maps[0]", "maps[1]"), ("maps[0]", "maps[-1]")),
        (lambda maps: {"0": maps[0], "pool": maps[1]}, ("maps[0]", "maps[pool]"), ("maps[0]", "maps[pool]")),
        (lambda maps: Output(a=maps[0], b=maps[1]), ("maps[a]", "maps[b]"), ("maps[0]", "maps[-1]")),
    ],
    ids=["list", "tuple", "keys that are numbers", "answer of Hugging Face"],
)
def test_a_part_is_the_same_however_it_is_counted(
    answer: Callable[[Any], Any], plain: tuple[str, str], other: tuple[str, str]
) -> None:
    class Maps(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fine, self.coarse = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 2, stride=2)

        def forward(self, x: Tensor) -> Any:
            return answer((self.fine(x), self.coarse(x)))

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.maps, self.last = Maps(), nn.Conv2d(4, 2, 1)

        def forward(self, x: Tensor) -> Tensor:
            found = self.maps(x)
            fine, coarse = found.values() if isinstance(found, dict) else found
            return self.last(F.relu(fine + F.interpolate(coarse, fine.shape[-2:])))

    torch.manual_seed(0)
    model, image = Net().eval().double(), torch.rand(1, 3, 8, 8).double()

    def contributions(cut: tuple[str, str]) -> list[Tensor]:
        frozen = FrozenNetwork.record(model, (image,), [CutPoint.parse(words) for words in cut])
        assert residual(frozen) < 1e-12
        gradients = frozen.gradients(torch.ones_like(frozen.output))
        return [gradients[words] * frozen.cut[words] for words in cut]

    expected = contributions(plain)
    assert all(bool(part.any()) for part in expected)
    for one, same in zip(contributions(other), expected, strict=True):
        torch.testing.assert_close(one, same)


@pytest.mark.parametrize(
    ("cut", "says"),
    [
        ("last[0]", "has no part"),
        ("nowhere", "no module 'nowhere'"),
        ("first[a", "names no tensor"),
    ],
)
def test_a_cut_that_is_none_is_refused(cut: str, says: str) -> None:
    model, image = written("relu")
    with pytest.raises(FrozenError, match=says):
        FrozenNetwork.record(model, (image,), [CutPoint.parse(cut)])


def test_what_differs_from_run_to_run_is_refused() -> None:
    model, image = written("relu")
    with pytest.raises(FrozenError, match="training mode"):
        FrozenNetwork.record(model.train(), (image,), [CutPoint("first")])
    model.eval()
    with pytest.raises(FrozenError, match=r"more than .* GB.*smaller image"):
        FrozenNetwork.record(model, (image,), [CutPoint("first")], gate_bytes=10)

    calls = iter((F.relu, torch.sigmoid))
    model.function = lambda x: next(calls)(x)
    frozen = FrozenNetwork.record(model, (image,), [CutPoint("first")])
    with pytest.raises(FrozenError, match="another way"):
        frozen.forward(frozen.cut)


def test_attention_weights_are_those_of_torch() -> None:
    query, key, value = torch.randn(3, 2, 4, 5, 8, dtype=torch.float64).unbind()
    mask = torch.rand(5, 5) > 0.3
    mask[:, 0] = True
    for words in ({}, {"attn_mask": mask}, {"is_causal": True}, {"scale": 0.3}):
        expected = F.scaled_dot_product_attention(query, key, value, **words)  # type: ignore[arg-type]
        assert torch.allclose(attention_weights(query, key, value, (), words) @ value, expected)


def test_gates_that_flip_are_counted() -> None:
    model, image = written("relu")
    frozen = FrozenNetwork.record(model, (image,), [CutPoint("first")])
    assert frozen.gate_flips(frozen.cut) == 0
    assert frozen.gate_flips({"first": -frozen.cut["first"]}) == pytest.approx(1, abs=1e-6)


class Compiled(nn.Module):
    """A network with a part that is compiled in itself, and one of which the call is."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 2, 1)
        self.middle = torch.compile(nn.Sequential(nn.Conv2d(8, 8, 1), nn.ReLU()), backend="eager")
        self.last.compile(backend="eager")

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.middle(self.first(x)))


def test_what_is_compiled_runs_as_it_was_written() -> None:
    torch.manual_seed(0)
    net, x = Compiled().double().eval(), noise_image(SIZE, dtype=torch.float64)
    try:
        expected = net(x)
        frozen = FrozenNetwork.record(net, (x,), [CutPoint("first")])

        assert frozen.tape.kinds() == {"ReLU": 1}
        assert frozen.residual < 1e-12
        torch.testing.assert_close(frozen.output, expected)
        torch.testing.assert_close(net(x), expected)
    finally:
        torch.compiler.reset()


@pytest.mark.parametrize(
    ("end", "says"),
    [
        (lambda y: y.softmax(1), "the answer ends in softmax, which is held: let the network return the logits before"),
        (lambda y: y.log_softmax(1), "the answer ends in log-softmax, which"),
        (lambda y: torch.sigmoid(y), "the answer ends in sigmoid, which"),
        (lambda y: 2 * y.softmax(1), "to the answer is held, at last softmax: let the network .* or take a cut behind"),
        (lambda y: y.detach(), "the answer does not depend on the cut: name modules that lead to it"),
    ],
)
def test_the_operation_that_holds_the_whole_answer_is_named(end: Callable[[Tensor], Tensor], says: str) -> None:
    class Ending(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 1)

        def forward(self, x: Tensor) -> Tensor:
            return end(self.last(torch.relu(self.first(x))))

    network = Ending().eval()
    frozen = FrozenNetwork.record(network, (torch.rand(1, 3, 8, 9),), [CutPoint("first")])
    for read in (lambda: frozen.used, lambda: frozen.residual, lambda: frozen.gradients(frozen.output)):
        with pytest.raises(FrozenError, match=says):
            read()


def test_a_network_that_draws_numbers_answers_otherwise_in_another_pass() -> None:
    class Noisy(nn.Module):
        def __init__(self, size: float) -> None:
            super().__init__()
            self.layer, self.size = nn.Conv2d(3, 2, 3), size

        def forward(self, x: Tensor) -> Tensor:
            y = self.layer(x)
            return y + self.size * torch.randn_like(y)

    gaps = [
        FrozenNetwork.record(Noisy(size).eval(), (torch.rand(1, 3, 8, 9),), [CutPoint("layer")]).run_gap
        for size in (0.0, 1.0)
    ]
    assert gaps[0] == 0
    assert gaps[1] > 0.1
