"""What is known of a trade matrix after some images: it is added to, joined with others, and kept in a file."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from rsp_lab.analysis.ledger.ledger import UNLABELLED
from rsp_lab.analysis.trade.image import ImageTrade
from rsp_lab.analysis.trade.matrix import SIDES, Estimates, TradeMatrix
from rsp_lab.analysis.trade.moments import Moments


@dataclass(frozen=True, eq=False)
class TradeSum:
    """The statistics of some blocks of images, of a size that does not depend on how many.

    A further block gives a new object, so that an interruption never finds one that is half changed.

    Attributes:
        class_names: of both models.
        levels: of either model, lowest first.
        moments: over blocks, (side, target) of (level + 1) * (source + 1) values, then bias and logit, as in
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
        """(target, quantity): values with 0 for a level that the model lacks and with their sums, bias, logit."""
        targets, _, sources = trade.values.shape
        values = np.zeros((targets, len(self.levels) + 1, sources + 1))
        values[:, [self.levels.index(level) for level in trade.levels], :-1] = trade.values
        values[..., -1] = values.sum(2)
        values[:, -1] = values.sum(1)
        return np.concatenate([values.reshape(targets, -1), trade.bias[:, None], trade.logit[:, None]], axis=1)

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
            sources=(*self.class_names, UNLABELLED),
            levels=self.levels,
            images=self.images,
            blocks=self.moments.count,
            pixels=self.pixels,
            values=Estimates(mean[..., :-2].reshape(shape), half[..., :-2].reshape(shape)),
            bias=Estimates(mean[..., -2], half[..., -2]),
            logit=Estimates(mean[..., -1], half[..., -1]),
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
        content = save(self.tensors(), {"trade": json.dumps(facts)})
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
            (Path(folder) / path.name).write_bytes(content)
            os.replace(Path(folder) / path.name, path)

    def loaded(self, path: Path, question: dict[str, Any]) -> TradeSum:
        """What was saved; this one says which classes and levels are wanted.

        Raises:
            ValueError: if the file is damaged or belongs to another question.
        """
        try:
            with safe_open(path, "np") as file:
                facts = json.loads((file.metadata() or {})["trade"])
                held = {name: file.get_tensor(name) for name in self.tensors()}
            asked, facts = facts["question"], {name: facts[name] for name in _FACTS}
            differs = sorted(key for key in question if asked.get(key) != question[key])
            if not differs:
                return self.with_tensors(held, **facts)
        except (SafetensorError, OSError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"{path}: not a state of a trade matrix ({error}). Start over with --fresh.") from error
        raise ValueError(
            f"{path} belongs to another question (other {', '.join(differs)}). "
            "Choose another folder with -o, or start over with --fresh."
        )


_FACTS = ("residual", "blocks", "done", "last")
