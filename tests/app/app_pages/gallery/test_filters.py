"""What the filters of the gallery take."""

from __future__ import annotations

from typing import Any

from app.app_pages.gallery.filters import ALL, NO_LEVEL, Filters, pair_words, right_words
from tests.kit.scans import NAMES, TURNED, card

CARDS = (
    card(),
    card(right="left", context_used=0.2, level=6, level_name="level 6"),
    card(right=None, truth=None, context_used=-0.1, left_class="tree"),
    card(level=None, level_name="", context_used=0.0),
    card(**TURNED),
)


def taken(**wanted: Any) -> list[int]:
    filters = Filters(**wanted)
    return [place for place, one in enumerate(CARDS) if filters.take(one)]


def test_each_filter_asks_for_one_thing() -> None:
    assert taken() == [0, 1, 2, 3, 4]
    assert taken(kind="turned") == [4]
    assert taken(right="left") == [1]
    assert taken(right="unknown") == [2]
    assert taken(pair=frozenset({"road", "sky"})) == [0, 1, 3]
    assert taken(pair=frozenset({"bus", "car"})) == [4]
    assert taken(level="level 6") == [1]
    assert taken(level=NO_LEVEL) == [3]
    assert taken(context="used") == [0, 4]
    assert taken(context="part") == [1]
    assert taken(context="none") == [2, 3]
    assert taken(kind="disagreement", right="right", context="none") == [3]


def test_a_pair_of_classes_is_one_whoever_says_which() -> None:
    assert pair_words(card()) == pair_words(card(left_class="sky", right_class="road")) == "road or sky"
    assert taken(pair=frozenset({"sky", "road"})) == taken(pair=frozenset({"road", "sky"}))


def test_who_is_right_is_said_by_the_models_names() -> None:
    assert right_words(NAMES)["right"] == "only second"
    assert right_words(NAMES)[ALL] == ALL
