"""Figures of seeded, untrained tiny models on procedural scenes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pytest
import torch
from matplotlib.figure import Figure

from rsp_lab.analysis.comparison.pixel_view import PixelView
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.data.labels import CAMVID
from rsp_lab.data.sample import Sample
from rsp_lab.figures.catalogue import FIGURES, DrawnFigure
from rsp_lab.figures.figure_input import FigureInput
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

Given = Callable[..., FigureInput]
Compared = Callable[..., PixelView]


@pytest.fixture(scope="session")
def given(street: Callable[[int, int, int], Sample]) -> Given:
    """``given("sum", "rsp4")``: what figures of two kinds of head are made of, or of one; made once a session."""
    made: dict[tuple[object, ...], FigureInput] = {}

    def make(
        left: str, right: str | None = None, height: int = 96, width: int = 128, pixel: tuple[int, int] | None = None
    ) -> FigureInput:
        key = (left, right, height, width, pixel)
        if key not in made:
            torch.manual_seed(1)
            kinds = (left,) if right is None else (left, right)
            models = tuple(
                Segmenter(tiny(HEADS[kind], CAMVID.classes, "camvid"), name=f"{kind} model").eval() for kind in kinds
            )
            target = None if pixel is None else PixelTarget(*pixel)
            made[key] = FigureInput(models, street(3, height, width).image, "a street.png", target)
        return made[key]

    return make


@pytest.fixture(scope="session")
def compared(given: Given) -> Compared:
    """``compared("sum", "rsp4")``: the comparison of two kinds of head, or the view of one; made once a session."""
    return lambda *kinds, **options: given(*kinds, **options).view


class Drawings(Mapping[str, DrawnFigure]):
    """The figures of the catalogue that exist for an input, each drawn when it is first looked at."""

    def __init__(self, subject: FigureInput) -> None:
        self.subject = subject
        self.names = [n for n, kind in FIGURES.items() if kind.about != "scenes" and kind.refusal(subject) is None]
        self.made: dict[str, DrawnFigure] = {}

    def __getitem__(self, name: str) -> DrawnFigure:
        if name not in self.made:
            self.made[name] = FIGURES[name].draw(self.subject)
        return self.made[name]

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


@pytest.fixture(scope="session")
def every(given: Given) -> Callable[..., Drawings]:
    """``every("sum", "rsp4")``: all figures of those kinds of head; made once a session, to be looked at only."""
    made: dict[tuple[object, ...], Drawings] = {}

    def draw(*kinds: object) -> Drawings:
        return made.setdefault(kinds, Drawings(given(*kinds)))

    return draw


@pytest.fixture(scope="session")
def drawn(every: Callable[..., Drawings]) -> Callable[..., Figure]:
    """``drawn("context_flow", "sum", "rsp4")``: one figure of :func:`every` without its caption."""
    return lambda name, *kinds: every(*kinds)[name].figure
