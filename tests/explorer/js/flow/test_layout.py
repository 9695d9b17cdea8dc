"""Where the browser puts the picture: widths are logits on one scale, and ribbons meet their nodes."""

from __future__ import annotations

from typing import Any

import pytest

from rsp_lab.analysis.comparison.flow_picture import flow_picture
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.explorer.flow_picture import FlowFrame, flow_data
from rsp_lab.explorer.module import flow_source

PLACED = """async (flow, [picture, width]) => {
  const sizes = flow.measures(picture, width);
  return [sizes, picture.sides.map((side) => flow.placeSide(side, sizes, 0, 100))];
}"""


@pytest.mark.parametrize(("width", "beside"), [(1200, True), (380, False)])
def test_ribbons_are_as_wide_as_their_logits_and_meet_their_nodes(
    small: Any, run_module: Any, width: int, beside: bool
) -> None:
    image, _, _, views = small
    picture = flow_picture([view.looked for view in views], image, PixelTarget(48, 65))

    sizes, sides = run_module(PLACED, [flow_data(picture), width], flow_source())

    assert sizes["beside"] == beside
    for placed in sides:
        nodes = {(row["level"], i): node["x"] for row in placed["rows"] for i, node in enumerate(row["nodes"])}
        for ribbon in placed["ribbons"]:
            assert ribbon["wide"] == pytest.approx(abs(ribbon["value"]) * sizes["scale"])
            start = nodes[ribbon["level"], ribbon["source"]]
            assert abs(ribbon["start"]["x"] - start) + ribbon["wide"] / 2 < sizes["side"] / 2 + 1e-6
            if ribbon["sink"] is not None:
                end = nodes[ribbon["level"] - 1, ribbon["sink"]]
                assert abs(ribbon["end"]["x"] - end) + ribbon["wide"] / 2 < sizes["side"] / 2 + 1e-6
        half, panel = sizes["side"] / 2, sizes["panel"]
        assert all(half <= x <= panel + 1 - half for x in nodes.values())


def test_pictures_of_one_frame_have_one_scale(small: Any, run_module: Any) -> None:
    image, _, _, views = small
    picture = flow_picture([views[1].looked], image, PixelTarget(48, 65))
    busiest, pixel = picture.flows[0].busiest

    alone, _ = run_module(PLACED, [flow_data(picture), 600], flow_source())
    own, _ = run_module(PLACED, [flow_data(picture, frame=FlowFrame(2, busiest, pixel)), 600], flow_source())
    wider, _ = run_module(PLACED, [flow_data(picture, frame=FlowFrame(9, 4 * busiest, pixel)), 600], flow_source())

    assert own == alone
    assert wider["scale"] == pytest.approx(wider["side"] / (4 * busiest))
    assert wider["pitch"] < alone["pitch"]
