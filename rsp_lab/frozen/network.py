"""A network with its gates held at one input's values: affine in the tensors of a cut, and checked to be.

With the gates held, the answer is a constant, the bias, and a linear function of each tensor of the cut. The product of
a tensor with the gradient of any linear functional of the answer is what each of its places contributes; bias and
contributions add up to the functional. Nothing of the network changes: what is put in force is taken out again,
whatever happens in between.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from rsp_lab.frozen.cut import CutPoint, Place, copied, detached, taken, with_part
from rsp_lab.frozen.modules import answering, gradients_of, hooked, lock_of
from rsp_lab.frozen.recorder import HeldModule, PassRecorder
from rsp_lab.frozen.rules import FrozenError, Held
from rsp_lab.frozen.tape import Recording, Replay, Tape, Watch
from rsp_lab.frozen.wrappers import uncompiled
from rsp_lab.relations.precision import ALL_BITS

GATE_BYTES = 6 * 10**9
"""What gates may take by default."""
RESIDUAL_RULE = (
    "of a functional of the answer with random signs, |bias + sum of contributions - functional| / max(1, |bias| + sum "
    "of |contributions|)"
)


@dataclass(eq=False)
class FrozenNetwork:
    """A network on one input, its gates held.

    It refers to the network's own parameters: it is good until they change.

    Attributes:
        network: in evaluation mode.
        inputs: what it was called with.
        read: the tensor that is explained, out of the network's answer.
        points: of the cut, by their words.
        cut: the tensors of the cut, by the same, of a normal pass.
        output: of the same pass.
        tape: what is held.
        spans: by module of the cut, the gates inside its call, first and behind the last.
        answers: of these modules; what of one is not in the cut stays as it was.
        held: modules that are held as a whole, by path.
    """

    network: nn.Module
    inputs: tuple[Any, ...]
    read: Callable[[Any], Tensor]
    points: dict[str, CutPoint]
    cut: dict[str, Tensor]
    output: Tensor
    tape: Tape
    spans: dict[str, tuple[int, int]] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    held: dict[str, HeldModule] = field(default_factory=dict)

    @classmethod
    def record(
        cls,
        network: nn.Module,
        inputs: Sequence[Any],
        cut: Sequence[CutPoint],
        read: Callable[[Any], Tensor] = lambda answer: answer,
        *,
        hold: Sequence[str] = (),
        gate_bytes: int = GATE_BYTES,
    ) -> FrozenNetwork:
        """One pass of the network, in which its gates are remembered.

        Args:
            network: in evaluation mode; what is compiled inside runs as it was written.
            inputs: of the network.
            cut: tensors in which the answer is taken apart; nothing of one may be worked out from another one that is
                given as well, unless its module is given too.
            read: the tensor that is explained, out of the network's answer.
            hold: paths of modules whose answers are held as a whole: of a product of two branches that both depend on
                the cut, one has to be.
            gate_bytes: that gates may take.

        Raises:
            FrozenError: for a network in training mode, a cut that names no tensor of this pass, or gates that take
                too much.
        """
        recorder = PassRecorder(network, cut, hold, gate_bytes)
        output = recorder.run(inputs, read)
        return cls(
            network=network,
            inputs=tuple(inputs),
            read=read,
            points={str(point): point for point in cut},
            cut=recorder.cut,
            output=output,
            tape=recorder.tape,
            spans=recorder.spans,
            answers=recorder.answers,
            held=recorder.held,
        )

    def forward(self, cut: Mapping[str, Tensor], watch: Watch | None = None) -> Tensor:
        """The answer with the gates held, affine in the tensors of the cut; differentiable by them.

        Args:
            cut: a tensor for each point, of the recorded shape.
            watch: called with each operation, the tensors that it is given, and its answer.

        Raises:
            FrozenError: if the network takes another way than when it was recorded.
        """
        self._check(cut)
        replay = Replay(self.tape, watch)
        modules = dict(self.network.named_modules())
        with ExitStack() as stack:
            stack.enter_context(self._alone())
            for name, tensors in self._by_module(cut).items():
                stack.enter_context(answering(modules[name], self._cut_answer(name, tensors, replay)))
            for name in self.held:
                stack.enter_context(answering(modules[name], self._held_answer(name, replay)))
            stack.enter_context(replay)
            answer = self.read(self.network(*copied(self.inputs)))
        if replay.position != len(self.tape.gates):
            raise FrozenError(
                f"the network ran {replay.position} of {len(self.tape.gates)} gates: its way depends on its values."
            )
        return answer

    def live(self, cut: Mapping[str, Tensor]) -> Tensor:
        """The answer with nothing held behind the cut, whose modules do not run; differentiable by its tensors.

        Args:
            cut: as for :meth:`forward`.

        Raises:
            FrozenError: for a tensor that is missing or of another shape.
        """
        self._check(cut)
        with self._alone():
            return self._live_answer(cut)

    def _live_answer(self, cut: Mapping[str, Tensor]) -> Tensor:
        modules = dict(self.network.named_modules())
        with ExitStack() as stack:
            for name, tensors in self._by_module(cut).items():
                stack.enter_context(answering(modules[name], self._cut_answer(name, tensors)))
            return self.read(self.network(*copied(self.inputs)))

    def cut_of(self, *inputs: Any) -> dict[str, Tensor]:
        """The tensors of the cut in a pass on other inputs, nothing held; differentiable by the inputs.

        Raises:
            FrozenError: for a tensor of the cut that is not reached on these inputs.
        """
        modules, found = dict(self.network.named_modules()), {}

        def take(module: str) -> Callable[..., None]:
            def hook(_: nn.Module, __: Any, answer: Any) -> None:
                for name, point in self.points.items():
                    if point.module == module:
                        # What runs next may write into it.
                        found[name] = taken(answer, point).clone()

            return hook

        with ExitStack() as stack:
            stack.enter_context(self._alone())
            for module in {point.module for point in self.points.values()}:
                stack.enter_context(hooked(modules[module], after=take(module)))
            self.network(*copied(inputs))
        missing = [name for name in self.points if name not in found]
        if missing:
            raise FrozenError(f"{missing[0]} is not reached on these inputs: name a module that always runs.")
        return found

    def _check(self, cut: Mapping[str, Tensor]) -> None:
        for name, value in self.cut.items():
            if name not in cut or cut[name].shape != value.shape:
                raise FrozenError(f"the cut needs a tensor {name} of the shape {tuple(value.shape)}.")

    @contextmanager
    def _alone(self, *, parameters: bool = False) -> Iterator[None]:
        """In force, the network runs for this thread alone and as it was written; parameters are in graphs, or not."""
        with ALL_BITS, lock_of(self.network), uncompiled(self.network), gradients_of(self.network, parameters):
            yield

    def _by_module(self, cut: Mapping[str, Tensor]) -> dict[str, dict[Place, Tensor]]:
        given: dict[str, dict[Place, Tensor]] = {}
        for name, point in self.points.items():
            given.setdefault(point.module, {})[point.place] = cut[name]
        return given

    def _cut_answer(
        self, name: str, tensors: Mapping[Place, Tensor], replay: Replay | None = None
    ) -> Callable[..., Any]:
        """What a module of the cut answers without running: as it did, with the given tensors in their places."""
        first, behind = self.spans[name]

        def answer(*_: Any, **__: Any) -> Any:
            if replay is not None:
                _jump(replay, name, first, behind)
            answered = self.answers[name]
            for place, tensor in tensors.items():
                # What runs next may write into what it is given.
                answered = with_part(answered, place, tensor.clone())
            return answered

        return answer

    def _held_answer(self, name: str, replay: Replay) -> Callable[..., Any]:
        """What a module that is held answers without running: as it did, call by call."""
        calls = iter(zip(self.held[name].answers, self.held[name].spans, strict=True))

        def answer(*_: Any, **__: Any) -> Any:
            found = next(calls, None)
            if found is None:
                raise FrozenError(f"the module {name}, which is held, runs more often than recorded.")
            _jump(replay, name, *found[1])
            return detached(found[0])

        return answer

    @cached_property
    def _graph(self) -> tuple[dict[str, Tensor], Tensor]:
        with torch.inference_mode(False), torch.enable_grad():
            leaves = {name: value.detach().clone().requires_grad_() for name, value in self.cut.items()}
            return leaves, self.forward(leaves)

    @cached_property
    def _probe(self) -> tuple[Tensor, dict[str, Tensor | None]]:
        """Random signs on the answer, and the gradients of that functional; None where the answer does not depend."""
        leaves, output = self._graph
        if not output.requires_grad:
            raise FrozenError(self._why_not)
        draws = torch.Generator().manual_seed(0)
        signs = torch.randint(0, 2, output.shape, generator=draws, dtype=torch.int8).to(output) * 2 - 1
        with ALL_BITS:
            found = torch.autograd.grad(output, list(leaves.values()), signs, retain_graph=True, allow_unused=True)
        return signs, dict(zip(leaves, found, strict=True))

    @cached_property
    def used(self) -> frozenset[str]:
        """Points of the cut on which the answer depends, read off the replay's graph."""
        leaves, output = self._graph
        reached = _leaves(output)
        found = frozenset(name for name, leaf in leaves.items() if id(leaf) in reached)
        if not found:
            raise FrozenError(self._why_not)
        return found

    @property
    def _why_not(self) -> str:
        """Why the answer does not depend on the cut with the gates held, and the remedy."""
        with torch.inference_mode(False), torch.enable_grad():
            leaves = {name: value.detach().clone().requires_grad_() for name, value in self.cut.items()}
            if _leaves(self.live(leaves)).isdisjoint(map(id, leaves.values())):
                return "the answer does not depend on the cut: name modules that lead to it."
        held = [
            place
            for place, (rule, kept) in enumerate(self.tape.gates)
            if isinstance(rule, Held) and len(kept) == 1 and kept[0].is_floating_point()
        ]
        last = max(self.gates_behind(held), default=None)
        if last is None:
            return "all that leads from the cut to the answer is held: take a cut behind it, or hold less."
        rule, (kept,) = self.tape.gates[last]
        if kept.shape == self.output.shape and torch.equal(kept, self.output):
            return f"the answer ends in {rule.kind}, which is held: let the network return the logits before it."
        return (
            f"all that leads from the cut to the answer is held, at last {rule.kind}: let the network return the "
            "logits before it, or take a cut behind it."
        )

    @cached_property
    def modules_behind(self) -> frozenset[str]:
        """Paths of the modules on whose own parameters the answer depends once the cut is given."""
        owned = [
            (path, parameter)
            for path, module in self.network.named_modules()
            for parameter in module.parameters(recurse=False)
            if parameter.is_floating_point()
        ]
        with torch.inference_mode(False), torch.enable_grad(), self._alone(parameters=True):
            reached = _leaves(self._live_answer(self.cut))
        return frozenset(path for path, parameter in owned if id(parameter) in reached)

    def gates_behind(self, places: Iterable[int]) -> frozenset[int]:
        """Those of some gates, by place on the tape, that the answer to the cut reads."""
        wanted = {}
        with torch.inference_mode(False), torch.enable_grad():
            for place in places:
                wanted[place] = self.tape.gates[place][1][0].clone().requires_grad_()
            gates = [
                (rule, (wanted[place],) if place in wanted else kept)
                for place, (rule, kept) in enumerate(self.tape.gates)
            ]
            reached = _leaves(replace(self, tape=replace(self.tape, gates=gates)).forward(self.cut))
        return frozenset(place for place, gate in wanted.items() if id(gate) in reached)

    @cached_property
    def residual(self) -> float:
        """By :data:`RESIDUAL_RULE`; what is affine in the cut leaves no more than rounding."""
        signs, gradients = self._probe
        parts = [(g * self.cut[name]).double() for name, g in gradients.items() if g is not None]
        bias, value = (float((signs * one).double().sum()) for one in (self.bias, self.output))
        size = abs(bias) + sum(float(part.abs().sum()) for part in parts)
        gap = abs(bias + sum(float(part.sum()) for part in parts) - value)
        return gap / max(1.0, size) if math.isfinite(gap) else math.inf

    @cached_property
    def run_gap(self) -> float:
        """How far the network's answer in another pass on the same inputs is from :attr:`output`, over the largest of
        its values; more than rounding where the network draws numbers."""
        with torch.no_grad(), self._alone():
            again = self.read(self.network(*copied(self.inputs)))
        return float((again - self.output).abs().max() / self.output.abs().max().clamp_min(1e-30))

    @property
    def recomputed(self) -> Tensor:
        """The frozen network's own answer to its cut: :attr:`output` up to rounding."""
        return self._graph[1].detach()

    def gradients(self, weights: Tensor) -> dict[str, Tensor]:
        """Derivative of ``(weights * output).sum()`` with respect to each tensor of the cut; one backward pass.

        Raises:
            FrozenError: if the answer does not depend on the cut at all.
        """
        leaves, output = self._graph
        if not output.requires_grad:
            raise FrozenError(self._why_not)
        wanted = list(leaves.values())
        with ALL_BITS:
            found = torch.autograd.grad(output, wanted, weights.to(output), retain_graph=True, allow_unused=True)
        return {
            name: torch.zeros_like(leaf) if gradient is None else gradient
            for (name, leaf), gradient in zip(leaves.items(), found, strict=True)
        }

    @cached_property
    def bias(self) -> Tensor:
        """The answer to a cut of zeros: what does not pass through the cut. A pass of its own."""
        with torch.no_grad():
            return self.forward({name: torch.zeros_like(value) for name, value in self.cut.items()})

    def gate_flips(self, cut: Mapping[str, Tensor]) -> float:
        """Share of the gates with two states, ReLU and max pooling, that change when the cut is really replaced.

        One pass of the live network, and as much memory as the recorded gates.
        """
        other = _live(self, cut)
        changed = whole = 0
        for (rule, before), (_, after) in zip(self.tape.gates, other.gates, strict=True):
            if rule.kind in ("ReLU", "max pooling"):
                changed += int((before[0] != after[0]).sum())
                whole += before[0].numel()
        return changed / whole if whole else 0.0


