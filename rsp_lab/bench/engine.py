"""Our own head's frozen pass beside the engine for any network, on the same models and the same cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import nn

from rsp_lab.analysis.ledger.freeze import freeze
from rsp_lab.analysis.ledger.frozen_head import FrozenHead
from rsp_lab.analysis.ledger.frozen_pass import FrozenPass
from rsp_lab.analysis.ledger.frozen_subject import FrozenSubject
from rsp_lab.analysis.ledger.ledger import context_ledger
from rsp_lab.analysis.ledger.levels import level_ledger
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.bench.sides import CLASS_NAMES, CPU, Report, peak_megabytes, side_by_side
from rsp_lab.models import presets, weights
from rsp_lab.models.relation import relation_modules
from rsp_lab.models.segmenter import CoarseSegmenter, Segmenter
from rsp_lab.models.subject import Subject


def bench_engine(
    *, rounds: int = 3, device: torch.device = CPU, report: Report = lambda _: None
) -> list[dict[str, Any]]:
    """Ledgers of our models by the frozen head and by the engine that holds any network, at the same Q maps.

    Objects with ``model``, ``height``, ``width``; for the sides ``head`` and ``engine`` each: ``_ledger_ms`` and
    ``_ledger_mb``, one pixel's ledger from the image; ``_further_ms``, that of a further pixel on the same frozen pass;
    ``_level_ledger_ms``, all pixels and classes on the same frozen pass; then ``ledger_ratio``, ``further_ratio``,
    ``level_ledger_ratio`` and ``memory_ratio``, the engine's over the head's; ``gap``, the largest difference between
    their contributions, relative to the largest. All before the Q maps is held as a whole, so that replays begin there.
    One of the two serves both where every ratio is at most 1.1.
    """
    torch.manual_seed(0)
    large = Segmenter(presets.resnet_fpn("resnet50", presets.rsp4(), CLASS_NAMES)).eval().to(device)
    cases = (
        ("scenes-baseline", weights.load("scenes-baseline").semantic.to(device), (256, 512)),
        ("scenes-rsp4", weights.load("scenes-rsp4").semantic.to(device), (256, 512)),
        ("RSP-4, ResNet-50", large, (256, 512)),
    )
    rows = []
    for label, model, size in cases:
        report(f"engine, {label}, {size[0]} x {size[1]}")
        assert isinstance(model, Segmenter)
        rows.append({"model": label, **engine_case(model, size, rounds)})
    return rows


def engine_case(model: Segmenter, size: tuple[int, int], rounds: int) -> dict[str, Any]:
    """One row of :func:`bench_engine` for a model on an image of a size, without its name."""
    device = model.mean.device
    image = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0)).to(device)
    names = model.class_names
    target = PixelTarget(size[0] // 2, size[1] // 3, names[1], names[2])
    subject = as_subject(model)
    sides: dict[str, Segmenter | Subject] = {"head": model, "engine": subject}
    with explicit_relations(subject):
        frozen: dict[str, FrozenPass] = {name: freeze(side, image) for name, side in sides.items()}
        books = {name: context_ledger(one, one.image, target) for name, one in frozen.items()}
        times = side_by_side(_calls(sides, frozen, image, target), rounds)
        memory = {
            name: peak_megabytes(partial(context_ledger, side, image, target), device) for name, side in sides.items()
        }
    largest = max(float(values.abs().max()) for values in books["head"].maps.values())
    gap = max(float((books["engine"].maps[x] - values).abs().max()) for x, values in books["head"].maps.items())
    ratios = {
        f"{what}_ratio": round(times[f"engine_{what}"] / times[f"head_{what}"], 2)
        for what in ("ledger", "further", "level_ledger")
    }
    return {
        "height": size[0],
        "width": size[1],
        **{f"{name}_ms": value for name, value in times.items()},
        **{f"{name}_ledger_mb": value for name, value in memory.items()},
        **ratios,
        "memory_ratio": round(memory["engine"] / memory["head"], 2),
        "gap": gap / largest,
    }


def as_subject(model: Segmenter) -> Subject:
    """A model of ours as a network of any make, taken apart in its Q maps."""
    levels = model.head.config.levels
    taps = [f"model.head.taps.q{level}" for level in levels]
    network: nn.Module = CoarseSegmenter(model, check_range=False).eval()
    # All before the cut, so that replays begin at it.
    held = ("model.pyramid", *(f"model.head.transforms.q{level}" for level in levels))
    return Subject(network, model.class_names, taps, mean=None, std=None, hold=held, name=f"{model.name}, any network")


@contextmanager
def explicit_relations(subject: Subject) -> Iterator[None]:
    """In force, relation weights are watched, and so worked out: the fused relation is a function of autograd of its
    own, into which the engine does not see."""
    handles = [
        module.weights.register_forward_hook(lambda *_: None) for module in relation_modules(subject.network).values()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _calls(
    sides: dict[str, Segmenter | Subject], frozen: dict[str, FrozenPass], image: torch.Tensor, target: PixelTarget
) -> dict[str, Callable[[], Any]]:
    calls: dict[str, Callable[[], Any]] = {}
    for name, side in sides.items():
        one = frozen[name]
        calls[f"{name}_ledger"] = partial(context_ledger, side, image, target)
        calls[f"{name}_further"] = partial(context_ledger, one, one.image, target)
        calls[f"{name}_level_ledger"] = partial(_whole_level_ledger, one)
    return calls


def _whole_level_ledger(frozen: FrozenPass) -> None:
    """With the bias, which a frozen pass keeps once it has worked it out: a copy has not yet."""
    if isinstance(frozen, FrozenSubject):
        frozen = replace(frozen, network=replace(frozen.network))
    else:
        assert isinstance(frozen, FrozenHead)
        frozen = replace(frozen)
    level_ledger(frozen, frozen.image)
