"""Where torchvision's parts look: anchors, regions and masks lie where the image has them, whatever its size."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torchvision.models.detection.image_list import ImageList

from rsp_lab.models.panoptic.config import InstanceConfig
from rsp_lab.models.panoptic.instance_branch import InstanceBranch, PyramidAnchors
from rsp_lab.models.panoptic.presets import SMALL_SCENES
from tests.kit import panoptic as kit


@pytest.fixture(scope="module", autouse=True)
def _one_thread(one_thread: None) -> None: ...


def maps_of(size: tuple[int, int], channels: int = 64) -> dict[int, Tensor]:
    return {x: torch.rand(1, channels, *(-(-side // 2**x) for side in size)) for x in range(2, 8)}


@pytest.mark.parametrize("size", [(128, 256), (100, 333), (1, 1)])
def test_anchors_lie_a_stride_apart_in_any_image(size: tuple[int, int]) -> None:
    maps = [maps_of(size)[x] for x in range(2, 7)]
    (anchors,) = PyramidAnchors(SMALL_SCENES)(ImageList(maps[0], [size]), maps)

    expected = []
    for x, sides in zip(range(2, 7), SMALL_SCENES.sizes, strict=True):
        rows, columns = (-(-side // 2**x) for side in size)
        for row in range(rows):
            for column in range(columns):
                for ratio in SMALL_SCENES.ratios:
                    for side in sides:
                        height, width = side * math.sqrt(ratio), side / math.sqrt(ratio)
                        corners = [round(-width / 2), round(-height / 2), round(width / 2), round(height / 2)]
                        shift = (column * 2**x, row * 2**x) * 2
                        expected.append([a + b for a, b in zip(shift, corners, strict=True)])
    assert anchors.dtype == torch.float32
    assert torch.equal(anchors, torch.tensor(expected, dtype=torch.float32))


def test_regions_take_their_features_where_they_lie() -> None:
    """On maps that hold the coordinates of their cells, features of a region are its own coordinates."""
    size = (100, 333)  # 128 does not divide either side, nor does one divide the other's stride
    branch = InstanceBranch(SMALL_SCENES, 2, 3).eval()
    maps = {}
    for x in range(2, 7):
        rows, columns = (torch.arange(-(-side // 2**x)) * 2.0**x + 2.0 ** (x - 1) for side in size)
        maps[x] = torch.stack(torch.meshgrid(rows, columns, indexing="ij"))[None]
    features = branch._features(maps)
    boxes = torch.tensor([[40.0, 30.0, 60.0, 50.0], [100.0, 20.0, 140.0, 60.0], [60.0, 8.0, 180.0, 90.0]])
    assert branch.heads.box_roi_pool.map_levels([boxes]).tolist() == [0, 1, 3 - 2 + 1]

    pooled = branch.heads.box_roi_pool(features, [boxes], [size])

    # Cell centres lie half a stride behind the pixel that RoIAlign counts from.
    for box, level, values in zip(boxes, (2, 3, 4), pooled, strict=True):
        left, top, right, bottom = (edge + 2 ** (level - 1) for edge in box.tolist())
        assert values[1].mean().item() == pytest.approx((left + right) / 2, abs=1e-3)
        assert values[0].mean().item() == pytest.approx((top + bottom) / 2, abs=1e-3)


def test_the_first_image_does_not_decide_how_others_are_read() -> None:
    """torchvision would take the scales of its maps from the first batch."""
    branch = kit.panoptic_network().instances
    first, second = maps_of((16, 16)), maps_of((96, 160))
    with torch.no_grad():
        alone = branch(second, (96, 160))
        branch(first, (16, 16))
        after = branch(second, (96, 160))

    assert torch.equal(alone.boxes, after.boxes)
    assert torch.equal(alone.masks, after.masks)


def test_level_6_is_every_other_cell_or_the_pyramids_own() -> None:
    maps = maps_of((128, 256))
    pooled = InstanceBranch(SMALL_SCENES, 64, 3)._features(maps)
    own = InstanceBranch(InstanceConfig(rpn_top="p6"), 64, 3)._features(maps)

    assert list(pooled) == list(own) == ["2", "3", "4", "5", "6"]
    assert torch.equal(pooled["6"], maps[5][:, :, ::2, ::2])
    assert own["6"] is maps[6]


@torch.no_grad()
def test_a_mask_lies_in_its_box() -> None:
    branch = kit.panoptic_network().instances
    # Every mask is full, so that pasted ones show their boxes.
    branch.heads.mask_predictor.mask_fcn_logits.bias.fill_(50.0)
    branch.heads.mask_predictor.mask_fcn_logits.weight.zero_()

    found = branch(maps_of((96, 160)), (96, 160))

    assert len(found)
    for box, mask in zip(found.boxes.tolist(), found.masks, strict=True):
        left, top, right, bottom = (round(edge) for edge in box)
        rows, columns = mask.any(1).nonzero().flatten(), mask.any(0).nonzero().flatten()
        assert abs(int(rows[0]) - top) <= 1
        assert abs(int(rows[-1]) + 1 - bottom) <= 1
        assert abs(int(columns[0]) - left) <= 1
        assert abs(int(columns[-1]) + 1 - right) <= 1


def test_a_thing_is_found_where_the_branch_is_taught() -> None:
    torch.manual_seed(0)
    few = replace(
        SMALL_SCENES, candidates=(60, 60), proposals=(40, 40), roi_samples=32, box_channels=64, mask_channels=32
    )
    branch, size = InstanceBranch(few, 5, 2).train(), (64, 64)
    truth = kit.boxed((1, slice(8, 40), slice(20, 52)), size=size)
    maps = {}
    for x in range(2, 6):
        # Where a cell lies, from the thing's centre in half its sides.
        centres = torch.arange(64 // 2**x) * 2.0**x + 2.0 ** (x - 1)
        place = torch.stack(torch.meshgrid((centres - 24) / 16, (centres - 36) / 16, indexing="ij"))
        near = (-place.square().sum(0, keepdim=True)).exp()
        maps[x] = torch.cat([place, place.clamp(-1, 1), near])[None]
    optimiser = torch.optim.AdamW(branch.parameters(), lr=1e-2)
    for seed in range(100):
        optimiser.zero_grad()
        torch.stack(list(branch.losses(maps, [truth], [seed]).values())).sum().backward()
        optimiser.step()
    with torch.no_grad():
        found = branch.eval()(maps, size)

    assert found.classes[0] == 1
    assert found.scores[0] > 0.8
    assert (found.boxes[0] - truth.boxes[0]).abs().max() < 3
    assert (found.masks[0] & truth.masks[0]).sum() / (found.masks[0] | truth.masks[0]).sum() > 0.8
