"""Panels hold the film's numbers, and those that there are."""

from __future__ import annotations

from dataclasses import replace

from rsp_lab.analysis.film.curves import film_panels
from tests.kit.films import film


def test_every_curve_has_the_numbers_of_its_states() -> None:
    made = film()
    panels = {panel.title: {curve.name: curve for curve in panel.curves} for panel in film_panels(made)}

    first, last = made.states
    assert last.change
    assert panels["margin and its parts"]["margin"].values == (first.margin, last.margin)
    assert panels["margin and its parts"]["level 5"].values == (first.flow.ledger.sums[5], last.flow.ledger.sums[5])
    assert panels["what the change does"]["looking"].values[1] == sum(last.change.looking.values())
    assert panels["regions read right"]["car-bus"].values[0] == first.regions["car-bus"].share
    assert panels["shift of the gaze"]["step 54"].values == (first.gaze[2].moved, last.gaze[2].moved)
    assert panels["spread of the gaze"]["step 54"].level == 5
    assert panels["complementarity"]["step 43"].clear == (first.complementarity[3].clear, last.complementarity[3].clear)


def test_what_was_not_asked_has_no_panel() -> None:
    made = film()
    bare = tuple(replace(state, change=None, regions={}, gaze=(), complementarity=()) for state in made.states)

    assert [panel.title for panel in film_panels(replace(made, states=bare))] == ["margin and its parts"]
