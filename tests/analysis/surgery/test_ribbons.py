"""Ribbons cut in the running head, against the head run with an edit of the step's context by hand."""

from __future__ import annotations

import json

import pytest
import torch
from torch import Tensor, nn

import rsp_lab as rl
from rsp_lab.analysis.ledger.decision_flow import DecisionFlow, Ribbon, decision_flow
from rsp_lab.analysis.ledger.frozen_head import FrozenHead
from rsp_lab.analysis.ledger.residual import LedgerError
from rsp_lab.analysis.surgery.ribbons import cut_ribbons
from rsp_lab.analysis.targets.target import PixelTarget, target_value
from rsp_lab.capture.hooks import hooks
from rsp_lab.models import presets
from rsp_lab.models.fusion import TopDownStep, resize
from tests.kit.heads import TOP_DOWN_HEADS
from tests.kit.networks import NAMES, network, noise_image

pytestmark = pytest.mark.usefixtures("one_thread")
PIXEL = PixelTarget(20, 31, "rider", "person")
KINDS = ("rsp4", "context2", "baseline_q67", "rsp4 unnormalised")


def frozen_head(kind: str) -> FrozenHead:
    return FrozenHead.of(network(TOP_DOWN_HEADS[kind], selective=True), noise_image(dtype=torch.float64))


@pytest.fixture(params=KINDS, scope="module")
def case(request: pytest.FixtureRequest) -> tuple[FrozenHead, DecisionFlow]:
    frozen = frozen_head(request.param)
    return frozen, decision_flow(frozen, frozen.image, PIXEL, share=0, most=2)


def alone(flow: DecisionFlow, level: int) -> list[int]:
    """Places of the level's nodes that are one cell."""
    return [place for place, node in enumerate(flow.nodes[level]) if node.cell is not None]


def run_without(frozen: FrozenHead, flow: DecisionFlow, cut: Ribbon) -> float:
    """The target of the head itself, its step's context edited; of one ribbon between two single cells."""
    fused: dict[int, Tensor] = {frozen.levels[-1]: frozen.q[frozen.levels[-1]]}

    def context(step: TopDownStep, low: Tensor, high: Tensor) -> Tensor:
        taken = frozen.mix(step)(frozen.value(step, high))
        fused[step.low] = low + taken
        return taken

    with torch.no_grad():
        frozen.head.aggregate(frozen.q, context)
    step = next(one for one in frozen.head.steps if one.low == cut.level - 1)
    source, sink = flow.nodes[cut.level][cut.source].cell, flow.nodes[step.low][cut.sink or 0].cell
    assert source is not None
    assert sink is not None
    top = torch.zeros_like(fused[cut.level])
    top[..., source[0], source[1]] = fused[cut.level][..., source[0], source[1]]
    values = [frozen.value(step, resize(one, frozen.q[step.low].shape[-2:])) for one in (top, torch.zeros_like(top))]
    # Its step's own weights do not know of the cut: they come from the query and the map above.
    brought = frozen.mix(step)(values[0]) - frozen.mix(step)(values[1])

    def edit(taken: Tensor, tap: object) -> Tensor:
        taken = taken.clone()
        taken[..., sink[0], sink[1]] -= brought[..., sink[0], sink[1]]
        return taken

    with torch.no_grad(), hooks(frozen.head, {f"{step.name}.context": edit}):
        logits = frozen.head.from_q(frozen.q)
    return target_value(logits[0], flow.target, frozen.image_size, frozen.class_names)


def test_the_live_answer_is_that_of_the_head_with_its_context_edited(case: tuple[FrozenHead, DecisionFlow]) -> None:
    frozen, flow = case
    between = [one for one in flow.ribbons if one.sink is not None]
    single = [one for one in between if one.source in alone(flow, one.level) and one.sink in alone(flow, one.level - 1)]
    assert len(single) > 3

    for one in sorted(single, key=lambda one: -abs(flow.ribbons[one]))[:6]:
        found = cut_ribbons(frozen, frozen.image, flow, [one])
        assert found.live == pytest.approx(run_without(frozen, flow, one), abs=1e-10)
        assert found.held == flow.without([one])
        assert found.residual < 1e-12


