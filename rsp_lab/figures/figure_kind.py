"""What a figure of the catalogue is: what it shows, what it needs, and how it is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from matplotlib.figure import Figure

from rsp_lab.figures.figure_input import FigureInput


class DrawnFigure(NamedTuple):
    """A figure with what must be said beside it.

    Attributes:
        figure: as drawn; :func:`rsp_lab.figures.style.save` writes it.
        caption: names models, image, pixel, rules and scales, as plain text.
        data: the numbers it shows, JSON-able; one object a model where they are a model's.
    """

    figure: Figure
    caption: str
    data: dict[str, Any]


Refusal = Callable[[FigureInput], str | None]
"""Why a figure does not exist for an input, in a sentence with the remedy; None where it does."""


@dataclass(frozen=True)
class FigureKind:
    """One figure of the catalogue.

    Attributes:
        title: what it is called.
        shows: what it shows, in one sentence.
        make: draws it, with its caption and data.
        needs: reasons why it may not exist.
        paper: the paper's figure that it is, e.g. ``"fig4"``; empty for others.
        about: what makes another figure of it: another ``"image"``, only other ``"models"``, or other models on
            ``"scenes"`` that it draws itself, which takes minutes.
        column: whether it has a form as wide as one column.
    """

    title: str
    shows: str
    make: Callable[[FigureInput], DrawnFigure]
    needs: tuple[Refusal, ...] = ()
    paper: str = ""
    about: Literal["image", "models", "scenes"] = "image"
    column: bool = False

    def refusal(self, given: FigureInput) -> str | None:
        """Why the figure does not exist for an input; None where it does."""
        return next((reason for need in self.needs if (reason := need(given)) is not None), None)

    def draw(self, given: FigureInput) -> DrawnFigure:
        """The figure of an input, with its caption.

        Raises:
            ValueError: where it does not exist, or the input does not fit.
            LedgerError: if a ledger does not add up.
        """
        reason = self.refusal(given)
        if reason is not None:
            raise ValueError(reason)
        return self.make(given)
