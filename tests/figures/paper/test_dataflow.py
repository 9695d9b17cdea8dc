"""Shapes of the data flow are those of a capture, and the figure prints them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.text import Text

from rsp_lab.analysis.relation_weights.grids import relation_grids
from rsp_lab.capture.capture import run_with_capture
from rsp_lab.figures import style
from rsp_lab.figures.paper.dataflow import draw_dataflow, shape_words
from rsp_lab.models import presets
from rsp_lab.models.fusion import AverageConfig
from rsp_lab.models.inspection.dataflow import step_dataflow
from rsp_lab.models.presets import tiny, top_down
from rsp_lab.models.relation import RelationConfig
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.shapes import Window

SIZE = (88, 136)
HEADS = {
    "rsp": top_down(top=7, at=(76, 65, 54, 43), channels=64),
    "self": top_down(top=5, at=(54, 43), fusion=RelationConfig(Window(3, 3), 4, "none", "high"), channels=64),
    "average": top_down(top=5, at=(54, 43), fusion=AverageConfig(), channels=64),
    "sum": top_down(top=5, channels=64),
}


@pytest.fixture(params=HEADS, scope="module")
def model(request: pytest.FixtureRequest) -> Segmenter:
    torch.manual_seed(0)
    return Segmenter(tiny(HEADS[request.param], ("a", "b", "c"))).eval()


def test_shapes_are_those_that_a_capture_sees(model: Segmenter) -> None:
    _, record = run_with_capture(model, torch.rand(1, 3, *SIZE), taps=["q*", "step*"])
    flow = step_dataflow(model, "step54", SIZE)

    seen = {
        name.removeprefix("step54."): tuple(record[name].shape[1:]) for name in record if name.startswith("step54.")
    }
    assert {name: flow.shapes[name] for name in seen} == seen
    assert flow.shapes["low"] == tuple(record["q4"].shape[1:])
    assert flow.shapes["top"] == tuple(record["q5"].shape[1:])
    assert next(model.parameters()).device.type == "cpu", "the model itself did not move"


@pytest.mark.parametrize("width", [style.SINGLE, style.DOUBLE])
def test_every_shape_is_printed(model: Segmenter, width: float) -> None:
    flow = step_dataflow(model, "step54", SIZE)
    figure = draw_dataflow(flow, width=width)
    words = " ".join(text.get_text() for text in figure.findobj(Text))

    assert figure.get_size_inches()[0] == width
    for name, shape in flow.shapes.items():
        assert shape_words(shape) in words, name


def test_the_query_comes_from_where_it_comes_from() -> None:
    for name, gid in (("rsp", "query from low"), ("self", "query from high")):
        model = Segmenter(tiny(HEADS[name], ("a", "b")))
        gids = {artist.get_gid() for artist in draw_dataflow(step_dataflow(model, "step54", SIZE)).findobj()}
        assert gid in gids


def test_weights_drawn_are_the_grids() -> None:
    torch.manual_seed(0)
    model = Segmenter(tiny(HEADS["rsp"], ("a", "b"))).eval()
    _, record = run_with_capture(model, torch.rand(1, 3, *SIZE), taps="step*")
    grids = {grid.step: grid for grid in relation_grids(model, record, pixel=(40, 70))}
    figure = draw_dataflow(step_dataflow(model, "step43", SIZE), grid=grids["step43"])
    cells = {artist.get_gid(): artist for artist in figure.findobj() if str(artist.get_gid()).startswith("weights ")}
    shade = np.array([[1 - cells[f"weights {y} {x}"].get_facecolor()[1] for x in range(7)] for y in range(7)])

    np.testing.assert_allclose(
        shade / shade.max(), np.nan_to_num(grids["step43"].weights / np.nanmax(grids["step43"].weights))
    )
    with pytest.raises(ValueError, match="give the grid of that step"):
        draw_dataflow(step_dataflow(model, "step54", SIZE), grid=grids["step43"])


def test_steps_that_do_not_exist_are_refused() -> None:
    model = Segmenter(tiny(HEADS["sum"], ("a", "b")))
    with pytest.raises(ValueError, match="'step76' is no step of this model; it has step54, step43, step32"):
        step_dataflow(model, "step76", SIZE)
    with torch.device("meta"):
        headless = Segmenter(presets.resnet_fpn("resnet18", presets.semantic_fpn(), ("a", "b")))
    with pytest.raises(ValueError, match="no top-down path"):
        step_dataflow(headless, "step54", SIZE)
