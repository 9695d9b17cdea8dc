"""The trade matrix over a data set: streaming, resumable, shared between processes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import reduce
from pathlib import Path
from typing import Any, TypeAlias

import torch

from rsp_lab.analysis.ledger.freeze import check_freezable, freeze
from rsp_lab.analysis.passes.pair import check_same_classes, pair_names
from rsp_lab.analysis.trade.image import TRADE_RULE, ImageTrade, image_trade
from rsp_lab.analysis.trade.matrix import TradeMatrix
from rsp_lab.analysis.trade.statistics import TradeSum
from rsp_lab.data.labels import checked_labels
from rsp_lab.data.sample import Sample, SampleSet
from rsp_lab.files import StateMismatchError, digest
from rsp_lab.models.segmenter import Segmenter, labels_from_logits
from rsp_lab.models.subject import Subject

BY = ("labels", "predictions")
Model: TypeAlias = Segmenter | Subject
_FORMAT = "rsp_lab.trade/1"
_SAVE_SECONDS = 5.0
_PATIENCE = timedelta(days=7)
"""How long a process waits for the others: as long as the slowest one needs for its images."""


def trade_matrix(
    left: Model,
    right: Model,
    samples: SampleSet,
    *,
    by: str = "labels",
    block: int = 1,
    report: Callable[[int, int], object] = lambda done, count: None,
) -> TradeMatrix:
    """Target class by level by source class over all samples, in both models and their difference.

    Memory does not grow with the samples. For many of them, :func:`run_trade` can be interrupted.

    Args:
        left, right: models of the same classes, in eval mode.
        samples: with labels, unless ``by`` is ``"predictions"``.
        by: ``"labels"``: targets and sources are zones of the true label; ``"predictions"``: of each model's own.
        block: how many successive images are one observation of the intervals: 1 for separate photographs, more for
            frames of a video, which resemble each other.
        report: called after each block with the number done and the number of all.

    Raises:
        ValueError: for no samples, models of different classes, an unknown ``by``, or a sample without a label.
        LedgerError: if a ledger does not add up.
    """
    models = left, right
    total = empty_sum(models, by, samples)
    for indices in _blocks(len(samples), block):
        total = with_block(total, models, [samples[index] for index in indices], by)
        report(total.done, len(samples))
    return total.result(pair_names(left, right), by, block)


def empty_sum(models: tuple[Model, Model], by: str, samples: SampleSet = ()) -> TradeSum:
    """What is known of two models before the first image; raises ValueError as :func:`trade_matrix`.

    Args:
        samples: that will be looked at; which levels a subject has shows on the first of them.
    """
    if by not in BY:
        raise ValueError(f"by must be one of {', '.join(BY)}, got {by!r}.")
    for model in models:
        check_freezable(model)
    check_same_classes(*models)
    levels = {level for model in models for level in _levels(model, samples)}
    return TradeSum.empty(models[0].class_names, tuple(sorted(levels)))


def _levels(model: Model, samples: SampleSet) -> tuple[int, ...]:
    if isinstance(model, Segmenter):
        return tuple(model.config.head.levels)
    return freeze(model, samples[0].image).levels if len(samples) else ()


def with_block(total: TradeSum, models: tuple[Model, Model], samples: Iterable[Sample], by: str = "labels") -> TradeSum:
    """The sum with one more block: a forward pass of each model on each image, then all its class zones at once.

    Raises:
        ValueError: for a sample without a label that is needed, or as :func:`freeze`.
        LedgerError: if a ledger does not add up.
    """
    block, last = [], ""
    for sample in samples:
        if by == "labels" and sample.label is None:
            raise ValueError(f"{sample.name} has no label: take labelled images, or zones of predictions.")
        left, right = (traded(model, sample, by) for model in models)
        block.append((left, right))
        last = _digest(sample)
    return total.plus(block, last)


def traded(model: Model, sample: Sample, by: str = "labels") -> ImageTrade:
    """One image in one model, with zones of its label or of the model's prediction; see :func:`image_trade`."""
    frozen = freeze(model, sample.image)
    labels = labels_from_logits(frozen.logits, frozen.image_size) if by == "predictions" else sample.label
    assert labels is not None
    return image_trade(frozen, checked_labels(labels, frozen.class_names, what=f"the labels of {sample.name}"))


def _blocks(count: int, block: int) -> list[range]:
    """Images of each block; the last one may be smaller."""
    if count < 1 or block < 1:
        raise ValueError(f"the number of images and of those in a block must be at least 1, got {count} and {block}.")
    return [range(start, min(start + block, count)) for start in range(0, count, block)]