def _jump(replay: Replay, name: str, first: int, behind: int) -> None:
    """Over the gates of a module that does not run."""
    if replay.position != first:
        raise FrozenError(f"the module {name} is reached after other operations than recorded.")
    replay.position = behind


def _live(frozen: FrozenNetwork, cut: Mapping[str, Tensor]) -> Tape:
    """The gates of the live network where the cut is replaced."""
    tape = Tape(frozen.tape.limit)
    modules = dict(frozen.network.named_modules())

    def putting(module: str) -> Callable[..., Any]:
        def put(_: nn.Module, __: Any, answered: Any) -> Any:
            for name, point in frozen.points.items():
                if point.module == module:
                    answered = with_part(answered, point.place, cut[name])
            return answered

        return put

    with ExitStack() as stack:
        stack.enter_context(ALL_BITS)
        stack.enter_context(lock_of(frozen.network))
        stack.enter_context(uncompiled(frozen.network))
        for module in {point.module for point in frozen.points.values()}:
            stack.enter_context(hooked(modules[module], after=putting(module)))
        stack.enter_context(torch.no_grad())
        stack.enter_context(Recording(tape))
        frozen.network(*copied(frozen.inputs))
    return tape


def _leaves(output: Tensor) -> set[int]:
    """What an answer was worked out from and that wants a gradient, by ``id``, read off its graph."""
    found: set[int] = set()
    seen, ahead = set(), [output.grad_fn]
    while ahead:
        node = ahead.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        leaf = getattr(node, "variable", None)
        if leaf is not None:
            found.add(id(leaf))
        ahead += [after for after, _ in node.next_functions]
    return found
