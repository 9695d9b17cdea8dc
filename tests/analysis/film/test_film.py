"""What a film says in words, and what all its pictures share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rsp_lab.analysis.film.film import Film
from rsp_lab.analysis.film.state import FilmState
from rsp_lab.analysis.scenes.rates import ReadingRate
from tests.kit.films import UPDATES, film


def with_margins(*margins: float) -> Film:
    """States that differ in the margin alone."""
    whole = film()
    first = whole.states[0]
    ledgers = [replace(first.flow.ledger, total=margin) for margin in margins]
    states = [
        replace(first, updates=2**place, flow=replace(first.flow, ledger=ledger))
        for place, ledger in enumerate(ledgers)
    ]
    return replace(whole, states=tuple(states))


@pytest.mark.parametrize(
    ("margins", "won", "words"),
    [
        ((-1.0, 2.0, 3.0), 1, "from −1 to +3 logits, above 0 for good from 2 updates on."),
        ((1.0, -2.0, 3.0), 2, "above 0 for good from 4 updates on."),
        ((1.0, 2.0), 0, "above 0 at every kept state."),
        ((1.0, -2.0), None, "from +1 to −2 logits."),
    ],
)
def test_it_says_from_when_on_the_class_wins(margins: tuple[float, ...], won: int | None, words: str) -> None:
    made = with_margins(*margins)

    assert made.won == won
    assert words in made.sentence()


def test_a_state_says_who_is_right_and_what_it_read() -> None:
    state = film().states[1]
    rates = {"a": ReadingRate(3, 4), "b": ReadingRate(1.5, 4)}
    changed: FilmState = replace(state, regions=rates)
    made = replace(film(), states=(changed,), truth=state.answer.label)

    assert changed.all_regions == ReadingRate(4.5, 8)
    assert f"says {state.answer.label} (correct)" in made.at(0)
    assert "It reads 4.5 of 8 regions of drawn scenes right." in made.at(0)
    assert f"After {UPDATES[1]} updates" in made.at(0)
    assert "(wrong, it is sky)" in replace(made, truth="sky").at(0)
    bare = replace(changed, gaze=(), complementarity=(), change=None, regions={})
    assert "gaze" not in replace(made, states=(bare,)).at(0)
    ledger = replace(state.flow.ledger, bias=-99.0)
    biased = replace(changed, flow=replace(state.flow, ledger=ledger))
    assert "the largest part, −99, is that of the bias." in replace(made, states=(biased,)).at(0)


@pytest.mark.parametrize("other", [{"gaze": ()}, {"complementarity": ()}, {"regions": {}}])
def test_states_are_of_one_network_and_one_question(other: dict[str, Any]) -> None:
    first, last = film().states

    with pytest.raises(ValueError, match=r"the state after 8 updates has levels .* the first one"):
        replace(film(), states=(first, replace(last, **other)))


def test_ribbons_have_the_scale_of_the_busiest_state() -> None:
    made = film()
    alone = [state.flow.busiest for state in made.states]

    assert made.busiest == (max(nodes for nodes, _ in alone), max(pixel for _, pixel in alone))
    for state in made.states:
        assert all(abs(value) <= made.busiest[0] for value in state.flow.ribbons.values())
    assert made.nodes == 4
    assert made.picture(1).flows == (made.states[1].flow,)


def test_parts_add_up_at_every_state() -> None:
    for state in film().states:
        assert state.flow.ledger.bias + sum(state.flow.ledger.sums.values()) == pytest.approx(state.margin, abs=1e-4)
        assert state.change is not None
        parts = sum(state.change.content.values()) + sum(state.change.looking.values())
        assert parts == pytest.approx(state.change.total, abs=1e-4)
        assert state.residual < 1e-5