def test_only_what_chooses_below_a_cut_reacts(case: tuple[FrozenHead, DecisionFlow]) -> None:
    frozen, flow = case
    last = [one for one in flow.ribbons if one.level == flow.chain[-1]]
    assert cut_ribbons(frozen, frozen.image, flow, last).reaction == pytest.approx(0, abs=1e-10)

    first = [one for one in flow.ribbons if one.level == flow.chain[0]]
    reaction = cut_ribbons(frozen, frozen.image, flow, first).reaction
    if frozen.weights:
        assert abs(reaction) > 1e-8
    else:
        assert reaction == pytest.approx(0, abs=1e-10)


def test_nothing_cut_changes_nothing_and_everything_cut_leaves_the_bias(case: tuple[FrozenHead, DecisionFlow]) -> None:
    frozen, flow = case
    nothing = cut_ribbons(frozen, frozen.image, flow, [])
    assert (nothing.held, nothing.live) == (pytest.approx(flow.total, abs=1e-10), pytest.approx(flow.total, abs=1e-10))

    everything = cut_ribbons(frozen, frozen.image, flow, [one for one in flow.ribbons if one.sink is None])
    assert everything.held == pytest.approx(flow.bias, abs=1e-9)
    assert everything.residual < 1e-12


def test_a_head_without_steps_answers_as_its_account_does() -> None:
    frozen = FrozenHead.of(network(presets.semantic_fpn()), noise_image(dtype=torch.float64))
    flow = decision_flow(frozen, frozen.image, PIXEL, share=0, most=2)
    ribbons = list(flow.ribbons)

    found = cut_ribbons(frozen, frozen.image, flow, ribbons[:4])

    assert found.live == pytest.approx(flow.without(ribbons[:4]), abs=1e-10)
    assert abs(found.live - flow.total) > 1e-6


def test_it_says_what_was_cut_and_what_came() -> None:
    model, image = network(TOP_DOWN_HEADS["rsp4"]), noise_image()
    flow = rl.decision_flow(model, image, PIXEL)
    widest = max(flow.ribbons, key=lambda one: abs(flow.ribbons[one]))

    found = rl.surgery.cut_ribbons(model, image, flow, [widest, widest])

    assert found.cuts == (widest,)
    assert "without 1 ribbon " in found.sentence()
    said = json.loads(json.dumps(found.to_dict()))
    assert said["cuts"] == [{"level": widest.level, "from": widest.source, "to": widest.sink}]
    assert said["reaction"] == pytest.approx(said["live"] - said["held"], abs=1e-4)


def test_what_does_not_fit_is_refused() -> None:
    model, image = network(TOP_DOWN_HEADS["rsp4"]), noise_image()
    flow = rl.decision_flow(model, image, PIXEL)
    widest = max(flow.ribbons, key=lambda one: abs(flow.ribbons[one]))

    with pytest.raises(ValueError, match="there is no ribbon"):
        cut_ribbons(model, image, flow, [Ribbon(3, 99, None)])
    with pytest.raises(ValueError, match="flow is of another image"):
        cut_ribbons(model, image.flip(-1), flow, [widest])
    with pytest.raises(ValueError, match="take that model"):
        cut_ribbons(network(TOP_DOWN_HEADS["rsp2"]), image, flow, [widest])
    with pytest.raises(LedgerError, match="ribbons cut"):
        cut_ribbons(network(TOP_DOWN_HEADS["rsp4"], selective=True), image, flow, [widest])

    layers = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU(), nn.Conv2d(4, len(NAMES), 1)).double().eval()
    subject = rl.adapt(layers, class_names=NAMES, cut=("1",), name="other")
    with pytest.raises(ValueError, match="network without top-down steps"):
        cut_ribbons(subject, image, rl.decision_flow(subject, image, PIXEL), [])  # type: ignore[arg-type]
