"""Mean and spread over a stream of images in constant memory, and a trade matrix as known after some of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from rsp_lab.analysis.ledger.ledger import unlabelled_beside
from rsp_lab.analysis.streaming import check_question
from rsp_lab.analysis.trade.image import ImageTrade
from rsp_lab.analysis.trade.matrix import SIDES, Estimates, TradeMatrix
from rsp_lab.files import (
    FileError,
    StateMismatchError,
    parse_json,
    read_safetensors_header,
    to_json,
    write_atomic,
)
from rsp_lab.intervals import half_widths


@dataclass(frozen=True, eq=False)
class Moments:
    """Count, mean and sum of squared deviations; a further image gives a new object of the same size.

    Quantities of one row are known together or not at all, such as all that is known of a class in an image.

    Attributes:
        count: (..., row), images in which the row was there.
        mean, m2: (..., row, quantity); 0 where the count is 0.
    """

    count: np.ndarray
    mean: np.ndarray
    m2: np.ndarray

    @classmethod
    def empty(cls, rows: tuple[int, ...], quantities: int) -> Moments:
        shape = (*rows, quantities)
        return cls(np.zeros(rows, dtype=np.int64), np.zeros(shape), np.zeros(shape))

    def plus(self, values: np.ndarray, present: np.ndarray) -> Moments:
        """With one more image: ``values`` (..., row, quantity) where ``present`` (..., row). Welford's update."""
        count = self.count + present
        there = present[..., None]
        change = np.where(there, values - self.mean, 0.0)
        mean = self.mean + change / np.maximum(count, 1)[..., None]
        return Moments(count, mean, self.m2 + np.where(there, change * (values - mean), 0.0))

    def joined(self, other: Moments) -> Moments:
        """With the images of another one; equal, up to rounding, to adding them one by one. Chan's update."""
        count = self.count + other.count
        share = np.divide(other.count, count, out=np.zeros(count.shape), where=count > 0)[..., None]
        change = other.mean - self.mean
        m2 = self.m2 + other.m2 + change**2 * share * self.count[..., None]
        return Moments(count, self.mean + change * share, m2)

    def half_width(self) -> np.ndarray:
        """Of the 95 % interval of each mean by Student's t over images; NaN for fewer than two."""
        return half_widths(self.count[..., None], self.m2)


