"""The context flow of one image: what each step of the top-down path was given, took and handed on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from rsp_lab.capture.record import Record, check_record
from rsp_lab.shapes import step_levels, step_name
from rsp_lab.summary import Rows, Summarised, short


@dataclass(frozen=True, eq=False)
class StepFlow(Summarised):
    """One step of the top-down path for one image; maps are (c, y, x) at the low level's size.

    Attributes:
        high, low: levels x + 1 and x.
        passed: the upsampled T_{x+1}, the paper's Q'_{x+1}; what the baseline passes down whole.
        context: what was taken from it.
        fused: Q_x + context, that is T_x.
        query, key, value: projections, for relations only.
        weights: relation weights (wy, wx, y, x), for relations only.
    """

    high: int
    low: int
    passed: Tensor
    context: Tensor
    fused: Tensor
    query: Tensor | None = None
    key: Tensor | None = None
    value: Tensor | None = None
    weights: Tensor | None = None

    @property
    def name(self) -> str:
        return step_name(self.high)

    @property
    def own(self) -> Tensor:
        """Q_x, the low level's own map: fused minus context, exact up to rounding."""
        return self.fused - self.context


class ContextFlow(Summarised):
    """The steps of one model on one image, highest first; ``flow["step54"]`` or ``flow[5, 4]`` is that from 5 to 4."""

    def __init__(self, steps: dict[str, StepFlow], image_size: tuple[int, int]) -> None:
        self._steps = steps
        self.image_size = image_size

    def __getitem__(self, step: str | tuple[int, int]) -> StepFlow:
        """One step, by name or by its levels; raises KeyError if it was not captured."""
        found = self.get(step if isinstance(step, str) else step_name(step[0]))
        if found is None or (not isinstance(step, str) and step != (found.high, found.low)):
            raise KeyError(f"no step {step!r} in this flow; captured steps: {', '.join(self._steps)}.")
        return found

    def get(self, name: str) -> StepFlow | None:
        """One step by name; None if it was not captured."""
        return self._steps.get(name)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the steps, highest first."""
        return tuple(self._steps)

    def __iter__(self) -> Iterator[StepFlow]:
        return iter(self._steps.values())

    def __len__(self) -> int:
        return len(self._steps)

    def _summary(self) -> tuple[str, Rows]:
        height, width = self.image_size
        return f"ContextFlow of {len(self)} steps on {height} x {width} pixels", [
            (step.name, f"{short(step.fused)}, {'sum' if step.value is None else 'relation'}") for step in self
        ]

    def to_dict(self) -> dict[str, Any]:
        """Shapes by step, JSON-able."""
        return {
            step.name: {
                "cells": list(step.fused.shape[-2:]),
                "channels": step.fused.shape[0],
                "relation": step.value is not None,
            }
            for step in self
        }


_PARTS = {"passed": "high", "context": "context", "fused": "fused"}
_RELATION_PARTS = ("query", "key", "value", "weights")


def context_flow(record: Record, index: int = 0) -> ContextFlow:
    """The flow of one image of a captured batch.

    Args:
        record: with the taps ``high``, ``context`` and ``fused`` of at least one step, e.g. captured with
            ``taps="step*"``; query, key, value and weights are taken along where they were captured.
        index: of the image in the batch.

    Raises:
        ValueError: if the record holds no whole step, or no image of that index.
    """
    check_record(record)
    steps: dict[str, StepFlow] = {}
    for tap in record:
        name, _, part = tap.partition(".")
        if part != "fused" or not all(f"{name}.{p}" in record for p in _PARTS.values()):
            continue
        high, low = step_levels(name)
        batch = len(record[tap])
        if not -batch <= index < batch:
            raise ValueError(f"the record is of {batch} images, got index {index}: count from 0 to {batch - 1}.")
        maps = {attribute: record[f"{name}.{p}"][index] for attribute, p in _PARTS.items()}
        relation = {p: record[f"{name}.{p}"][index] for p in _RELATION_PARTS if f"{name}.{p}" in record}
        steps[name] = StepFlow(high, low, **maps, **relation)
    if not steps:
        raise ValueError(
            "the record holds no step with its taps high, context and fused: "
            "capture a top-down model with taps='step*'."
        )
    return ContextFlow(steps, record.image_size)
