"""Names in a panoptic picture lie on their segments, and what has no room is handed back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from rsp_lab.analysis.panoptic.merge import Merged, MergeRule, merge
from rsp_lab.analysis.panoptic.names import PlacedName, names_below
from rsp_lab.data.panoptic.categories import STREET_PANOPTIC
from rsp_lab.figures.drawing.segments import draw_segments_on
from rsp_lab.figures.drawing.sheet import Sheet
from rsp_lab.figures.style import plot_style
from rsp_lab.models.panoptic.detections import Detections

SIZE, INCHES = (80, 120), (2.0, 3.0)


@pytest.fixture(scope="module")
def merged() -> Merged:
    """Sky above road, a car that has room for its name, a person that has not, a bicycle of one column, void."""
    labels = torch.full(SIZE, 11)
    labels[30:] = 1
    labels[:, 100:] = 0
    masks = torch.zeros(3, *SIZE, dtype=torch.bool)
    masks[0, 40:60, 5:50] = True
    masks[1, 40:52, 70:76] = True
    masks[2, 40:60, 90] = True
    found = Detections(torch.zeros(3, 4), torch.tensor([0.9, 0.8, 0.7]), torch.tensor([2, 0, 7]), masks)
    return merge(labels, found, STREET_PANOPTIC, MergeRule(stuff_area=10))


def drawn(merged: Merged, known: dict[int, int] | None = None) -> tuple[Figure, tuple[PlacedName, ...]]:
    with plot_style():
        sheet = Sheet(INCHES[1])
        axes = sheet.axes(0, 0, INCHES[1], INCHES[0], label="picture")
        found = draw_segments_on(axes, np.full((*SIZE, 3), 120, np.uint8), merged, INCHES, known)
        return sheet.finish(INCHES[0]), found


def test_a_name_lies_on_its_segment_and_names_do_not_overlap(merged: Merged) -> None:
    figure, _ = drawn(merged)
    (axes,) = figure.axes
    FigureCanvasAgg(figure)
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    named = {text.get_text(): text for text in axes.texts if not text.get_text().isdigit()}

    assert set(named) == {"sky", "road", "car 90 %"}
    for segment in merged.map.segments:
        title = merged.title(segment.id)
        if title in named:
            box = named[title].get_window_extent(renderer).transformed(axes.transData.inverted())
            inside = merged.map.ids[
                round(min(box.y0, box.y1)) : round(max(box.y0, box.y1)), round(box.x0) : round(box.x1)
            ]
            assert (inside == segment.id).all()


def test_what_has_no_room_gets_a_number_or_only_its_name_below(merged: Merged) -> None:
    figure, found = drawn(merged)
    shown = [text.get_text() for text in figure.axes[0].texts]

    assert names_below(found) == ["1 person 80 %", "bicycle 70 %"]
    assert "1" in shown
    assert names_below(drawn(merged, {2: 7})[1])[0] == "7 person 80 %"


def test_nothing_found_is_drawn_as_void() -> None:
    none = Detections(
        torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64), torch.zeros(0, *SIZE, dtype=torch.bool)
    )
    figure, found = drawn(merge(torch.zeros(SIZE, dtype=torch.int64), none, STREET_PANOPTIC))

    assert (found, list(figure.axes[0].texts)) == ((), [])
