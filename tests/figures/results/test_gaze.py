"""Gaze fields: arrows are the offsets of the cells that they start at, in one zoom a step."""

from __future__ import annotations

import numpy as np
import pytest

from rsp_lab.figures import style
from rsp_lab.figures.results.gaze import MOST, draw_gaze, field, longest
from tests.kit.figures import axes_of, words_of


@pytest.mark.parametrize("width", [style.SINGLE, style.DOUBLE])
def test_arrows_are_the_offsets(compared, width: float) -> None:
    comparison = compared("sum", "rsp4")
    steps = comparison.right.looked.gaze
    figure = draw_gaze(comparison.image, steps, width=width)

    assert figure.get_size_inches()[0] == width
    for step in steps:
        for kind, values in (("position", step.arrow), ("weights", step.readings["full"].offset)):
            (arrows,) = [c for c in axes_of(figure, f"{step.step} {kind}").collections if c.get_gid() == "arrows"]
            cells, offsets, apart = field(step, kind)
            drawn = np.column_stack([arrows.V, arrows.U])
            np.testing.assert_allclose(drawn, offsets)
            assert 1 / arrows.scale == pytest.approx(apart.min() / longest(step))
            assert np.abs(offsets).max() <= longest(step) + 1e-6
            scale = [pixels / n for pixels, n in zip(step.image_size, values.shape[-2:], strict=True)]
            for (y, x), offset in zip(cells, offsets, strict=True):
                row, column = round((y + 0.5) / scale[0] - 0.5), round((x + 0.5) / scale[1] - 0.5)
                np.testing.assert_allclose(offset, values[:, row, column].numpy(), rtol=1e-6)
            assert len({y for y, _ in cells}) <= MOST
            assert len({x for _, x in cells}) <= MOST
        assert f"longest: {longest(step):.3g} px" in words_of(figure)


def test_a_model_without_relations_has_no_gaze(compared) -> None:
    comparison = compared("sum", "rsp4")
    with pytest.raises(ValueError, match="no relation, no gaze"):
        draw_gaze(comparison.image, comparison.left.looked.gaze)
