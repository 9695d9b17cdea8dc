"""Frames: one size, the same axes and one width of a logit in all of them; the cursor moves."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Circle, PathPatch
from matplotlib.text import Text

from rsp_lab.figures.results.film_frame import draw_film_frame, film_seconds
from tests.kit.figures import axes_of
from tests.kit.films import UPDATES, film


@pytest.fixture(scope="module")
def frames() -> list[Figure]:
    return [draw_film_frame(film(), place) for place in range(2)]


def test_axes_stand_still_and_the_cursor_moves(frames: list[Figure]) -> None:
    first, second = frames
    assert tuple(first.get_size_inches()) == tuple(second.get_size_inches())
    for title in ("margin and its parts", "complementarity", "regions read right"):
        one, other = (axes_of(frame, title) for frame in frames)
        assert (one.get_xlim(), one.get_ylim()) == (other.get_xlim(), other.get_ylim())
        cursors = [next(line for line in axes.lines if line.get_gid() == "cursor") for axes in (one, other)]
        assert [cursor.get_xdata()[0] for cursor in cursors] == list(UPDATES)  # type: ignore[index]


def test_a_logit_is_as_wide_in_every_frame(frames: list[Figure]) -> None:
    made, scales = film(), []
    for frame, state in zip(frames, made.states, strict=True):
        ribbons = {patch.get_gid(): patch for patch in axes_of(frame, "canvas").patches if isinstance(patch, PathPatch)}
        flowing = {one: value for one, value in state.flow.ribbons.items() if one.level in state.flow.chain}
        ribbon, value = max(flowing.items(), key=lambda one: abs(one[1]))
        sink = "pixel" if ribbon.sink is None else ribbon.sink
        points = ribbons[f"model ribbon {ribbon.level} {ribbon.source} {sink}"].get_path().vertices
        scales.append((points[-2][0] - points[0][0]) / abs(value))
    assert scales[0] == pytest.approx(scales[1])


def test_words_and_marks_are_those_of_the_state(frames: list[Figure]) -> None:
    made = film()
    for frame, state in zip(frames, made.states, strict=True):
        words = " ".join(t.get_text() for t in axes_of(frame, "canvas").findobj(Text) if isinstance(t, Text))
        assert f"after {state.updates} of {UPDATES[-1]} updates" in words
        circles = {p.get_gid(): p for p in axes_of(frame, "look").patches if isinstance(p, Circle)}
        for one in state.gaze:
            assert circles[f"spread {one.step}"].get_radius() == pytest.approx(one.spread)
        assert min(t.get_fontsize() for t in frame.findobj(Text) if isinstance(t, Text) and t.get_text()) >= 7


def test_the_last_frame_stands_longest() -> None:
    seconds = film_seconds(3)

    assert len(seconds) == 3
    assert seconds[0] == seconds[1] < seconds[2]
