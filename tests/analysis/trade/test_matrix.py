"""What a trade matrix says first, of numbers that are set by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rsp_lab.analysis.trade.matrix import Estimates, TradeMatrix

CLASSES, LEVELS = ("road", "rider"), (2, 3, 4)


def matrix(entries: dict[tuple[int, int, int], tuple[float, float]]) -> TradeMatrix:
    """Of differences with half widths by (target, level, source); all others are 0 in every image."""
    shape = (3, len(CLASSES), len(LEVELS) + 1, len(CLASSES) + 2)
    mean, half = np.zeros(shape), np.zeros(shape)
    for (target, level, source), (value, width) in entries.items():
        mean[1:, target, level, source] += value
        mean[1:, target, -1, source] += value
        half[2, target, level, source] = half[2, target, -1, source] = width
    counts, nothing = np.full((3, len(CLASSES)), 4), Estimates(np.zeros((3, 2)), np.zeros((3, 2)))
    return TradeMatrix(
        names=("a", "b"),
        targets=CLASSES,
        sources=(*CLASSES, "unlabelled"),
        levels=LEVELS,
        images=counts,
        blocks=counts,
        pixels=np.full(len(CLASSES), 100),
        values=Estimates(mean, half),
        bias=nothing,
        total=nothing,
        seen=4,
        block=1,
        by="labels",
        residual=0.0,
    )


@pytest.mark.parametrize("clear", [0.5, 0.001])
def test_the_target_is_one_with_a_clear_entry_however_large_the_others(clear):
    unclear = {(0, 0, 1): (3.0, np.nan)}
    assert matrix(unclear).strongest_target() == "road"
    assert matrix({**unclear, (1, 1, 0): (clear, clear / 2)}).strongest_target() == "rider"
    # What a class takes from itself is no context.
    assert matrix({(0, 0, 0): (9.0, 0.1), (1, 1, 0): (clear, clear / 2)}).strongest_target() == "rider"


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ((0.2, -0.1, 1.0), "difference +1.1 ± 0.05, 4 images), most of it on level 4."),
        ((0.4, 0.35, 0.25), "difference +1 ± 0.05, 4 images), the largest part on level 2."),
        ((-0.3, -0.7, 0.4), "difference −0.6 ± 0.05, 4 images), most of it on level 3."),
    ],
)
def test_a_sentence_names_the_level_of_the_largest_part(parts, words):
    found = matrix({(1, level, 0): (part, 0.05) for level, part in enumerate(parts)})

    (sentence,) = found.sentences()
    assert sentence.startswith("rider from road: ")
    assert sentence.endswith(words)


def test_a_sentence_says_where_the_means_are_over_other_images():
    found = matrix({(1, 0, 0): (0.5, 0.05)})
    images = found.images.copy()
    images[0] = 7

    (sentence,) = replace(found, images=images).sentences()
    assert "(difference +0.5 ± 0.05, 4 images that have it in both), most of it" in sentence
