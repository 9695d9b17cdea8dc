"""Gates in the order of the calls: recorded in one pass of a network, put back in others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode

from rsp_lab.frozen.calls import operation_name, passed_on
from rsp_lab.frozen.rules import RULES, FrozenError, Kept, Rule


@dataclass
class Tape:
    """What decided in one pass, in the order of the calls.

    Attributes:
        gates: rule and what it kept, one a call.
        limit: bytes that gates may take.
        size: bytes that they take.
    """

    limit: int
    gates: list[tuple[Rule, Kept]] = field(default_factory=list)
    size: int = 0

    def add(self, rule: Rule, kept: Kept) -> None:
        self.size += sum(part.numel() * part.element_size() for part in kept)
        if self.size > self.limit:
            raise FrozenError(
                f"the gates of this pass take more than {self.limit / 1e9:.3g} GB, after {len(self.gates)} of them: "
                "take a smaller image, or raise the limit (gate_bytes)."
            )
        self.gates.append((rule, kept))

    def kinds(self) -> dict[str, int]:
        """How many gates of each kind are held, the most frequent first."""
        return dict(Counter(rule.kind for rule, _ in self.gates).most_common())


class Recording(TorchFunctionMode):
    """In force, what decides in each operation goes on the tape; answers are the operations' own."""

    def __init__(self, tape: Tape) -> None:
        super().__init__()
        self.tape = tape

    def __torch_function__(
        self, func: Callable[..., Any], kinds: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        rule = _rule(func, args, kwargs)
        if rule is None:
            return passed_on(self, func, args, kwargs)
        answer, kept = rule.keep(func, args, kwargs)
        self.tape.add(rule, kept)
        return answer


Watch = Callable[[Callable[..., Any], tuple[Any, ...], Any], None]
"""Of an operation, its arguments and its answer."""


class Replay(TorchFunctionMode):
    """In force, operations run on what the tape holds.

    Attributes:
        position: of the next gate.
        watch: called with each operation; None watches nothing.
    """

    def __init__(self, tape: Tape, watch: Watch | None = None) -> None:
        super().__init__()
        self.tape, self.position, self.watch = tape, 0, watch

    def __torch_function__(
        self, func: Callable[..., Any], kinds: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        rule = _rule(func, args, kwargs)
        answer = passed_on(self, func, args, kwargs) if rule is None else self._played(rule, func, args, kwargs)
        if self.watch is not None:
            self.watch(func, (*args, *kwargs.values()), answer)
        return answer

    def _played(self, rule: Rule, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self.position >= len(self.tape.gates) or self.tape.gates[self.position][0] is not rule:
            raise FrozenError(
                f"the network took another way than when it was recorded, at {operation_name(func)}: what it does "
                "depends on its values, or differs from run to run."
            )
        kept = self.tape.gates[self.position][1]
        self.position += 1
        return rule.play(func, args, kwargs, kept)


def _rule(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Rule | None:
    """The rule of an operation on floating-point values; integers and masks decide nothing that could be live."""
    rule = RULES.get(func)
    if rule is None:
        return None
    x = args[0] if args else kwargs.get("input")
    return rule if isinstance(x, Tensor) and x.is_floating_point() else None
