"""A subject on one image with all its gates held: affine in the maps of its cut, whatever library it is of."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from rsp_lab.analysis.ledger.explainable import check_finite_logits, explainable_input
from rsp_lab.analysis.ledger.frozen_pass import FrozenPass
from rsp_lab.frozen.cut import CutPoint
from rsp_lab.frozen.diagnosis import UnknownOperation, unknown_operation
from rsp_lab.frozen.network import GATE_BYTES, FrozenNetwork
from rsp_lab.frozen.rules import FrozenError
from rsp_lab.models.subject import Subject
from rsp_lab.relations.precision import full_precision
from rsp_lab.rgb import ImageLike
from rsp_lab.shapes import level_name
from rsp_lab.summary import Rows

_TO_HOLD = (
    "a product of two branches that both depend on the cut is not affine; hold one of them, by hold=(module,) of "
    "rl.adapt, or take a cut behind it"
)
_NOT_SEEN = (
    "what a kernel or a function of its own works out is not seen; use the library's way without it, hold its module, "
    "by hold=(module,) of rl.adapt, or take a cut behind it"
)
GATES = "gates"
"""The one player of a subject's change: all that is held."""


@dataclass(frozen=True, eq=False)
class FrozenSubject(FrozenPass):
    """A subject on one image, its gates held. One serves any number of targets.

    Maps of one stride are one level, their channels side by side; level x has a stride near 2^x. Of an image that is
    padded for the network, cells that lie wholly in the padding are held with the gates: they are part of the bias.

    Attributes:
        subject: the network in our form.
        class_names: in the order of the logits.
        image: RGB in [0, 1], in the network's dtype.
        q: maps of the cut by level, (1, c, y, x), lowest first.
        logits: (1, class, v, u) at the network's own resolution.
        network: what is held.
        parts: names of the cut's tensors by level, in the order of the channels.
        name: of the subject.
    """

    subject: Subject
    class_names: tuple[str, ...]
    image: Tensor
    q: dict[int, Tensor]
    logits: Tensor
    network: FrozenNetwork
    parts: dict[int, tuple[str, ...]]
    name: str = "network"

    @classmethod
    def of(cls, subject: Subject, image: ImageLike, *, gate_bytes: int = GATE_BYTES) -> FrozenSubject:
        """One pass of the network, in which its gates are remembered.

        Args:
            subject: in eval mode, float32 or float64; it is left as it was found.
            image: see :mod:`rsp_lab.rgb`.
            gate_bytes: that gates may take.

        Raises:
            ValueError: for a network in training mode or of another dtype, or one that fails on the image, or what is
                no image.
            FrozenError: for a cut that does not fit the network, or gates that take too much.
        """
        given = explainable_input(subject, image)
        size = (given.shape[-2], given.shape[-1])
        points = [CutPoint.parse(words) for words in subject.cut]
        record = partial(
            FrozenNetwork.record,
            subject.network,
            (subject.normalised(given),),
            points,
            partial(subject.logits_of, size=size),
            hold=subject.hold,
            gate_bytes=gate_bytes,
        )
        with full_precision(given.device):
            try:
                network = record()
            except (FrozenError, ValueError):
                raise
            except Exception as error:  # whatever a network raises
                raise ValueError(_failure(subject.name, size, error)) from error
            check_finite_logits(network.output, subject.name)
            try:
                used = network.used
            except FrozenError:
                # What a network keeps from its first pass, e.g. a table of positions, is not worked out in a second.
                network = record()
                used = _used(network, subject.name)
        parts: dict[int, list[str]] = {}
        for name, value in network.cut.items():
            if name in used:
                parts.setdefault(_level(subject, name, value, subject.padded_size(size)), []).append(name)
        ordered = {level: tuple(parts[level]) for level in sorted(parts)}
        whole = {level: _joined(subject, [network.cut[name] for name in names]) for level, names in ordered.items()}
        return cls(
            subject=subject,
            class_names=subject.class_names,
            image=given,
            q={level: subject.inside(values, size) for level, values in whole.items()},
            logits=network.output,
            network=network,
            parts=ordered,
            name=subject.name,
        )

    @property
    def source(self) -> nn.Module:
        return self.subject.network

    @property
    def players(self) -> tuple[str, ...]:
        return (GATES,)

    def moved(self, other: FrozenSubject, players: Collection[str]) -> FrozenSubject:
        return replace(self, network=other.network) if GATES in players else self

    @property
    def levels(self) -> tuple[int, ...]:
        return tuple(self.q)

    @property
    def strides(self) -> dict[int, int]:
        """Input pixels from one cell to the next, by level; 14 where a network has patches of 14, at level 4."""
        size = self.subject.padded_size(self.image_size)
        cells = {x: self.network.cut[names[0]].shape[-2:] for x, names in self.parts.items()}
        return {x: _stride(x, size, (rows, columns)) for x, (rows, columns) in cells.items()}

    def forward(self, q: Mapping[int, Tensor], *, classes: Sequence[int] | None = None) -> Tensor:
        self._check_maps(q)
        with full_precision(self.logits.device, grad=torch.is_grad_enabled()):
            answer = self.network.forward(self._cut_of(q))
        return answer if classes is None else answer[:, list(classes)]

    def live(self, q: Mapping[int, Tensor]) -> Tensor:
        count = next(iter(q.values())).shape[0]
        rows = [{level: maps[i : i + 1] for level, maps in q.items()} for i in range(count)]
        for row in rows:
            self._check_maps(row)
        with full_precision(self.logits.device, grad=torch.is_grad_enabled()):
            # One by one: what of the modules' answers is not in the cut is of one image.
            return torch.cat([self.network.live(self._cut_of(row)) for row in rows])

    def with_gates(self, gates: Mapping[int, Tensor]) -> FrozenSubject:
        """The same pass with other values of some gates, by their place on the tape; all else is held as it is."""
        tape = self.network.tape
        kept = [(rule, (gates[place],) if place in gates else own) for place, (rule, own) in enumerate(tape.gates)]
        changed = replace(self, network=replace(self.network, tape=replace(tape, gates=kept)))
        logits = changed.recomputed_logits
        return replace(changed, network=replace(changed.network, output=logits), logits=logits)

    def maps_of(self, image: Float[Tensor, "1 3 y x"]) -> dict[int, Tensor]:
        """The maps of the cut on another image of this size, by level, without cells of padding alone; differentiable.

        Args:
            image: RGB in the network's dtype; it may leave [0, 1], as a perturbed one does.
        """
        found = self.network.cut_of(self.subject.normalised(image))
        whole = {level: torch.cat([found[name] for name in names], dim=1) for level, names in self.parts.items()}
        return {level: self.subject.inside(values, self.image_size) for level, values in whole.items()}

    def _cut_of(self, q: Mapping[int, Tensor]) -> dict[str, Tensor]:
        """The tensors of the cut, by name; those that the answer does not depend on are 0."""
        cut = {name: torch.zeros_like(value) for name, value in self.network.cut.items()}
        for level, names in self.parts.items():
            widths = [self.network.cut[name].shape[1] for name in names]
            for name, values in zip(names, q[level].split(widths, dim=1), strict=True):
                cut[name] = self._with_padding(values, self.network.cut[name])
        return cut

    def pulled_back(self, weights: Tensor) -> dict[int, Tensor]:
        with full_precision(self.logits.device):
            found = self.network.gradients(weights)
        whole = {level: torch.cat([found[name] for name in names], dim=1) for level, names in self.parts.items()}
        return {level: self.subject.inside(values, self.image_size) for level, values in whole.items()}

    def _with_padding(self, values: Tensor, recorded: Tensor) -> Tensor:
        """A map of the image's cells with those of the padding as they were recorded."""
        if values.shape[-2:] == recorded.shape[-2:]:
            return values
        below, right = (whole - cells for whole, cells in zip(recorded.shape[-2:], values.shape[-2:], strict=True))
        beyond = recorded.clone()
        self.subject.inside(beyond, self.image_size).zero_()
        return F.pad(values, (0, right, 0, below)) + beyond

    @cached_property
    def recomputed_logits(self) -> Tensor:
        with torch.no_grad():
            return self.forward(self.q)

    def check_sum(self, residual: float, what: str) -> None:
        """Raises FrozenError, which names the operation, if parts of ``what`` leave a residual that is too large."""
        if not residual <= self.tolerance:
            why = self.refused or f"residual {residual:.1g} of {what}"
            raise FrozenError(f"no ledger of {self.name} adds up: {why}.")

    def prove(self) -> None:
        """Raises FrozenError if the network is not affine in its cut with all gates held."""
        self.check_sum(self.network.residual, "random signs")

    @cached_property
    def refused(self) -> str:
        """The operation that is not affine and what would have to be held, in words; empty where all is exact."""
        if self.network.residual <= self.tolerance:
            return ""
        if (gap := self.network.run_gap) > self.tolerance:
            return (
                f"residual {self.network.residual:.1g}; two passes on the same image differ by {gap:.1g} of the "
                "largest logit: the network draws numbers, as dropout or noise does; leave that out in evaluation mode"
            )
        found = unknown_operation(self.network) or UnknownOperation("an operation that was not found")
        remedy = _NOT_SEEN if found.opaque else _TO_HOLD
        return f"residual {self.network.residual:.1g}; {found.words} is not affine with all gates held: {remedy}"

    def gate_flips(self, level: int) -> float | None:
        """Share of the gates with two states, ReLU and max pooling, that change when a level is really taken away;
        None where the network then takes another way. A pass of the live network."""
        cut = dict(self.network.cut)
        for name in self.parts[level]:
            inside = self.subject.inside(cut[name], self.image_size)
            cut[name] = self._with_padding(torch.zeros_like(inside), cut[name])
        try:
            return self.network.gate_flips(cut)
        except (FrozenError, ValueError):
            return None

    @cached_property
    def bias_share(self) -> float:
        """|bias| over |bias| and all contributions' absolute values, mean over the logits: what no level explains."""
        with torch.no_grad():
            nothing = {x: torch.zeros_like(q) for x, q in self.q.items()}
            bias = self.bias_map
            whole = bias.abs()
            for x, q in self.q.items():
                whole = whole + (self.forward({**nothing, x: q}) - bias).abs()
        return float((bias.abs() / whole.clamp_min(torch.finfo(whole.dtype).tiny)).mean())

    def _summary(self) -> tuple[str, Rows]:
        height, width = self.image_size
        return f"FrozenSubject of {self.name} on an image of {height} x {width} pixels", [
            ("classes", self.class_names),
            ("levels", ", ".join(level_name(x, self.strides) for x in self.levels)),
            ("gates", ", ".join(f"{count} {kind}" for kind, count in self.network.tape.kinds().items())),
            ("gates take", f"{self.network.tape.size / 1e6:.3g} MB"),
            ("logits", self.logits),
        ]


