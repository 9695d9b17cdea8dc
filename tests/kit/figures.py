"""Parts of a drawn figure."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure


def axes_of(figure: Figure, label: str) -> Axes:
    (axes,) = [axes for axes in figure.axes if axes.get_label() == label]
    return axes


def words_of(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts]
