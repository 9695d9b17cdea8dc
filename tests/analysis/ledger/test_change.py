"""The change ledger against forward passes of the head under every setting, added up by brute force over all orders."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from itertools import permutations

import pytest
import torch
from torch import Tensor

from rsp_lab.analysis.ledger.change import ChangeLedger, FrozenPair, change_ledger, change_ledgers
from rsp_lab.analysis.ledger.frozen_head import FrozenHead
from rsp_lab.analysis.ledger.residual import LedgerError
from rsp_lab.analysis.targets.target import PixelTarget, RegionTarget, Target, target_value
from rsp_lab.models import presets
from rsp_lab.models.heads import HeadConfig
from tests.kit.heads import TOP_DOWN_HEADS
from tests.kit.networks import NAMES, SIZE, network, noise_image, rectangle

pytestmark = pytest.mark.usefixtures("one_thread")
PIXEL = PixelTarget(20, 31, "rider", "person")
BEFORE, AFTER = noise_image(seed=4), noise_image(seed=5)
HEADS: dict[str, HeadConfig] = TOP_DOWN_HEADS | {"semantic_fpn": presets.semantic_fpn()}


def margin(before: FrozenHead, q: dict[int, Tensor], weights: dict[str, Tensor], target: Target) -> float:
    """From a forward pass of its own."""
    with torch.no_grad():
        logits = replace(before, weights=weights).forward(q)
    return target_value(logits[0], target, before.image_size, before.class_names)


def brute_force(pair: FrozenPair, target: Target) -> dict[str | int, float]:
    """Shapley values of content and steps: the mean gain over all orders in which they may move."""
    before, after = pair.before, pair.after
    players: list[str] = ["content", *pair.steps]
    orders = list(permutations(players))
    values: dict[frozenset[str], float] = {}
    found: dict[str | int, float] = dict.fromkeys(players, 0.0)
    for order in orders:
        moved: set[str] = set()
        value = None
        for player in (None, *order):
            moved |= {player} if player else set()
            if frozenset(moved) not in values:
                weights = {step: (after if step in moved else before).weights[step] for step in pair.steps}
                q = (after if "content" in moved else before).q
                values[frozenset(moved)] = margin(before, q, weights, target)
            now = values[frozenset(moved)]
            if player and value is not None:
                found[player] += (now - value) / len(orders)
            value = now
    return found


def levels_by_brute_force(pair: FrozenPair, target: Target) -> dict[int, float]:
    """Content of each level: the gain of moving that level's Q alone, over the same orders of the steps."""
    found = dict.fromkeys(pair.before.levels, 0.0)
    orders = [frozenset(one[: one.index("content")]) for one in permutations(["content", *pair.steps])]
    for moved, count in Counter(orders).items():
        weights = {step: (pair.after if step in moved else pair.before).weights[step] for step in pair.steps}
        for level in found:
            q = {**pair.before.q, level: pair.after.q[level]}
            gain = margin(pair.before, q, weights, target) - margin(pair.before, pair.before.q, weights, target)
            found[level] += count * gain / len(orders)
    return found


@pytest.mark.parametrize("name", HEADS)
def test_it_is_the_mean_over_all_orders(name: str) -> None:
    model = network(HEADS[name], selective=True)
    pair = FrozenPair(*(FrozenHead.of(model, image) for image in (BEFORE, AFTER)))

    (ledger,) = pair.ledgers([PIXEL])

    expected = brute_force(pair, PIXEL)
    assert sum(ledger.content.values()) == pytest.approx(expected.pop("content"), abs=1e-10)
    assert ledger.looking == pytest.approx(expected, abs=1e-10)
    assert list(ledger.looking) == list(pair.steps)
    assert ledger.content == pytest.approx(levels_by_brute_force(pair, PIXEL), abs=1e-10)
    assert ledger.total == pytest.approx(sum(ledger.content.values()) + sum(ledger.looking.values()), abs=1e-10)
    assert ledger.residual < 1e-12


@pytest.mark.parametrize("name", ["rsp4", "semantic_fpn"])
def test_its_ends_are_the_models_own_answers(name: str) -> None:
    model = network(HEADS[name], selective=True)
    ledger = change_ledger(model, BEFORE, AFTER, PIXEL)

    for image, value in ((BEFORE, ledger.before), (AFTER, ledger.after)):
        logits = model(image.double()).detach()[0, :, PIXEL.y, PIXEL.x]
        assert value == pytest.approx(float(logits[1] - logits[2]), abs=1e-10)
    assert max(map(abs, ledger.looking.values())) > 1e-6


def test_content_under_the_weights_of_one_picture() -> None:
    pair = FrozenPair.of(network(presets.rsp4(), selective=True), BEFORE, AFTER)
    (ledger,) = pair.ledgers([PIXEL])

    for held, content in ((pair.before, ledger.content_before), (pair.after, ledger.content_after)):
        moved, kept = (margin(pair.before, head.q, held.weights, PIXEL) for head in (pair.after, pair.before))
        assert sum(content.values()) == pytest.approx(moved - kept, abs=1e-10)


