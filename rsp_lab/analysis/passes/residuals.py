"""How exact captures and ledgers are: contexts recomputed from captured tensors, ledgers of random pixels."""

from __future__ import annotations

import copy
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rsp_lab.analysis.ledger.ledger import RESIDUAL_RULE, context_ledger
from rsp_lab.analysis.ledger.levels import LEVEL_RESIDUAL_RULE
from rsp_lab.analysis.passes.answer import pixel_answer
from rsp_lab.analysis.passes.captured import CapturedPass, capture_pass
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.capture.record import Record, check_record
from rsp_lab.data.sample import SampleSet
from rsp_lab.models.relation import relation_modules
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject
from rsp_lab.relations.relate import relate
from rsp_lab.shapes import checked_count
from rsp_lab.summary import Summarised

PIXELS_PER_IMAGE = 10


def context_residuals(model: nn.Module, record: Record) -> dict[str, float]:
    """Largest deviation of the recomputed context from the captured one, relative to the largest captured value.

    About 1e-6 in float32. Holds only for a record of this model without edits. Steps whose query, key, value or
    context were not captured are left out.

    Raises:
        ValueError: for what is no record.
    """
    check_record(record)
    residuals = {}
    for name, module in relation_modules(model).items():
        taps = [f"{name}.{part}" for part in ("query", "key", "value", "context")]
        if not all(tap in record for tap in taps):
            continue
        query, key, value, context = (record[tap] for tap in taps)
        again = relate(query, key, value, module.plane.detach(), module.config.window, module.config.normalisation)
        residuals[name] = _relative(again, context)
    return residuals


def _relative(found: Tensor, expected: Tensor) -> float:
    scale = expected.abs().max().clamp_min(1e-12)
    return float((found - expected).abs().max() / scale)


@dataclass(frozen=True)
class Residuals(Summarised):
    """Residuals of the ledgers of one model, in one precision.

    Attributes:
        dtype: that the model computed in.
        images, pixels: how many.
        median, largest: over the pixels, by :data:`rsp_lab.analysis.ledger.ledger.RESIDUAL_RULE`.
        largest_of_levels: over the images' level ledgers, by
            :data:`rsp_lab.analysis.ledger.levels.LEVEL_RESIDUAL_RULE`.
        tolerance: above which a ledger raises LedgerError.
    """

    dtype: str
    images: int
    pixels: int
    median: float
    largest: float
    largest_of_levels: float
    tolerance: float

    def to_dict(self) -> dict[str, Any]:
        rules = {"residual_rule": RESIDUAL_RULE, "level_residual_rule": LEVEL_RESIDUAL_RULE}
        return {**asdict(self), **rules}


def ledger_residuals(
    model: Segmenter | Subject,
    samples: SampleSet,
    *,
    pixels: int = 100,
    dtype: torch.dtype = torch.float32,
    seed: int = 0,
) -> Residuals:
    """Ledgers of the predicted class over the runner-up, :data:`PIXELS_PER_IMAGE` random pixels per image.

    Args:
        model: of any make, in eval mode; left as it was found: a copy computes in ``dtype``. Of one with a single class
            the ledgers are of its own logit.
        samples: images are drawn from these, without replacement as far as they reach.
        pixels: how many in all.
        dtype: float32 or float64.
        seed: of images and pixels.

    Raises:
        LedgerError: if one of them does not add up.
        FrozenError: the same of a network of another make, by the name of the operation.
        ValueError: without samples or pixels.
    """
    pixels = checked_count("pixels", pixels, 1, "100 is the default")
    if not len(samples):
        raise ValueError("residuals need images, got none: give samples with one or more.")
    rng, twin = np.random.default_rng(seed), copy.deepcopy(model).to(dtype)
    count = min(len(samples), -(-pixels // PIXELS_PER_IMAGE))
    found: list[float] = []
    of_levels: list[float] = []
    for number, index in enumerate(rng.permutation(len(samples))[:count]):
        sample = samples[int(index)]
        looked = capture_pass(twin, sample.image)
        share = pixels * (number + 1) // count - pixels * number // count
        for _ in range(share):
            y, x = (int(rng.integers(side)) for side in sample.size)
            found.append(context_ledger(looked.frozen, looked.image, _target(looked, (y, x))).residual)
        of_levels.append(looked.level_ledger.residual)
    name = str(dtype).removeprefix("torch.")
    return Residuals(name, count, len(found), median(found), max(found), max(of_levels), looked.frozen.tolerance)


def _target(looked: CapturedPass, pixel: tuple[int, int]) -> PixelTarget:
    answer = pixel_answer(looked.record["logits"], pixel, looked.record.image_size, looked.class_names)
    if len(looked.class_names) == 1:
        return PixelTarget(*pixel, answer.label, plain_logit=True)
    return PixelTarget(*pixel, answer.label, answer.runner_up)
