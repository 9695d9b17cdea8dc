"""Sentences that figures share: which image, which models, which pixel, and why there is nothing to draw."""

from __future__ import annotations

from collections.abc import Sequence

from rsp_lab.analysis.comparison.pixel_view import PixelView
from rsp_lab.analysis.passes.pair import with_sides


def image_words(image_size: tuple[int, int], name: str) -> str:
    """The image and its size; ``name`` may be empty."""
    return f"Image: {f'{name}, ' if name else ''}{image_size[1]} x {image_size[0]} pixels (width x height)."


def model_words(names: Sequence[str]) -> str:
    """The models, with their sides where there are two."""
    return " and ".join(with_sides(names) if len(names) == 2 else names)


def view_words(result: PixelView, image_name: str) -> list[str]:
    """Image, pixel, and what the models answer there: the end of every caption about a pixel view."""
    (y, x) = result.pixel
    return [
        image_words(result.image_size, image_name),
        f"Ring: pixel y {y}, x {x} ({result.pixel_rule}).",
        result.sentence(),
    ]


def no_relations(names: Sequence[str]) -> str:
    """Why there is nothing to draw of models without relations, and the remedy."""
    whose = f"neither {names[0]} nor {names[1]} has" if len(names) == 2 else f"{names[0]} does not have"
    return (
        f"{whose} a relation, so there are no weights, queries and keys to draw: take a model that has one, e.g. an "
        "RSP head."
    )


def check_relations(result: PixelView) -> None:
    """Raises ValueError unless a model has a relation."""
    if not any(result.grids):
        raise ValueError(no_relations(result.names))
