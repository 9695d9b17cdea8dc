"""The state of a run in one safetensors file; writing is atomic, resuming is exact, nothing is pickled."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from rsp_lab.models import weights
from rsp_lab.models.segmenter import Segmenter
from trainers.config.run import RunConfig
from trainers.training import distributed
from trainers.training.learner import Learner

LAST = "last.safetensors"
BEST = "best.safetensors"

_HEADER = "rsp_lab_checkpoint"
_FORMAT = 1


class CheckpointError(ValueError):
    """A state that cannot be written or resumed; the message says which and what would help."""


@dataclass
class Progress:
    """How far a run has come.

    Sampling and augmentation are pure functions of the step, so no generator's state belongs here.

    Attributes:
        step: updates done.
        best_miou: the best validation mIoU so far; None before the first evaluation.
        losses: losses of the updates since the last line of the log.
    """

    step: int = 0
    best_miou: float | None = None
    losses: list[float] = field(default_factory=list)


def save_last(run: Path, config: RunConfig, progress: Progress, learner: Learner) -> None:
    """Writes the run's whole state to ``last.safetensors``, replacing the one before only when it is complete.

    Every ``config.keep_every`` updates it is kept under a name of its own too. Only the first process writes.
    """
    if distributed.rank():
        return
    tensors = {f"model/{name}": value for name, value in learner.model.state_dict().items()}
    for index, state in learner.optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser/{index}/{key}": value for key, value in state.items() if value is not None}
    if learner.average is not None:
        tensors |= {f"average/{name}": value for name, value in learner.average.state_dict().items()}
    facts = {
        "format": _FORMAT,
        "progress": vars(progress),
        "fingerprint": config.fingerprint(),
        "model": config.to_dict()["model"],
        "scaler": learner.scaler.state_dict(),
    }
    # One key only: safetensors writes several in an order of its own, and equal states should be equal files.
    header = {_HEADER: json.dumps(facts)}
    content = save({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, header)
    write_atomic(run / LAST, content)
    if config.keep_every and progress.step % config.keep_every == 0:
        write_atomic(run / f"step-{progress.step:08d}.safetensors", content)
        for old in sorted(run.glob("step-*.safetensors"))[: -config.keep]:
            old.unlink()


def resume(run: Path, config: RunConfig, learner: Learner) -> Progress:
    """Puts the run's last state into the learner; a run without one starts at step 0.

    What a killed process left half written is removed.

    Raises:
        CheckpointError: if the state is damaged, or was made under a configuration with other results.
    """
    if not distributed.rank():
        for left in (*run.glob(f".{LAST}.*"), *run.glob(f".{BEST}.*"), *run.glob(".step-*"), *run.glob(".*.json*.*")):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
    path = run / LAST
    if not path.exists():
        return Progress()
    header, tensors = _read(path)
    _check_fingerprint(path, header["fingerprint"], config.fingerprint())
    try:
        learner.model.load_state_dict(_part(tensors, "model/"))
        if learner.average is not None:
            learner.average.load_state_dict(_part(tensors, "average/"))
    except RuntimeError as error:
        raise CheckpointError(f"{path}: is of another network. Train in a new folder (--out).") from error
    _load_optimiser(learner.optimiser, tensors)
    if header.get("scaler"):
        learner.scaler.load_state_dict(header["scaler"])
    return Progress(**header["progress"])


def load_model(path: Path) -> Segmenter:
    """The network of a weights file or of a run's state (its moving average, where it has one), in eval mode.

    Raises:
        ValueError: if the file is neither.
    """
    try:
        with safe_open(path, framework="pt") as file:
            is_state = _HEADER in (file.metadata() or {})
    except (SafetensorError, OSError):
        is_state = False
    if not is_state:
        return weights.load(path)
    header, tensors = _read(path)
    model = Segmenter(weights.config_from_json(header["model"]))
    model.load_state_dict(_part(tensors, "average/module.") or _part(tensors, "model/"))
    return model.eval()


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def write_atomic(path: Path, content: bytes) -> None:
    """Writes a file so that a reader or a crash sees the old content or the new, never a part.

    Raises:
        CheckpointError: if the folder cannot be written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise CheckpointError(
            f"{path.parent}: cannot be written to ({error.strerror}). Choose another --out."
        ) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be written ({error.strerror}). Free some space.") from error
    finally:
        Path(temporary).unlink(missing_ok=True)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get(_HEADER, "{}"))
            if header.get("format") != _FORMAT:
                raise CheckpointError(f"{path}: is no checkpoint of this version. Train in a new folder (--out).")
            return header, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: is damaged ({error}). Remove it to start this run anew.") from error


def _check_fingerprint(path: Path, then: dict[str, Any], now: dict[str, Any]) -> None:
    changed = [
        f"{key} {then.get(key)!r} -> {now.get(key)!r}"
        for key in sorted(then.keys() | now.keys())
        if then.get(key) != now.get(key)
    ]
    if changed:
        raise CheckpointError(
            f"{path}: this run was started with another configuration ({'; '.join(changed)}). "
            "Give the same options to resume it, or another folder (--out) to start a new run."
        )


def _load_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if not name.startswith("optimiser/"):
            continue
        _, index, key = name.split("/")
        parameter = parameters[int(index)]
        if value.shape == parameter.shape:
            # Same memory layout as in a run without a break, so that the arithmetic is the same to the last bit.
            value = torch.empty_like(parameter, requires_grad=False).copy_(value)
        state.setdefault(int(index), {})[key] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
