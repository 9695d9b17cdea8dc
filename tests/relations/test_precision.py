"""Full precision holds whatever region the caller is in, and the region is as it was afterwards."""

from __future__ import annotations

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
