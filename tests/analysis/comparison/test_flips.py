"""Flip stories against regions, margins and tables worked out a second time from the models' own logits."""

from __future__ import annotations

import json
from functools import cache

import pytest
import torch
from scipy import ndimage
from torch import Tensor

from rsp_lab.analysis.comparison.flips import BIAS, ITSELF, FlipStories, flip_stories
from rsp_lab.analysis.ledger.footprint import on_pixels
from rsp_lab.analysis.ledger.frozen_head import FrozenHead
from rsp_lab.analysis.targets.target import target_value
from rsp_lab.models.fusion import SumConfig
from rsp_lab.models.heads import TopDownConfig
from rsp_lab.models.presets import tiny, top_down
from rsp_lab.models.segmenter import Segmenter

pytestmark = pytest.mark.usefixtures("one_thread")
NAMES = ("road", "rider", "person", "sky")
SIZE = (67, 131)
LEAST = 30


@cache
def build(kind: str, names: tuple[str, ...] = NAMES) -> Segmenter:
    """An untrained model that says several classes: its classifier answers to what differs between places."""
    heads: dict[str, TopDownConfig] = {
        "sum": top_down(top=6, fusion=SumConfig(), channels=64),
        "rsp": top_down(top=7, at=(76, 65, 54, 43), channels=64),
    }
    torch.manual_seed(5)
    model = Segmenter(tiny(heads[kind], names), name={"sum": "A", "rsp": "B"}[kind]).eval().double()
    with torch.no_grad():
        logits = model.coarse_logits(picture().double())
        model.head.classifier.weight *= 3 / logits.std((2, 3))[0, :, None, None, None]
        model.head.classifier.bias -= model.coarse_logits(picture().double()).mean((0, 2, 3))
    return model


@cache
def picture() -> Tensor:
    noise = torch.rand(1, 3, 9, 17, generator=torch.Generator().manual_seed(4))
    return torch.nn.functional.interpolate(noise, SIZE, mode="bilinear")


@cache
def truth() -> Tensor:
    labels = torch.randint(0, len(NAMES), (4, 6), generator=torch.Generator().manual_seed(2))
    labels[0] = 255
    return torch.nn.functional.interpolate(labels[None, None].double(), SIZE)[0, 0].long()


@cache
def told(left: str = "sum", right: str = "rsp", labelled: bool = True) -> FlipStories:
    labels = truth() if labelled else None
    return flip_stories(build(left), build(right), picture(), count=99, least=LEAST, labels=labels)


@cache
def full_logits(kind: str) -> Tensor:
    with torch.no_grad():
        return build(kind)(picture().double())[0]


def test_stories_are_all_connected_regions_of_one_flip_ranked() -> None:
    left, right = full_logits("sum"), full_logits("rsp")
    expected = {}
    for a in range(len(NAMES)):
        for b in range(len(NAMES)):
            regions, count = ndimage.label(((left.argmax(0) == a) & (right.argmax(0) == b)).numpy() & (a != b))
            for index in range(1, count + 1):
                mask = torch.from_numpy(regions == index)
                if mask.sum() >= LEAST:
                    margins = float((left[a] - left[b])[mask].mean()), float((right[b] - right[a])[mask].mean())
                    expected[tuple(mask.nonzero()[0].tolist())] = (NAMES[a], NAMES[b], int(mask.sum()), *margins)

    assert len(expected) > 4
    assert told().regions == len(told().stories) == len(expected)
    for story in told().stories:
        a, b, pixels, *margins = expected[tuple(story.mask.nonzero()[0].tolist())]
        assert (story.left_class, story.right_class, story.pixels) == (a, b, pixels)
        assert story.margins == pytest.approx(margins)
        assert min(margins) > 0
        assert story.score == pytest.approx(pixels * sum(margins) / 2)
        top, start, bottom, stop = story.box
        assert story.mask[top:bottom, start:stop].sum() == pixels
        assert story.mask[top:bottom, start].any()
        assert story.mask[bottom - 1, start:stop].any()
    scores = [story.score for story in told().stories]
    assert scores == sorted(scores, reverse=True)


