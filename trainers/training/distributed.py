"""The processes of one run: one alone, or as many as ``torchrun`` started."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed

from rsp_lab.devices import resolve_device

T = TypeVar("T")
_reductions: deque[distributed.Work] = deque(maxlen=64)
"""Whoever lets go of a reduction last frees its tensors. If that is one of gloo's own threads while Python shuts down,
the process aborts, and a run that is done counts as failed; so the last ones are kept here."""


def rank() -> int:
    """This process's number in the run; the first one, 0, writes the files."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def size() -> int:
    """How many processes the run has."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def total(value: Tensor) -> Tensor:
    """The sum over all processes; the value itself where there is one."""
    if size() > 1:
        value = value.clone()
        _reductions.append(reduction := distributed.all_reduce(value, async_op=True))
        reduction.wait()
    return value


def largest(numbers: tuple[int, ...], device: str | torch.device) -> tuple[int, ...]:
    """The largest of each of the numbers in any process."""
    if size() == 1:
        return numbers
    found = torch.tensor(numbers, device=device)
    _reductions.append(reduction := distributed.all_reduce(found, distributed.ReduceOp.MAX, async_op=True))
    reduction.wait()
    return tuple(found.tolist())


def gathered(value: T) -> list[T]:
    """The values of all processes, in the order of their ranks."""
    if size() == 1:
        return [value]
    values: list[Any] = [None] * size()
    distributed.all_gather_object(values, value)
    return values


def anywhere(condition: bool, device: torch.device) -> bool:
    """Whether the condition holds in any process, so that all of them decide alike."""
    return condition if size() == 1 else bool(total(torch.tensor(float(condition), device=device)) > 0)


@contextmanager
def joined(device: str) -> Iterator[torch.device]:
    """Joins the processes that torchrun started, if it did; gives the device of this one.

    Raises:
        ValueError: as :func:`~rsp_lab.devices.resolve_device`.
    """
    place = resolve_device(device)
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield place
        return
    if place.type == "cuda":
        torch.cuda.set_device(place)
    distributed.init_process_group("nccl" if place.type == "cuda" else "gloo")
    try:
        yield place
    finally:
        distributed.destroy_process_group()
