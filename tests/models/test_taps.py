"""The taps of a model, pinned, and what listening to them changes: nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from rsp_lab.models import relation
from rsp_lab.models.segmenter import Segmenter, SegmenterConfig
from rsp_lab.shapes import Tap

Build = Callable[..., Segmenter]
Named = Callable[[str], SegmenterConfig]
MAP, WINDOW = "b c y x", "b wy wx y x"
PYRAMID = [(f"p{x}", MAP, 2**x) for x in range(2, 8)] + [(f"q{x}", MAP, 2**x) for x in range(2, 8)]
BASELINE_STEPS = [
    (f"step{high}{high - 1}.{part}", MAP, 2 ** (high - 1))
    for high in (7, 6, 5, 4, 3)
    for part in ("high", "context", "fused")
]
RSP_STEPS = [
    (f"step{high}{high - 1}.{part}", WINDOW if part in ("scores", "weights") else MAP, 2 ** (high - 1))
    for high in (7, 6, 5, 4)
    for part in ("high", "query", "key", "value", "scores", "weights", "context", "fused")
]
LOGITS = [("logits", "b class y x", 4)]
PINNED = {
    "tiny_baseline": PYRAMID + BASELINE_STEPS + LOGITS,
    "tiny_rsp4": PYRAMID + RSP_STEPS + BASELINE_STEPS[-3:] + LOGITS,
}


def taps(model: nn.Module) -> list[Tap]:
    return [m for m in model.modules() if isinstance(m, Tap)]


@torch.no_grad()
@pytest.mark.parametrize("name", PINNED)
def test_taps_are_pinned_in_forward_order(name: str, build: Build, named: Named) -> None:
    model = build(named(name))
    passed: list[tuple[str, str, int]] = []
    sizes: dict[str, torch.Size] = {}

    def listen(tap: nn.Module, inputs: tuple[Tensor, ...], value: Tensor) -> None:
        assert isinstance(tap, Tap)
        assert value.ndim == len(tap.axes)
        passed.append((tap.name, " ".join(tap.axes), tap.stride))
        sizes[tap.name] = value.shape[-2:]

    for tap in taps(model):
        tap.register_forward_hook(listen)
    model(torch.rand(1, 3, 131, 259))

    assert passed == PINNED[name]
    for tap_name, _, stride in passed:
        assert sizes[tap_name] == (-(-131 // stride), -(-259 // stride)), tap_name


@torch.no_grad()
def test_every_model_names_each_of_its_taps_once(config: SegmenterConfig, build: Build) -> None:
    model = build(config)
    passed: list[str] = []
    for tap in taps(model):
        tap.register_forward_hook(lambda tap, *_: passed.append(tap.name))
    model(torch.rand(1, 3, 67, 93))

    assert sorted(passed) == sorted(tap.name for tap in taps(model))
    assert len(set(passed)) == len(passed)


@torch.no_grad()
def test_listening_to_everything_changes_nothing(config: SegmenterConfig, build: Build) -> None:
    model = build(config)
    image = torch.rand(1, 3, 67, 93)
    quiet = model(image)
    handles = [tap.register_forward_hook(lambda *_: None) for tap in taps(model)]
    heard = model(image)
    for handle in handles:
        handle.remove()

    torch.testing.assert_close(heard, quiet, rtol=1e-5, atol=1e-5)
    assert torch.equal(model(image), quiet)


@torch.no_grad()
@pytest.mark.parametrize("part", ["scores", "weights"])
def test_scores_exist_only_for_a_listener(
    part: str, build: Build, named: Named, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build(named("tiny_rsp4"))
    image = torch.rand(1, 3, 67, 93)
    materialised: list[torch.Size] = []
    original = relation.relation_scores

    def counted(query: Tensor, *rest: object) -> Tensor:
        materialised.append(query.shape[-2:])
        return original(query, *rest)

    monkeypatch.setattr(relation, "relation_scores", counted)
    quiet = model(image)
    assert materialised == []

    (tap,) = (tap for tap in taps(model) if tap.name == f"step54.{part}")
    caught: list[Tensor] = []
    handle = tap.register_forward_hook(lambda _, inputs, value: caught.append(value))
    heard = model(image)

    # Step 54 alone, on the grid of level 4.
    assert materialised == [(5, 6)]
    assert caught[0].shape == (1, 7, 7, 5, 6)
    torch.testing.assert_close(heard, quiet, rtol=1e-5, atol=1e-5)
    handle.remove()
    model(image)
    assert len(materialised) == 1


@torch.no_grad()
def test_an_edit_at_the_weights_reaches_the_logits(build: Build, named: Named) -> None:
    model = build(named("tiny_rsp4"))
    seen: dict[str, Tensor] = {}
    for tap in taps(model):
        if tap.name == "step43.weights":
            tap.register_forward_hook(lambda _, inputs, value: torch.zeros_like(value))
        if tap.name in ("step43.context", "step43.fused", "q3"):
            tap.register_forward_hook(lambda tap, inputs, value: seen.update({tap.name: value}))
    model(torch.rand(1, 3, 67, 93))

    assert seen["step43.context"].count_nonzero() == 0
    assert torch.equal(seen["step43.fused"], seen["q3"])
