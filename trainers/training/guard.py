"""What happens when a loss is no longer finite: the run ends, the batch is named and kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors.torch import save

from rsp_lab.data.sample import SampleSet
from rsp_lab.files import to_json, write_atomic
from trainers.config.run import RunConfig
from trainers.training import distributed
from trainers.training.batches import batch_names
from trainers.training.task import Batch


class NonFiniteLossError(ValueError):
    """A loss that is infinite or no number; raised before the weights are touched."""

    def __init__(self, value: float) -> None:
        super().__init__(f"the loss is {value}")
        self.value = value


@contextmanager
def guarded(run: Path, samples: SampleSet, config: RunConfig, step: int, batch: Batch) -> Iterator[None]:
    """Completes a :class:`NonFiniteLossError` by the batch: the names of its samples, and a file with its crops."""
    try:
        yield
    except NonFiniteLossError as error:
        names = batch_names(samples, config, step)
        path = run / f"nonfinite-step-{step:08d}-{distributed.rank()}.safetensors"
        tensors = {"image": batch.image.cpu().contiguous(), "label": batch.label.cpu().contiguous()}
        write_atomic(path, save(tensors, {"batch": to_json({"step": step, "names": names}, indent=None)}))
        raise ValueError(
            f"the loss is {error.value} at step {step}, on a batch of {', '.join(names)} (kept in {path}). "
            "The weights before it are in the last state. Lower --optimiser.learning-rate, or look at that batch."
        ) from error