@dataclass(frozen=True)
class TradeQuestion:
    """What a state is part of the answer to; the state of another question is not taken up.

    Attributes:
        names: of the left and the right model.
        digests: of the models' weights.
        data: what the images are, e.g. ``"camvid val"``.
        by: whose labels name targets and sources.
        block: how many successive images are one observation.
        version: of the program.
    """

    names: tuple[str, str]
    digests: tuple[str, str]
    data: str
    by: str = "labels"
    block: int = 1
    version: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-able, with the rule by which it is answered."""
        return {
            "format": _FORMAT,
            "rule": TRADE_RULE,
            **asdict(self),
            "names": list(self.names),
            "digests": list(self.digests),
        }


@dataclass(frozen=True)
class Shard:
    """A process's share: every ``size``-th block of images from ``rank`` on."""

    rank: int = 0
    size: int = 1

    @classmethod
    def of_environment(cls) -> Shard:
        """As ``torchrun`` says; all images without it.

        Raises:
            ValueError: for variables that are no share.
        """
        rank, size = (os.environ.get(name, default) for name, default in (("RANK", "0"), ("WORLD_SIZE", "1")))
        if not (rank.isdecimal() and size.isdecimal() and int(rank) < int(size)):
            raise ValueError(f"RANK={rank} and WORLD_SIZE={size} name no process: start several with torchrun.")
        return cls(int(rank), int(size))


def run_trade(
    left: Model,
    right: Model,
    samples: SampleSet,
    question: TradeQuestion,
    folder: Path,
    *,
    count: int | None = None,
    shard: Shard | None = None,
    fresh: bool = False,
    report: Callable[[int, int], object] = lambda done, count: None,
) -> TradeMatrix | None:
    """:func:`trade_matrix` of the first ``count`` samples, with its state in ``folder`` every few seconds.

    Interrupted, it keeps the blocks that are done, and a second call goes on: the result is the same to the bit. So
    does a call that asks for more images. Of several processes each has a state of its own, and the first one gets the
    matrix of all, equal up to rounding to that of one process; the others return None.

    Args:
        left, right, samples: as for :func:`trade_matrix`.
        question: what the folder's state must be about.
        folder: made with the first state that is kept there.
        count: only the first samples; None takes all.
        shard: this process's share; default: as ``torchrun`` says.
        fresh: forget the state.
        report: called after each block of this process with the number of its images done and of all of them.

    Raises:
        ValueError: as :func:`trade_matrix`.
        StateMismatchError: for a state that is damaged, of another question, of other images, or of more of them.
        LedgerError: if a ledger does not add up.
    """
    models = left, right
    shard = Shard.of_environment() if shard is None else shard
    count = len(samples) if count is None else min(count, len(samples))
    mine = _blocks(count, question.block)[shard.rank :: shard.size]
    total, images = empty_sum(models, question.by, samples), sum(map(len, mine))
    path, asked = state_path(folder, shard), {**question.to_dict(), "shard": [shard.rank, shard.size]}
    if path.is_file() and not fresh:
        total = total.loaded(path, asked)
        _check_state(total, samples, mine, path)
    with _processes(shard):
        # The last block may be cut short; a call that asks for more images must find the state before it.
        whole, saved, when = total, total, time.monotonic()
        try:
            for indices in mine[total.blocks :]:
                total = with_block(total, models, (samples[index] for index in indices), question.by)
                whole = total if len(indices) == question.block else whole
                report(total.done, images)
                if time.monotonic() - when > _SAVE_SECONDS:
                    whole.save(path, asked)
                    saved, when = whole, time.monotonic()
        finally:
            if whole is not saved:
                whole.save(path, asked)
        every = _gathered(total, shard)
    return reduce(TradeSum.joined, every).result(question.names, question.by, question.block) if every else None


def state_path(folder: Path, shard: Shard) -> Path:
    """Where a share of the images has its state."""
    part = f"-{shard.rank + 1}-of-{shard.size}" if shard.size > 1 else ""
    return folder / f"trade{part}.state.safetensors"


def _check_state(total: TradeSum, samples: SampleSet, mine: Sequence[range], path: Path) -> None:
    """Raises StateMismatchError for a state that is not about the first of these images."""
    if total.done > sum(map(len, mine)):
        raise StateMismatchError(
            f"{path} has {total.done} images already, more than are asked for. Ask for as many, or start over."
        )
    if total.done != sum(map(len, mine[: total.blocks])):
        raise StateMismatchError(f"{path} is damaged: {total.blocks} blocks have not {total.done} images. Start over.")
    if total.blocks and _digest(samples[mine[total.blocks - 1][-1]]) != total.last:
        raise StateMismatchError(f"{path} is about other images of that name. Choose another folder, or start over.")


def _digest(sample: Sample) -> str:
    """Digest of the image and its labels."""
    return digest(sample.image) if sample.label is None else digest(sample.image, sample.label)


@contextmanager
def _processes(shard: Shard) -> Iterator[None]:
    """The processes know each other meanwhile."""
    if shard.size == 1:
        yield
        return
    torch.distributed.init_process_group("gloo", rank=shard.rank, world_size=shard.size, timeout=_PATIENCE)
    try:
        yield
    finally:
        torch.distributed.destroy_process_group()


def _gathered(total: TradeSum, shard: Shard) -> list[TradeSum]:
    """The sums of all processes, on the first one; empty on the others."""
    if shard.size == 1:
        return [total]
    row = torch.from_numpy(total.packed())
    rows = [torch.empty_like(row) for _ in range(shard.size)] if shard.rank == 0 else None
    torch.distributed.gather(row, rows)
    return [total.unpacked(found.numpy()) for found in rows or ()]
