"""A bar says how far work is, and not so often that saying it takes the work's time."""

from __future__ import annotations

from unittest.mock import MagicMock

import pytest

from app.shell import progress
from app.shell.progress import EVERY_S, Stoppable


def test_a_share_is_said_at_most_every_so_often(monkeypatch: pytest.MonkeyPatch) -> None:
    place, column, now = MagicMock(), MagicMock(), 100.0
    place.empty.return_value.columns.return_value = column, MagicMock()
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    bar = Stoppable("Looking", place)
    for share in (0.0, 0.1, 0.2, 0.3):
        bar.report(share)
        now += 0.4 * EVERY_S
    now += EVERY_S
    bar.report(1.01)

    said = [call.args for call in column.progress.return_value.progress.call_args_list]
    assert said == [(0.0, "Looking: 0%"), (0.3, "Looking: 30%"), (1.0, "Looking: 100%")]
