"""Heads against forward passes written down a second time, and the exact split of a logit over what it was made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from rsp_lab.models import presets
from rsp_lab.models.fusion import AverageConfig, AverageFusion
from rsp_lab.models.heads import HeadConfig, SemanticFPNHead, TopDownConfig, TopDownHead, build_head
from rsp_lab.models.relation import RelationConfig
from rsp_lab.relations.reference import relate_reference
from rsp_lab.shapes import Tap, Window
from tests.kit.heads import TOP_DOWN_HEADS

INPUTS, CLASSES = 6, 5
HEADS = {"baseline": presets.baseline()} | TOP_DOWN_HEADS


def head_and_maps(config: HeadConfig, batch: int = 2) -> tuple[TopDownHead | SemanticFPNHead, dict[int, Tensor]]:
    """A float64 head with random norms and biases, and maps of a 211 x 307 image: no side halves evenly."""
    torch.manual_seed(0)
    head = build_head(replace(config, channels=64), INPUTS, CLASSES).double()
    with torch.no_grad():
        for name, parameter in head.named_parameters():
            if parameter.ndim == 1:
                parameter.normal_(1.0 if name.endswith("1.weight") else 0.0, 0.3)
    maps = {x: torch.randn(batch, INPUTS, -(-211 // 2**x), -(-307 // 2**x), dtype=torch.float64) for x in config.levels}
    return head, maps


def plain_forward(config: TopDownConfig, p: dict[str, Tensor], maps: dict[int, Tensor]) -> Tensor:
    """Sec. III-B from the state dict of a head, with nothing but functions."""

    def q(level: int) -> Tensor:
        name = f"transforms.q{level}"
        x = F.conv2d(maps[level], p[f"{name}.0.weight"], p.get(f"{name}.0.bias"), padding=1)
        if config.norm == "group":
            x = F.group_norm(x, 32, p[f"{name}.1.weight"], p[f"{name}.1.bias"])
        return x.clamp(min=0)

    top = q(config.levels[-1])
    for i, fusion in enumerate(config.fusions):
        low = q(config.levels[-2 - i])
        z = F.interpolate(top, low.shape[-2:], mode="bilinear")
        if isinstance(fusion, RelationConfig):
            f = f"steps.{i}.fusion"
            source = low if fusion.query_from == "low" else z
            query, key, value = (
                F.conv2d(x, p[f"{f}.{n}.weight"], p[f"{f}.{n}.bias"])
                for n, x in (("f_q", source), ("f_k", z), ("f_v", z))
            )
            z = relate_reference(query, key, value, p[f"{f}.f_p.weight"], fusion.window, fusion.normalisation)
        elif isinstance(fusion, AverageConfig):
            k = fusion.window.kernel_size
            z = F.unfold(z, k, padding=k // 2).view(*z.shape[:2], k * k, *z.shape[2:]).sum(2)
            z = z / F.unfold(torch.ones_like(z[:1, :1]), k, padding=k // 2).view(1, 1, k * k, *z.shape[2:]).sum(2)
        top = low + z
    return F.conv2d(top, p["classifier.weight"], p["classifier.bias"])


@torch.no_grad()
@pytest.mark.parametrize("name", HEADS)
def test_top_down_head(name: str) -> None:
    head, maps = head_and_maps(HEADS[name])

    expected = plain_forward(HEADS[name], head.state_dict(), maps)

    torch.testing.assert_close(head(maps), expected, rtol=1e-10, atol=1e-10)


@torch.no_grad()
@pytest.mark.parametrize("norm", ["group", "none"])
def test_semantic_fpn_head(norm: str) -> None:
    head, maps = head_and_maps(replace(presets.semantic_fpn(), norm=norm))
    p = head.state_dict()
    total = torch.zeros(())
    for level, blocks in ((2, 1), (3, 1), (4, 2), (5, 3)):
        x = maps[level]
        for i in range(blocks):
            name = f"branches.q{level}.{i}"
            x = F.conv2d(x, p[f"{name}.0.weight"], p.get(f"{name}.0.bias"), padding=1)
            if norm == "group":
                x = F.group_norm(x, 32, p[f"{name}.1.weight"], p[f"{name}.1.bias"])
            x = x.clamp(min=0)
            if level > 2:
                x = F.interpolate(x, maps[level - 1 - i].shape[-2:], mode="bilinear")
        total = total + x

    expected = F.conv2d(total, p["classifier.weight"], p["classifier.bias"])

    torch.testing.assert_close(head(maps), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("window", [Window(3), Window(7), Window(3, 2), Window(5, 3)], ids=Window.describe)
def test_average_is_the_relation_with_equal_scores(window: Window) -> None:
    torch.manual_seed(0)
    high = torch.randn(2, 7, 11, 13, dtype=torch.float64)
    nothing = torch.zeros_like(high)
    expected = relate_reference(nothing, nothing, high, torch.zeros(7, 4, dtype=torch.float64), window)

    torch.testing.assert_close(AverageFusion(window)(nothing, high), expected, rtol=1e-12, atol=1e-12)


def frozen(head: torch.nn.Module) -> dict[str, Tensor]:
    """From the next forward pass on, relation weights are constants; returns where they are kept by tap name."""
    kept: dict[str, Tensor] = {}
    for tap in head.modules():
        if isinstance(tap, Tap) and tap.name.endswith(".weights"):
            # The first pass fixes the weights, later ones reuse them.
            tap.register_forward_hook(lambda tap, _, value: kept.setdefault(tap.name, value.detach()))
    return kept


@pytest.mark.parametrize("name", ["baseline_q67", "rsp2", "rsp4", "rsp4_d", "self2", "rsp4 unnormalised"])
def test_frozen_weights_make_the_head_affine(name: str) -> None:
    """Every logit is bias + the sum over levels and cells of one contribution of Q, from one backward pass."""
    head, maps = head_and_maps(HEADS[name], batch=1)
    kept = frozen(head)
    q: dict[str, Tensor] = {}
    transformed = [t for t in head.modules() if isinstance(t, Tap) and t.name.startswith("q")]
    assert len(transformed) == len(HEADS[name].levels)

    def leaf(tap: Tap, _: object, value: Tensor) -> Tensor:
        return q.setdefault(tap.name, value.detach().requires_grad_())

    handles = [tap.register_forward_hook(leaf) for tap in transformed]
    logits = head(maps)
    for handle in handles:
        handle.remove()
    for tap in transformed:
        tap.register_forward_hook(lambda _, inputs, value: torch.zeros_like(value))
    with torch.no_grad():
        bias = head(maps)
    assert len(kept) == sum(isinstance(f, RelationConfig) for f in HEADS[name].fusions)

    for label, y, x in ((0, 0, 0), (3, 17, 31), (4, 52, 76)):
        gradients = torch.autograd.grad(logits[0, label, y, x], list(q.values()), retain_graph=True)
        shares = [(g * v).sum() for g, v in zip(gradients, q.values(), strict=True)]
        residual = bias[0, label, y, x] + torch.stack(shares).sum() - logits[0, label, y, x]

        assert residual.abs() <= 1e-10 * max(1, logits.abs().max().item())
        assert all(share != 0 for share in shares)


def test_without_freezing_gradient_times_input_does_not_add_up() -> None:
    # The law above is worth stating only because it fails for the plain gradient.
    head, maps = head_and_maps(HEADS["rsp4"], batch=1)
    q: dict[str, Tensor] = {}
    for tap in head.modules():
        if isinstance(tap, Tap) and tap.name.startswith("q"):
            tap.register_forward_hook(lambda tap, _, value: q.setdefault(tap.name, value.detach().requires_grad_()))
    logit = head(maps)[0, 3, 17, 31]
    gradients = torch.autograd.grad(logit, list(q.values()))
    kept = frozen(head)
    head(maps)
    assert len(kept) == 4
    affine = torch.autograd.grad(head(maps)[0, 3, 17, 31], list(q.values()))

    plain, exact = (sum((g * v).sum() for g, v in zip(gs, q.values(), strict=True)) for gs in (gradients, affine))

    assert abs(plain - exact) > 1e-3


def test_a_head_names_the_maps_it_reads() -> None:
    read: list[int] = []

    class Watched(dict[int, Tensor]):
        def __getitem__(self, level: int) -> Tensor:
            read.append(level)
            return super().__getitem__(level)

    for config in (presets.baseline(), presets.rsp4(), presets.semantic_fpn()):
        head, maps = head_and_maps(config)
        read.clear()
        forward: Callable[..., Tensor] = head.forward
        forward(Watched(maps))

        assert sorted(set(read)) == list(config.levels)
