"""A GPU that is none: its tensors say they are on ``cuda:0`` and are computed on the CPU. What mixes devices fails.

It says whether every tensor is where it has to be, which on a machine without a GPU nothing else says, and whether
convolutions are asked for in full precision: they are in TF32 otherwise, and a division by a plain number is rounded
twice, as on a GPU. It says nothing about kernels or speed of a GPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest
import torch
import torch._lazy.ts_backend
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

from rsp_lab.capture.capture import _address

GPU, CPU = torch.device("lazy", 0), torch.device("cpu")
_RESOLVERS = (
    "rsp_lab.models.load_any",
    "trainers.commands",
    "trainers.config.run",
    "trainers.training.distributed",
    "trainers.training.preflight",
)
_MAY_MIX = ("aten::index", "aten::index_put_", "aten::index_put", "aten::_index_put_impl_")
"""Operations that take indices from the CPU, as they do with a real GPU."""
_CONVOLUTIONS = ("aten::convolution", "aten::convolution_backward")


class _Mixed(RuntimeError):
    """What torch says where one operation has tensors of two devices."""


class PretendedTensor(Tensor):
    """A tensor that says it is on the GPU; its values are in ``inner``, on the CPU."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> PretendedTensor:
        facts = {"dtype": inner.dtype, "layout": inner.layout, "storage_offset": inner.storage_offset()}
        # Views of a parameter can take part in gradients, in inference mode too.
        with torch.inference_mode(inner.is_inference()):
            made = Tensor._make_wrapper_subclass(cls, inner.size(), strides=inner.stride(), device=GPU, **facts)  # type: ignore[attr-defined]
        made.inner = inner
        return made

    def __repr__(self, **_: Any) -> str:
        return f"PretendedTensor({tuple(self.shape)})"

    def tolist(self) -> Any:
        return self.inner.tolist()

    def numpy(self, **_: Any) -> Any:
        raise TypeError(f"can't convert {self.device} device type tensor to numpy. Use Tensor.cpu() to copy it first.")

    __array__ = numpy

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


class _Factories(TorchDispatchMode):
    """Makes tensors on the GPU where an operation without any asks for it."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    given = [x for x in tree_flatten((args, kwargs))[0] if isinstance(x, Tensor)]
    if any(x.device.type == "meta" for x in given) or _device_of(kwargs, CPU).type == "meta":
        return func(*args, **kwargs)
    if func._can_decompose():  # so in inference mode; torch has taken it apart before elsewhere
        with _Factories():
            return func.decompose(*args, **kwargs)
    pretended = [x for x in given if isinstance(x, PretendedTensor)]
    name = func.overloadpacket._qualified_op_name
    place = _device_of(kwargs, GPU if pretended else CPU)
    if name == "aten::_local_scalar_dense":
        place = CPU
    elif name not in ("aten::_to_copy", "aten::copy_", *_MAY_MIX):
        # A single number of the CPU goes with anything, as with a real GPU.
        apart = [x for x in given if not isinstance(x, PretendedTensor) and x.ndim]
        if pretended and apart:
            raise _Mixed(f"Expected all tensors to be on the same device: {func} has {GPU} and {CPU}.")
    if "device" in kwargs:
        kwargs = {**kwargs, "device": CPU}
    inner_args, inner_kwargs = tree_map(_inner, (args, kwargs))
    if pretended and name in _CONVOLUTIONS and torch.backends.cudnn.conv.fp32_precision == "tf32":
        inner_args = tree_map(_in_tf32, inner_args)
    if pretended and name == "aten::div" and _by_number(args, inner_kwargs):
        reciprocal = torch.tensor(inner_args[1]).to(args[0].dtype) ** -1
        func, inner_args = torch.ops.aten.mul.Tensor, (inner_args[0], reciprocal)
    out = func(*inner_args, **inner_kwargs)
    written = [x for argument, x in zip(func._schema.arguments, args, strict=False) if _written(argument)]
    if written and func._schema.returns and name.endswith("_"):
        return written[0]
    return tree_map(lambda x: PretendedTensor(x) if isinstance(x, Tensor) and place.type == GPU.type else x, out)


def _resolved(name: str = "auto", **_: Any) -> torch.device:
    return GPU if name in ("auto", "cuda", str(GPU)) else CPU


def _device_of(kwargs: dict[str, Any], otherwise: torch.device) -> torch.device:
    named = kwargs.get("device")
    return otherwise if named is None else torch.device(named)


def _written(argument: Any) -> bool:
    return argument.alias_info is not None and argument.alias_info.is_write


def _by_number(args: Any, kwargs: Any) -> bool:
    return not kwargs and not isinstance(args[1], PretendedTensor) and args[0].is_floating_point()


def _in_tf32(x: Any) -> Any:
    """Rounded to the 10 bits of a fraction that TF32 has."""
    if not isinstance(x, Tensor) or x.dtype != torch.float32:
        return x
    return ((x.detach().contiguous().view(torch.int32) + 0x1000) & ~0x1FFF).view(torch.float32)


def _inner(x: Any) -> Any:
    return x.inner if isinstance(x, PretendedTensor) else x


@cache
def _registered() -> None:
    """Once in a process: torch's device ``lazy`` is one whose gradients a CPU can work out."""
    torch._lazy.ts_backend.init()


@contextmanager
def pretended_gpu(*, tf32: bool = True) -> Iterator[None]:
    """While it lasts, a machine has one GPU, which is none.

    Args:
        tf32: whether convolutions are in TF32 unless full precision is asked for; False where a run on the CPU is to be
            repeated to the bit.
    """
    before = torch.__future__.get_overwrite_module_params_on_conversion()
    _registered()
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    torch._C._set_only_lift_cpu_tensors(True)  # type: ignore[attr-defined]
    try:
        with pytest.MonkeyPatch.context() as patch, _Factories():
            patch.setattr(torch.backends.cudnn, "allow_tf32", tf32)
            patch.setattr("rsp_lab.capture.capture._address", lambda x: _address(_inner(x)))
            for module in _RESOLVERS:
                patch.setattr(f"{module}.resolve_device", _resolved)
            yield
    finally:
        torch._C._set_only_lift_cpu_tensors(False)  # type: ignore[attr-defined]
        torch.__future__.set_overwrite_module_params_on_conversion(before)