_ABOUT_SIZES = ("size", "shape", "dimension", "divisible", "multiple", "match")


def _failure(name: str, size: tuple[int, int], error: Exception) -> str:
    """What is said of a network that fails on an image of ``size`` (y, x)."""
    reason = f"{type(error).__name__}: {error}".rstrip(". \n")
    if isinstance(error, RuntimeError | AssertionError | IndexError) and any(
        word in str(error).lower() for word in _ABOUT_SIZES
    ):
        return (
            f"{name} fails on an image of {size[0]} x {size[1]} pixels: {reason}. Take one of a size that it is made "
            "for."
        )
    return f"the network's own forward failed, that of {name}: {reason}. Mend it, or what it needs, first."


def _used(network: FrozenNetwork, name: str) -> frozenset[str]:
    """Points of the cut on which the answer depends; what passes no gradient on is named."""
    try:
        return network.used
    except FrozenError as error:
        found = unknown_operation(network)
        if found is None or not found.opaque:
            raise
        raise FrozenError(f"no ledger of {name}: {found.words} passes no gradient on; {_NOT_SEEN}.") from error


def _level(subject: Subject, name: str, value: Tensor, size: tuple[int, int]) -> int:
    if value.ndim != 4:
        raise ValueError(
            f"{name} of {subject.name} has the shape {tuple(value.shape)}, expected a map with the axes b c y x: name "
            "another tensor in its cut."
        )
    cells = value.shape[-2], value.shape[-1]
    measured = math.log2(_pixels_per_cell(size, cells))
    # Sides that strides do not divide are rounded, mostly up; those of small images by so much that the size of a cell
    # says little: 67 pixels in 3 rows are 22 to a cell of stride 32.
    near = sorted(range(max(0, math.floor(measured) - 1), math.ceil(measured) + 2), key=lambda x: abs(x - measured))
    fitting = (level for kind in (_ROUNDED_UP, _ROUNDED) for level in near if _fits(level, size, cells, kind))
    return next(fitting, near[0])


