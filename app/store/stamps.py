"""What tells whether a file was replaced since it was read."""

from __future__ import annotations

from pathlib import Path

Stamp = tuple[int, int]


def stamp(path: Path) -> Stamp:
    """Size in bytes and time of the last change in nanoseconds; zeros for a file that is not there any more."""
    try:
        facts = path.stat()
    except OSError:
        return 0, 0
    return facts.st_size, facts.st_mtime_ns
