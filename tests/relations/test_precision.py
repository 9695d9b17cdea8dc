"""Full precision holds whatever region the caller is in, and the region is as it was afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from threading import Barrier, Thread

import pytest
import torch

from rsp_lab.relations.precision import full_precision

CPU = torch.device("cpu")


@pytest.mark.parametrize("grad", [False, True])
def test_inside_any_region(grad: bool) -> None:
    a = torch.rand(5, 5)
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        with full_precision(CPU, grad=grad):
            assert torch.is_grad_enabled() is grad
            made = a @ a
            assert made.dtype == torch.float32
            assert not made.is_inference()
        assert torch.is_inference_mode_enabled()
        assert (a @ a).dtype == torch.bfloat16


def test_gradients_through_copies_of_what_was_made_in_inference_mode() -> None:
    with torch.inference_mode():
        made = torch.rand(3)
        with full_precision(CPU, grad=True):
            leaf = made.clone().requires_grad_()
            (gradient,) = torch.autograd.grad((leaf**2).sum(), leaf)
    assert torch.equal(gradient, 2 * made)


def test_the_region_is_left_after_an_error() -> None:
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        with pytest.raises(ZeroDivisionError), full_precision(CPU, grad=True):
            raise ZeroDivisionError
        assert not torch.is_grad_enabled()
        assert torch.is_autocast_enabled("cpu")


OPERATIONS = ("cuda.matmul", "cudnn.conv", "cudnn.rnn", "mkldnn.matmul", "mkldnn.conv")


def precisions() -> list[str]:
    return [attrgetter(name)(torch.backends).fp32_precision for name in OPERATIONS]


def all_bits() -> bool:
    return set(precisions()) <= {"ieee", "none"}


@pytest.fixture(params=["highest", "high", "medium"])
def matmul_precision(request: pytest.FixtureRequest) -> Iterator[str]:
    """As a caller sets it for the whole process."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(request.param)
    yield request.param
    torch.set_float32_matmul_precision(before)


def test_float32_is_multiplied_in_all_its_bits(matmul_precision: str) -> None:
    before = precisions()
    assert not all_bits(), "convolutions of a GPU are in TF32 unless told otherwise"
    with full_precision(CPU), full_precision(CPU):
        assert all_bits()
        # Kernels ask by the older names, which refuse to answer where the newer ones say something else.
        assert torch.get_float32_matmul_precision() == "highest"
        assert not torch.backends.cudnn.allow_tf32
        assert not torch.backends.cuda.matmul.allow_tf32
    assert precisions() == before
    assert torch.get_float32_matmul_precision() == matmul_precision
    assert torch.backends.cudnn.allow_tf32


@pytest.mark.parametrize(
    ("name", "precision"), [("cuda.matmul", "tf32"), ("cudnn.conv", "ieee"), ("mkldnn.conv", "bf16")]
)
def test_settings_by_the_newer_names_alone_come_back(name: str, precision: str) -> None:
    operation = attrgetter(name)(torch.backends)
    before = operation.fp32_precision
    operation.fp32_precision = precision
    try:
        with full_precision(CPU):
            assert all_bits()
        assert operation.fp32_precision == precision
    finally:
        operation.fp32_precision = before


def test_the_last_thread_that_leaves_restores_it() -> None:
    before, held = precisions(), []
    inside, left = Barrier(2), Barrier(2)

    def other() -> None:
        with full_precision(CPU):
            inside.wait()
            left.wait()
            held.append(all_bits())

    thread = Thread(target=other)
    with full_precision(CPU):
        thread.start()
        inside.wait()
    left.wait()
    thread.join()
    assert held == [True]
    assert precisions() == before
