"""Work over a data set that streams: block by block, resumable, shared between processes.

What is known after some blocks is a :class:`RunningSum`, whose size does not depend on how many images were seen.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

import numpy as np
import torch

from rsp_lab.data.sample import Sample
from rsp_lab.files import StateMismatchError, digest

SAVE_SECONDS = 5.0
"""Between two states that are kept."""
_PATIENCE = timedelta(days=7)
"""How long a process waits for the others: as long as the slowest one needs for its images."""


class RunningSum(Protocol):
    """What is known after some blocks; a further block gives a new object, so that none is ever half changed.

    Attributes:
        blocks, done: blocks and images looked at.
        last: digest of the last image.
    """

    @property
    def blocks(self) -> int: ...
    @property
    def done(self) -> int: ...
    @property
    def last(self) -> str: ...

    def save(self, path: Path, question: dict[str, Any]) -> None:
        """To a file, whole or not at all, with the question that it is part of the answer to."""

    def loaded(self, path: Path, question: dict[str, Any]) -> Self:
        """What was saved; raises StateMismatchError if the file is damaged or belongs to another question."""

    def packed(self) -> np.ndarray:
        """All of it as one row of numbers, for sending."""

    def unpacked(self, row: np.ndarray) -> Self:
        """The one that was packed."""

    def joined(self, other: Self) -> Self:
        """With the blocks of another one."""


SumT = TypeVar("SumT", bound=RunningSum)
Item = TypeVar("Item", covariant=True)


class Items(Protocol[Item]):
    """What is looked at one after the other, e.g. the samples of a data set."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Item: ...


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

    @property
    def suffix(self) -> str:
        """In the name of the share's state; empty where there is one share."""
        return f"-{self.rank + 1}-of-{self.size}" if self.size > 1 else ""


def blocks_of(count: int, block: int) -> list[range]:
    """Images of each block; the last one may be smaller.

    Raises:
        ValueError: for fewer than one image, or blocks of fewer than one.
    """
    if count < 1 or block < 1:
        raise ValueError(f"the number of images and of those in a block must be at least 1, got {count} and {block}.")
    return [range(start, min(start + block, count)) for start in range(0, count, block)]


def check_question(path: Path, asked: object, question: Mapping[str, Any]) -> None:
    """Refuses the state of another question.

    Args:
        path: of the state.
        asked: the question that the state says it is about.
        question: the one that it is wanted for.

    Raises:
        ValueError: if the state says none.
        StateMismatchError: if it says another one.
    """
    if not isinstance(asked, dict):
        raise ValueError("it has no question")
    differs = sorted(key for key in question if asked.get(key) != question[key])
    if differs:
        raise StateMismatchError(
            f"{path} belongs to another question (other {', '.join(differs)}). Choose another folder, or start over."
        )


def sample_digest(sample: Sample) -> str:
    """Digest of the image and its labels."""
    return digest(sample.image) if sample.label is None else digest(sample.image, sample.label)


def run_stream(
    empty: SumT,
    items: Items[Item],
    with_block: Callable[[SumT, Iterable[Item]], SumT],
    item_digest: Callable[[Item], str],
    path: Path,
    question: dict[str, Any],
    *,
    block: int = 1,
    count: int | None = None,
    shard: Shard,
    fresh: bool = False,
    report: Callable[[int, int], object] = lambda done, count: None,
) -> SumT | None:
    """The sum over the first ``count`` items, with its state at ``path`` every few seconds.

    Interrupted, it keeps the blocks that are done, and a second call goes on. So does a call that asks for more items.
    Of several processes each has a state of its own, and the first one gets the sum of all; the others return None.

    Args:
        empty: before the first block.
        items: that are looked at; each is read when it is its turn.
        with_block: the sum with one more block.
        item_digest: tells items apart.
        path: of this share's state.
        question: what the state must be about.
        block: how many successive items are looked at together.
        count: only the first items; None takes all.
        shard: this process's share.
        fresh: forget the state.
        report: called after each block of this process with the number of its items done and of all of them.

    Raises:
        ValueError: for no items, or blocks of none.
        StateMismatchError: for a state that is damaged, of another question, of other items, or of more of them.
    """
    count = len(items) if count is None else min(count, len(items))
    mine = blocks_of(count, block)[shard.rank :: shard.size]
    total, wanted = empty, sum(map(len, mine))
    asked = {**question, "shard": [shard.rank, shard.size]}
    if path.is_file() and not fresh:
        total = empty.loaded(path, asked)
        _check_state(total, items, item_digest, mine, path)
    with _processes(shard):
        # The last block may be cut short; a call that asks for more items must find the state before it.
        whole, saved, when = total, total, time.monotonic()
        try:
            for indices in mine[total.blocks :]:
                total = with_block(total, (items[index] for index in indices))
                whole = total if len(indices) == block else whole
                report(total.done, wanted)
                if time.monotonic() - when > SAVE_SECONDS:
                    whole.save(path, asked)
                    saved, when = whole, time.monotonic()
        finally:
            if whole is not saved:
                whole.save(path, asked)
        every = _gathered(total, shard)
    return reduce(lambda one, other: one.joined(other), every) if every else None


def _check_state(
    total: RunningSum, items: Items[Item], item_digest: Callable[[Item], str], mine: Sequence[range], path: Path
) -> None:
    """Raises StateMismatchError for a state that is not about the first of these items."""
    if total.done > sum(map(len, mine)):
        raise StateMismatchError(
            f"{path} has {total.done} images already, more than are asked for. Ask for as many, or start over."
        )
    if total.done != sum(map(len, mine[: total.blocks])):
        raise StateMismatchError(f"{path} is damaged: {total.blocks} blocks have not {total.done} images. Start over.")
    if total.blocks and item_digest(items[mine[total.blocks - 1][-1]]) != total.last:
        raise StateMismatchError(f"{path} is about other images of that name. Choose another folder, or start over.")


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


def _gathered(total: SumT, shard: Shard) -> list[SumT]:
    """The sums of all processes, on the first one; empty on the others."""
    if shard.size == 1:
        return [total]
    own = torch.from_numpy(total.packed())
    lengths = [torch.zeros(1, dtype=torch.int64) for _ in range(shard.size)]
    torch.distributed.all_gather(lengths, torch.tensor([len(own)]))
    row = own.new_zeros(int(max(lengths)))
    row[: len(own)] = own
    rows = [torch.empty_like(row) for _ in range(shard.size)] if shard.rank == 0 else None
    torch.distributed.gather(row, rows)
    return [total.unpacked(found[: int(length)].numpy()) for found, length in zip(rows or (), lengths, strict=False)]
