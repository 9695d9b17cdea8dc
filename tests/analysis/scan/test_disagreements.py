"""Regions in which two models part, against what their flip stories and cells say when worked out a second time."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch import Tensor

from rsp_lab.analysis.comparison.flips import FlipStories, flip_stories
from rsp_lab.analysis.ledger.freeze import freeze
from rsp_lab.analysis.ledger.frozen_pass import FrozenPass
from rsp_lab.analysis.ledger.ledger import ContextLedger
from rsp_lab.analysis.scan.disagreements import Found, found_disagreements
from rsp_lab.data.sample import Sample
from rsp_lab.models import presets
from rsp_lab.models.segmenter import Segmenter
from tests.kit.networks import network

pytestmark = pytest.mark.usefixtures("one_thread")
NAMES, CLASSES, SIZE, LEAST = ("A", "B"), ("road", "rider", "person", "sky"), (67, 131), 30


@cache
def models() -> tuple[Segmenter, Segmenter]:
    """Untrained, and so that each says several classes."""
    found = []
    for name, head in zip(NAMES, (presets.baseline_q67(), presets.rsp2()), strict=True):
        model = network(head, CLASSES, torch.float64)
        model.name = name
        with torch.no_grad():
            logits = model.coarse_logits(sample().image[None].double() / 255)
            model.head.classifier.weight *= 3 / logits.std((2, 3))[0, :, None, None, None]
            model.head.classifier.bias -= model.coarse_logits(sample().image[None].double() / 255).mean((0, 2, 3))
        found.append(model)
    return found[0], found[1]


@cache
def sample(labelled: bool = True) -> Sample:
    noise = torch.rand(1, 3, 9, 17, generator=torch.Generator().manual_seed(4))
    image = (255 * torch.nn.functional.interpolate(noise, SIZE, mode="bilinear")[0]).to(torch.uint8)
    labels = torch.randint(0, len(CLASSES), (4, 6), generator=torch.Generator().manual_seed(2))
    labels[0] = 255
    label = torch.nn.functional.interpolate(labels[None, None].double(), SIZE)[0, 0].to(torch.uint8)
    return Sample("noise", image, label if labelled else None)


@cache
def heads() -> tuple[FrozenPass, FrozenPass]:
    left, right = (freeze(model, sample().image) for model in models())
    return left, right


@cache
def regions(labelled: bool = True) -> list[Found]:
    return found_disagreements(heads(), sample(labelled), NAMES, LEAST)


@cache
def stories() -> FlipStories:
    return flip_stories(*heads(), sample().image, count=99, least=LEAST, labels=truth())


def truth() -> Tensor:
    label = sample().label
    assert label is not None
    return label.long()


def beyond(ledger: ContextLedger, mask: Tensor) -> float:
    """Of cells without a pixel of the mask under them, cell by cell."""
    total = 0.0
    for values in ledger.maps.values():
        rows, columns = values.shape
        for y in range(rows):
            for x in range(columns):
                top, bottom = (edge * SIZE[0] / rows for edge in (y, y + 1))
                left, right = (edge * SIZE[1] / columns for edge in (x, x + 1))
                under = mask[int(top) : -int(-bottom // 1), int(left) : -int(-right // 1)]
                total += 0.0 if under.any() else float(values[y, x])
    return total


def test_the_regions_are_those_of_the_flips() -> None:
    assert len(regions()) == stories().regions > 3
    for one, story in zip(regions(), stories().stories, strict=True):
        assert (one.left_class, one.right_class) == (story.left_class, story.right_class)
        assert one.score == pytest.approx(story.score, abs=0.006)


def test_a_card_is_the_flips_story() -> None:
    for one, story in list(zip(regions(), stories().stories, strict=True))[:4]:
        assert one.tell is not None
        card = one.tell()
        assert card.box == story.box
        assert story.mask[card.pixel]
        assert card.pixels == story.pixels
        assert card.margins == pytest.approx(story.margins, abs=1e-3)
        assert card.margins == pytest.approx((-story.left.total, story.right.total), abs=1e-3)
        assert (card.level, card.source) == (story.tipping.level, story.tipping.source)
        assert card.part == pytest.approx(story.tipping.difference, abs=1e-3)
        assert card.whole == pytest.approx(sum(card.margins), abs=2e-3)


def test_context_is_what_cells_bring_that_do_not_touch_the_region() -> None:
    for one, story in list(zip(regions(), stories().stories, strict=True))[:3]:
        assert one.tell is not None
        expected = (beyond(story.right, story.mask) - beyond(story.left, story.mask)) / story.difference.total
        assert one.tell().context_used == pytest.approx(expected, abs=2e-3)


def test_who_is_right_goes_by_most_labelled_pixels() -> None:
    verdicts = set()
    for one, story in zip(regions(), stories().stories, strict=True):
        inside = truth()[story.mask]
        known = inside[inside < len(CLASSES)]
        names = [CLASSES[index] for index in known.tolist()]
        most = max(CLASSES, key=names.count)
        if 2 * len(names) < len(inside):
            assert one.right is None
        elif names.count(most) * 2 > len(names):
            assert one.right == {story.right_class: "right", story.left_class: "left"}.get(most, "neither")
        verdicts.add(one.right)
    assert len(verdicts) > 1


def test_without_labels_nobody_is_right() -> None:
    assert {one.right for one in regions(labelled=False)} == {None}
    tell = regions(labelled=False)[0].tell
    assert tell is not None
    assert tell().truth is None


def test_labels_of_other_classes_are_refused() -> None:
    label = sample().label
    assert label is not None
    with pytest.raises(ValueError, match="the labels of noise"):
        found_disagreements(heads(), Sample("noise", sample().image, label.clone().fill_(9)), NAMES, LEAST)
