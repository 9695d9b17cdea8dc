"""Random panoptic maps, and predictions that are nearly right."""

from __future__ import annotations

import numpy as np
import torch

from rsp_lab.data.panoptic.categories import VOID, Category, PanopticTable
from rsp_lab.data.panoptic.segments import MOST_SEGMENTS, Segment, SegmentMap

TABLE = PanopticTable(
    "odd-ids",
    tuple(Category(3 + 2 * i, f"{'thing' if i % 2 else 'stuff'} {i}", bool(i % 2), (40 * i, 0, 99)) for i in range(7)),
)
"""Three things and four kinds of stuff; ids and places are different numbers."""
SIZE = (21, 34)


def random_map(
    rng: np.random.Generator, size: tuple[int, int] = SIZE, crowds: bool = True, block: int = 4
) -> SegmentMap:
    """Up to 11 segments of blocks and single pixels, void between them; a thing is a crowd now and then."""
    coarse = rng.integers(0, 12, (size[0] // block + 1, size[1] // block + 1))
    places = np.kron(coarse, np.ones((block, block), dtype=int))[: size[0], : size[1]]
    noisy = rng.random(size) < 0.4 / block
    return numbered(np.where(noisy, rng.integers(0, 12, size), places), rng, crowds)


def perturbed(truth: SegmentMap, rng: np.random.Generator) -> SegmentMap:
    """Other ids, some pixels of other segments, some segments of another category or gone, none of them a crowd."""
    ids = truth.ids.numpy()
    known = [VOID, *(segment.id for segment in truth.segments)]
    places = np.searchsorted(sorted(known), ids)
    noisy = rng.random(ids.shape) < rng.choice([0.0, 0.1, 0.3])
    places = np.where(noisy, rng.integers(0, len(known), ids.shape), places)
    places[np.isin(places, rng.permutation(len(known))[: rng.integers(0, 3)])] = 0
    before = dict(enumerate(sorted(truth.segments, key=lambda s: s.id), start=1))
    map_of = numbered(places, rng, crowds=False)
    kept = []
    for segment in map_of.segments:
        place = int(places[map_of.ids.numpy() == segment.id][0])
        same = rng.random() < 0.8
        kept.append(Segment(segment.id, before[place].category_id if same else segment.category_id))
    return SegmentMap(map_of.ids, tuple(kept))


def numbered(places: np.ndarray, rng: np.random.Generator, crowds: bool) -> SegmentMap:
    """A map of places, 0 void, with random ids of up to three bytes and random categories."""
    numbers = rng.choice(MOST_SEGMENTS - 1, int(places.max()) + 1, replace=False) + 1
    numbers[0] = VOID
    segments = []
    for number in np.unique(numbers[places]).tolist():
        category = TABLE.categories[int(rng.integers(len(TABLE.categories)))]
        if number != VOID:
            segments.append(Segment(number, category.id, crowds and category.is_thing and bool(rng.random() < 0.3)))
    return SegmentMap(torch.from_numpy(numbers[places].astype(np.int32)), tuple(segments))
