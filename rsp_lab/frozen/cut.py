"""Tensors of a network by name: a module's path, and a place in what it answers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from rsp_lab.frozen.rules import FrozenError

Place = tuple[str | int, ...]
"""Where a tensor lies in a module's answer: keys and indices, outermost first."""


@dataclass(frozen=True)
class CutPoint:
    """A tensor of the cut.

    Attributes:
        module: path of the module whose answer holds it; empty for the network's input.
        place: in that answer; empty where the answer is the tensor itself.
    """

    module: str
    place: Place = ()

    def __str__(self) -> str:
        return self.module + "".join(f"[{part}]" for part in self.place)

    @classmethod
    def parse(cls, words: str) -> CutPoint:
        """Inverse of ``str``: ``"backbone[feature_maps][2]"``.

        Raises:
            FrozenError: for words of another form.
        """
        found = re.fullmatch(r"([^\[\]]*)((?:\[[^\[\]]+\])*)", words)
        if found is None:
            raise FrozenError(f"{words!r} names no tensor: write a module's path, then [place] into its answer.")
        parts = re.findall(r"\[([^\[\]]+)\]", found[2])
        return cls(found[1], tuple(int(part) if part.lstrip("-").isdigit() else part for part in parts))


def copied(inputs: Sequence[Any]) -> list[Any]:
    """A network may write into what it is given."""
    return [value.clone() if isinstance(value, Tensor) else value for value in inputs]


def detached(answer: Any) -> Any:
    """The same without its history, in tensors of its own."""
    if isinstance(answer, Tensor):
        return answer.detach().clone()
    if isinstance(answer, Mapping):
        changed = {key: detached(value) for key, value in answer.items()}
        return type(answer)(**changed) if hasattr(answer, "to_tuple") else type(answer)(changed)  # type: ignore[call-arg]
    if isinstance(answer, tuple | list):
        parts = [detached(value) for value in answer]
        return type(answer)(*parts) if hasattr(answer, "_fields") else type(answer)(parts)
    return answer


def taken(answer: Any, point: CutPoint) -> Tensor:
    for part in point.place:
        try:
            if isinstance(answer, Tensor):
                raise TypeError("a tensor has no parts")
            answer = answer[_key(answer, part)]
        except (KeyError, IndexError, TypeError) as error:
            raise FrozenError(
                f"the answer of {point.module} has no part {point}: it is a {type(answer).__name__}."
            ) from error
    if not isinstance(answer, Tensor) or not answer.is_floating_point():
        raise FrozenError(f"{point} is no tensor of numbers but {type(answer).__name__}: name one, as in 'encoder[3]'.")
    return answer


def with_part(answer: Any, place: Place, tensor: Tensor) -> Any:
    """A module's answer with one tensor replaced; containers of the same type, the given ones stay as they are."""
    if not place:
        return tensor
    first, rest = _key(answer, place[0]), place[1:]
    if isinstance(answer, Mapping):
        changed = {key: with_part(value, rest, tensor) if key == first else value for key, value in answer.items()}
        return type(answer)(**changed) if hasattr(answer, "to_tuple") else type(answer)(changed)  # type: ignore[call-arg]
    parts = [with_part(value, rest, tensor) if index == first else value for index, value in enumerate(answer)]
    return type(answer)(*parts) if hasattr(answer, "_fields") else type(answer)(parts)


def _key(answer: Any, part: str | int) -> str | int:
    """What a container calls a part of a place: one index counts from its start, and of a mapping it is a key."""
    if isinstance(answer, Mapping):
        # Keys may be numbers as texts, as those of torchvision's pyramids; answers of Hugging Face take indices too.
        named = [key for key in (part, str(part)) if key in answer]
        if named:
            return named[0]
        return [*answer][part] if isinstance(part, int) and hasattr(answer, "to_tuple") else part
    return part + len(answer) if isinstance(part, int) and part < 0 else part
