"""Is a map of importance true to the model? Deletion and insertion at the input, beside random orders.

The photograph is cut into blocks of ``cell`` x ``cell`` pixels, ranked by the map, the most positive first. Deletion
replaces them by the reference in that order, insertion puts them back on the reference in that order; the target's
value is recorded on the way (Petsiuk, Das, Saenko: RISE, BMVC 2018). If the map ranks well, deletion falls early and
insertion rises early. What is put in is off the data, so a curve says something only beside a random order's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from rsp_lab.analysis.attribution.references import reference_image
from rsp_lab.analysis.attribution.target_function import TargetFunction, images_at_once, target_function
from rsp_lab.analysis.faithfulness.curves import Control, Curves, descending_order, random_order
from rsp_lab.analysis.ledger.explainable import image_digest
from rsp_lab.analysis.targets.target import Target, same_target
from rsp_lab.rgb import ImageLike
from rsp_lab.shapes import checked_count, own_tensor
from rsp_lab.summary import Rows, Summarised
from rsp_lab.text import fixed, in_short, rounded

_SAME = 1e-4
"""What rounding may change of a target where images go through a network in other batches, of its size."""


@dataclass(frozen=True)
class Faithfulness(Summarised):
    """Deletion and insertion along one map, with random orders as the control.

    Attributes:
        name: of what made the map.
        target: whose value is recorded.
        curves: along the map.
        control: along random orders, the same for all maps of one call.
        reference: what replaces a block, see :func:`~rsp_lab.analysis.attribution.references.reference_image`.
        cell: side of a block in pixels; the last of a row or column may be cut off.
        blocks: how many the image has.
        image_size: (y, x) in pixels.
        image_digest: tells images apart.
    """

    name: str
    target: Target
    curves: Curves
    control: Control
    reference: str
    cell: int
    blocks: int
    image_size: tuple[int, int]
    image_digest: str

    @property
    def shares(self) -> tuple[float, ...]:
        """Share of the blocks that is replaced, or put back; rises from 0 to 1."""
        return self.curves.shares

    @property
    def deletion(self) -> tuple[float, ...]:
        """The target in logits, by share of the blocks replaced: from the image's to the reference's."""
        return self.curves.deletion

    @property
    def insertion(self) -> tuple[float, ...]:
        """The target in logits, by share of the blocks put back: from the reference's to the image's."""
        return self.curves.insertion

    @property
    def target_value(self) -> float:
        """The target's value on the image."""
        return self.curves.deletion[0]

    @property
    def reference_value(self) -> float:
        """The target's value on the reference image."""
        return self.curves.deletion[-1]

    @property
    def beats_random(self) -> dict[str, bool]:
        """Whether deletion's area is below, and insertion's above, that of every random order."""
        return {
            "deletion": self.curves.deletion_area < self.control.deletion_area.least,
            "insertion": self.curves.insertion_area > self.control.insertion_area.largest,
        }

    def sentence(self) -> str:
        """The result in words."""
        deletion, insertion = self.control.deletion_area, self.control.insertion_area
        return (
            f"{self.name}, {self.target.describe()}: replaced in its order the target is "
            f"{fixed(self.curves.deletion_area)} logits in the mean "
            f"over the shares (random orders {deletion}, lower is "
            f"better), put back {fixed(self.curves.insertion_area)} (random orders {insertion}, higher is better); "
            f"{fixed(self.target_value)} on the image, "
            f"{fixed(self.reference_value)} on the reference ({self.reference})"
        )

    def _summary(self) -> tuple[str, Rows]:
        deletion, insertion = self.control.deletion_area, self.control.insertion_area
        return f"Faithfulness of {self.name}: {self.target.describe()}", [
            ("target", self.target_value),
            (f"on the reference ({self.reference})", self.reference_value),
            (
                "area under deletion",
                f"{fixed(self.curves.deletion_area, 3)}, random orders {deletion}; lower is better",
            ),
            (
                "area under insertion",
                f"{fixed(self.curves.insertion_area, 3)}, random orders {insertion}; higher is better",
            ),
            ("beats random", self.beats_random),
            ("blocks", f"{self.blocks} of {self.cell} x {self.cell} pixels"),
        ]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "name": self.name,
            "target": self.target.describe(),
            "unit": "logits",
            "image_size": list(self.image_size),
            "image_digest": self.image_digest,
            "reference": self.reference,
            "cell": self.cell,
            "blocks": self.blocks,
            "target_value": rounded(self.target_value),
            "reference_value": rounded(self.reference_value),
            **self.curves.to_dict(),
            "random": self.control.to_dict(),
            "beats_random": self.beats_random,
        }


