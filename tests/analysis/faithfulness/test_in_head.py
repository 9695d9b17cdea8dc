"""Curves inside the head against forward passes written as loops."""

from __future__ import annotations

import math

import pytest
import torch

from rsp_lab.analysis.arena.methods import Question, method_map
from rsp_lab.analysis.faithfulness.in_head import CellCurves, cell_order, frozen_curves, live_curves, schedule
from rsp_lab.analysis.ledger.ledger import context_ledger
from rsp_lab.analysis.targets.target import target_value
from rsp_lab.capture.hooks import hooks
from tests.kit.arena import HEADS, one_cell, region, region_at
from tests.kit.networks import network, noise_image

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module", params=["sum", "rsp"])
def asked(request):
    model = network(HEADS[request.param], channels=64)
    question = Question.of(model, noise_image(), region())
    return question, context_ledger(question.frozen, question.frozen.image, question.target)


def zeroed(question, gone):
    """Q maps without some cells, cell by cell."""
    q, number = {x: v.clone() for x, v in question.frozen.q.items()}, 0
    for x in question.frozen.levels:
        for y in range(q[x].shape[2]):
            for u in range(q[x].shape[3]):
                if number in gone:
                    q[x][:, :, y, u] = 0
                number += 1
    return q


def test_frozen_curves_are_forward_passes_of_the_frozen_head(asked):
    question, book = asked
    order = cell_order(book.maps)
    curves = frozen_curves(book, order, points=5)
    everything = set(range(len(order)))
    for at, count in enumerate(curves.counts):
        first = set(order[:count].tolist())
        for gone, found in ((first, curves.deletion[at]), (everything - first, curves.insertion[at])):
            logits = question.frozen.forward(zeroed(question, gone))[0].detach()
            value = target_value(logits, question.target, question.frozen.image_size, question.frozen.class_names)
            assert found == pytest.approx(value, abs=1e-9)


def test_live_curves_are_forward_passes_of_the_model_with_edited_q(asked):
    question, book = asked
    order = torch.randperm(sum(v.numel() for v in book.maps.values()))
    curves = live_curves(question.frozen, book, order, points=4)
    everything = set(range(len(order)))
    for at, count in enumerate(curves.counts):
        first = set(order[:count].tolist())
        for gone, found in ((first, curves.deletion[at]), (everything - first, curves.insertion[at])):
            q = zeroed(question, gone)
            edits = {f"q{x}": (lambda tensor, tap, value=value: value) for x, value in q.items()}
            with torch.no_grad(), hooks(question.model, edits):
                logits = question.model.coarse_logits(question.image.double())[0]
            value = target_value(logits, question.target, question.frozen.image_size, question.frozen.class_names)
            assert found == pytest.approx(value, abs=1e-9)


def test_no_order_beats_the_ledger_in_the_frozen_head(asked):
    _, book = asked
    best = frozen_curves(book, cell_order(book.maps))
    cells = sum(v.numel() for v in book.maps.values())
    for seed in range(20):
        other = frozen_curves(book, torch.randperm(cells, generator=torch.Generator().manual_seed(seed)))
        assert best.score > other.score
        assert all(a <= b + 1e-9 for a, b in zip(best.deletion, other.deletion, strict=True))
    assert best.fall == pytest.approx(best.rise)


@pytest.mark.parametrize("level", [2, 3, 5])
def test_where_one_cell_decides_the_ledger_takes_it_first_and_random_does_not(level):
    model, frozen = one_cell(level, 1, 2)
    question = Question(model, noise_image(), region() if level == 5 else region_at(level, 1, 2), frozen)
    book = context_ledger(frozen, frozen.image, question.target)
    found = {m: cell_order(method_map(m, question).cells) for m in ("ledger", "gradient_x_q")}
    for order in found.values():
        curves = live_curves(frozen, book, order)
        assert curves.deletion[1] == pytest.approx(0, abs=1e-12)
        assert curves.insertion[1] == pytest.approx(book.total)
        # All of the fall comes with the first of the points, of which the mean counts it half.
        assert curves.fall == pytest.approx(1 - 0.5 / (len(curves.counts) - 1))
    total = sum(v.numel() for v in book.maps.values())
    shuffled = frozen_curves(book, torch.randperm(total, generator=torch.Generator().manual_seed(1)))
    assert shuffled.fall < 0.5


def test_the_area_is_a_trapezoid_over_the_points():
    curves = CellCurves((0, 1, 10, 100), (4.0, 2.0, 1.0, 0.0), (0.0, 3.0, 3.0, 4.0), 2.0)
    assert curves.deletion_area == pytest.approx((3 + 1.5 + 0.5) / 3)
    assert curves.insertion_area == pytest.approx((1.5 + 3 + 3.5) / 3)
    assert curves.score == pytest.approx((8 - 5) / 3 / 2)
    assert (curves.fall, curves.rise) == pytest.approx(((4 - 5 / 3) / 2, 8 / 3 / 2))
    assert math.isnan(CellCurves((0, 1), (0.0, 0.0), (0.0, 0.0), 0.0).score)
    assert curves.to_dict()["counts"] == [0, 1, 10, 100]


def test_the_schedule_rises_from_nothing_to_all():
    for cells in (1, 2, 7, 10920):
        counts = schedule(cells)
        assert counts[0] == 0
        assert counts[-1] == cells
        assert list(counts) == sorted(set(counts))
    assert schedule(100, 3) == (0, 1, 10, 100)


def test_equal_cells_are_ordered_at_random_and_higher_ones_first():
    maps = {2: torch.tensor([[0.0, 5.0], [0.0, 0.0]]), 3: torch.tensor([[7.0]])}
    orders = {tuple(cell_order(maps, seed).tolist()) for seed in range(8)}
    assert {order[:2] for order in orders} == {(4, 1)}
    assert len(orders) > 1


def test_errors(asked):
    question, book = asked
    with pytest.raises(ValueError, match="once: make it with cell_order"):
        frozen_curves(book, torch.zeros(3, dtype=torch.long))
    with pytest.raises(ValueError, match="once: make it with cell_order"):
        live_curves(question.frozen, book, torch.arange(3))
    with pytest.raises(ValueError, match="1 cell and 2 points"):
        schedule(5, 1)
