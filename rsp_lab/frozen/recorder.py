"""One pass of a network, watched: its gates, the tensors of a cut, and the answers of modules that are held."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from rsp_lab.frozen.cut import CutPoint, copied, detached, taken
from rsp_lab.frozen.modules import hooked
from rsp_lab.frozen.rules import FrozenError
from rsp_lab.frozen.tape import Recording, Tape
from rsp_lab.frozen.wrappers import uncompiled


@dataclass(eq=False)
class HeldModule:
    """A module whose answers stay as they were recorded, in the order of its calls.

    Attributes:
        answers: one a call.
        spans: the gates inside each call, first and behind the last.
    """

    answers: list[Any] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)


class PassRecorder:
    """What is kept of a pass.

    Args:
        network: in evaluation mode.
        cut: tensors that are kept, with the whole answers of their modules.
        hold: paths of modules whose answers are kept.
        gate_bytes: that gates may take.

    Attributes:
        tape: the gates.
        cut: by the points' words.
        spans: by module of the cut, the gates inside its call, first and behind the last.
        answers: of these modules.
        held: the modules of ``hold``.

    Raises:
        FrozenError: for a network in training mode, or a path that names no module.
    """

    def __init__(self, network: nn.Module, cut: Sequence[CutPoint], hold: Sequence[str], gate_bytes: int) -> None:
        training = [name or type(network).__name__ for name, module in network.named_modules() if module.training]
        if training:
            raise FrozenError(f"{training[0]} is in training mode, in which answers differ: call network.eval() first.")
        self._network, self._modules, self._points = network, dict(network.named_modules()), tuple(cut)
        for name in (*(point.module for point in cut), *hold):
            if name not in self._modules:
                raise FrozenError(f"the network has no module {name!r}: name one of named_modules().")
        self.tape = Tape(gate_bytes)
        self.cut: dict[str, Tensor] = {}
        self.spans: dict[str, tuple[int, int]] = {}
        self.answers: dict[str, Any] = {}
        self.held = {name: HeldModule() for name in hold}
        self._starts: dict[str, int] = {}

    def run(self, inputs: Sequence[Any], read: Callable[[Any], Tensor]) -> Tensor:
        """The pass; the tensor that is read out of its answer.

        Raises:
            FrozenError: for a tensor or module that is not reached, a module of the cut that runs twice, or gates that
                take too much.
        """
        with ExitStack() as stack:
            for name in {point.module for point in self._points}:
                watch = hooked(self._modules[name], before=partial(self._enter, name), after=partial(self._leave, name))
                stack.enter_context(watch)
            for name in self.held:
                watch = hooked(self._modules[name], before=partial(self._begin, name), after=partial(self._end, name))
                stack.enter_context(watch)
            stack.enter_context(torch.no_grad())
            stack.enter_context(uncompiled(self._network))
            with Recording(self.tape):
                answer = self._network(*copied(inputs))
            output = read(answer).detach().clone()
        self._check_reached()
        return output

    def _enter(self, name: str, *_: Any) -> None:
        if name in self.spans or name in self._starts:
            raise FrozenError(f"the module {name} of the cut runs more than once a pass: name another one.")
        self._starts[name] = len(self.tape.gates)

    def _leave(self, name: str, module: nn.Module, given: Any, answer: Any) -> None:
        self.spans[name] = self._starts.pop(name), len(self.tape.gates)
        self.answers[name] = detached(answer)
        for point in self._points:
            if point.module == name:
                self.cut[str(point)] = taken(answer, point).detach().clone()

    def _begin(self, name: str, *_: Any) -> None:
        self.held[name].spans.append((len(self.tape.gates), -1))

    def _end(self, name: str, module: nn.Module, given: Any, answer: Any) -> None:
        one = self.held[name]
        one.spans[-1] = one.spans[-1][0], len(self.tape.gates)
        one.answers.append(detached(answer))

    def _check_reached(self) -> None:
        missing = [str(point) for point in self._points if str(point) not in self.cut]
        if missing:
            raise FrozenError(f"{missing[0]} is not reached on this input: name a module that runs.")
        idle = [name for name, one in self.held.items() if not one.answers]
        if idle:
            raise FrozenError(f"{idle[0]}, which is to be held, is not reached on this input: name a module that runs.")
