"""The browser's sums along the ways are the analysis', whatever is cut."""

from __future__ import annotations

import random
from typing import Any

import pytest

from rsp_lab.analysis.comparison.flow_picture import flow_picture
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.explorer.flow_picture import flow_data, read_ribbon, ribbon_key
from rsp_lab.explorer.module import flow_source

WITHOUT = """async (flow, [picture, cuts]) => flow.readSides(picture).map((side, i) => cuts.map((one) => {
  const found = flow.flowWithout(side, new Set(one[i]));
  return [found.total, [...found.flowing]];
}))"""


def test_answers_and_ribbons_without_some_are_the_analysis(small: Any, run_module: Any) -> None:
    image, _, _, views = small
    picture = flow_picture([view.looked for view in views], image, PixelTarget(48, 65), most=2)
    dice = random.Random(1)
    cuts = [[dice.sample(sorted(flow.ribbons, key=str), count) for flow in picture.flows] for count in (0, 1, 3, 6)]
    words = [[[ribbon_key(one) for one in side] for side in both] for both in cuts]

    found = run_module(WITHOUT, [flow_data(picture), words], flow_source())

    for side, flow in enumerate(picture.flows):
        for both, (total, flowing) in zip(cuts, found[side], strict=True):
            assert total == pytest.approx(flow.without(both[side]), abs=1e-4)
            expected = {ribbon_key(one): value for one, value in flow.remaining(both[side]).items()}
            assert dict(flowing) == pytest.approx(expected, abs=1e-5)


def test_a_ribbons_word_leads_back_to_it(small: Any) -> None:
    image, _, _, views = small
    flow = flow_picture(views[1].looked, image, PixelTarget(48, 65), most=1).flows[0]

    assert all(read_ribbon(ribbon_key(one)) == one for one in flow.ribbons)
