"""The state of a run in one safetensors file; writing is atomic, resuming is exact, nothing is pickled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from rsp_lab.files import (
    FileError,
    TensorFacts,
    digest,
    parse_json,
    read_safetensors_header,
    remove_unfinished,
    to_json,
    write_atomic,
)
from rsp_lab.models import weights
from rsp_lab.models.whole import WholeModel
from trainers.config.run import RunConfig
from trainers.training import distributed
from trainers.training.learner import Learner
from trainers.training.losses import TOTAL

LAST = "last.safetensors"
BEST = "best.safetensors"

_HEADER = "rsp_lab_checkpoint"
_FORMAT = 1


class CheckpointError(FileError):
    """A state that cannot be resumed; the message says which and what would help."""


@dataclass
class Progress:
    """How far a run has come.

    Sampling and augmentation are pure functions of the step, so no generator's state belongs here.

    Attributes:
        step: updates done.
        best: the best validation score so far, by the task's measure; None before the first evaluation.
        losses: of the updates since the last line of the log, by name.
    """

    step: int = 0
    best: float | None = None
    losses: dict[str, list[float]] = field(default_factory=dict)

    def count(self, losses: Mapping[str, float]) -> None:
        """Counts the losses of one more update."""
        for name, value in losses.items():
            self.losses.setdefault(name, []).append(value)
        self.step += 1

    def means(self) -> dict[str, float]:
        """The means of the losses, which are then forgotten."""
        means = {name: sum(values) / len(values) for name, values in self.losses.items()}
        self.losses.clear()
        return means


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
        "names": _names_digest(tensors),
    }
    # One key only: safetensors writes several in an order of its own, and equal states should be equal files.
    header = {_HEADER: to_json(facts, indent=None)}
    content = save({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, header)
    write_atomic(run / LAST, content)
    if config.keep_every and progress.step % config.keep_every == 0:
        write_atomic(run / f"step-{progress.step:08d}.safetensors", content)
        for old in sorted(run.glob("step-*.safetensors"))[: -config.keep]:
            old.unlink()


def resume(run: Path, config: RunConfig, learner: Learner) -> Progress:
    """Puts the run's last state into the learner; a run without one starts at step 0.

    What a killed process left half written is removed. Nothing in the learner changes before the whole state is known
    to fit it.

    Raises:
        CheckpointError: if the state is damaged, or was made under a configuration with other results.
    """
    if not distributed.rank():
        remove_unfinished(run)
    path = run / LAST
    if not path.exists():
        return Progress()
    header, facts = _read_header(path)
    _check_fingerprint(path, header["fingerprint"], config.fingerprint())
    progress = _progress(path, header["progress"], config)
    states = {"model/": learner.model.state_dict()}
    if learner.average is not None:
        states["average/"] = learner.average.state_dict()
    parameters = [parameter for group in learner.optimiser.param_groups for parameter in group["params"]]
    for prefix, state in states.items():
        _check_shapes(path, prefix, facts, {name: tuple(value.shape) for name, value in state.items()})
    _check_optimiser(path, facts, parameters)
    tensors = _read_tensors(path, facts)
    learner.model.load_state_dict(_part(tensors, "model/"))
    if learner.average is not None:
        learner.average.load_state_dict(_part(tensors, "average/"))
    _load_optimiser(learner.optimiser, parameters, tensors)
    if header["scaler"]:
        learner.scaler.load_state_dict(header["scaler"])
    return progress


def load_model(path: Path, network: nn.Module | None = None) -> WholeModel:
    """The network of a weights file or of a run's state (its moving average, where it has one), in eval mode.

    Args:
        network: as of :func:`rsp_lab.models.weights.load`.

    Raises:
        ValueError: if the file is neither.
    """
    if _HEADER not in weights.raw_header(path).metadata:
        return weights.load(path, network)
    header, facts = _read_header(path)
    config = weights.config_of(header["model"], path)
    prefix = "average/module." if any(name.startswith("average/module.") for name in facts) else "model/"
    model = weights.given_network(config, path, network) or weights.empty_model(config, path)
    _check_shapes(path, prefix, facts, {name: tuple(value.shape) for name, value in model.state_dict().items()})
    names = {name: tensor for name, tensor in facts.items() if name.startswith(prefix)}
    tensors = _part(_read_tensors(path, names), prefix)
    for name, value in tensors.items():
        weights.check_finite(f"{path}: {name}", value)
    model.load_state_dict(tensors)
    return model.eval()


def named_data(path: Path) -> str:
    """The data set that a weights file or a run's state says it was trained on; empty where it says none."""
    if _HEADER in weights.raw_header(path).metadata:
        return str(_read_header(path)[0]["fingerprint"].get("data", ""))
    return str(weights.read_header(path)[1].get("data", ""))


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _names_digest(tensors: Mapping[str, object]) -> str:
    """What tells a state with a tensor renamed, added or taken away from the one that was written."""
    return digest("\n".join(sorted(tensors)))


