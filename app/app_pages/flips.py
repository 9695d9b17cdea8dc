"""flips"""

from __future__ import annotations

from app.selection import Selection


def draw(selection: Selection) -> None:
    selection.say(selection.result.sentence())
