"""What is known of a scan on the way: bounded, the same however it is shared, and checked whole before it is used."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from rsp_lab.analysis.scan.disagreements import Found
from rsp_lab.analysis.scan.running import RunningScan
from rsp_lab.analysis.scan.scan import EACH, MOST, Right, Verdicts
from rsp_lab.files import StateMismatchError
from tests.kit.scans import NAMES, TURNED, card

QUESTION = {"about": "noise", "shard": [0, 1]}


def found(score: float, sample: str = "a", right: Right | None = "right", other: str = "sky") -> Found:
    one = card(score=score, sample=sample, right=right, right_class=other)
    return Found("disagreement", one.left_class, other, right, score, lambda: one)


def total(*items: list[Found]) -> RunningScan:
    known = RunningScan(NAMES)
    for number, item in enumerate(items):
        known = known.plus(item, f"digest {number}")
    return known


def test_all_are_counted_and_only_the_strongest_are_told() -> None:
    told = []
    many = [found(float(score)) for score in range(100, 0, -1)]
    many = [replace(one, tell=lambda one=one: (told.append(one.score), one.tell())[1]) for one in many]  # type: ignore[misc]

    known = total(many)

    assert known.counted()[0].verdicts == Verdicts(right=100)
    assert told == [float(score) for score in range(100, 100 - EACH, -1)]
    assert [one.score for one in known.chosen()] == told


def test_what_has_no_card_counts() -> None:
    known = total([Found("turned", "car", "bus", "neither", 3.0, None)])

    assert known.counted()[0].verdicts == Verdicts(neither=1)
    assert known.chosen() == ()


def test_cards_of_one_verdict_are_bounded_whatever_their_classes() -> None:
    classes = [f"class {number}" for number in range(MOST)]
    known = total([found(float(place), other=name) for place, name in enumerate(classes) for _ in range(3)])

    assert len(known.chosen()) == MOST


def test_what_can_be_judged_goes_first_and_ranks_have_no_gap() -> None:
    known = total([found(9.0, right=None), found(8.0, right="neither"), found(1.0), found(2.0, right="left")])

    assert [(one.rank, one.score) for one in known.chosen()] == [(1, 2.0), (2, 1.0), (3, 9.0), (4, 8.0)]


def test_it_does_not_matter_how_the_images_are_shared() -> None:
    # Equal scores: the names decide, not which came first.
    items = [[found(float(number % 3), f"image {number}")] for number in range(20)]
    whole = total(*items)
    for first, second in ((items[::2], items[1::2]), (items[15:], items[:15])):
        shared = total(*first).joined(total(*second))
        assert shared.chosen() == whole.chosen()
        assert shared.counted() == whole.counted()
        assert (shared.done, shared.residual) == (20, whole.residual)


def test_packing_and_saving_keep_everything(tmp_path: Path) -> None:
    turned = card(**TURNED)
    known = total([found(3.0), Found("turned", "car", "bus", "both", 5.0, lambda: turned)], [found(2.0, right=None)])
    known.save(tmp_path / "deep" / "state.json", QUESTION)

    for back in (
        RunningScan(NAMES).unpacked(known.packed()),
        RunningScan(NAMES).loaded(tmp_path / "deep" / "state.json", QUESTION),
    ):
        assert back.to_dict() == known.to_dict()
        assert back.chosen() == known.chosen()
        # It goes on as if nothing had been.
        assert back.plus([found(4.0)]).to_dict() == known.plus([found(4.0)]).to_dict()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"question": {"about": "else"}}, "another question"),
        ({"question": 3}, "it has no question"),
        ({"blocks": -1}, "its counts are"),
        ({"done": 2.5}, "its counts are"),
        ({"last": 7}, "the last image"),
        ({"cards": [{"kind": "turned"}]}, "not a state of a scan"),
        ({"rates": [{}]}, "not a state of a scan"),
    ],
)
def test_states_that_someone_edited(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    path = tmp_path / "state.json"
    total([found(1.0)]).save(path, QUESTION)
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    with pytest.raises(StateMismatchError, match=words):
        RunningScan(NAMES).loaded(path, QUESTION)


def test_damaged_states(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    for content in ("", "[]", '{"question"'):
        path.write_text(content)
        with pytest.raises(StateMismatchError, match=r"state of a scan.*Start over"):
            RunningScan(NAMES).loaded(path, QUESTION)
