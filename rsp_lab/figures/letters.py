"""Letters of names that no installed font has: they are collected, and said once.

This module knows nothing of matplotlib, so that programs that may draw later can open a collection at their start.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_COLLECTED: ContextVar[set[str] | None] = ContextVar("collected", default=None)
_NAMED = 12
"""Letters that a notice names at the most."""


class MissingLettersWarning(UserWarning):
    """Letters of a figure are written as their code points, because no installed font has them."""


@contextmanager
def collected_letters() -> Iterator[set[str]]:
    """Collects the letters that figures drawn inside could not show, in place of the warnings."""
    letters: set[str] = set()
    token = _COLLECTED.set(letters)
    try:
        yield letters
    finally:
        _COLLECTED.reset(token)


@contextmanager
def warned_letters() -> Iterator[None]:
    """One :class:`MissingLettersWarning` at the end for all letters that are missing, unless someone collects them."""
    outer = _COLLECTED.get()
    with collected_letters() as letters:
        yield
    if outer is not None:
        outer |= letters
    elif letters:
        warnings.warn(missing_notice(letters), MissingLettersWarning, stacklevel=5)


def note_missing(letters: Iterable[str]) -> None:
    """Tells whoever collects that letters could not be shown."""
    collected = _COLLECTED.get()
    if collected is not None:
        collected.update(letters)


def escaped(letter: str) -> str:
    """The code point of a letter as it is written in place of it, e.g. ``\\\\u8eca``."""
    return letter.encode("unicode_escape").decode("ascii")


def missing_notice(letters: Iterable[str]) -> str:
    """What a reader should know about missing letters, with the remedy."""
    known = sorted(letters)
    shown = ", ".join(f"{letter} as {escaped(letter)}" for letter in known[:_NAMED])
    more = f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
    return (
        f"no installed font has some letters of the names, so figures write {shown}{more}: install one that has them, "
        "e.g. Noto Sans CJK."
    )
