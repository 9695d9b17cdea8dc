"""Ledgers and the trade matrix against plain work of the same model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from rsp_lab.analysis.ledger.change import FrozenPair
from rsp_lab.analysis.ledger.decision_flow import decision_flow
from rsp_lab.analysis.ledger.frozen_head import FrozenHead
from rsp_lab.analysis.ledger.ledger import context_ledger
from rsp_lab.analysis.ledger.levels import level_ledger
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.analysis.trade.run import empty_sum, traded
from rsp_lab.analysis.trade.statistics import TradeSum
from rsp_lab.bench.sides import CLASS_NAMES, CPU, Report, channels_last, side_by_side
from rsp_lab.data.labels import IGNORE_INDEX
from rsp_lab.data.sample import Sample
from rsp_lab.models import presets
from rsp_lab.models.load_any import load_segmenter
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.rgb import rgb_batch


def bench_analysis(
    *, rounds: int = 5, device: torch.device = CPU, report: Report = lambda _: None
) -> list[dict[str, Any]]:
    """What analysis costs beside plain work of the same model: the shipped CamVid pair, and an untrained ResNet-50.

    Objects with ``model``, ``height``, ``width``, ``levels``; ``forward_ms``, a plain pass; ``ledger_ms``, one pixel's
    ledger of a head that is already frozen; ``channels_ms``, the derivative that it needs by a backward pass through
    all channels of that head instead; ``context_ledger_ms``, the same from the image, its captured pass included;
    ``flow_ms``, one pixel's decision flow of such a head; ``change_ms``, one pixel's change ledger of two pictures
    whose heads are frozen already; ``head_ms``, the model's own head on its pyramid; ``level_ledger_ms``, all pixels
    and classes of a frozen head, the bias included; ``plain_images_per_s``, plain inference from uint8 image to labels;
    ``trade_images_per_s``, the model's part of a trade matrix, from uint8 image to statistics, on an image in which
    every class occurs: of the fastest of all rounds.
    For a bar, ``ledger_ms`` is held to ``forward_ms``, ``change_ms`` to ``40 * head_ms``, ``level_ledger_ms`` to
    ``(levels + 1) * head_ms``, ``trade_images_per_s`` to half of ``plain_images_per_s``.
    """
    torch.manual_seed(0)
    large = Segmenter(presets.resnet_fpn("resnet50", presets.rsp4(), CLASS_NAMES)).eval().to(device)
    cases = (
        ("camvid-rsp4", load_segmenter("camvid-rsp4").to(device), (360, 480), rounds),
        ("camvid-baseline", load_segmenter("camvid-baseline").to(device), (360, 480), rounds),
        ("RSP-4, ResNet-50", large, (512, 1024), max(2, rounds // 3)),
    )
    rows = []
    for label, model, size, repeats in cases:
        report(f"analysis, {label}, {size[0]} x {size[1]}")
        rows.append({"model": label, **analysis_case(model, size, repeats)})
    return rows


def analysis_case(model: Segmenter, size: tuple[int, int], rounds: int) -> dict[str, Any]:
    """One row of :func:`bench_analysis` for a model on an image of a size, without its name."""
    names = model.config.class_names
    sample = patchwork(size, len(names))
    image = rgb_batch(sample.image, device=model.mean.device)
    target = PixelTarget(size[0] // 2, size[1] // 3, names[1], names[2])
    with torch.no_grad():
        pyramid = model.pyramid(channels_last((image - model.mean) / model.std))
    frozen = FrozenHead.of(model, image)
    pair = FrozenPair(frozen, FrozenHead.of(model, image.flip(3)))
    empty = empty_sum((model, model), "labels")
    calls: dict[str, Callable[[], Any]] = {
        "forward": partial(model, image),
        "context_ledger": partial(context_ledger, model, image, target),
        "change": lambda: pair.ledgers([target]),
        "ledger": partial(context_ledger, frozen, frozen.image, target),
        "channels": lambda: frozen.pulled_back(frozen.target_weights(target)),
        "flow": partial(decision_flow, frozen, frozen.image, target),
        "head": partial(model.head, pyramid),
        "level_ledger": partial(_whole_level_ledger, frozen),
        "plain": partial(_plain_inference, model, sample),
        "trade": partial(_trade_of_one, empty, model, sample),
    }
    times = side_by_side(calls, rounds)
    rates = {f"{name}_images_per_s": round(1e3 / times.pop(name), 3) for name in ("plain", "trade")}
    milliseconds = {f"{name}_ms": value for name, value in times.items()}
    return {"height": size[0], "width": size[1], "levels": len(frozen.levels), **milliseconds, **rates}


def patchwork(size: tuple[int, int], classes: int) -> Sample:
    """Noise under labels in which every class occurs several times, and some pixels have none: the most zones there
    can be."""
    rows, columns = torch.arange(size[0])[:, None] // 24, torch.arange(size[1]) // 24
    place = (rows * 5 + columns) % (classes + 1)
    label = torch.where(place < classes, place, IGNORE_INDEX).to(torch.uint8)
    image = torch.randint(0, 256, (3, *size), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    return Sample("patchwork", image, label)


def _plain_inference(model: Segmenter, sample: Sample) -> Tensor:
    return model(sample.image).argmax(1)


def _trade_of_one(total: TradeSum, model: Segmenter, sample: Sample) -> TradeSum:
    """One image of one model into the statistics of a pair, whose other half costs nothing."""
    trade = traded(model, sample, "labels")
    return total.plus([(trade, trade)])


def _whole_level_ledger(frozen: FrozenHead) -> None:
    # A copy has not worked out the bias yet.
    level_ledger(replace(frozen), frozen.image)
