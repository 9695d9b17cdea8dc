"""The state of a run in one safetensors file; writing is atomic, resuming is exact, nothing is pickled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from rsp_lab.data.scenes.difficulty import DEFAULT, Difficulty
from rsp_lab.files import TensorFacts, remove_unfinished, to_json, write_atomic
from rsp_lab.models import weights
from rsp_lab.models.run_state import (
    FORMAT,
    HEADER,
    LAST,
    STEP,
    CheckpointError,
    check_shapes,
    damaged,
    names_digest,
    part,
    read_state_header,
    read_tensors,
)
from trainers.config.run import RunConfig
from trainers.training import distributed
from trainers.training.learner import Learner
from trainers.training.losses import TOTAL

BEST = "best.safetensors"


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
        "format": FORMAT,
        "progress": vars(progress),
        "fingerprint": config.fingerprint(),
        "model": config.to_dict()["model"],
        "scaler": learner.scaler.state_dict(),
        "names": names_digest(tensors),
    }
    # One key only: safetensors writes several in an order of its own, and equal states should be equal files.
    header = {HEADER: to_json(facts, indent=None)}
    content = save({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, header)
    # The last state comes last: what was killed before it is there repeats the update, and with it what is kept.
    if config.keep_every and progress.step % config.keep_every == 0:
        kept = run / f"{STEP}{progress.step:08d}.safetensors"
        write_atomic(kept, content)
        # Later ones are of another run in this folder: they neither go nor take this one's place.
        for old in sorted(path for path in run.glob(f"{STEP}*.safetensors") if path <= kept)[: -config.keep]:
            old.unlink()
    write_atomic(run / LAST, content)


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
    header, facts = read_state_header(path)
    _check_fingerprint(path, header["fingerprint"], config.fingerprint())
    progress = _progress(path, header["progress"], config)
    states = {"model/": learner.model.state_dict()}
    if learner.average is not None:
        states["average/"] = learner.average.state_dict()
    parameters = [parameter for group in learner.optimiser.param_groups for parameter in group["params"]]
    for prefix, state in states.items():
        check_shapes(path, prefix, facts, {name: tuple(value.shape) for name, value in state.items()})
    _check_optimiser(path, facts, parameters)
    tensors = read_tensors(path, facts)
    learner.model.load_state_dict(part(tensors, "model/"))
    if learner.average is not None:
        learner.average.load_state_dict(part(tensors, "average/"))
    _load_optimiser(learner.optimiser, parameters, tensors)
    if header["scaler"]:
        learner.scaler.load_state_dict(header["scaler"])
    return progress


def named_data(path: Path) -> str:
    """The data set that a weights file or a run's state says it was trained on; empty where it says none."""
    if HEADER in weights.raw_header(path).metadata:
        return str(read_state_header(path)[0]["fingerprint"].get("data", ""))
    return str(weights.read_header(path)[1].get("data", ""))


def named_difficulty(path: Path) -> Difficulty:
    """How difficult the drawn scenes were that a weights file or a run's state was trained on; the default where it
    says nothing of that."""
    if HEADER in weights.raw_header(path).metadata:
        said = read_state_header(path)[0]["fingerprint"]
        kept = {name: said.get(f"scenes.difficulty.{name}", value) for name, value in DEFAULT.to_dict().items()}
    else:
        said = weights.read_header(path)[1]
        for key in ("run", "scenes", "difficulty"):
            said = said.get(key, {}) if isinstance(said, dict) else {}
        kept = {name: said.get(name, value) for name, value in DEFAULT.to_dict().items()} if said else {}
    return Difficulty(**kept)


def _progress(path: Path, facts: dict[str, Any], config: RunConfig) -> Progress:
    # Older versions had one measure and one loss.
    step, best, losses = facts.get("step"), facts.get("best", facts.get("best_miou")), facts.get("losses")
    losses = {TOTAL: losses} if isinstance(losses, list) else losses
    if type(step) is not int or not 0 <= step <= config.steps:
        raise damaged(path, f"step is {step!r} of {config.steps}")
    if (
        not (best is None or _is_number(best))
        or not isinstance(losses, dict)
        or not all(map(_are_numbers, losses.values()))
    ):
        raise damaged(path, "the best score or the losses are no numbers")
    return Progress(step, best, losses)


def _are_numbers(values: object) -> bool:
    return isinstance(values, list) and all(map(_is_number, values))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_optimiser(path: Path, facts: dict[str, TensorFacts], parameters: list[Tensor]) -> None:
    for name, fact in facts.items():
        if name.startswith("optimiser/"):
            index, _, key = name.removeprefix("optimiser/").partition("/")
            known = index.isdecimal() and int(index) < len(parameters) and bool(key)
            if not known or fact.shape not in ((), tuple(parameters[int(index)].shape)):
                raise damaged(path, f"{name} belongs to no parameter of this network")


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
    for name, value in part(tensors, "optimiser/").items():
        index, _, key = name.partition("/")
        parameter = parameters[int(index)]
        if value.shape == parameter.shape:
            # Same memory layout as in a run without a break, so that the arithmetic is the same to the last bit.
            value = torch.empty_like(parameter, requires_grad=False).copy_(value)
        state.setdefault(int(index), {})[key] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
