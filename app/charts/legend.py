"""Legends as plain HTML: a square of a colour and what it stands for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from app.charts.bar_rows import hatch_class
from app.shell.text import escape


def chip(colour: str, text: str, note: str = "") -> str:
    """One entry; ``note`` is a quiet number beside it."""
    of_level = f' class="{hatch_class(colour).strip()}"' if hatch_class(colour) else ""
    after = f'<span class="rsp-quiet">{escape(note)}</span>' if note else ""
    return f'<span class="rsp-chip"><i{of_level} style="background-color:{colour}"></i>{escape(text)}{after}</span>'


def outline_chip(colour: str, text: str) -> str:
    """An entry of what is outlined in a colour: a line on the dark of its rim, as the explorer's key has it."""
    return f'<span class="rsp-chip"><i class="rsp-outlined" style="color:{colour}"></i>{escape(text)}</span>'


def dash_chip(colour: str, dash: Sequence[int], text: str) -> str:
    """An entry of what a line of a colour and a dash stands for; ``dash`` is in units of the line's width, 3 px."""
    ends = np.cumsum([0, *dash]) * 3
    parts = [
        f"{colour if place % 2 == 0 else 'transparent'} {ends[place]}px {ends[place + 1]}px"
        for place in range(len(dash))
    ]
    ground = f"repeating-linear-gradient(90deg,{','.join(parts)})" if parts else colour
    return f'<span class="rsp-chip"><i class="rsp-line-chip" style="background:{ground}"></i>{escape(text)}</span>'


def legend_html(chips: Iterable[str]) -> str:
    """Entries beside each other, on as many lines as they need."""
    return f'<div class="rsp-legend">{"".join(chips)}</div>'
