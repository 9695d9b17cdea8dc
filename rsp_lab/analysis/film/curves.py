"""A film's numbers over the updates, as curves: what the figure and the workbench draw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rsp_lab.analysis.film.film import Film, FilmGaze, FilmState
from rsp_lab.shapes import step_digits, step_levels
from rsp_lab.summary import Summarised


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
    panels = [
        FilmPanel(
            "margin and its parts",
            "logits",
            (
                FilmCurve("margin", _values(film, lambda state: state.margin)),
                FilmCurve("bias", _values(film, lambda state: state.flow.ledger.bias), rank=1),
                *(
                    FilmCurve(str(x), _values(film, lambda state, x=x: state.flow.ledger.sums[x]), level=x)
                    for x in film.levels
                ),
            ),
            note="levels by their numbers; bias and levels add up to the margin",
        )
    ]
    if all(state.change is not None for state in film.states):
        panels.append(
            FilmPanel(
                "what the change does",
                "logits",
                (
                    FilmCurve("all", _values(film, lambda state: state.change.total)),  # type: ignore[union-attr]
                    FilmCurve(
                        "content",
                        _values(film, lambda state: sum(state.change.content.values())),  # type: ignore[union-attr]
                        rank=1,
                    ),
                    FilmCurve(
                        "looking",
                        _values(film, lambda state: sum(state.change.looking.values())),  # type: ignore[union-attr]
                        rank=2,
                    ),
                ),
                note=f"with {film.change_name}: margin after minus before; content and looking add up to it",
            )
        )
    if film.cases:
        asked = film.states[0].regions[film.cases[0]].readings
        panels.append(
            FilmPanel(
                "regions read right",
                "share",
                tuple(
                    FilmCurve(case, _values(film, lambda state, case=case: state.regions[case].share), rank=rank)
                    for rank, case in enumerate(film.cases, 1)
                ),
                reference=0.5,
                limits=(0.0, 1.04),
                note=f"{asked} readings of each case a state; one half is chance",
            )
        )
    if film.steps:
        panels += [
            _by_step(film, "centre of the gaze", lambda one: one.distance, "from the cell under the pixel"),
            _by_step(film, "spread of the gaze", lambda one: one.spread, "round that centre"),
            FilmPanel(
                "complementarity",
                "score",
                tuple(
                    FilmCurve(
                        step_digits(step),
                        _values(film, lambda state, n=n: state.complementarity[n].score),
                        level=step_levels(step)[0],
                        clear=tuple(state.complementarity[n].clear for state in film.states),
                    )
                    for n, step in enumerate(film.steps)
                ),
                note="filled: outside the middle 95 % of shuffled channel pairs",
            ),
        ]
    return tuple(panels)


def _by_step(film: Film, title: str, value: Callable[[FilmGaze], float], note: str) -> FilmPanel:
    curves = (
        FilmCurve(step_digits(step), _values(film, lambda state, n=n: value(state.gaze[n])), level=step_levels(step)[0])
        for n, step in enumerate(film.steps)
    )
    return FilmPanel(title, "input px", tuple(curves), note=f"{note}; steps by their numbers")


def _values(film: Film, value: Callable[[FilmState], float]) -> tuple[float, ...]:
    return tuple(value(state) for state in film.states)