def test_numbers_of_the_sentence_are_those_of_the_ledgers() -> None:
    for story in told().stories:
        first = story.tipping
        values = []
        for ledger in (story.left, story.right):
            assert ledger.residual < 1e-10
            assert ledger.bias + sum(ledger.sums.values()) == pytest.approx(ledger.total)
            if first.level is None:
                values.append(ledger.bias)
                continue
            label = 255 if first.source == "unlabelled" else [*NAMES, ITSELF].index(first.source)
            where = story.mask if first.source == ITSELF else (truth() == label) & ~story.mask
            here = ledger.maps.get(first.level)
            values.append(0.0 if here is None else float(on_pixels(here, SIZE)[where].sum()))
        assert (first.left, first.right) == pytest.approx(tuple(values))
        words = story.sentence().replace("−", "-")
        assert f"What tips it is {first.describe()}: {values[1]:+.3g} logits in B, {values[0]:+.3g} in A." in words
        assert f" is {story.right.total:+.3g} against {story.left.total:+.3g} logits" in words


def test_entries_add_up_and_the_tipping_one_is_the_largest() -> None:
    for story in told(labelled=False).stories:
        entries = story.entries()
        assert sum(entry.difference for entry in entries) == pytest.approx(story.difference.total)
        assert story.tipping.difference == max(entry.difference for entry in entries) > 0
        assert {entry.source for entry in entries if entry.level is None} == {BIAS}
        assert all(entry.left == 0 for entry in entries if entry.level == 7)


def test_who_is_right_and_the_filters() -> None:
    for story in told().stories:
        here = truth()[story.mask]
        here = here[here < len(NAMES)]
        if not len(here):
            assert story.correct is None
            continue
        shares = tuple(
            float((here == NAMES.index(name)).double().mean()) for name in (story.left_class, story.right_class)
        )
        assert story.correct == pytest.approx(shares)
        ours, theirs = (f"{100 * share:.0f} %" for share in shares)
        assert f"B is correct on {theirs} of the labelled pixels, A on {ours}." in story.sentence()
    better, worse = told().better().stories, told().worse().stories
    assert better
    assert worse
    assert all(story.correct[1] > story.correct[0] for story in better)
    assert all(story.correct[1] < story.correct[0] for story in worse)
    assert not told(labelled=False).better().stories


def test_the_other_direction_tells_the_same_regions() -> None:
    there = {tuple(story.mask.nonzero()[0].tolist()): story for story in told().stories}
    back = told("rsp", "sum").stories
    assert len(back) == len(there)
    for story in back:
        same = there[tuple(story.mask.nonzero()[0].tolist())]
        assert (story.left_class, story.right_class) == (same.right_class, same.left_class)
        assert story.margins == pytest.approx(same.margins[::-1])
        assert story.difference.total == pytest.approx(same.difference.total)
        assert story.verdict in {None, "neither"} or {story.verdict, same.verdict} == {"better", "worse"}


def test_frozen_heads_tell_the_same_and_count_keeps_the_strongest() -> None:
    heads = [FrozenHead.of(build(kind), picture()) for kind in ("sum", "rsp")]
    few = flip_stories(*heads, picture(), count=2, least=LEAST)
    assert [s.score for s in few.stories] == pytest.approx([s.score for s in told().stories[:2]])
    assert few.regions == told().regions
    story = few.stories[0]
    assert story.right.total == pytest.approx(target_value(heads[1].logits[0], story.right.target, SIZE, NAMES))


def test_groups_count_every_story_once_and_all_of_it_is_json() -> None:
    groups = told().groups()
    assert sum(groups.values()) == len(told().stories)
    facts = json.loads(json.dumps(told().to_dict()))
    assert sum(group["count"] for group in facts["groups"]) == len(facts["stories"])
    assert facts["sources"] == "true labels"
    assert all(story["residual"] < 1e-10 for story in facts["stories"])


def test_no_disagreement_is_no_error() -> None:
    same = flip_stories(build("rsp"), build("rsp"), picture(), labels=truth())
    assert (same.stories, same.regions, same.groups()) == ((), 0, {})
    assert flip_stories(build("sum"), build("rsp"), picture(), least=10**6).stories == ()


def test_what_does_not_belong_together_is_refused() -> None:
    with pytest.raises(ValueError, match="count must be 0 or more, got -1"):
        flip_stories(build("sum"), build("rsp"), picture(), count=-1)
    with pytest.raises(ValueError, match="same classes"):
        flip_stories(build("sum"), build("rsp", (*NAMES[:3], "tree")), picture())
    with pytest.raises(ValueError, match="of another image"):
        flip_stories(build("sum"), FrozenHead.of(build("rsp"), 1 - picture()), picture())
    with pytest.raises(ValueError, match="nearest neighbour"):
        flip_stories(build("sum"), build("rsp"), picture(), labels=truth()[1:])
