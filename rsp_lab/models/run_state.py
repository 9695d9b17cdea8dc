"""The states that training leaves in a run's folder, as networks: what a film of a training is made of.

Training writes and resumes them (``trainers.training.checkpoint``); what else reads them needs the network alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from rsp_lab.files import FileError, TensorFacts, digest, parse_json, read_safetensors_header, readable_name
from rsp_lab.models import weights
from rsp_lab.models.config_json import config_to_json
from rsp_lab.models.whole import WholeConfig, WholeModel

STEP = "step-"
"""Begins the name of a kept state, before the updates done in eight digits."""
LAST = "last.safetensors"
HEADER = "rsp_lab_checkpoint"
FORMAT = 1


class CheckpointError(FileError):
    """A state of a run that cannot be used; the message says which and what would help."""


@dataclass(frozen=True)
class KeptState:
    """One state of a run.

    Attributes:
        path: of its file.
        updates: done.
        config: of its network.
        data: set that the run trains on, as its configuration names it; empty where it names none.
    """

    path: Path
    updates: int
    config: WholeConfig
    data: str


def kept_states(run: Path) -> tuple[KeptState, ...]:
    """The states that a run kept under names of their own, by updates; its last one too, where that is a later one.

    Raises:
        CheckpointError: if the folder holds none, or one that cannot be used or is of another network than the others.
    """
    files = sorted(run.glob(f"{STEP}*.safetensors"))
    if not files:
        if not run.is_dir():
            there = "this is a file" if run.exists() else "there is no such folder"
            raise CheckpointError(f"{readable_name(run)}: {there}. Name the folder of a run.")
        raise CheckpointError(
            f"{readable_name(run)}: holds no kept states. A run keeps its states with keep_every (updates from one to "
            "the next) and keep (how many stay): train with both."
        )
    states = [_kept_state(path) for path in files]
    if (run / LAST).is_file():
        last = _kept_state(run / LAST)
        states += [last] if last.updates > states[-1].updates else []
    states.sort(key=lambda state: state.updates)
    for state in states[1:]:
        _check_same(states[0], state)
    return tuple(states)


def spaced(states: Sequence[KeptState], count: int) -> tuple[KeptState, ...]:
    """At most ``count`` of the states, the first and the last among them, as evenly over the logarithm of the updates
    as those that there are allow: most happens early.

    Raises:
        ValueError: for fewer than two.
    """
    if count < 2:
        raise ValueError(f"a film needs 2 states at least, got {count}.")
    if len(states) <= count:
        return tuple(states)
    left, chosen = list(states), [states[0]]
    for number in range(1, count):
        # What is left of the way, shared out anew: early states are farther apart than even steps would be.
        ratio = (states[-1].updates / max(chosen[-1].updates, 1)) ** (1 / (count - number))
        later = [state for state in left if state.updates > chosen[-1].updates]
        room = later[: len(later) - (count - number - 1)]
        wanted = chosen[-1].updates * ratio
        chosen.append(min(room, key=lambda state: abs(state.updates - wanted)))
    return tuple(chosen)


def _kept_state(path: Path) -> KeptState:
    header, _ = read_state_header(path)
    updates, data = header["progress"].get("step"), header["fingerprint"].get("data", "")
    if type(updates) is not int or updates < 0:
        raise damaged(path, f"step is {updates!r}")
    return KeptState(path, updates, weights.config_of(header["model"], path), str(data))


def _check_same(first: KeptState, other: KeptState) -> None:
    ours, theirs = (config_to_json(state.config) for state in (first, other))
    differs = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
    if differs:
        raise CheckpointError(
            f"{other.path}: is of another network than {first.path.name} (other {', '.join(differs)}). Give the "
            "folder of one run."
        )


def load_model(path: Path, network: nn.Module | None = None) -> WholeModel:
    """The network of a weights file or of a run's state (its moving average, where it has one), in eval mode.

    Args:
        network: as of :func:`rsp_lab.models.weights.load`.

    Raises:
        ValueError: if the file is neither.
    """
    if HEADER not in weights.raw_header(path).metadata:
        return weights.load(path, network)
    header, facts = read_state_header(path)
    config = weights.config_of(header["model"], path)
    prefix = "average/module." if any(name.startswith("average/module.") for name in facts) else "model/"
    model = weights.given_network(config, path, network) or weights.empty_model(config, path)
    check_shapes(path, prefix, facts, {name: tuple(value.shape) for name, value in model.state_dict().items()})
    names = {name: tensor for name, tensor in facts.items() if name.startswith(prefix)}
    tensors = part(read_tensors(path, names), prefix)
    for name, value in tensors.items():
        weights.check_finite(f"{path}: {name}", value)
    model.load_state_dict(tensors)
    return model.eval()


def part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors under a prefix, by their names without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def names_digest(tensors: Mapping[str, object]) -> str:
    """What tells a state with a tensor renamed, added or taken away from the one that was written."""
    return digest("\n".join(sorted(tensors)))


def damaged(path: Path, why: object) -> CheckpointError:
    """The error of a state that is not what was written."""
    return CheckpointError(f"{path}: is damaged ({why}). Remove it to start this run anew.")


def read_state_header(path: Path) -> tuple[dict[str, Any], dict[str, TensorFacts]]:
    """What a state says of itself, with every field in its type, and the tensors that it holds."""
    try:
        file = read_safetensors_header(path, "state of a run", remedy="Remove it to start this run anew.")
        header: dict[str, Any] = parse_json(file.metadata.get(HEADER, "{}"), "its header")
    except FileError as error:
        raise damaged(path, str(error).rstrip(".")) from error
    if header.get("format") != FORMAT:
        raise CheckpointError(f"{path}: is no checkpoint of this version. Train in a new folder.")
    for name in ("progress", "fingerprint", "model", "scaler"):
        if not isinstance(header.setdefault(name, {}), dict):
            raise damaged(path, f"{name} is no object")
    names = names_digest(file.tensors)
    if header.get("names", names) != names:  # states of an older version have no digest
        raise damaged(path, "its tensors are not those that were written")
    return header, file.tensors


def check_shapes(path: Path, prefix: str, facts: dict[str, TensorFacts], wanted: dict[str, tuple[int, ...]]) -> None:
    """Raises CheckpointError unless the tensors under a prefix have just these names and shapes."""
    there = {name.removeprefix(prefix): fact.shape for name, fact in facts.items() if name.startswith(prefix)}
    differs = sorted(name for name in there.keys() | wanted.keys() if there.get(name) != wanted.get(name))
    if differs:
        raise CheckpointError(
            f"{path}: is of another network ({differs[0]} is {there.get(differs[0], 'missing')}, expected "
            f"{wanted.get(differs[0], 'none')}). Train in a new folder."
        )


def read_tensors(path: Path, names: Mapping[str, TensorFacts]) -> dict[str, Tensor]:
    """The named tensors of a state; raises CheckpointError where they cannot be read."""
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError) as error:
        raise damaged(path, error) from error