def _damaged(path: Path, why: object) -> CheckpointError:
    return CheckpointError(f"{path}: is damaged ({why}). Remove it to start this run anew.")


def _read_header(path: Path) -> tuple[dict[str, Any], dict[str, TensorFacts]]:
    """What a state says of itself, with every field in its type, and the tensors that it holds."""
    try:
        file = read_safetensors_header(path, "state of a run", remedy="Remove it to start this run anew.")
        header: dict[str, Any] = parse_json(file.metadata.get(_HEADER, "{}"), "its header")
    except FileError as error:
        raise _damaged(path, str(error).rstrip(".")) from error
    if header.get("format") != _FORMAT:
        raise CheckpointError(f"{path}: is no checkpoint of this version. Train in a new folder (--out).")
    for name in ("progress", "fingerprint", "model", "scaler"):
        if not isinstance(header.setdefault(name, {}), dict):
            raise _damaged(path, f"{name} is no object")
    names = _names_digest(file.tensors)
    if header.get("names", names) != names:  # states of an older version have no digest
        raise _damaged(path, "its tensors are not those that were written")
    return header, file.tensors


def _progress(path: Path, facts: dict[str, Any], config: RunConfig) -> Progress:
    # Older versions had one measure and one loss.
    step, best, losses = facts.get("step"), facts.get("best", facts.get("best_miou")), facts.get("losses")
    losses = {TOTAL: losses} if isinstance(losses, list) else losses
    if type(step) is not int or not 0 <= step <= config.steps:
        raise _damaged(path, f"step is {step!r} of {config.steps}")
    if (
        not (best is None or _is_number(best))
        or not isinstance(losses, dict)
        or not all(map(_are_numbers, losses.values()))
    ):
        raise _damaged(path, "the best score or the losses are no numbers")
    return Progress(step, best, losses)


def _are_numbers(values: object) -> bool:
    return isinstance(values, list) and all(map(_is_number, values))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_shapes(path: Path, prefix: str, facts: dict[str, TensorFacts], wanted: dict[str, tuple[int, ...]]) -> None:
    """Raises CheckpointError unless the tensors under a prefix have just these names and shapes."""
    there = {name.removeprefix(prefix): fact.shape for name, fact in facts.items() if name.startswith(prefix)}
    differs = sorted(name for name in there.keys() | wanted.keys() if there.get(name) != wanted.get(name))
    if differs:
        raise CheckpointError(
            f"{path}: is of another network ({differs[0]} is {there.get(differs[0], 'missing')}, expected "
            f"{wanted.get(differs[0], 'none')}). Train in a new folder (--out)."
        )


def _check_optimiser(path: Path, facts: dict[str, TensorFacts], parameters: list[Tensor]) -> None:
    for name, fact in facts.items():
        if name.startswith("optimiser/"):
            index, _, key = name.removeprefix("optimiser/").partition("/")
            known = index.isdecimal() and int(index) < len(parameters) and bool(key)
            if not known or fact.shape not in ((), tuple(parameters[int(index)].shape)):
                raise _damaged(path, f"{name} belongs to no parameter of this network")


def _read_tensors(path: Path, names: Mapping[str, TensorFacts]) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError) as error:
        raise _damaged(path, error) from error


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


def _load_optimiser(optimiser: torch.optim.Optimizer, parameters: list[Tensor], tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in _part(tensors, "optimiser/").items():
        index, _, key = name.partition("/")
        parameter = parameters[int(index)]
        if value.shape == parameter.shape:
            # Same memory layout as in a run without a break, so that the arithmetic is the same to the last bit.
            value = torch.empty_like(parameter, requires_grad=False).copy_(value)
        state.setdefault(int(index), {})[key] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
