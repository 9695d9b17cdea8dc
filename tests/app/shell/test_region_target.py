"""What the ledger is asked about, in words."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from app.shell.region_target import Labels, cells_words
from app.shell.selection import Selection


@pytest.mark.parametrize(
    ("source", "class_name", "words"),
    [
        (Labels.TRUE, "fence", "cells labelled fence"),
        (Labels.RIGHT, "fence", "cells that second labels fence"),
        (Labels.LEFT, "fence", "cells that first labels fence"),
        (Labels.TRUE, "unlabelled", "cells without a label"),
    ],
)
def test_cells_are_named_by_whose_labels_they_have(source: Labels, class_name: str, words: str) -> None:
    selection = cast("Selection", SimpleNamespace(names=("first", "second")))

    assert cells_words(selection, source, class_name) == words
