"""What is not affine is named: a function of torch, a function of autograd, or an operation of somebody's kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rsp_lab.analysis.ledger.frozen_subject import FrozenSubject
from rsp_lab.analysis.ledger.ledger import context_ledger
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.frozen.cut import CutPoint
from rsp_lab.frozen.diagnosis import UnknownOperation, unknown_operation
from rsp_lab.frozen.network import FrozenNetwork
from rsp_lab.frozen.rules import FrozenError
from rsp_lab.models.adapt import adapt
from rsp_lab.models.subject import Subject
from tests.kit.networks import noise_image

pytestmark = [
    pytest.mark.usefixtures("one_thread", "unchecked_module"),
    pytest.mark.filterwarnings("ignore:rsp_lab_tests.*an autograd kernel was not registered"),
]


class Square(torch.autograd.Function):
    """As a library wraps a kernel of its own, which no function of torch shows."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return 2 * x * gradient


class Kernel(Square):
    """The same, worked out where torch does not look."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.from_numpy(x.detach().numpy() ** 2)


class Double(torch.autograd.Function):
    """Opaque, and affine all the same."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return 2 * gradient


@pytest.fixture(scope="module")
def kernels() -> Iterator[Any]:
    """Operations of a library: one with a gradient, one without."""
    library = torch.library.Library("rsp_lab_tests", "DEF")
    library.define("cube(Tensor x) -> Tensor")
    library.define("lost(Tensor x) -> Tensor")
    library.impl("cube", lambda x: x**3, "CompositeExplicitAutograd")
    library.impl("lost", lambda x: x**2, "CompositeExplicitAutograd")

    def setup(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(inputs[0])

    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return 3 * ctx.saved_tensors[0] ** 2 * gradient

    torch.library.register_autograd("rsp_lab_tests::cube", backward, setup_context=setup, lib=library)
    yield torch.ops.rsp_lab_tests
    library._destroy()


class Middle(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


class Net(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor], *, beside: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.middle, self.last = nn.Conv2d(3, 8, 3, 2, 1), Middle(function), nn.Conv2d(8, 3, 1)
        self.beside = beside

    def forward(self, x: Tensor) -> Tensor:
        found = self.first(x)
        return self.last(self.middle(found) + (found if self.beside else 0 * found.mean()))


def frozen(function: Callable[[Tensor], Tensor], **words: Any) -> FrozenNetwork:
    model = Net(function, **words).double().eval()
    return FrozenNetwork.record(model, (noise_image((16, 24), dtype=torch.float64),), [CutPoint("first")])


def subject(function: Callable[[Tensor], Tensor], **words: Any) -> Subject:
    found = adapt(Net(function, **words).double().eval(), class_names=("road", "car", "sky"), cut=("first",))
    assert isinstance(found, Subject)
    return found


@pytest.mark.parametrize("function", [Square, Kernel])
def test_a_function_of_autograd_is_named(function: type[Square]) -> None:
    name = function.__name__
    assert frozen(function.apply).residual > 1e-3
    expected = UnknownOperation(f"the autograd function {name} in middle (Middle)", opaque=True)
    assert unknown_operation(frozen(function.apply)) == expected
    # Also where the function's answer is used in the module itself.
    assert unknown_operation(frozen(lambda x: 3 * function.apply(x))) == expected
    says = rf"{name} in middle \(Middle\) is not affine .* is not seen; use the library's way"
    with pytest.raises(FrozenError, match=says):
        context_ledger(subject(function.apply), noise_image((16, 24)), PixelTarget(3, 4))


def test_one_that_is_affine_is_exact() -> None:
    assert frozen(Double.apply).residual < 1e-12
    assert unknown_operation(frozen(Double.apply)) is None


def test_an_operation_of_a_kernel_is_named(kernels: Any) -> None:
    found = frozen(kernels.cube)
    assert found.residual > 1e-3
    assert unknown_operation(found) == UnknownOperation("rsp_lab_tests::cube in middle (Middle)", opaque=True)


def test_one_without_a_gradient_is_named_beside_what_has_one(kernels: Any) -> None:
    found = frozen(kernels.lost, beside=True)
    assert found.residual > 1e-4
    assert unknown_operation(found) == UnknownOperation("rsp_lab_tests::lost in middle (Middle)", opaque=True)
    alone = subject(lambda x: kernels.lost(x.detach()))
    alone.network.forward = lambda x: alone.network.last(alone.network.middle(alone.network.first(x)))  # type: ignore[method-assign]
    with pytest.raises(FrozenError, match=r"rsp_lab_tests::lost in middle \(Middle\) passes no gradient on"):
        FrozenSubject.of(alone, noise_image((16, 24)))


def test_what_does_no_harm_is_not_blamed(kernels: Any) -> None:
    """Opaque in the scores of an attention, whose weights are held; a product elsewhere is."""

    def attention(x: Tensor) -> Tensor:
        tokens = x.flatten(2).transpose(1, 2)
        scores = kernels.lost(tokens) @ Square.apply(tokens).transpose(1, 2)
        return (scores.softmax(-1) @ tokens).transpose(1, 2).reshape(x.shape)

    assert unknown_operation(frozen(attention)) is None
    assert frozen(attention).residual < 1e-12
    found = unknown_operation(frozen(lambda x: attention(x) * x))
    assert found is not None
    assert "mul" in found.words
    assert not found.opaque


def test_holding_the_module_makes_it_exact() -> None:
    held = adapt(subject(Square.apply, beside=True).network, class_names=tuple("abc"), cut=("first",), hold=("middle",))
    assert FrozenSubject.of(held, noise_image((16, 24))).network.residual < 1e-12
