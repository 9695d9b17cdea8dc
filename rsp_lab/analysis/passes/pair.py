"""Two models side by side: what they are called, and whether they can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from rsp_lab.analysis.ledger.freeze import check_freezable
from rsp_lab.analysis.ledger.frozen_pass import FrozenPass
from rsp_lab.analysis.passes.captured import CapturedPass
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject

Side = Segmenter | Subject | FrozenPass | CapturedPass
"""A model, or what is known of it on an image already."""


def pair_names(left: Side, right: Side) -> tuple[str, str]:
    """Names of two models; where both have the same one, it says which side it is."""
    if left.name != right.name:
        return left.name, right.name
    return with_sides((left.name, right.name))


def with_sides(names: Sequence[str]) -> tuple[str, str]:
    """Two names with their sides, each once: :func:`pair_names` may have told it already."""
    left, right = (
        name if name.endswith(f" ({side})") else f"{name} ({side})"
        for name, side in zip(names, ("left", "right"), strict=True)
    )
    return left, right


def check_comparable(left: Side, right: Side) -> None:
    """Raises ValueError unless both are models of ours or subjects that know the same classes in the same order."""
    for side in (left, right):
        if not isinstance(side, CapturedPass):
            check_freezable(side)
    check_same_classes(left, right)


def check_same_classes(left: Side, right: Side) -> None:
    """Raises ValueError unless both models know the same classes in the same order."""
    if left.class_names != right.class_names:
        pairs = zip_longest(left.class_names, right.class_names)
        place, names = next((place, pair) for place, pair in enumerate(pairs) if pair[0] != pair[1])
        known = [
            f"{name} has {len(side.class_names)} classes ({'none' if own is None else repr(own)} as number {place})"
            for name, side, own in zip(pair_names(left, right), (left, right), names, strict=True)
        ]
        raise ValueError(
            f"{' and '.join(known)}: compare models that were trained on the same classes, in the same order."
        )
