"""A capture proves itself: the context recomputed from the captured query, key and value."""

from __future__ import annotations

from torch import Tensor, nn

from rsp_lab.capture.record import Record
from rsp_lab.models.relation import relation_modules
from rsp_lab.relations.relate import relate


def context_residuals(model: nn.Module, record: Record) -> dict[str, float]:
    """Largest deviation of the recomputed context from the captured one, relative to the largest captured value.

    About 1e-6 in float32. Holds only for a record of this model without edits. Steps whose query, key, value or
    context were not captured are left out.
    """
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
