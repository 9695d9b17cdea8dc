"""A film's numbers over the updates, as curves: what the figure and the workbench draw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rsp_lab.analysis.film.film import Film
from rsp_lab.analysis.film.state import FilmGaze
from rsp_lab.shapes import step_digits, step_levels
from rsp_lab.summary import Summarised

X_WORDS = "updates, logarithmic axis"
"""Of the axis that all curves share."""


@dataclass(frozen=True)
class FilmCurve(Summarised):
    """One number at every state.

    Attributes:
        name: as short as a legend needs it.
        values: one for each state.
        level: whose colour it has; None for what belongs to no level.
        rank: among the curves of a panel that belong to no level; 0 is the one that the others are parts of.
        clear: of each value, whether chance would hardly give it; None where nothing was drawn by chance.
    """

    name: str
    values: tuple[float, ...]
    level: int | None = None
    rank: int = 0
    clear: tuple[bool, ...] | None = None


@dataclass(frozen=True)
class FilmPanel(Summarised):
    """Curves that share an axis.

    Attributes:
        title: what they are.
        unit: of the values.
        curves: in the order of the legend.
        reference: a value that means something by itself, such as 0 or chance; None without one.
        limits: of the axis; None leaves them to the values.
        note: what must be known to read it; may be empty.
    """

    title: str
    unit: str
    curves: tuple[FilmCurve, ...]
    reference: float | None = 0.0
    limits: tuple[float, float] | None = None
    note: str = ""


def film_panels(film: Film) -> tuple[FilmPanel, ...]:
    """Those that the film has numbers for, in one order."""
    states = film.states
    sums = [state.flow.ledger.sums for state in states]
    panels = [
        FilmPanel(
            "margin and its parts",
            "logits",
            (
                FilmCurve("margin", tuple(state.margin for state in states)),
                FilmCurve("bias", tuple(state.flow.ledger.bias for state in states), rank=1),
                *(FilmCurve(f"level {level}", tuple(one[level] for one in sums), level=level) for level in film.levels),
            ),
            note="bias and levels add up to the margin",
        )
    ]
    changes = [state.change for state in states if state.change is not None]
    if len(changes) == len(states):
        panels.append(
            FilmPanel(
                "what the change does",
                "logits",
                (
                    FilmCurve("all", tuple(one.total for one in changes)),
                    FilmCurve("content", tuple(sum(one.content.values()) for one in changes), rank=1),
                    FilmCurve("looking", tuple(sum(one.looking.values()) for one in changes), rank=2),
                ),
                note=f"with {film.change_name}: margin after minus before; content and looking add up to it",
            )
        )
    if film.cases:
        asked = states[0].regions[film.cases[0]].readings
        panels.append(
            FilmPanel(
                "regions read right",
                "share",
                tuple(
                    FilmCurve(case, tuple(state.regions[case].share for state in states), rank=rank)
                    for rank, case in enumerate(film.cases, 1)
                ),
                reference=0.5,
                limits=(0.0, 1.04),
                note=f"{asked} readings of each case at each state; one half is chance",
            )
        )
    if film.steps:
        panels += [
            _by_step(
                film,
                "shift of the gaze",
                lambda one: one.moved,
                "how far a step looks from where it would look with equal weights",
            ),
            _by_step(
                film, "spread of the gaze", lambda one: one.spread, "how far the weights of a step lie from their mean"
            ),
            FilmPanel(
                "complementarity",
                "score",
                tuple(
                    FilmCurve(
                        f"step {step_digits(step)}",
                        tuple(state.complementarity[n].score for state in states),
                        level=step_levels(step)[0],
                        clear=tuple(state.complementarity[n].clear for state in states),
                    )
                    for n, step in enumerate(film.steps)
                ),
                note="filled: outside the middle 95 % of shuffled channel pairs",
            ),
        ]
    return tuple(panels)


def _by_step(film: Film, title: str, value: Callable[[FilmGaze], float], note: str) -> FilmPanel:
    curves = (
        FilmCurve(
            f"step {step_digits(step)}",
            tuple(value(state.gaze[n]) for state in film.states),
            level=step_levels(step)[0],
        )
        for n, step in enumerate(film.steps)
    )
    return FilmPanel(title, "input px", tuple(curves), note=note)
