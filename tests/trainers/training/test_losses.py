"""Losses against torch's own, and against cases by hand."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from rsp_lab.data.sample import Sample
from trainers.config.run import LossConfig
from trainers.training.losses import Criterion, class_weights


def mean_loss(logits: Tensor, label: Tensor, config: LossConfig | None = None) -> Tensor:
    """The loss of one whole batch, as an update takes it."""
    criterion = Criterion(config or LossConfig())
    return criterion.total(logits, label) / criterion.weight(label).clamp(min=1)


def noise() -> tuple[Tensor, Tensor]:
    logits, label = torch.randn(2, 11, 5, 7), torch.randint(0, 11, (2, 5, 7))
    label[0, :3] = 255
    return logits, label


def test_loss_is_the_mean_over_labelled_pixels() -> None:
    logits, label = noise()
    torch.testing.assert_close(mean_loss(logits, label), F.cross_entropy(logits, label, ignore_index=255))
    assert mean_loss(logits.half(), label).dtype == torch.float32


def test_a_batch_without_labels_has_no_loss_and_no_gradient() -> None:
    logits, label = noise()
    for kind in (LossConfig(), LossConfig("ohem")):
        empty = mean_loss(logits.requires_grad_(), torch.full_like(label, 255), kind)
        assert empty == 0
        (gradient,) = torch.autograd.grad(empty, logits)
        assert not gradient.any()


def test_hard_pixels_by_hand() -> None:
    logits, label = torch.randn(2, 3, 5, 7), torch.randint(0, 3, (2, 5, 7))
    label[0, :2] = 255
    losses = F.cross_entropy(logits, label, ignore_index=255, reduction="none")[label != 255]
    hard = losses[losses.neg().exp() < 0.3]
    torch.testing.assert_close(mean_loss(logits, label, LossConfig("ohem", 0.3, 0.01)), hard.mean())
    least = losses.sort(descending=True).values[: round(0.5 * losses.numel())].mean()
    torch.testing.assert_close(mean_loss(logits, label, LossConfig("ohem", 1e-6, 0.5)), least)


def test_a_region_weighs_more_by_hand() -> None:
    logits, label = noise()
    region = torch.rand(label.shape) < 0.3
    losses = F.cross_entropy(logits, label, ignore_index=255, reduction="none")
    inside, outside = (label != 255) & region, (label != 255) & ~region
    expected = (30 * losses[inside].sum() + losses[outside].sum()) / (30 * inside.sum() + outside.sum())
    criterion = Criterion(LossConfig(region_weight=30.0))

    torch.testing.assert_close(criterion.total(logits, label, region) / criterion.weight(label, region), expected)
    assert torch.equal(criterion.total(logits, label), Criterion(LossConfig()).total(logits, label))
    none = torch.zeros_like(region)
    torch.testing.assert_close(criterion.total(logits, label, none), criterion.total(logits, label))
    assert criterion.weight(label, none) == criterion.weight(label)


def test_weights_of_regions_and_classes_multiply() -> None:
    logits, label = noise()
    region, weights = torch.rand(label.shape) < 0.3, torch.rand(11)
    each = torch.where(label == 255, 0.0, weights[label.clamp(max=10)]) * torch.where(region, 5.0, 1.0)
    losses = F.cross_entropy(logits, label.where(label != 255, 0), reduction="none")
    criterion = Criterion(LossConfig(balanced=True, region_weight=5.0), weights)

    ours = criterion.total(logits, label, region) / criterion.weight(label, region)

    torch.testing.assert_close(ours, (each * losses).sum() / each.sum())


def test_class_weights_by_hand() -> None:
    label = torch.tensor([[0] * 8 + [1] * 4 + [2] * 2 + [255] * 2], dtype=torch.uint8)
    weights = class_weights([Sample("s", torch.zeros(3, *label.shape, dtype=torch.uint8), label)], 4)
    assert weights.tolist() == [0.5, 1.0, 2.0, 1.0]
    logits, truth = torch.randn(1, 4, 1, 16), label.long()[None]
    criterion = Criterion(LossConfig(balanced=True), weights)
    ours = criterion.total(logits, truth) / criterion.weight(truth)
    torch.testing.assert_close(ours, F.cross_entropy(logits, truth, weights, ignore_index=255))
