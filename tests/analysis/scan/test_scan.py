"""Scans as files, their rates, and what a card says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rsp_lab.analysis.scan.scan import Verdicts, check_scan_target, read_scan, shipped_scans, write_scan
from rsp_lab.files import FileError, digest
from rsp_lab.models.weights import shipped
from tests.kit.scans import TURNED, card, small_scan

SCAN = small_scan(card(), card(right="left", truth="road"), card(right=None, truth=None), card(**TURNED))


def test_a_file_gives_the_scan_back(tmp_path: Path) -> None:
    path = write_scan(tmp_path / "scan.json", SCAN, torch="x")

    found = read_scan(path)

    assert found.to_dict() == SCAN.to_dict()
    assert found.cards == SCAN.cards
    assert found.rates == SCAN.rates
    assert json.loads(path.read_text())["rules"]["context_used"].startswith("share of what sets the models apart")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": "rsp_lab.scan/0"}, "no scan of this version"),
        ({"models": ["one"]}, "not two texts"),
        ({"cards": [{}]}, "damaged scan"),
        ({"cards": 3}, "damaged scan"),
        ({"rates": [{"kind": "flip"}]}, "damaged scan"),
        ({"images": "many"}, "'many' is no int"),
        ({"residual": True}, "True is no float"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    path = write_scan(tmp_path / "scan.json", SCAN)
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    with pytest.raises(FileError, match=words):
        read_scan(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "flip"},
        {"right": "nobody"},
        {"box": [1, 2, 3]},
        {"pixel": ["a", 2]},
        {"scene": ["car-bus", 1]},
        {"margins": [1.0, None]},
        {"truth": 3},
        {"part": "large"},
    ],
)
def test_a_damaged_card_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    path = write_scan(tmp_path / "scan.json", SCAN)
    facts = json.loads(path.read_text())
    facts["cards"][0].update(changes)
    path.write_text(json.dumps(facts))

    with pytest.raises(FileError, match="damaged scan"):
        read_scan(path)


def test_only_a_scan_is_replaced(tmp_path: Path) -> None:
    check_scan_target(tmp_path / "new.json")
    check_scan_target(write_scan(tmp_path / "scan.json", SCAN))
    for name, content in (("a.json", '{"format": "rsp_lab.trade/1"}'), ("b.json", "[]"), ("c.png", "\x89PNG")):
        (tmp_path / name).write_text(content)
        with pytest.raises(FileError, match="is there and is no scan"):
            check_scan_target(tmp_path / name)
    with pytest.raises(FileError, match="nothing is written over that"):
        check_scan_target(tmp_path)


def test_rates_are_of_all_or_of_a_pair_of_classes_whoever_says_which() -> None:
    assert SCAN.rate("disagreement") == Verdicts(left=1, right=1, unknown=1)
    assert SCAN.rate("disagreement", frozenset(("sky", "road"))).total == 3
    assert SCAN.rate("disagreement", frozenset(("sky", "tree"))).total == 0
    assert SCAN.rate("turned", frozenset(("car", "bus"))) == Verdicts(both=1)
    assert SCAN.kinds == ("disagreement", "turned")
    first, second = SCAN.sentences()
    assert first == "second is right and first wrong in 1 of 3 regions; the reverse in 1."
    assert second == "Both models follow the cue in all 1 drawn scenes."
    some = small_scan(card(**TURNED), card(**{**TURNED, "right": "left"})).sentences()[0]
    assert some == "In 1 of 2 drawn scenes both models follow the cue; only second does in 0, only first in 1."
    unlabelled = small_scan(card(right=None, truth=None))
    assert "without labels nobody can say which is right" in unlabelled.sentences()[0]


def test_a_card_says_who_is_right_and_what_made_the_difference() -> None:
    said = card().sentence()
    assert said.startswith("second says sky, first says road; second is right.")
    assert "Of the 3 logits between them, the largest part, 1.25, comes from road cells on level 5" in said
    assert said.endswith("61 % of them come from beyond the region.")
    assert "both are wrong, it is tree" in card(right="neither", truth="tree").sentence()
    assert card(right=None, truth=None).sentence().startswith("second says sky, first says road. Of")
    assert "none of them come from beyond" in card(context_used=-0.2).sentence()
    assert "more than all of them come from beyond" in card(context_used=1.2).sentence()
    assert "comes from the bias;" in card(level=None, level_name="", source="the bias").sentence()


def test_a_turned_card_says_who_follows_the_cue() -> None:
    said = card(**TURNED).sentence()
    assert said.startswith("The cue makes this region bus instead of car: both models follow it.")
    assert "by which it moves second" in said
    assert "cells on the cue on level 5" in said
    only = card(**{**TURNED, "right": "left"})
    assert "first follows it, second does not" in only.sentence()
    assert "by which it moves first" in only.sentence()
    assert only.classes == ("bus", "car")
    assert card().classes == ("sky", "road")


def test_what_can_be_judged() -> None:
    assert [card(right=right).judged for right in ("left", "right", "both", "neither", None)] == [1, 1, 1, 0, 0]
    assert [card(context_used=share).used for share in (0.49, 0.5)] == [False, True]


@pytest.mark.parametrize(("name", "pair"), [("scenes", "scenes"), ("camvid", "camvid")])
def test_the_shipped_scans_are_of_the_shipped_weights(name: str, pair: str) -> None:
    path = shipped_scans()[name]
    found, weights = read_scan(path), shipped()

    assert found.names == (f"{pair}-baseline", f"{pair}-rsp4")
    assert found.digests == tuple(digest(weights[model]) for model in found.names)
    assert path.stat().st_size < 300_000
    assert found.residual < 1e-5
    assert [one.rank for one in found.cards] == list(range(1, len(found.cards) + 1))
    # What is shown first can be judged.
    assert found.cards[0].judged