def input_curves(
    model: nn.Module,
    image: ImageLike,
    target: Target,
    maps: Mapping[str, Float[Tensor, "y x"] | Float[np.ndarray, "y x"]],
    *,
    reference: str = "blur",
    steps: int = 10,
    cell: int = 8,
    seed: int = 0,
    random_seeds: int = 3,
    beside: Faithfulness | None = None,
    class_names: Sequence[str] | None = None,
    report: Callable[[float], None] | None = None,
) -> dict[str, Faithfulness]:
    """Deletion and insertion along one or more maps of one image, which share the random control.

    A block's rank is the mean of its pixels' values, the highest first; equal blocks are ordered at random. An image
    that several curves meet goes through the network once: the two ends, ``2 * (steps - 1)`` passes a map and, where
    the blocks divide evenly into steps, half as many a random order, whose insertion is its deletion backwards.
    Memory: the forward passes of :data:`~rsp_lab.analysis.attribution.target_function.PIXELS_AT_ONCE` pixels.

    Args:
        model: see :func:`~rsp_lab.analysis.attribution.attribute.attribute`; it is left as found.
        image: RGB, uint8 or float in [0, 1]; see :mod:`rsp_lab.rgb`.
        target: a class or rival that it leaves open is what the model predicts.
        maps: signed values of the image's size, of torch or numpy, by name; only their order is used.
        reference: what replaces a block.
        steps: parts into which the blocks are divided.
        cell: side of a block in pixels.
        seed: of the random orders, the first is drawn with it and the next with the numbers that follow.
        random_seeds: how many random orders.
        beside: of the same model, image, target and settings, along another map: its random control is taken over,
            which is more than half of the work.
        class_names: in the order of the logits; default: a segmenter's own.
        report: called after each batch with the share that is done; what it raises ends the call.

    Raises:
        ValueError: for no map, one of another size or not finite, settings that do not fit the image, a result beside
            that is of another question, or what :func:`~rsp_lab.analysis.attribution.attribute.attribute` refuses.
    """
    with target_function(model, image, target, class_names, report) as function, torch.no_grad():
        size = function.size
        _check_settings(size, steps, cell, random_seeds)
        maps = _checked_maps(maps, size)
        orders = {name: block_order(values, cell, seed) for name, values in maps.items()}
        blocks = len(next(iter(orders.values())))
        if not steps <= blocks:
            raise ValueError(f"steps must be 1 to {blocks}, the blocks of the image, got {steps}: give fewer.")
        seeds = tuple(range(seed, seed + random_seeds))
        counts = [round(step * blocks / steps) for step in range(steps + 1)]
        target, digest = function.target, image_digest(function.image)
        if beside is not None:
            asked = (digest, reference, cell, blocks, seeds, _shares(counts))
            _check_same_question(beside, target, asked)
        shuffled = [random_order(blocks, one) for one in seeds] if beside is None else []
        probe = _Probe(function, reference_image(function.image, reference), cell)
        # A random order is inserted backwards: as random, and mostly the very images that its deletion meets.
        walks = [(order, order) for order in orders.values()] + [(order, order.flip(0)) for order in shuffled]
        curves = _curves(probe, walks, counts)
    control = Control(seeds, tuple(curves[len(orders) :])) if beside is None else _taken_over(beside, curves[0])
    return {
        name: Faithfulness(name, target, along, control, reference, cell, blocks, size, digest)
        for name, along in zip(orders, curves, strict=False)
    }


def block_order(values: Float[Tensor, "y x"], cell: int, seed: int = 0) -> Int[Tensor, " block"]:
    """Blocks by the mean of their pixels' values, the highest first, equal ones at random; numbered row by row."""
    return descending_order(block_means(values, cell).flatten(), seed)


def block_means(values: Float[Tensor, "y x"], cell: int) -> Float[Tensor, "v u"]:
    """Mean of the values in each block of ``cell`` x ``cell`` pixels, of those that a cut-off one has; float64."""
    batch = values.detach().cpu().double()[None, None]
    return F.avg_pool2d(batch, cell, ceil_mode=True, count_include_pad=False)[0, 0]


