"""Every public function with an image works on a GPU, and answers as on the CPU, up to rounding.

A pretended GPU says whether every tensor is where it has to be. A real one, which tests do not use by themselves, says
the rest: ``CUDA_VISIBLE_DEVICES=0 pytest tests/test_public_on_gpu.py``.
"""

from __future__ import annotations

import copy
import math
import numbers
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import cache
from importlib.util import find_spec
from typing import Any

import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor, nn

import rsp_lab as rl
from rsp_lab.relations.precision import full_precision
from tests import test_public_images as public
from tests.kit.pretended_gpu import GPU, pretended_gpu

pytestmark = pytest.mark.usefixtures("one_thread", "unchecked_module")

NETWORKS = ("model", "subject", "looking", "panoptic_model")
RESULTS = ("explanation", "attribution", "flips", "change", "gaze", "panoptic_pass", "segment_story")
NOTHING_ON_A_DEVICE = {"erase", "figures.draw_reach", "film.film_of_run"}
RELATIVE, ABSOLUTE = 2e-3, 2e-4
PLAIN = {
    "Segmenter.coarse_logits",
    "Segmenter.forward",
    "Segmenter.pyramid_maps",
    "Segmenter.q_maps",
    "Subject.coarse_logits",
    "Subject.forward",
    "PanopticSegmenter.forward",
    "run_with_capture",
}
"""A forward pass as the caller has it: convolutions of a GPU are in TF32 unless told otherwise."""


def on(device: str | torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table's networks on a device, and what is made of them worked out there anew."""
    for name in NETWORKS:
        made = getattr(public, name)
        monkeypatch.setattr(public, name, _moved(getattr(made, "__wrapped__", made), device))
    for name in RESULTS:
        made = getattr(public, name)
        monkeypatch.setattr(public, name, cache(getattr(made, "__wrapped__", made)))


def _moved(made: Callable[..., nn.Module], device: str | torch.device) -> Callable[..., nn.Module]:
    return cache(lambda *args: copy.deepcopy(made(*args)).to(device))


def numbers_of(answer: object) -> Iterator[Any]:
    """Numbers, words and tensors of an answer in a fixed order; of a figure only that it can be drawn."""
    if isinstance(answer, Tensor):
        yield answer.detach().cpu().double() if answer.dtype.is_floating_point else answer.detach().cpu()
    elif isinstance(answer, Figure):
        FigureCanvasAgg(answer).draw()
    elif isinstance(answer, rl.FrozenHead):
        yield from numbers_of([answer.logits, answer.q, answer.weights])
    elif isinstance(answer, rl.Record):
        yield from numbers_of({name: answer[name] for name in answer})
    elif isinstance(answer, rl.PixelView):
        yield from numbers_of([view.record for view in answer.views])
    elif hasattr(answer, "to_dict"):
        yield from numbers_of(answer.to_dict())
    elif isinstance(answer, dict):
        for key, value in answer.items():
            yield key
            yield from numbers_of(value)
    elif isinstance(answer, (tuple, list)):
        for value in answer:
            yield from numbers_of(value)
    elif answer is None or isinstance(answer, (str, numbers.Number)):
        yield answer


def same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor):
        return one.shape == other.shape and torch.allclose(one, other, RELATIVE, ABSOLUTE)
    if isinstance(one, float) and not isinstance(other, str) and other is not None:
        return (math.isnan(one) and math.isnan(other)) or one == pytest.approx(other, rel=RELATIVE, abs=ABSOLUTE)
    return type(one) is type(other) and (isinstance(one, str) or one == other)


@pytest.mark.parametrize("name", public.CALLS)
def test_nothing_mixes_devices(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pretended_gpu():
        on(GPU, monkeypatch)
        if name != "explore" or find_spec("anywidget"):
            list(numbers_of(public.called(name, public.photograph())))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU: tests use one where CUDA_VISIBLE_DEVICES names it")
@pytest.mark.parametrize("name", public.CALLS)
def test_a_gpu_gives_the_answer_of_the_cpu(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    on("cpu", monkeypatch)
    expected = list(numbers_of(public.called(name, public.photograph())))
    monkeypatch.undo()
    on("cuda", monkeypatch)
    before = torch.cuda.memory_stats().get("allocation.all.allocated", 0)
    with full_precision(torch.device("cuda")) if name in PLAIN else nullcontext():
        found = list(numbers_of(public.called(name, public.photograph())))

    assert len(found) == len(expected)
    assert [(a, b) for a, b in zip(found, expected, strict=True) if not same(a, b)] == []
    used = torch.cuda.memory_stats().get("allocation.all.allocated", 0) > before
    assert used or name in NOTHING_ON_A_DEVICE or name.startswith("figures."), "nothing was worked out on the GPU"
