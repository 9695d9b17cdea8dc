"""What content and looking brought of a change, as bars, each of which begins where the one above it ended."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from app.charts.bar_rows import Bar, Row
from app.charts.level_rows import BIAS_COLOUR, level_colour
from app.charts.on_image import ink
from rsp_lab.analysis.ledger.change import ChangeLedger, player_level, player_words
from rsp_lab.text import signed


def change_parts(ledger: ChangeLedger, names: Mapping[int, str]) -> list[tuple[str, float | None, str]]:
    """Name, logits and colour of each part, coarse to fine, content before looking.

    Args:
        names: of the levels of all ledgers that stand beside each other; one without a level has None there.
    """
    found: list[tuple[str, float | None, str]] = [
        (f"content, {names[x]}", ledger.content.get(x), level_colour(x)) for x in sorted(names, reverse=True)
    ]
    for step, value in ledger.looking.items():
        level = player_level(step)
        colour = BIAS_COLOUR if level is None else level_colour(level)
        found.append((player_words(step), value, colour))
    return found


def change_ends(ledgers: tuple[ChangeLedger, ChangeLedger], names: Mapping[int, str]) -> tuple[float, float]:
    """Of the one axis of both models, whose bars begin where the one above ended."""
    reached = [0.0]
    for ledger in ledgers:
        reached += [*np.cumsum([value or 0.0 for _, value, _ in change_parts(ledger, names)]).tolist(), ledger.total]
    low, high = min(reached), max(reached)
    room = 0.06 * (high - low) or 1.0
    return low - room, high + room


def change_rows(ledger: ChangeLedger, names: Mapping[int, str]) -> tuple[Row, ...]:
    """Each part begins where the one above it ended, and the last bar is the whole change; see :func:`change_parts`."""
    found, start = [], 0.0
    for name, value, colour in change_parts(ledger, names):
        if value is None:
            found.append(Row(name, (), "–", reached=start))
            continue
        bar = Bar(start, value, colour, f"{name}: {signed(value, 4)} logits")
        start += value
        found.append(Row(name, (bar,), signed(round(value, 3)), reached=start))
    whole = Bar(0.0, ledger.total, ink(), f"change: {signed(ledger.total, 4)} logits")
    return (*found, Row("change", (whole,), signed(round(ledger.total, 3)), strong=True))