def test_a_cells_part_is_what_that_cell_alone_brings() -> None:
    pair = FrozenPair.of(network(presets.rsp2(), selective=True), BEFORE, AFTER)
    (ledger,) = pair.ledgers([PIXEL])

    for level, values in ledger.maps_before.items():
        for y, x in ((0, 0), (values.shape[0] - 1, values.shape[1] // 2)):
            q = {other: one.clone() for other, one in pair.before.q.items()}
            q[level][..., y, x] = pair.after.q[level][..., y, x]
            gain = margin(pair.before, q, pair.before.weights, PIXEL) - ledger.before
            assert float(values[y, x]) == pytest.approx(gain, abs=1e-10)
    for level in ledger.levels:
        assert float(ledger.on_image(level).sum()) == pytest.approx(ledger.content[level], abs=1e-9)
    assert float(ledger.on_image().sum()) == pytest.approx(sum(ledger.content.values()), abs=1e-9)
    with pytest.raises(ValueError, match="no level 9"):
        ledger.on_image(9)


def test_a_sum_does_not_look_and_the_same_picture_changes_nothing() -> None:
    assert change_ledger(network(presets.baseline_q67()), BEFORE, AFTER, PIXEL).looking == {}
    same = change_ledger(network(presets.rsp4()), BEFORE, BEFORE, PIXEL)
    assert (same.total, set(same.content.values()), set(same.looking.values())) == (0, {0.0}, {0.0})
    assert same.looking_share == 0


def test_there_and_back_is_the_same_with_the_other_sign() -> None:
    model = network(presets.rsp4(), selective=True)
    there, back = change_ledger(model, BEFORE, AFTER, PIXEL), change_ledger(model, AFTER, BEFORE, PIXEL)

    assert back.content == pytest.approx({x: -value for x, value in there.content.items()}, abs=1e-10)
    assert back.looking == pytest.approx({x: -value for x, value in there.looking.items()}, abs=1e-10)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_both_precisions_add_up_within_their_tolerance(dtype: torch.dtype) -> None:
    region = RegionTarget(rectangle(slice(5, 19), slice(40, 51)), "road", plain_logit=True)
    double = change_ledger(network(presets.rsp4()), BEFORE, AFTER, region)
    ledger = change_ledger(network(presets.rsp4(), dtype=dtype), BEFORE, AFTER, region)

    assert ledger.residual <= ledger.tolerance
    assert ledger.tolerance == {torch.float32: 1e-5, torch.float64: 1e-10}[dtype]
    assert ledger.total == pytest.approx(double.total, abs=1e-5)


def test_many_changes_share_their_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    model, third = network(presets.rsp2()), noise_image(seed=6)
    targets = [PIXEL, PixelTarget(3, 4, "road", "person")]
    changes = [(BEFORE, AFTER, targets[0]), (AFTER, third, targets[0]), (BEFORE, AFTER, targets[1])]
    alone = [change_ledger(model, *change) for change in changes]
    passes = 0
    whole = FrozenHead.of.__func__  # type: ignore[attr-defined]

    def counted(cls: type[FrozenHead], *arguments: object) -> FrozenHead:
        nonlocal passes
        passes += 1
        return whole(cls, *arguments)

    monkeypatch.setattr(FrozenHead, "of", classmethod(counted))
    found = change_ledgers(model, changes)

    # Three pictures in two pairs.
    assert passes == 3
    for one, other in zip(found, alone, strict=True):
        assert one.content == pytest.approx(other.content, abs=1e-12)
        assert one.looking == pytest.approx(other.looking, abs=1e-12)


def test_an_open_target_is_what_is_predicted_before() -> None:
    model = network(presets.rsp4())
    ledger = change_ledger(model, BEFORE, AFTER, PixelTarget(20, 31))

    logits = model(BEFORE.double())[0, :, 20, 31]
    first, second = logits.topk(2).indices.tolist()
    assert (ledger.target.class_name, ledger.target.rival) == (NAMES[first], NAMES[second])


def test_what_does_not_fit_is_said() -> None:
    model = network(presets.rsp4())
    with pytest.raises(ValueError, match="two of one size"):
        change_ledger(model, BEFORE, noise_image((64, 128)), PIXEL)
    with pytest.raises(ValueError, match="two models"):
        FrozenPair(FrozenHead.of(model, BEFORE), FrozenHead.of(network(presets.rsp4()), AFTER))
    with pytest.raises(ValueError, match="no class"):
        change_ledger(model, BEFORE, AFTER, PixelTarget(3, 4, "tram", "road"))
    frozen = FrozenHead.of(model, AFTER)
    wrong = replace(frozen, logits=frozen.logits + torch.arange(3.0)[None, :, None, None])
    with pytest.raises(LedgerError, match="the change of"):
        change_ledger(model, BEFORE, wrong, PIXEL)


@pytest.mark.usefixtures("unchecked")
def test_a_frozen_pass_is_no_model_for_another_picture() -> None:
    frozen = FrozenHead.of(network(presets.rsp4()), BEFORE)
    for ask in (
        lambda: change_ledger(frozen, BEFORE, AFTER, PIXEL),  # type: ignore[arg-type]
        lambda: change_ledgers(frozen, [(BEFORE, AFTER, PIXEL)]),  # type: ignore[arg-type]
        lambda: FrozenPair.of(frozen, BEFORE, AFTER),  # type: ignore[arg-type]
    ):
        with pytest.raises(ValueError, match=r"a frozen pass of Segmenter in the place of the model.*pass the model"):
            ask()


def test_its_summary_is_json_and_a_few_lines() -> None:
    ledger = change_ledger(network(presets.rsp4()), BEFORE, AFTER, PIXEL)
    answer = json.loads(json.dumps(ledger.to_dict()))

    assert answer["unit"] == "logits"
    assert answer["total"] == pytest.approx(answer["after"] - answer["before"], abs=2e-6)
    assert set(answer["content"]) == {"2", "3", "4", "5", "6", "7"}
    assert list(answer["looking"]) == ["step76", "step65", "step54", "step43"]
    assert len(repr(ledger).splitlines()) <= 12
    assert ledger.sentence().startswith("rider over person at pixel (20, 31): ")
    assert "-" not in ledger.sentence()  # minus signs are true ones
    assert isinstance(ledger, ChangeLedger)
    assert ledger.leading_level in ledger.levels
    assert ledger.image_size == SIZE