_ROUNDED_UP = (math.ceil,)
_ROUNDED = (math.floor, math.ceil)


def _fits(
    level: int, size: tuple[int, int], cells: tuple[int, int], roundings: tuple[Callable[[float], int], ...] = _ROUNDED
) -> bool:
    """Whether maps of stride 2^level have so many cells on an image of this size, which need not divide it."""
    pairs = zip(size, cells, strict=True)
    return all(count in {rounded(pixels / 2.0**level) for rounded in roundings} for pixels, count in pairs)


def _stride(level: int, size: tuple[int, int], cells: tuple[int, int]) -> int:
    """2^level where a map's cells are so large, else what they measure."""
    return 2**level if _fits(level, size, cells) else round(_pixels_per_cell(size, cells))


def likely_stride(size: tuple[int, int], cells: tuple[int, int]) -> int:
    """Pixels from one cell of a map (y, x) to the next on an image of ``size`` (y, x): a power of two where it fits."""
    return _stride(max(0, round(math.log2(_pixels_per_cell(size, cells)))), size, cells)


def _pixels_per_cell(size: tuple[int, int], cells: tuple[int, int]) -> float:
    """Along the side with more cells: the fewer there are, the more the last one, which is cut off, makes of it."""
    pixels, count = max(zip(size, cells, strict=True), key=lambda side: side[1])
    return pixels / count


def _joined(subject: Subject, maps: list[Tensor]) -> Tensor:
    sizes: set[Any] = {tuple(one.shape[-2:]) for one in maps}
    if len(sizes) > 1:
        raise ValueError(f"maps of nearly one stride differ in size in {subject.name}, {sizes}: name fewer in its cut.")
    return torch.cat(maps, dim=1)
