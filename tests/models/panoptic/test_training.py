"""Losses image by image: torchvision's own numbers, on samples that a seed decides and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.models.detection.rpn import RegionProposalNetwork

from rsp_lab.data.sample import Instances
from rsp_lab.models.panoptic.segmenter import PanopticSegmenter
from rsp_lab.models.panoptic.training import SeededSampler
from tests.kit import panoptic as kit

SEEDS = (5, 9)
REGIONS = {"rpn_objectness": "loss_objectness", "rpn_box": "loss_rpn_box_reg"}
THINGS = {"box_class": "loss_classifier", "box": "loss_box_reg", "mask": "loss_mask"}


@pytest.fixture(scope="module", autouse=True)
def _one_thread(one_thread: None) -> None: ...


@pytest.fixture(scope="module")
def model() -> PanopticSegmenter:
    """In training mode, but for batch norm: an image's maps do not depend on the others of its batch."""
    model = kit.panoptic_network().train()
    model.semantic.pyramid.encoder.eval()
    return model


def batch() -> tuple[Tensor, list[Instances]]:
    image, _, things = kit.two_images()
    return image + 0.1 * torch.rand(image.shape, generator=torch.Generator().manual_seed(0)), things


def theirs(
    model: PanopticSegmenter, image: Tensor, things: Sequence[Instances], seeds: Sequence[int]
) -> dict[str, Any]:
    """What torchvision's own classes work out on the samples of these seeds, over the whole batch."""
    branch = model.instances
    features = branch._features(model.semantic.pyramid_maps(image))
    targets = [{"boxes": one.boxes, "labels": one.classes + 1, "masks": one.masks} for one in things]
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    for part in (branch.rpn, branch.heads):
        part.fg_bg_sampler.generators = iter(generators)
    sizes = [tuple(one.masks.shape[1:]) for one in things]
    found: dict[str, Tensor] = {}
    ours = type(branch.rpn).compute_loss
    type(branch.rpn).compute_loss = RegionProposalNetwork.compute_loss  # type: ignore[method-assign]
    try:
        proposals, losses = branch.rpn(ImageList(image, sizes), features, targets)
    finally:
        type(branch.rpn).compute_loss = ours  # type: ignore[method-assign]
    found |= losses
    found |= RoIHeads.forward(branch.heads, features, proposals, sizes, targets)[1]
    return found


def test_the_losses_of_an_image_are_torchvisions(model: PanopticSegmenter) -> None:
    image, things = batch()
    _, ours = model.image_losses(image[:1], things[:1], SEEDS[:1])
    expected = theirs(model, image[:1], things[:1], SEEDS[:1])

    for name, key in {**REGIONS, **THINGS}.items():
        assert ours[name].shape == (1,)
        assert ours[name].item() > 0
        torch.testing.assert_close(ours[name][0], expected[key])


def test_the_mean_over_images_is_that_of_the_batch_but_for_masks(model: PanopticSegmenter) -> None:
    image, things = batch()
    things[1] = kit.boxed((2, slice(20, 50), slice(60, 120)))
    _, ours = model.image_losses(image, things, SEEDS)
    expected = theirs(model, image, things, SEEDS)

    for name, key in {**REGIONS, **THINGS}.items():
        if name == "mask":  # as many regions are drawn as are things, which differ from image to image
            assert not torch.allclose(ours[name].mean(), expected[key], rtol=1e-6)
        else:
            torch.testing.assert_close(ours[name].mean(), expected[key])


def test_an_image_learns_the_same_alone_and_in_company(model: PanopticSegmenter) -> None:
    image, things = batch()
    logits, together = model.image_losses(image, things, SEEDS)
    alone = [model.image_losses(image[i : i + 1], things[i : i + 1], SEEDS[i : i + 1]) for i in range(2)]

    torch.testing.assert_close(logits, torch.cat([one for one, _ in alone]))
    for name, losses in together.items():
        torch.testing.assert_close(losses, torch.cat([one[name] for _, one in alone]))


def test_samples_follow_from_the_seeds_alone(model: PanopticSegmenter) -> None:
    image, things = batch()
    with torch.no_grad():
        torch.manual_seed(1)
        first = model.image_losses(image, things, SEEDS)[1]
        torch.manual_seed(2)
        again = model.image_losses(image, things, SEEDS)[1]
        others = model.image_losses(image, things, (6, 9))[1]

    assert all(torch.equal(first[name], again[name]) for name in first)
    assert first["rpn_objectness"][0] != others["rpn_objectness"][0]
    assert first["rpn_objectness"][1] == others["rpn_objectness"][1]


def test_regions_stay_within_an_image_that_is_padded(model: PanopticSegmenter) -> None:
    image, things = batch()
    padded = F.pad(image, (0, 128, 0, 64))
    with torch.no_grad():
        losses = model.image_losses(padded, things, SEEDS)[1]
        proposals = model.instances.rpn.eval()(
            ImageList(padded, [kit.SIZE] * 2), model.instances._features(model.semantic.pyramid_maps(padded))
        )[0]
    model.instances.rpn.train()

    assert all(loss.isfinite().all() for loss in losses.values())
    for boxes in proposals:
        assert len(boxes)
        assert bool((boxes[:, 2] <= kit.SIZE[1]).all())
        assert bool((boxes[:, 3] <= kit.SIZE[0]).all())


def generators(*seeds: int) -> Iterator[torch.Generator]:
    return iter([torch.Generator().manual_seed(seed) for seed in seeds])


def test_things_are_at_most_their_share_of_the_samples() -> None:
    sampler = SeededSampler(8, 0.25)
    matched = [torch.tensor([2.0] * 5 + [0.0] * 20 + [-1.0] * 10), torch.tensor([1.0, 0.0, 0.0, -1.0])]
    sampler.generators = generators(0, 1)
    things, others = sampler(matched)

    assert [int(one.sum()) for one in things] == [2, 1]
    assert [int(one.sum()) for one in others] == [6, 2]
    for one, other, of in zip(things, others, matched, strict=True):
        assert bool((of[one] >= 1).all())
        assert bool((of[other] == 0).all())


def test_what_is_sampled_changes_with_the_seed() -> None:
    sampler, matched = SeededSampler(8, 0.5), [torch.cat([torch.ones(50), torch.zeros(50)])]
    drawn = []
    for seed in (3, 3, 4):
        sampler.generators = generators(seed)
        things, others = sampler(matched)
        drawn.append(torch.stack([*things, *others]))

    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_an_image_without_a_region_has_no_loss(model: PanopticSegmenter) -> None:
    image, _ = batch()
    features = model.instances._features(model.semantic.pyramid_maps(image[:1]))
    model.instances.heads.fg_bg_sampler.generators = generators(0)
    empty = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64), "masks": kit.boxed().masks}
    losses = model.instances.heads.losses(features, [torch.zeros(0, 4)], [kit.SIZE], [empty])

    assert {name: loss.tolist() for name, loss in losses.items()} == {"box_class": [0], "box": [0], "mask": [0]}
    sum(loss.sum() for loss in losses.values()).backward()
