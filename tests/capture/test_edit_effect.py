"""An edit that had no effect, or whose gradient will be another network's, is said when its block ends."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from rsp_lab.capture.capture import run_with_capture
from rsp_lab.capture.edit_effect import EditWarning
from rsp_lab.capture.hooks import hooks


class Attention(nn.Module):
    """Gives its output and, as attention blocks do, the weights beside it, which the block around it drops."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        weights = self.project(x).softmax(-1)
        return weights @ x, weights


class Block(nn.Module):
    def __init__(self, reentrant: bool | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.attention, self.last, self.reentrant = Attention(), nn.Linear(4, 4), reentrant

    def inner(self, x: Tensor) -> Tensor:
        return self.last(self.attention(x)[0].square())

    def forward(self, x: Tensor) -> Tensor:
        if self.reentrant is None:
            return self.inner(x)
        found: Tensor = checkpoint(self.inner, x, use_reentrant=self.reentrant)
        return found


def doubled(tensor: Tensor, point: object) -> Tensor:
    return 2 * tensor


@pytest.fixture
def x() -> Tensor:
    return torch.randn(4, 4, generator=torch.Generator().manual_seed(1))


@contextmanager
def silence() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("kind", ["copied", "wrapped", "not run"])
def test_an_edit_that_never_ran_is_said(kind: str, x: Tensor) -> None:
    model = Block()
    other = {"copied": copy.deepcopy(model), "wrapped": nn.Sequential(copy.deepcopy(model)), "not run": nn.Identity()}
    never = pytest.warns(EditWarning, match=r"'attention\[0\]' never ran.*run the very network")
    with never, hooks(model, {"attention[0]": doubled}) as calls:
        other[kind](x)
    assert calls == {"attention[0]": 0}


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_compiled_network_that_no_longer_calls_hooks_is_said(x: Tensor) -> None:
    model = Block()
    traced = torch.jit.trace(model, x, check_trace=False)
    with pytest.warns(EditWarning, match="compiled"), hooks(model, {"last": doubled}):
        traced(x)


@pytest.mark.parametrize("warn", [True, False])
def test_edits_and_captures_of_what_was_compiled_act(x: Tensor, warn: bool) -> None:
    """It was compiled before the hooks were there, and is compiled again after."""
    model = Block()
    with hooks(model, {"last": doubled}):
        expected = model(x)
    for compiled in (torch.compile(model, backend="eager"), nn.Sequential(torch.compile(model, backend="eager"))):
        try:
            compiled(x)
            with silence(), hooks(compiled, {"*last": doubled}, warn=warn):
                torch.testing.assert_close(compiled(x), expected)
                record = run_with_capture(compiled, x, taps="*last")[1]
            torch.testing.assert_close(next(iter(record.values())), expected)
            torch.testing.assert_close(compiled(x), model(x))
        finally:
            torch.compiler.reset()


def test_an_edit_of_what_nothing_reads_is_said(x: Tensor) -> None:
    model = Block()
    unread = pytest.warns(EditWarning, match=r"'attention\[1\]' ran, but nothing read")
    with unread, hooks(model, {"attention[1]": doubled}) as calls:
        edited = model(x)
    assert calls == {"attention[1]": 1}
    assert torch.equal(edited, model(x))


def test_an_edit_that_acts_is_silent(x: Tensor) -> None:
    model = Block()
    plain = model(x)
    with silence(), hooks(model, {"attention[0]": doubled, "last": lambda tensor, point: None}):
        assert not torch.equal(model(x), plain)
    # What the network returns acts, though nothing reads it here; so does what somebody holds.
    with silence(), hooks(model, {"last": doubled}):
        model(x)
    with silence(), hooks(model.attention, {"project": lambda tensor, point: tensor + 1}):
        model.attention(x)
    held = []
    with silence(), hooks(model, {"attention[1]": lambda tensor, point: held.append(2 * tensor) or held[-1]}):
        model(x)


def test_an_edit_is_read_inside_a_function_of_its_own(x: Tensor) -> None:
    class Squared(torch.autograd.Function):
        @staticmethod
        def forward(ctx: object, value: Tensor) -> Tensor:
            return value * value

    class Custom(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(4, 4)

        def forward(self, value: Tensor) -> Tensor:
            found: Tensor = Squared.apply(self.first(value))
            return found

    with silence(), hooks(model := Custom(), {"first": doubled}):
        model(x)


def test_one_reached_point_of_a_pattern_is_enough(toy: nn.Module, image: Tensor) -> None:
    with silence(), hooks(toy, {"*": lambda tensor, point: None}) as calls:
        run_with_capture(toy, image)
    assert calls["unused"] == 0


@pytest.mark.parametrize("reentrant", [True, False])
def test_a_gradient_taken_after_the_block_under_checkpointing_is_said(reentrant: bool, x: Tensor) -> None:
    model, x = Block(reentrant), x.requires_grad_()
    (exact,) = torch.autograd.grad(_edited(Block(), x).sum(), x)
    with pytest.warns(EditWarning, match="inside activation checkpointing.*Take the gradient inside"):
        outside = _edited(model, x)
    x.grad = None
    outside.sum().backward()
    assert not torch.allclose(x.grad, exact)

    x.grad = None
    with silence(), hooks(model, {"attention[0]": doubled}):
        model(x).sum().backward()
    torch.testing.assert_close(x.grad, exact)


def test_checkpointing_without_gradients_is_silent(x: Tensor) -> None:
    with silence(), torch.no_grad():
        _edited(Block(reentrant=False), x)


def _edited(model: nn.Module, x: Tensor) -> Tensor:
    with hooks(model, {"attention[0]": doubled}):
        found: Tensor = model(x)
    return found
