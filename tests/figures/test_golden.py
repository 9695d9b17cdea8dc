"""A few figures as pictures, compared in a way that fonts and processors of another machine survive.

To renew them after a wanted change: ``python -m tests.figures.test_golden`` in the checkout, then look at them.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from rsp_lab.analysis.receptive_field.geometry import reach_geometry
from rsp_lab.figures import style
from rsp_lab.figures.paper.dataflow import draw_dataflow
from rsp_lab.figures.paper.reach import draw_reach
from rsp_lab.figures.paper.structure import draw_structure
from rsp_lab.models import presets
from rsp_lab.models.heads import HeadConfig, build_head
from rsp_lab.models.inspection.dataflow import step_dataflow
from rsp_lab.models.inspection.structure import head_structure

GOLDEN = Path(__file__).with_name("golden")
DPI, BLOCK = 60, 4


def built(config: HeadConfig) -> torch.nn.Module:
    with torch.device("meta"):
        return build_head(config, 256, 19)


def reach(top: str = "rsp4") -> Figure:
    photo = np.tile(np.linspace(60, 200, 64, dtype=np.uint8)[None, None, :], (3, 32, 1))
    configs = [presets.baseline_q67(), {"rsp4": presets.rsp4(), "rsp4-d": presets.rsp4(at=(76,))}[top]]
    return draw_reach(photo, [reach_geometry(c, (1024, 2048), (700, 1500)) for c in configs], ["sum", "RSP"])


FIGURES: dict[str, Callable[[], Figure]] = {
    "reach": reach,
    "structure": lambda: draw_structure([head_structure(built(c)) for c in (presets.rsp2(), presets.rsp4())]),
    "dataflow": lambda: draw_dataflow(step_dataflow(built(presets.rsp4_d()), "step54", (1024, 2048))),
}
OTHERS: dict[str, Callable[[], Figure]] = {
    "reach": lambda: reach("rsp4-d"),
    "structure": lambda: draw_structure(
        [head_structure(built(c)) for c in (presets.rsp2(), presets.rsp4(at=(76, 65)))]
    ),
    "dataflow": lambda: draw_dataflow(step_dataflow(built(presets.self2()), "step54", (1024, 2048))),
}


def pixels(figure: Figure) -> np.ndarray:
    content = io.BytesIO()
    with style.plot_style():
        figure.savefig(content, format="png", dpi=DPI)
    return np.array(Image.open(content).convert("RGB"))


def differing(a: np.ndarray, b: np.ndarray) -> float:
    """Share of blocks of 4 x 4 pixels whose mean colours differ by more than an eighth of the range."""
    assert a.shape == b.shape
    rows, columns = (side // BLOCK * BLOCK for side in a.shape[:2])
    means = [
        c[:rows, :columns].reshape(rows // BLOCK, BLOCK, columns // BLOCK, BLOCK, 3).mean((1, 3), dtype=float)
        for c in (a, b)
    ]
    return float((np.abs(means[0] - means[1]).max(-1) > 32).mean())


@pytest.mark.parametrize("name", FIGURES)
def test_the_picture_is_the_golden_one_and_that_of_another_head_is_not(name: str) -> None:
    golden = np.array(Image.open(GOLDEN / f"{name}.png").convert("RGB"))

    assert differing(pixels(FIGURES[name]()), golden) < 0.002
    assert differing(pixels(OTHERS[name]()), golden) > 0.002


if __name__ == "__main__":
    for each, draw in FIGURES.items():
        Image.fromarray(pixels(draw())).save(GOLDEN / f"{each}.png", optimize=True)
