"""What learns: a network with its optimiser, and by option a loss scale and a moving average of the weights."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from trainers.config.run import RunConfig
from trainers.training import distributed

_AUTOCAST = {"float32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass
class Learner:
    """Everything that an update changes.

    Attributes:
        model: the network itself, without wrappers.
        network: what a part of a batch passes through: of the task, under torchrun behind its synchronising wrapper.
        optimiser: over all parameters.
        scaler: the loss scale of fp16; off otherwise.
        average: moving average of the weights and buffers; None is off.
        device: where the model is.
        precision: the type under autocast.
    """

    model: nn.Module
    network: nn.Module
    optimiser: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    average: AveragedModel | None
    device: torch.device
    precision: torch.dtype

    @classmethod
    def build(cls, model: nn.Module, config: RunConfig, network: nn.Module | None = None) -> Learner:
        """The learner of a run at its start; ``network`` is the task's, by default the model itself."""
        device = config.torch_device
        model.to(device).train()
        network = network or model
        return cls(
            model=model,
            network=DistributedDataParallel(network) if distributed.size() > 1 else network,
            optimiser=config.optimiser.build(model),
            scaler=torch.amp.GradScaler(device.type, enabled=config.precision == "fp16"),
            average=_averaged(model, config.ema),
            device=device,
            precision=_AUTOCAST[config.precision],
        )

    @property
    def evaluated(self) -> nn.Module:
        """The network that is scored and kept: the moving average where there is one."""
        return self.model if self.average is None else self.average.module

    def autocast(self) -> AbstractContextManager[object]:
        """Lower precision where it is asked for."""
        if self.precision == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, self.precision)

    def synchronised(self, last: bool) -> AbstractContextManager[object]:
        """Gradients are exchanged between processes with the last part of a batch only."""
        if last or not isinstance(self.network, DistributedDataParallel):
            return nullcontext()
        return self.network.no_sync()

    def step(self, clip_norm: float | None) -> None:
        """The optimiser's step on the gradients at hand, then that of the average."""
        if clip_norm is not None:
            self.scaler.unscale_(self.optimiser)
            nn.utils.clip_grad_norm_(self.model.parameters(), clip_norm)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        if self.average is not None:
            self.average.update_parameters(self.model)


def _averaged(model: nn.Module, decay: float | None) -> AveragedModel | None:
    if decay is None:
        return None
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
