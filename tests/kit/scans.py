"""Scans for tests: cards made by hand, and small models that part."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from rsp_lab.analysis.scan.masks import mask_text
from rsp_lab.analysis.scan.scan import Scan, ScanCard, ScanRate, SceneReading, Verdicts

NAMES = ("first", "second")
CARD = ScanCard(
    rank=0,
    kind="disagreement",
    names=NAMES,
    sample="street",
    scene=None,
    box=(10, 20, 30, 60),
    mask=mask_text(np.arange(800).reshape(20, 40) % 8 < 5),
    pixel=(20, 40),
    pixels=500,
    left_class="road",
    right_class="sky",
    truth="sky",
    alternative=None,
    right="right",
    level=5,
    level_name="level 5",
    source="road",
    part=1.25,
    whole=3.0,
    context_used=0.61,
    margins=(1.0, 2.0),
    changes=None,
    score=750.0,
    residual=1e-7,
)
TURNED: dict[str, Any] = {
    "kind": "turned",
    "sample": "car-bus-2000002-1",
    "scene": SceneReading("car-bus", 2_000_002, 1),
    "left_class": "bus",
    "right_class": "bus",
    "truth": "bus",
    "alternative": "car",
    "right": "both",
    "source": "cue",
    "changes": (4.0, 6.0),
}
"""What makes a turned decision of :data:`CARD`."""


def card(**changes: Any) -> ScanCard:
    return replace(CARD, **changes)


def small_scan(*cards: ScanCard, **changes: Any) -> Scan:
    """With the rates of just these cards."""
    rates = tuple(
        ScanRate(
            one.kind,
            one.left_class if one.kind == "disagreement" else str(one.alternative),
            one.right_class if one.kind == "disagreement" else str(one.truth),
            Verdicts().plus(one.right),
        )
        for one in cards
    )
    ranked = tuple(replace(one, rank=rank) for rank, one in enumerate(cards, 1))
    found = Scan(NAMES, ("a" * 16, "b" * 16), "folder", "val", 30, 2, ranked, rates, 1e-7, "0")
    return replace(found, **changes)
