"""Scans over data sets: interrupted, shared, of drawn scenes, without labels; and the shipped ones made again."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, reduce
from pathlib import Path
from typing import Any

import pytest
import torch

from rsp_lab.analysis.scan.run import ScanQuestion, ScenePairs, run_scan, scan, with_items
from rsp_lab.analysis.scan.running import RunningScan
from rsp_lab.analysis.scan.scan import Kind, Scan
from rsp_lab.analysis.scan.scan_file import read_scan, shipped_scans
from rsp_lab.data.camvid import CamVid
from rsp_lab.data.sample import Sample
from rsp_lab.data.scenes.dataset import FIRST_SEED, SceneSplit
from rsp_lab.files import StateMismatchError
from rsp_lab.models import presets, weights
from rsp_lab.models.segmenter import Segmenter
from tests.kit.networks import network

pytestmark = pytest.mark.usefixtures("one_thread", "unchecked_module")
CLASSES, COUNT = ("road", "rider", "person"), 4
QUESTION = ScanQuestion(("A", "B"), ("a", "b"), "noise", "val", 20, "0")
TINY = ("scenes-baseline-tiny", "scenes-rsp4-tiny")


@cache
def models() -> tuple[Segmenter, Segmenter]:
    """Untrained, of which each says several classes."""
    found = []
    for head in (presets.baseline_q67(), presets.rsp2()):
        model = network(head, CLASSES, torch.float32)
        with torch.no_grad():
            logits = model.coarse_logits(samples()[0].image[None].float() / 255)
            model.head.classifier.weight *= 3 / logits.std((2, 3))[0, :, None, None, None]
            model.head.classifier.bias -= model.coarse_logits(samples()[0].image[None].float() / 255).mean((0, 2, 3))
        found.append(model)
    return found[0], found[1]


@cache
def samples() -> list[Sample]:
    draw = torch.Generator().manual_seed(4)
    found = []
    for number in range(COUNT):
        noise = torch.nn.functional.interpolate(torch.rand(1, 3, 6, 9, generator=draw), (48, 72), mode="bilinear")
        label = torch.randint(0, 3, (4, 6), generator=draw).repeat_interleave(12, 0).repeat_interleave(12, 1)
        found.append(Sample(f"image {number}", (255 * noise[0]).to(torch.uint8), label.to(torch.uint8)))
    return found


class Interrupting:
    """The samples, interrupted before one is read; which ones were read is counted."""

    def __init__(self, before: int | None = None) -> None:
        self.before, self.read = before, list[int]()

    def __len__(self) -> int:
        return COUNT

    def __getitem__(self, index: int, /) -> Sample:
        if index == self.before:
            raise KeyboardInterrupt
        self.read.append(index)
        return samples()[index]


@cache
def whole() -> Scan:
    return scan(*models(), samples(), QUESTION)


def test_a_scan_counts_all_and_says_what_it_is_about() -> None:
    assert whole().images == COUNT
    assert whole().rate("disagreement").total >= len(whole().cards) > 3
    assert (whole().names, whole().digests, whole().data) == (("A", "B"), ("a", "b"), "noise")
    assert whole().kinds == ("disagreement",)
    assert {card.sample for card in whole().cards} <= {sample.name for sample in samples()}


def test_a_run_is_the_scan_and_an_interrupted_one_goes_on_to_it(tmp_path: Path) -> None:
    state = tmp_path / "deep" / "a.state.json"
    with pytest.raises(KeyboardInterrupt):
        run_scan(*models(), Interrupting(2), QUESTION, state)
    again, told = Interrupting(), []

    found = run_scan(*models(), again, QUESTION, state, report=lambda done, count: told.append((done, count)))

    assert found is not None
    assert found.to_dict() == whole().to_dict()
    assert again.read == [1, 2, 3]
    assert told == [(3, COUNT), (4, COUNT)]
    with pytest.raises(StateMismatchError, match=r"other least"):
        run_scan(*models(), samples(), replace(QUESTION, least=30), state)
    assert scan(*models(), samples(), QUESTION, count=2).images == 2


def test_shares_join_to_the_same_scan() -> None:
    shares = [with_items(RunningScan(QUESTION.names), models(), samples()[rank::2], QUESTION.least) for rank in (0, 1)]

    joined = reduce(RunningScan.joined, (shares[0].unpacked(one.packed()) for one in shares))

    assert joined.chosen() == whole().cards
    assert joined.counted() == whole().rates


def test_without_labels_nothing_is_judged() -> None:
    bare = [replace(sample, label=None) for sample in samples()]
    found = scan(*models(), bare, QUESTION, count=1)

    assert found.rate("disagreement").unknown == found.rate("disagreement").total > 0
    assert not any(card.judged for card in found.cards)


def test_drawn_scenes_are_looked_at_in_both_readings() -> None:
    split = SceneSplit("test", (128, 256))
    pairs = ScenePairs(split)
    assert len(pairs) == len(split) / 2
    assert [one.name for one in pairs[2]] == [split.scene(4).name, split.scene(5).name]
    assert len(ScenePairs(SceneSplit("train", (128, 256)))) == len(SceneSplit("train"))

    left, right = map(weights.load, TINY)
    found = scan(left, right, split, replace(QUESTION, names=TINY, data="small-scenes"), count=1)

    assert found.images == 1
    assert found.rate("turned").total == 1
    assert {card.scene.seed for card in found.cards if card.scene} == {FIRST_SEED["test"]}
    assert len({card.sample for card in found.cards if card.kind == "disagreement"}) == 1


def test_what_cannot_be_scanned(tmp_path: Path) -> None:
    left, right = models()
    state = tmp_path / "new" / "state.json"
    with pytest.raises(ValueError, match="trained on the same classes"):
        run_scan(left, weights.load(TINY[1]), samples(), QUESTION, state)
    with pytest.raises(ValueError, match="does not know the classes of the drawn scenes"):
        run_scan(left, right, SceneSplit("test", (64, 128)), QUESTION, state)
    for items, options in (([], {}), (samples(), {"count": 0})):
        with pytest.raises(ValueError, match="must be at least 1"):
            run_scan(left, right, items, QUESTION, state, **options)
    assert not state.parent.exists()


def made_again(shipped: Scan, item: Any, sample: str, kind: Kind) -> None:
    """The cards of one image are those of the shipped scan, to the digits that it keeps."""
    left, right = map(weights.load, shipped.names)
    found = with_items(RunningScan(shipped.names), (left, right), [item], shipped.least).chosen()
    again = {(card.kind, card.box, card.left_class, card.right_class): card for card in found}
    kept = [card for card in shipped.cards if (card.sample, card.kind) == (sample, kind)]
    assert kept
    told = [(card, again.get((card.kind, card.box, card.left_class, card.right_class))) for card in kept]
    # Of one image alone other cards may be kept than of all.
    assert any(one is not None for _, one in told)
    for card, one in told:
        if one is not None:
            assert one.margins == pytest.approx(card.margins, abs=2e-3)
            assert one.context_used == pytest.approx(card.context_used, abs=5e-3)
            assert one.whole == pytest.approx(card.whole, abs=3e-3)
            assert (one.truth, one.right, one.level, one.source) == (card.truth, card.right, card.level, card.source)


def test_cards_of_the_shipped_scan_of_scenes_come_again() -> None:
    shipped = read_scan(shipped_scans()["scenes"])
    first = next(card for card in shipped.cards if card.kind == "turned")
    assert first.scene is not None
    pairs = ScenePairs(SceneSplit("test"))

    made_again(shipped, pairs[pairs.seeds.index(first.scene.seed)], first.sample, "turned")


def test_cards_of_the_shipped_scan_of_camvid_come_again(camvid_root: Path) -> None:
    pytest.importorskip("timm", reason="timm, of the extra encoders, is not installed")
    shipped, data = read_scan(shipped_scans()["camvid"]), CamVid(camvid_root, "val")
    first = shipped.cards[0]

    made_again(shipped, data[data.names.index(first.sample)], first.sample, "disagreement")
