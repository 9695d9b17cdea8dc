"""What stands around a network: compiled forms, data-parallel ones, moving averages."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

_WRAPPERS = (nn.DataParallel, nn.parallel.DistributedDataParallel, AveragedModel)


def unwrapped(model: nn.Module) -> nn.Module:
    """The network itself, without ``torch.compile``, ``DataParallel`` and what else only stands around it."""
    while isinstance(model, _WRAPPERS) or is_compiled(model):
        model = model.get_submodule("_orig_mod" if is_compiled(model) else "module")
    return model


def is_compiled(model: nn.Module) -> bool:
    """Whether ``torch.compile`` made the module of another one."""
    # By the name of its one part: the class lies in torch._dynamo, whose import takes seconds.
    return "_orig_mod" in model._modules


def uncompiled(model: nn.Module) -> AbstractContextManager[object]:
    """In force, what is compiled inside a network runs as it was written."""
    compiled = any(is_compiled(m) or m._compiled_call_impl is not None for m in model.modules())
    return torch.compiler.set_stance("force_eager") if compiled else nullcontext()
