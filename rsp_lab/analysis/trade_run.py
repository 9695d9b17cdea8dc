"""The trade matrix over a data set: streaming, resumable, shared between processes."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from rsp_lab.analysis.frozen import FrozenHead
from rsp_lab.analysis.trade import SIDES, TRADE_RULE, ImageTrade, Moments, TradeMatrix, image_trade, source_names
from rsp_lab.data.sample import Sample
from rsp_lab.models.segmenter import Segmenter, labels_from_logits

BY = ("labels", "predictions")
SAVE_EVERY = 20
_FORMAT = "rsp_lab.trade/1"


@runtime_checkable
class Samples(Protocol):
    """A data set, or a list of samples."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Sample: ...


@dataclass(frozen=True)
class TradeQuestion:
    """What a state is the answer to so far; a state of another question is not taken up.

    Attributes:
        names: of the left and the right model.
        data: what the images are, e.g. ``"camvid val"``.
        by: whose labels name targets and sources.
        images: how many are asked about.
        digests: of the models' weights.
    """

    names: tuple[str, str]
    data: str
    by: str
    images: int
    digests: tuple[str, str] = ("", "")

    def to_dict(self) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "rule": TRADE_RULE,
            "models": list(self.names),
            "digests": list(self.digests),
            "data": self.data,
            "by": self.by,
            "images": self.images,
        }