@dataclass(frozen=True, eq=False)
class TradeSum:
    """The statistics of some blocks of images, of a size that does not depend on how many.

    A further block gives a new object, so that an interruption never finds one that is half changed.

    Attributes:
        class_names: of both models.
        levels: of either model, lowest first.
        moments: over blocks, (side, target) of (level + 1) * (source + 1) values, then bias and total, as in
            :class:`TradeMatrix`; a block's quantities are means over its images in which the class occurs.
        images: (side, target), images in which the class occurs.
        pixels: (target), by the left model's label map.
        residual: the largest of all ledgers.
        blocks, done: blocks and images looked at.
        last: digest of the last one of them.
    """

    class_names: tuple[str, ...]
    levels: tuple[int, ...]
    moments: Moments
    images: np.ndarray
    pixels: np.ndarray
    residual: float = 0.0
    blocks: int = 0
    done: int = 0
    last: str = ""

    @classmethod
    def empty(cls, class_names: tuple[str, ...], levels: tuple[int, ...]) -> TradeSum:
        rows, classes = (len(SIDES), len(class_names)), len(class_names)
        moments = Moments.empty(rows, (len(levels) + 1) * (classes + 2) + 2)
        return cls(class_names, levels, moments, np.zeros(rows, dtype=np.int64), np.zeros(classes, dtype=np.int64))

    def plus(self, block: Sequence[tuple[ImageTrade, ImageTrade]], last: str = "") -> TradeSum:
        """With one more block: images in the left and in the right model; ``last`` is the last one's digest."""
        total, count = np.zeros_like(self.moments.mean), np.zeros_like(self.images)
        for left, right in block:
            ours, theirs = self._flat(left), self._flat(right)
            present = np.stack([left.present, right.present, left.present & right.present])
            total += np.where(present[..., None], np.stack([ours, theirs, theirs - ours]), 0.0)
            count += present
        return replace(
            self,
            moments=self.moments.plus(total / np.maximum(count, 1)[..., None], count > 0),
            images=self.images + count,
            pixels=self.pixels + sum(left.pixels for left, _ in block),
            residual=max(self.residual, *(trade.residual for pair in block for trade in pair)),
            blocks=self.blocks + 1,
            done=self.done + len(block),
            last=last,
        )

    def _flat(self, trade: ImageTrade) -> np.ndarray:
        """(target, quantity): values with 0 for a level that the model lacks and with their sums, bias, total."""
        targets, _, sources = trade.values.shape
        values = np.zeros((targets, len(self.levels) + 1, sources + 1))
        values[:, [self.levels.index(level) for level in trade.levels], :-1] = trade.values
        values[..., -1] = values.sum(2)
        values[:, -1] = values.sum(1)
        return np.concatenate([values.reshape(targets, -1), trade.bias[:, None], trade.total[:, None]], axis=1)

    def joined(self, other: TradeSum) -> TradeSum:
        """With the blocks of another one."""
        return replace(
            self,
            moments=self.moments.joined(other.moments),
            images=self.images + other.images,
            pixels=self.pixels + other.pixels,
            residual=max(self.residual, other.residual),
            blocks=self.blocks + other.blocks,
            done=self.done + other.done,
            last="",
        )

    def result(self, names: tuple[str, str], by: str, block: int = 1) -> TradeMatrix:
        """What is known so far; ``block`` is how many images were taken together."""
        shape = (len(SIDES), len(self.class_names), len(self.levels) + 1, len(self.class_names) + 2)
        mean, half = self.moments.mean, self.moments.half_width()
        return TradeMatrix(
            names=names,
            targets=self.class_names,
            sources=(*self.class_names, unlabelled_beside(self.class_names)),
            levels=self.levels,
            images=self.images,
            blocks=self.moments.count,
            pixels=self.pixels,
            values=Estimates(mean[..., :-2].reshape(shape), half[..., :-2].reshape(shape)),
            bias=Estimates(mean[..., -2], half[..., -2]),
            total=Estimates(mean[..., -1], half[..., -1]),
            seen=self.done,
            block=block,
            by=by,
            residual=self.residual,
        )

    def tensors(self) -> dict[str, np.ndarray]:
        """All arrays by name."""
        moments = {item.name: getattr(self.moments, item.name) for item in fields(Moments)}
        return {**moments, "images": self.images, "pixels": self.pixels}

    def with_tensors(self, held: dict[str, np.ndarray], **facts: Any) -> TradeSum:
        """One of the same classes and levels with these arrays, and facts by name.

        Raises:
            ValueError: for an array of another shape or type.
        """
        for name, own in self.tensors().items():
            if held[name].shape != own.shape or held[name].dtype != own.dtype:
                raise ValueError(f"{name} is {held[name].dtype} {held[name].shape}, expected {own.dtype} {own.shape}")
        moments = Moments(*(held[item.name] for item in fields(Moments)))
        return replace(self, moments=moments, images=held["images"], pixels=held["pixels"], **facts)

    def packed(self) -> np.ndarray:
        """All numbers in one row of float64, which holds counts exactly; for sending."""
        facts = [self.residual, self.blocks, self.done]
        return np.concatenate([*(array.ravel().astype(float) for array in self.tensors().values()), facts])

    def unpacked(self, row: np.ndarray) -> TradeSum:
        """The one that was packed, of the same classes and levels as this one."""
        held, start = {}, 0
        for name, own in self.tensors().items():
            held[name] = row[start : start + own.size].reshape(own.shape).astype(own.dtype)
            start += own.size
        residual, blocks, done = row[start:]
        return self.with_tensors(held, residual=float(residual), blocks=int(blocks), done=int(done), last="")

    def save(self, path: Path, question: dict[str, Any]) -> None:
        """To a file, whole or not at all, with the question that it is part of the answer to."""
        facts = {"question": question, **{name: getattr(self, name) for name in _FACTS}}
        write_atomic(path, save(self.tensors(), {"trade": to_json(facts, indent=None)}))

    def loaded(self, path: Path, question: dict[str, Any]) -> TradeSum:
        """What was saved; this one says which classes and levels are wanted.

        Raises:
            StateMismatchError: if the file is damaged or belongs to another question.
        """
        try:
            header = read_safetensors_header(path, "state of a trade matrix", remedy="Start over.")
            facts = parse_json(header.metadata.get("trade", "null"), f"{path} is no state of a trade matrix")
            check_question(path, facts.get("question"), question)
            known = {name: _fact(facts, name, kind) for name, kind in _FACTS.items()}
            shapes = {name: facts.shape for name, facts in header.tensors.items()}
            if shapes != {name: own.shape for name, own in self.tensors().items()}:
                raise ValueError("its arrays are of other classes or levels")
            with safe_open(path, "np") as file:
                return self.with_tensors({name: file.get_tensor(name) for name in shapes}, **known)
        except StateMismatchError:
            raise
        except FileError as error:
            raise StateMismatchError(str(error)) from error
        except (SafetensorError, OSError, ValueError) as error:
            raise StateMismatchError(f"{path}: not a state of a trade matrix ({error}). Start over.") from error


_FACTS: Mapping[str, type] = {"residual": float, "blocks": int, "done": int, "last": str}


def _fact(facts: Mapping[str, Any], name: str, kind: type) -> Any:
    """A fact of a header in its type; a number must not be negative."""
    value: Any = facts.get(name)
    known = type(value) is kind or (kind is float and type(value) is int)
    if not known or (kind is not str and value < 0):
        raise ValueError(f"{name} is {value!r}")
    return kind(value)
