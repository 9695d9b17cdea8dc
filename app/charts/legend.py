"""Legends as plain HTML: a square of a colour and what it stands for."""

from __future__ import annotations

from collections.abc import Iterable

from app.charts.bar_rows import hatch_class
from app.shell.text import escape


def chip(colour: str, text: str, note: str = "") -> str:
    """One entry; ``note`` is a quiet number beside it."""
    of_level = f' class="{hatch_class(colour).strip()}"' if hatch_class(colour) else ""
    after = f'<span class="rsp-quiet">{escape(note)}</span>' if note else ""
    return f'<span class="rsp-chip"><i{of_level} style="background-color:{colour}"></i>{escape(text)}{after}</span>'


def outline_chip(colour: str, text: str) -> str:
    """An entry of what is outlined in a colour."""
    return f'<span class="rsp-chip"><i class="rsp-outlined" style="border-color:{colour}"></i>{escape(text)}</span>'


def legend_html(chips: Iterable[str]) -> str:
    """Entries beside each other, on as many lines as they need."""
    return f'<div class="rsp-legend">{"".join(chips)}</div>'
