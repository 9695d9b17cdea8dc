"""A figure with what must be said beside it."""

from __future__ import annotations

from typing import Any, NamedTuple

from matplotlib.figure import Figure


class Drawn(NamedTuple):
    """A figure.

    Attributes:
        figure: as drawn.
        caption: names models, image, pixel, rules and scales.
        data: what it shows, JSON-able.
    """

    figure: Figure
    caption: str
    data: dict[str, Any]