class _Probe:
    """The target's value with some blocks of the image and the reference in place of the others."""

    def __init__(self, function: TargetFunction, blank: Tensor, cell: int) -> None:
        self._function, self._image, self._blank, self._cell = function, function.image, blank, cell

    def values(self, present: Sequence[Bool[Tensor, " block"]]) -> list[float]:
        """One value for each set of blocks that are the image's; equal sets go through the network once."""
        different = {blocks.numpy().tobytes(): blocks for blocks in present}
        self._function.expected = self._function.passes + len(different)
        at_once, sets = images_at_once(self._image), list(different.values())
        targets: list[float] = []
        for start in range(0, len(sets), at_once):
            images = torch.cat([self._composed(blocks) for blocks in sets[start : start + at_once]])
            targets += self._function(images).tolist()
        known = dict(zip(different, targets, strict=True))
        return [known[blocks.numpy().tobytes()] for blocks in present]

    def _composed(self, blocks: Bool[Tensor, " block"]) -> Float[Tensor, "1 3 y x"]:
        height, width = self._image.shape[-2:]
        grid = blocks.reshape(-(-height // self._cell), -(-width // self._cell)).to(self._image.device)
        pixels = grid.repeat_interleave(self._cell, 0).repeat_interleave(self._cell, 1)[:height, :width]
        return torch.where(pixels, self._image, self._blank)


def _curves(probe: _Probe, walks: Sequence[tuple[Tensor, Tensor]], counts: Sequence[int]) -> list[Curves]:
    """One for each (order of deletion, order of insertion)."""
    present: list[Tensor] = []
    for deleted, inserted in walks:
        present += [~_first(deleted, count) for count in counts] + [_first(inserted, count) for count in counts]
    values = probe.values(present)
    shares = _shares(counts)
    points = len(counts)
    parts = [tuple(values[start : start + points]) for start in range(0, len(values), points)]
    return [Curves(shares, *pair) for pair in zip(parts[::2], parts[1::2], strict=True)]


def _shares(counts: Sequence[int]) -> tuple[float, ...]:
    return tuple(count / counts[-1] for count in counts)


def _check_same_question(beside: Faithfulness, target: Target, asked: tuple[object, ...]) -> None:
    found = (beside.image_digest, beside.reference, beside.cell, beside.blocks, beside.control.seeds, beside.shares)
    if not same_target(beside.target, target) or found != asked:
        raise ValueError(
            f"the result beside is of another image, target or settings ({beside.target.describe()}, reference "
            f"{beside.reference}, cell {beside.cell}): leave it out."
        )


def _taken_over(beside: Faithfulness, along: Curves) -> Control:
    """The control of another result, whose ends are the image and its reference in the same model."""
    for ours, theirs in ((along.deletion[0], beside.target_value), (along.deletion[-1], beside.reference_value)):
        if abs(ours - theirs) > _SAME * max(1.0, abs(ours)):
            raise ValueError(
                f"the result beside is of another model: the target is {fixed(theirs)} there and {fixed(ours)} here. "
                "Leave it out."
            )
    return beside.control


def _first(order: Int[Tensor, " block"], count: int) -> Bool[Tensor, " block"]:
    chosen = torch.zeros(len(order), dtype=torch.bool)
    chosen[order[:count]] = True
    return chosen


def _check_settings(size: tuple[int, int], steps: int, cell: int, random_seeds: int) -> None:
    if checked_count("cell", cell, 1, "8 is the default") > min(size):
        raise ValueError(
            f"cell must be 1 to {min(size)} pixels on an image of {size[0]} x {size[1]}, got {cell}: give "
            "one that fits."
        )
    checked_count("steps", steps, 1, "10 is the default")
    checked_count("random_seeds", random_seeds, 1, "a curve means nothing without a random order's")


def _checked_maps(maps: Mapping[str, Tensor | np.ndarray], size: tuple[int, int]) -> dict[str, Tensor]:
    """The maps as tensors; raises ValueError for what ranks no pixels of an image of ``size`` (y, x)."""
    if not isinstance(maps, Mapping) or not maps:
        raise ValueError('maps must be one or more by name: give {"a name": values}.')
    found: dict[str, Tensor] = {}
    for name, given in maps.items():
        values = own_tensor(given)
        if not isinstance(values, Tensor):
            raise ValueError(
                f"the map {name!r} is {in_short(values)}: give a tensor or an array of numpy, with one value for each "
                "pixel (y, x)."
            )
        if tuple(values.shape) != size:
            raise ValueError(
                f"the map {name!r} is {tuple(values.shape)}, the image {size}: give one value for each pixel (y, x)."
            )
        if not bool(values.isfinite().all()):
            raise ValueError(f"the map {name!r} has values that are not finite: it ranks nothing.")
        found[name] = values
    return found
