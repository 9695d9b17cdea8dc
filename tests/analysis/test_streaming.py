"""Any sum over items goes on where it was, is shared between processes, and takes up no state but its own."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rsp_lab.analysis import streaming
from rsp_lab.analysis.streaming import Shard, blocks_of, check_question, run_stream
from rsp_lab.files import StateMismatchError, digest


@dataclass(frozen=True)
class Total:
    """The items in the order in which they came."""

    seen: tuple[int, ...] = ()
    blocks: int = 0
    last: str = ""

    @property
    def done(self) -> int:
        return len(self.seen)

    def plus(self, block: Iterable[int]) -> Total:
        seen = tuple(block)
        return Total((*self.seen, *seen), self.blocks + 1, item_digest(seen[-1]))

    def save(self, path: Path, question: dict[str, Any]) -> None:
        path.write_text(json.dumps({"question": question, "seen": self.seen, "blocks": self.blocks, "last": self.last}))

    def loaded(self, path: Path, question: dict[str, Any]) -> Total:
        facts = json.loads(path.read_text())
        check_question(path, facts.pop("question"), question)
        return Total(**{**facts, "seen": tuple(facts["seen"])})

    def packed(self) -> np.ndarray:
        return np.array(self.seen)

    def unpacked(self, row: np.ndarray) -> Total:
        return Total(tuple(row.tolist()))

    def joined(self, other: Total) -> Total:
        return replace(self, seen=(*self.seen, *other.seen))


class Counting:
    """Numbers, of which one may be interrupted before it is read."""

    def __init__(self, count: int, before: int | None = None) -> None:
        self.count, self.before, self.read = count, before, list[int]()

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int, /) -> int:
        if index == self.before:
            raise KeyboardInterrupt
        self.read.append(index)
        return index


def item_digest(item: int) -> str:
    return digest(str(item))


def run(path: Path, items: Counting, **options: Any) -> Total | None:
    question = {"about": options.pop("about", "numbers")}
    options = {"shard": Shard(), **options}
    return run_stream(Total(), items, Total.plus, item_digest, path, question, **options)


@pytest.mark.parametrize("block", [1, 2])
def test_an_interrupted_run_goes_on(tmp_path: Path, block: int) -> None:
    path = tmp_path / "state"
    with pytest.raises(KeyboardInterrupt):
        run(path, Counting(7, before=5), block=block)
    again, told = Counting(7), list[tuple[int, int]]()

    found = run(path, again, block=block, report=lambda done, count: told.append((done, count)))

    assert found is not None
    assert found.seen == tuple(range(7))
    done = 5 // block * block
    # The last item that is done is read once more, to see that the items are the same.
    assert again.read == list(range(done - 1, 7))
    assert told[-1] == (7, 7)


def test_a_later_call_may_ask_for_more_but_not_for_fewer(tmp_path: Path) -> None:
    path = tmp_path / "state"
    run(path, Counting(9), count=3)
    found = run(path, Counting(9), count=5)

    assert found is not None
    assert found.seen == (0, 1, 2, 3, 4)
    with pytest.raises(StateMismatchError, match="5 images already, more than are asked for"):
        run(path, Counting(9), count=2)
    fresh = run(path, Counting(9), count=2, fresh=True)
    assert fresh is not None
    assert fresh.seen == (0, 1)


def test_states_of_other_questions_items_and_blocks_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "state"
    run(path, Counting(4))
    with pytest.raises(StateMismatchError, match=r"another question \(other about\)"):
        run(path, Counting(4), about="letters")
    facts = json.loads(path.read_text())
    for changes, words in (({"last": "x"}, "other images of that name"), ({"blocks": 3}, "3 blocks have not 4 images")):
        path.write_text(json.dumps({**facts, **changes}))
        with pytest.raises(StateMismatchError, match=words):
            run(path, Counting(4))
    with pytest.raises(ValueError, match="it has no question"):
        check_question(path, None, {"about": "numbers"})


def test_every_block_is_kept_where_saving_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "SAVE_SECONDS", -1.0)
    saved = list[int]()
    monkeypatch.setattr(Total, "save", lambda total, path, question: saved.append(total.done))

    run(tmp_path / "state", Counting(3))

    assert saved == [1, 2, 3]


def test_shares_have_every_block_once() -> None:
    every = [index for rank in range(3) for block in blocks_of(10, 2)[Shard(rank, 3).rank :: 3] for index in block]

    assert sorted(every) == list(range(10))
    assert (Shard().suffix, Shard(2, 3).suffix) == ("", "-3-of-3")
    for count, block in ((0, 1), (1, 0)):
        with pytest.raises(ValueError, match="must be at least 1"):
            blocks_of(count, block)


def test_shares_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert Shard.of_environment() == Shard(0, 1)
    monkeypatch.setenv("RANK", "2")
    monkeypatch.setenv("WORLD_SIZE", "3")
    assert Shard.of_environment() == Shard(2, 3)
    for rank, size in (("3", "3"), ("one", "2"), ("0", "")):
        monkeypatch.setenv("RANK", rank)
        monkeypatch.setenv("WORLD_SIZE", size)
        with pytest.raises(ValueError, match="start several with torchrun"):
            Shard.of_environment()
