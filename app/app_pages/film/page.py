"""Film: a training at its kept states; a slider goes from one to the next, and every picture keeps its axes."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

import streamlit as st

from app.app_pages.film.charts import panel_chart
from app.app_pages.film.look import look_html
from app.charts.decision_flow import draw_flow, identified
from app.charts.legend import chip, legend_html
from app.charts.theme import draw as draw_chart
from app.shell import link
from app.shell.heading import Heading, draw_places, words_place
from app.shell.text import escape
from app.store.films import film_problems, films, films_root, without_film
from app.store.results import results
from rsp_lab.analysis.film.curves import FilmPanel, film_panels
from rsp_lab.analysis.film.film import REGIONS_RULE, Film
from rsp_lab.analysis.film.state import GAZE_RULE
from rsp_lab.analysis.relation_weights.complementarity import COMPLEMENTARITY_RULE
from rsp_lab.explorer.flow_picture import FlowFrame, flow_data
from rsp_lab.files import digest, readable_name
from rsp_lab.palette import LEVEL_COLOURS
from rsp_lab.shapes import step_digits, step_levels

FILM, UPDATES = "film", "film_updates"
KEYS = FILM, UPDATES
"""Parameters of the link."""

BESIDE = 3
"""Panels that stand beside the flow."""

MEASURES = f"""
- **Margin and its parts**: logit of the class minus that of its rival at the pixel; bias and the sum of each level's
  cells, by the ledger, add up to it at every state.
- **What the change does**: the change ledger between the film's picture and the changed one, content and looking.
- **Gaze**: {GAZE_RULE}.
- **Complementarity**: {COMPLEMENTARITY_RULE}. Filled marks lie outside the middle 95 % of the scores of query channels
  that are paired with key channels at random.
- **Regions**: {REGIONS_RULE}.
- A logit is as wide in every state's flow, and every axis holds the values of the whole film.
"""
HOW = (
    "Make one of a run of your own: train with `--keep-every 10 --keep 1000`, then `rsp-lab film RUN -o RUN/film`; "
    "films in the folder that RSP_LAB_FILMS names are shown too."
)


def draw() -> None:
    top = words_place()
    heading = draw_places(top)
    for problem in film_problems():
        heading.warn(problem)
    found = films()
    if not found:
        heading.write("There is no film to look at yet.")
        st.info(f"{HOW} It is {escape(readable_name(films_root()))} now.")
        return
    names = tuple(found)
    name = _chosen(heading, names)
    film = found[name]
    heading.write(film.sentence(), f"Film of {film.name}, {len(film.states)} kept states; {film.image_name}.")
    _draw_states(film, name, names)
    with st.container(key="film-foot", horizontal=True, vertical_alignment="center"):
        with st.popover("What these measures are"):
            st.markdown(MEASURES)
        with st.popover("A film of your own"):
            st.markdown(HOW)
            for run, folder in list(without_film().items())[:5]:
                path = readable_name(folder)
                st.code(shlex.join(["rsp-lab", "film", path, "-o", f"{path}/film"]), language=None)
                st.caption(f"{escape(run)} kept states and has no film yet.")
        st.caption(f"Largest relative residual of a ledger: {film.residual:.1g}.")


@st.fragment
def _draw_states(film: Film, name: str, names: Sequence[str]) -> None:
    """All that depends on the state; the slider draws nothing else anew."""
    if (asked := st.query_params.get(FILM, name)) != name and asked in names:
        # A fragment is drawn anew with the film that it was given: another one is the whole page's to give.
        st.rerun()
    place = _state(film, name, names)
    panels = film_panels(film)
    left, right = st.columns([5, 6], gap="medium")
    with left:
        st.html(look_html(film, place))
        if film.steps:
            steps = ((step_levels(step)[0], step_digits(step)) for step in film.steps)
            st.html(legend_html(chip(LEVEL_COLOURS[level], f"step {digits}") for level, digits in steps))
            st.caption("Dot: the mean of where a step looks. Circle: how far its weights spread. Ring: the pixel.")
        # As much room in every state: what stands below stays where it is.
        with st.container(key="film-words"):
            st.html(f'<p class="rsp-line">{escape(film.at(place))}</p>')
        for panel in panels[:BESIDE]:
            _draw_panel(film, panel, place)
    with right:
        draw_flow(_flow(film, place), "film_flow")
    if below := panels[BESIDE:]:
        for column, panel in zip(st.columns(len(below), gap="medium"), below, strict=True):
            with column:
                _draw_panel(film, panel, place)


def _flow(film: Film, place: int) -> dict[str, Any]:
    """The state's flow, kept: a film that is made anew in the place of another has pictures of its own."""
    state = film.states[place]
    frame = FlowFrame(film.nodes, *film.busiest)
    shown = digest(film.image), film.target, film.chosen, film.truth
    key = ("film flow", state.flow.name, state.digest, frame, *shown)
    return results().get(key, lambda: identified(flow_data(film.picture(place), frame=frame)))


def _draw_panel(film: Film, panel: FilmPanel, place: int) -> None:
    st.markdown(f"**{escape(panel.title)}**, {escape(panel.unit)}", help=f"{panel.note[:1].upper()}{panel.note[1:]}.")
    draw_chart(panel_chart(film, panel, place), f"film-{panel.title.replace(' ', '-')}")


def _chosen(heading: Heading, names: Sequence[str]) -> str:
    """The film that the link asks for, or the first."""
    asked = st.query_params.get(FILM)
    if asked is None or asked in names:
        return asked or names[0]
    heading.warn(f"There is no film {asked[:60]!r} (any more). Shown instead: {names[0]}.")
    link.forget(FILM)
    return names[0]


def _state(film: Film, name: str, names: Sequence[str]) -> int:
    """Place of the state that is shown; the link says its updates."""
    options = list(range(len(film.states)))
    asked = st.query_params.get(UPDATES, "")
    place = next((i for i in options if str(film.updates[i]) == asked), options[-1])
    st.session_state[UPDATES] = place
    control, choice = st.columns([5, 2]) if len(names) > 1 else (st.container(), None)
    control.select_slider(
        "Updates",
        options,
        format_func=lambda i: f"{film.updates[i]:,}",
        key=UPDATES,
        on_change=lambda: _write(UPDATES, str(film.updates[st.session_state[UPDATES]])),
    )
    if choice is not None:
        st.session_state[FILM] = name
        choice.selectbox("Film", names, key=FILM, on_change=lambda: _other(st.session_state[FILM]))
    return place


def _other(name: str) -> None:
    """Callback: another film begins at its last state."""
    _write(FILM, name)
    st.query_params.pop(UPDATES, None)
    link.remember(UPDATES)


def _write(key: str, value: str) -> None:
    st.query_params[key] = value
    link.remember(key)