class TradeSum:
    """What is known after some images; it takes no more memory with each.

    Attributes:
        class_names: of both models.
        levels: of either model, lowest first.
        done: images looked at.
    """

    def __init__(self, class_names: tuple[str, ...], levels: tuple[int, ...]) -> None:
        self.class_names, self.levels = class_names, levels
        # The last two quantities are the bias and the logit.
        self.moments = Moments.empty(len(class_names), len(levels) * (len(class_names) + 1) + 2)
        self.pixels = np.zeros(len(class_names), dtype=np.int64)
        self.residual = 0.0
        self.done = 0

    def add(self, trades: tuple[ImageTrade, ImageTrade], levels: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
        """One image in both models; ``levels`` are those of their ledgers."""
        flat = [self._flat(trade, own) for trade, own in zip(trades, levels, strict=True)]
        left, right = (trade.present for trade in trades)
        self.moments.add(np.stack([*flat, flat[1] - flat[0]]), np.stack([left, right, left & right]))
        self.pixels += trades[0].pixels
        self.residual = max(self.residual, *(trade.residual for trade in trades))
        self.done += 1

    def _flat(self, trade: ImageTrade, own: tuple[int, ...]) -> np.ndarray:
        """(target, quantity) in the order of all levels; 0 for a level that the model lacks."""
        values = np.zeros((len(trade.present), len(self.levels), trade.values.shape[2]))
        values[:, [self.levels.index(level) for level in own]] = trade.values
        flat = values.reshape(len(values), -1)
        return np.concatenate([flat, trade.bias[:, None], trade.logit[:, None]], axis=1)

    def merge(self, other: TradeSum) -> None:
        """That of other images."""
        self.moments.merge(other.moments)
        self.pixels += other.pixels
        self.residual = max(self.residual, other.residual)
        self.done += other.done

    def result(self, names: tuple[str, str], by: str) -> TradeMatrix:
        shape = (len(SIDES), len(self.class_names), len(self.levels), len(self.class_names) + 1)
        mean, half = self.moments.mean, self.moments.half_width()
        return TradeMatrix(
            names=names,
            targets=self.class_names,
            sources=source_names(self.class_names),
            levels=self.levels,
            images=self.moments.count.copy(),
            pixels=self.pixels.copy(),
            mean=mean[..., :-2].reshape(shape).copy(),
            half_width=half[..., :-2].reshape(shape),
            bias=mean[..., -2].copy(),
            logit=mean[..., -1].copy(),
            seen=self.done,
            by=by,
            residual=self.residual,
        )

    def save(self, path: Path, question: dict[str, Any]) -> None:
        """Whole or not at all."""
        moments = self.moments
        tensors = {"count": moments.count, "mean": moments.mean, "m2": moments.m2, "pixels": self.pixels}
        facts = {"question": question, "done": self.done, "residual": self.residual}
        content = save(tensors, {"trade": json.dumps(facts)})
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
            (Path(folder) / path.name).write_bytes(content)
            os.replace(Path(folder) / path.name, path)

    def load(self, path: Path, question: dict[str, Any]) -> None:
        """Takes up what was saved.

        Raises:
            ValueError: if the file is damaged or answers another question.
        """
        try:
            with safe_open(path, "np") as file:
                facts = json.loads((file.metadata() or {})["trade"])
                held = {name: file.get_tensor(name) for name in ("count", "mean", "m2", "pixels")}
        except (SafetensorError, OSError, KeyError, ValueError) as error:
            raise ValueError(f"{path}: not a state of this command ({error}). Start over with --fresh.") from error
        if facts["question"] != question:
            asked = facts["question"]
            differs = sorted(key for key in question if asked.get(key) != question[key])
            raise ValueError(
                f"{path} belongs to another question (other {', '.join(differs)}). "
                "Give another folder with -o, or start over with --fresh."
            )
        self.moments = Moments(held["count"], held["mean"], held["m2"])
        self.pixels, self.done, self.residual = held["pixels"], int(facts["done"]), float(facts["residual"])


def trade_matrix(
    models: tuple[Segmenter, Segmenter],
    samples: Samples,
    *,
    names: tuple[str, str] = ("left", "right"),
    by: str = "labels",
    report: Callable[[float], None] | None = None,
) -> TradeMatrix:
    """Target class by source class by level over all samples, in both models and their difference.

    Args:
        models: left and right, of the same classes, in eval mode.
        samples: with labels, unless ``by`` is ``"predictions"``.
        names: of the models.
        by: ``"labels"``: targets and sources are zones of the true label; ``"predictions"``: of each model's own.
        report: called after each image with the share that is done.

    Raises:
        ValueError: for models of different classes, an unknown ``by``, or a sample without a label.
        LedgerError: if a ledger does not add up.
    """
    total = new_sum(models, by)
    for index in range(len(samples)):
        add_image(total, models, samples[index], by)
        if report is not None:
            report((index + 1) / len(samples))
    return total.result(names, by)


def new_sum(models: tuple[Segmenter, Segmenter], by: str) -> TradeSum:
    """An empty sum for two models; raises ValueError as :func:`trade_matrix`."""
    if by not in BY:
        raise ValueError(f"by must be one of {', '.join(BY)}, got {by!r}.")
    left, right = (model.config for model in models)
    if left.class_names != right.class_names:
        raise ValueError("the two models know different classes: take models that were trained on the same ones.")
    return TradeSum(left.class_names, tuple(sorted({*left.head.levels, *right.head.levels})))


def add_image(total: TradeSum, models: tuple[Segmenter, Segmenter], sample: Sample, by: str) -> None:
    """One forward pass of each model, and all class zones of the image."""
    if by == "labels" and sample.label is None:
        raise ValueError(f"{sample.name} has no label: take labelled images, or by='predictions'.")
    heads = [FrozenHead.of(model, sample.image[None].float() / 255) for model in models]
    trades = []
    for head in heads:
        labels = sample.label if by == "labels" else labels_from_logits(head.logits, head.image_size)
        assert labels is not None
        trades.append(image_trade(head, labels.cpu().long()))
    total.add((trades[0], trades[1]), (heads[0].levels, heads[1].levels))


@dataclass(frozen=True)
class Shard:
    """This process's share of the images, as torchrun says: every ``size``-th from ``rank`` on."""

    rank: int = 0
    size: int = 1

    @classmethod
    def of_environment(cls) -> Shard:
        return cls(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")))


def run_trade(
    models: tuple[Segmenter, Segmenter],
    samples: Samples,
    question: TradeQuestion,
    folder: Path,
    *,
    shard: Shard | None = None,
    fresh: bool = False,
    report: Callable[[int, int], None] = lambda done, count: None,
) -> TradeMatrix | None:
    """:func:`trade_matrix` of the first ``question.images`` samples with its state in ``folder``.

    Interrupted, it keeps what is done, and a second call goes on; the result is the same to the bit. Of several
    processes each has a state of its own, and the first one adds them up; the others return None.

    Raises:
        ValueError: also if the folder holds the state of another question.
    """
    shard = Shard.of_environment() if shard is None else shard
    total, mine = new_sum(models, question.by), range(shard.rank, question.images, shard.size)
    path, asked = state_path(folder, shard), {**question.to_dict(), "shard": [shard.rank, shard.size]}
    if path.is_file() and not fresh:
        total.load(path, asked)
    with _processes(shard) as wait:
        try:
            for index in mine[total.done :]:
                add_image(total, models, samples[index], question.by)
                report(total.done, len(mine))
                if total.done % SAVE_EVERY == 0:
                    total.save(path, asked)
        finally:
            total.save(path, asked)
        wait()
        if shard.rank:
            return None
        for rank in range(1, shard.size):
            other, theirs = new_sum(models, question.by), replace(shard, rank=rank)
            other.load(state_path(folder, theirs), {**question.to_dict(), "shard": [rank, shard.size]})
            total.merge(other)
        return total.result(question.names, question.by)


def state_path(folder: Path, shard: Shard) -> Path:
    """Where a share of the images has its state."""
    part = f"-{shard.rank + 1}-of-{shard.size}" if shard.size > 1 else ""
    return folder / f"trade{part}.state.safetensors"


@contextmanager
def _processes(shard: Shard) -> Iterator[Callable[[], object]]:
    """What waits until every process has come so far."""
    if shard.size == 1:
        yield lambda: None
        return
    torch.distributed.init_process_group("gloo", rank=shard.rank, world_size=shard.size)
    try:
        yield torch.distributed.barrier
    finally:
        torch.distributed.destroy_process_group()
