"""What is about the drawing itself is to draw."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kit.repeated_scenes import scenes_as_drawn


@pytest.fixture(autouse=True)
def _nothing_is_remembered() -> Iterator[None]:
    with scenes_as_drawn():
        yield
