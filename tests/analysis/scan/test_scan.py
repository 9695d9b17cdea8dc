"""The rates of a scan, and what a card says."""

from __future__ import annotations

from rsp_lab.analysis.scan.scan import Verdicts
from tests.kit.scans import TURNED, card, small_scan

SCAN = small_scan(card(), card(right="left", truth="road"), card(right=None, truth=None), card(**TURNED))


def test_rates_are_of_all_or_of_a_pair_of_classes_whoever_says_which() -> None:
    assert SCAN.rate("disagreement") == Verdicts(left=1, right=1, unknown=1)
    assert SCAN.rate("disagreement", frozenset(("sky", "road"))).total == 3
    assert SCAN.rate("disagreement", frozenset(("sky", "tree"))).total == 0
    assert SCAN.rate("turned", frozenset(("car", "bus"))) == Verdicts(both=1)
    assert SCAN.kinds == ("disagreement", "turned")
    first, second = SCAN.sentences()
    assert first == "second is right and first wrong in 1 of 3 regions; the reverse in 1; the truth is not known in 1."
    assert second == "Both models follow the cue in all 1 drawn scenes."
    some = small_scan(card(**TURNED), card(**{**TURNED, "right": "left"})).sentences()[0]
    assert some == "In 1 of 2 drawn scenes both models follow the cue; only second does in 0, only first in 1."
    neither = small_scan(card(), card(right="neither", truth="tree")).sentences()[0]
    assert neither == "second is right and first wrong in 1 of 2 regions; the reverse in 0; neither is right in 1."
    turned = small_scan(card(**TURNED), card(**{**TURNED, "right": "neither"})).sentences()[0]
    assert turned.endswith("only second does in 0, only first in 0, neither in 1.")
    unlabelled = small_scan(card(right=None, truth=None))
    assert "without labels nobody can say which is right" in unlabelled.sentences()[0]


def test_a_card_says_who_is_right_and_what_made_the_difference() -> None:
    said = card().sentence()
    assert said.startswith("second says sky, first says road; second is right.")
    assert "Of the 3 logits between them, the largest part, 1.25, comes from road cells on level 5" in said
    assert said.endswith("61 % of them come from beyond the region.")
    assert "both are wrong, it is tree" in card(right="neither", truth="tree").sentence()
    assert card(right=None, truth=None).sentence().startswith("second says sky, first says road. Of")
    assert "none of them come from beyond the region." in card(context_used=0).sentence()
    assert "context from beyond the region, on balance, works against them." in card(context_used=-0.2).sentence()
    more = "context from beyond the region adds more than all of them, and the rest works against it."
    assert more in card(context_used=1.2).sentence()
    assert "comes from the bias;" in card(level=None, level_name="", source="the bias").sentence()


def test_a_turned_card_says_who_follows_the_cue() -> None:
    said = card(**TURNED).sentence()
    assert said.startswith("The cue makes this region bus instead of car: both models follow it.")
    assert "by which the cue moves second" in said
    assert "cells on the cue on level 5" in said
    only = card(**{**TURNED, "right": "left"})
    assert "first follows it, second does not" in only.sentence()
    assert "by which the cue moves first" in only.sentence()
    assert only.classes == ("bus", "car")
    assert card().classes == ("sky", "road")


def test_what_can_be_judged() -> None:
    assert [card(right=right).judged for right in ("left", "right", "both", "neither", None)] == [1, 1, 1, 0, 0]
    assert [card(context_used=share).used for share in (0.49, 0.5)] == [False, True]
