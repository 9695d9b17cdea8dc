"""Comparisons of seeded, untrained tiny models on procedural scenes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from matplotlib.figure import Figure

from rsp_lab.analysis.comparison.compare import Comparison, compare
from rsp_lab.data.labels import CAMVID
from rsp_lab.data.sample import Sample
from rsp_lab.figures.comparison import draw_all
from rsp_lab.models.fusion import AverageConfig
from rsp_lab.models.heads import TopDownConfig
from rsp_lab.models.presets import tiny, top_down
from rsp_lab.models.relation import RelationConfig
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.shapes import Window

UNNORMALISED = RelationConfig(Window(3, 3), normalisation="none")
HEADS: dict[str, TopDownConfig] = {
    "sum": top_down(top=7, channels=64),
    "rsp4": top_down(top=7, at=(76, 65, 54, 43), channels=64),
    "rsp2": top_down(top=5, at=(54, 43), channels=64),
    "rsp1": top_down(top=7, at=(54,), channels=64),
    "average": top_down(top=5, at=(54, 43), fusion=AverageConfig(), channels=64),
    "unnormalised": top_down(
        top=5, at=(54, 43), fusion=RelationConfig(Window(3, 3), normalisation="none"), channels=64
    ),
}

Compared = Callable[..., Comparison]


@pytest.fixture(scope="session")
def compared(street: Callable[[int, int, int], Sample]) -> Compared:
    """``compared("sum", "rsp4")``: the comparison of two kinds of head; made once a session."""
    made: dict[tuple[object, ...], Comparison] = {}

    def make(
        left: str, right: str, height: int = 96, width: int = 128, pixel: tuple[int, int] | None = None
    ) -> Comparison:
        key = (left, right, height, width, pixel)
        if key not in made:
            torch.manual_seed(1)
            models = tuple(Segmenter(tiny(HEADS[kind], CAMVID.classes, "camvid")).eval() for kind in (left, right))
            image = street(3, height, width).image
            made[key] = compare(image, (models[0], models[1]), (f"{left} model", f"{right} model"), pixel=pixel)
        return made[key]

    return make


@pytest.fixture(scope="session")
def drawn(compared: Compared) -> Callable[..., dict[str, Figure]]:
    """``drawn("sum", "rsp4")``: all figures of that comparison; made once a session, to be looked at only."""
    made: dict[tuple[object, ...], dict[str, Figure]] = {}

    def draw(*kinds: object) -> dict[str, Figure]:
        if kinds not in made:
            made[kinds] = draw_all(compared(*kinds), CAMVID)
        return made[kinds]

    return draw
