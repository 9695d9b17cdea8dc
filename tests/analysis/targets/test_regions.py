"""Connected regions of label maps, against a walk from pixel to pixel."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rsp_lab.analysis.targets.regions import REST, connected_regions, flipped_region, label_regions

LABELS = torch.tensor(
    [
        [1, 1, 0, 1, 1, 1],
        [0, 1, 0, 1, 0, 1],
        [0, 0, 2, 1, 1, 1],
        [255, 0, 0, 2, 2, 0],
    ]
)
NAMES = ("road", "car", "sky")


def flooded(labels: torch.Tensor, start: tuple[int, int]) -> frozenset[tuple[int, int]]:
    """Pixels that hang together with one through shared edges, by walking."""
    found, waiting = {start}, [start]
    while waiting:
        y, x = waiting.pop()
        for step in ((y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)):
            on = 0 <= step[0] < labels.shape[0] and 0 <= step[1] < labels.shape[1]
            if on and step not in found and labels[step] == labels[start]:
                found.add(step)
                waiting.append(step)
    return frozenset(found)


def test_regions_are_what_a_walk_through_shared_edges_reaches() -> None:
    regions, names = connected_regions(LABELS, NAMES)
    walked = {flooded(LABELS, (y, x)) for y in range(4) for x in range(6)}
    cut = {frozenset(map(tuple, (regions == number).nonzero().tolist())) for number in names}
    assert cut == walked
    assert sorted(names.values()) == sorted(
        ["road 1", "road 2", "road 3", "road 4", "car 1", "car 2", "sky 1", "sky 2", "unlabelled 1"]
    )
    sizes = {name: int((regions == number).sum()) for number, name in names.items()}
    assert sizes["car 1"] == 8
    assert sizes["road 1"] == 5
    assert sizes["sky 2"] == 1


def test_small_regions_are_put_together() -> None:
    regions, names = connected_regions(LABELS, NAMES, least=3)
    sizes = {name: int((regions == number).sum()) for number, name in names.items()}
    assert sizes == {"road 1": 5, "car 1": 8, "car 2": 3, REST: 8}


def test_the_regions_of_a_mask_come_largest_first() -> None:
    mask = LABELS.numpy() == 0
    regions = list(label_regions(mask))
    walked = {flooded(LABELS, (y, x)) for y, x in np.argwhere(mask).tolist()}

    assert [region.area for region in regions] == sorted(map(len, walked), reverse=True)
    for region in regions:
        top, left, bottom, right = region.box
        places = {(y + top, x + left) for y, x in np.argwhere(region.inside).tolist()}
        assert places in walked
        assert region.inside.shape == (bottom - top, right - left)
        assert region.inside.sum() == region.area
        around = label_regions(mask).around(min(places))
        assert set(map(tuple, around.nonzero().tolist())) == places
    assert list(label_regions(np.zeros((2, 3), dtype=bool))) == []


def test_the_flipped_region_is_where_both_models_say_what_they_say_at_the_pixel() -> None:
    right = LABELS.clone()
    right[:, 3:] = 2
    pairs = 100 * LABELS + right
    for pixel in ((0, 3), (1, 5), (3, 5)):
        target = flipped_region(LABELS, right.numpy(), pixel, NAMES)
        assert frozenset(map(tuple, target.mask.nonzero().tolist())) == flooded(pairs, pixel)
        assert (target.class_name, target.rival) == ("sky", NAMES[int(LABELS[pixel])])
    assert flipped_region(LABELS, right, (0, 3), NAMES, "road", "sky").class_name == "road"
    with pytest.raises(ValueError, match="both models say car at y 0, x 0: there is no flip"):
        flipped_region(LABELS, right, (0, 0), NAMES)
    with pytest.raises(ValueError, match="outside the image of 4 x 6"):
        flipped_region(LABELS, right, (4, 0), NAMES)
    with pytest.raises(ValueError, match=r"are \(4, 6\) and \(4, 5\): give two of one image"):
        flipped_region(LABELS, right[:, 1:], (0, 3), NAMES)
    right[0] = 255
    for left, other in ((LABELS, right), (right, LABELS), (right, right)):
        with pytest.raises(ValueError, match="y 0, x 3 is unlabelled in one of the label maps"):
            flipped_region(left, other, (0, 3), NAMES)
