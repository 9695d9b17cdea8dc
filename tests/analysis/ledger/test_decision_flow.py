"""Decision flows against the frozen head run with a ribbon taken out of it by hand, and against the ledger."""

from __future__ import annotations

import json
from collections.abc import Collection

import pytest
import torch
from torch import Tensor, nn

import rsp_lab as rl
from rsp_lab.analysis.ledger.decision_flow import DecisionFlow, Ribbon, decision_flow
from rsp_lab.analysis.ledger.flow_nodes import FlowNode
from rsp_lab.analysis.ledger.flow_paths import parted
from rsp_lab.analysis.ledger.frozen_head import FrozenHead
from rsp_lab.analysis.ledger.ledger import context_ledger
from rsp_lab.analysis.targets.target import PixelTarget, RegionTarget, target_value
from rsp_lab.models import presets
from rsp_lab.models.fusion import TopDownStep, resize
from rsp_lab.models.relation import relation_modules
from tests.kit.heads import TOP_DOWN_HEADS
from tests.kit.networks import SIZE, network, noise_image, rectangle

pytestmark = pytest.mark.usefixtures("one_thread")
PIXEL = PixelTarget(20, 31, "rider", "person")
KINDS = ("rsp4", "rsp4_d", "context2", "baseline_q67", "rsp4 unnormalised")


def frozen_head(kind: str) -> FrozenHead:
    return FrozenHead.of(network(TOP_DOWN_HEADS[kind]).double(), noise_image(dtype=torch.float64))


@pytest.fixture(params=KINDS, scope="module")
def case(request: pytest.FixtureRequest) -> tuple[FrozenHead, DecisionFlow]:
    frozen = frozen_head(request.param)
    return frozen, decision_flow(frozen, frozen.image, PIXEL, share=0, most=2)


def cells_of(flow: DecisionFlow, level: int, node: FlowNode, shape: tuple[int, int]) -> Tensor:
    """Which cells of a level a node stands for, (y, x)."""
    mask = torch.zeros(shape, dtype=torch.bool)
    alone = [other.cell for other in flow.nodes[level] if other.cell is not None]
    for cell in [node.cell] if node.cell is not None else alone:
        mask[cell] = True
    return mask if node.cell is not None else ~mask


def value_without(frozen: FrozenHead, flow: DecisionFlow, cuts: Collection[Ribbon]) -> float:
    """The target in the frozen head where cells of some nodes take nothing from cells of others."""

    def context(step: TopDownStep, low: Tensor, high: Tensor) -> Tensor:
        mix, taken = frozen.mix(step), frozen.mix(step)(frozen.value(step, high))
        nothing = mix(frozen.value(step, torch.zeros_like(high)))
        for cut in cuts:
            if cut.level != step.low + 1:
                continue
            shape = fused[cut.level].shape[-2:]
            source = cells_of(flow, cut.level, flow.nodes[cut.level][cut.source], (shape[0], shape[1]))
            part = resize(fused[cut.level] * source, high.shape[-2:])
            brought = mix(frozen.value(step, part)) - nothing
            if cut.sink is None:
                taken = taken - brought
            else:
                grid = (low.shape[-2], low.shape[-1])
                taken = taken - brought * cells_of(flow, step.low, flow.nodes[step.low][cut.sink], grid)
        fused[step.low] = low + taken
        return taken

    top = frozen.levels[-1]
    fused = {top: frozen.q[top]}
    with torch.no_grad():
        logits = frozen.head.classifier(frozen.head.aggregate(frozen.q, context))
    return target_value(logits[0], flow.target, frozen.image_size, frozen.class_names)


def test_what_is_left_without_a_ribbon_is_the_frozen_heads_answer(case: tuple[FrozenHead, DecisionFlow]) -> None:
    frozen, flow = case
    ribbons = [one for one in flow.ribbons if one.level in flow.chain]
    strongest = sorted(ribbons, key=lambda one: -abs(flow.ribbons[one]))[:12]

    for one in [*strongest, *ribbons[:: max(1, len(ribbons) // 8)]]:
        assert flow.without([one]) == pytest.approx(value_without(frozen, flow, [one]), abs=1e-9)
        assert flow.without([one]) == pytest.approx(flow.total - flow.ribbons[one], abs=1e-9)


def test_ribbons_on_one_way_are_not_taken_out_twice(case: tuple[FrozenHead, DecisionFlow]) -> None:
    frozen, flow = case
    top = flow.chain[0]
    first = next(one for one in flow.ribbons if one.level == top)
    second = next(one for one in flow.ribbons if one.level == top - 1 and one.source == first.sink)
    other = next(one for one in flow.ribbons if one.level == flow.chain[-1] and one.sink is None)
    cuts = {first, second, other}

    left = flow.without(cuts)

    assert left == pytest.approx(value_without(frozen, flow, cuts), abs=1e-9)
    assert flow.remaining(cuts)[first] == 0
    apart = flow.total - sum(flow.ribbons[one] for one in cuts)
    assert abs(left - apart) > 1e-8


def test_what_comes_to_a_node_leaves_it(case: tuple[FrozenHead, DecisionFlow]) -> None:
    _, flow = case
    for level in flow.chain:
        came = [node.own for node in flow.nodes[level]]
        left = [0.0] * len(came)
        for one, value in flow.ribbons.items():
            if one.level == level:
                left[one.source] += value
            if one.level == level + 1 and one.sink is not None and level != flow.chain[0]:
                came[one.sink] += value
        biases = flow.biases[level] if level in flow.biases else torch.zeros(len(came), 1)
        came = [value + float(biases[i].sum()) for i, value in enumerate(came)]
        assert came == pytest.approx(left, abs=1e-9)
        assert left == pytest.approx([node.held for node in flow.nodes[level]], abs=1e-9)


def test_nodes_own_is_the_ledgers_and_all_of_it_is_there(case: tuple[FrozenHead, DecisionFlow]) -> None:
    frozen, flow = case
    ledger = context_ledger(frozen, frozen.image, PIXEL)

    assert tuple(flow.nodes) == tuple(reversed(ledger.levels))
    for level, nodes in flow.nodes.items():
        assert sum(node.cells for node in nodes) == ledger.maps[level].numel()
        for node in nodes:
            mask = cells_of(flow, level, node, tuple(ledger.maps[level].shape))
            assert node.own == pytest.approx(float(ledger.maps[level][mask].sum()), abs=1e-9)
    arriving = sum(value for one, value in flow.ribbons.items() if one.sink is None)
    assert arriving + flow.bias == pytest.approx(ledger.total, abs=1e-9)
    assert flow.bias + sum(map(flow.entering, flow.biases)) == pytest.approx(ledger.bias, abs=1e-9)
    assert flow.residual < 1e-12


def test_merging_loses_nothing(case: tuple[FrozenHead, DecisionFlow]) -> None:
    _, flow = case
    alone = flow.merged(0)

    assert all(len(nodes) == 1 for nodes in alone.nodes.values())
    for level in flow.chain:
        assert alone.nodes[level][0].held == pytest.approx(sum(node.held for node in flow.nodes[level]), abs=1e-9)
        assert alone.brought(level) == pytest.approx(flow.brought(level), abs=1e-9)
    assert flow.merged(9) is flow
    assert flow.merged(2, least=1e9).to_dict() == alone.to_dict()
    with pytest.raises(ValueError, match="most must be at least 0, got -1"):
        flow.merged(-1)


def test_small_batches_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen = frozen_head("rsp4")
    whole = decision_flow(frozen, frozen.image, PIXEL, most=2)
    monkeypatch.setattr("rsp_lab.analysis.ledger.flow_paths._BATCH", 1)
    parts = decision_flow(frozen, frozen.image, PIXEL, most=2)

    assert all(torch.allclose(whole.paths[x], parts.paths[x], atol=1e-12) for x in whole.paths)


@pytest.mark.parametrize("kind", KINDS)
def test_a_derivative_is_one_map_times_one_vector(kind: str) -> None:
    frozen = frozen_head(kind)
    for level, derivative in frozen.pulled_back(frozen.target_weights(PIXEL)).items():
        cells, vector = parted(derivative)
        torch.testing.assert_close(cells[:, None] * vector, derivative, msg=lambda text, x=level: f"level {x}: {text}")


def test_a_step_that_mixes_cells_and_channels_at_once_is_refused() -> None:
    model = network(TOP_DOWN_HEADS["rsp4"])
    fusion = next(iter(relation_modules(model.head).values()))
    channels = fusion.f_v.in_channels
    fusion.f_v = nn.Conv2d(channels, channels, 3, padding=1)
    frozen = FrozenHead.of(model.eval().double(), noise_image(dtype=torch.float64))

    with pytest.raises(rl.LedgerError, match="flow through level"):
        decision_flow(frozen, frozen.image, PIXEL)


def test_cells_below_the_share_are_merged() -> None:
    frozen = frozen_head("rsp2")
    flow = decision_flow(frozen, frozen.image, PIXEL, share=0.5)

    largest = max(
        node.weight
        for nodes in decision_flow(frozen, frozen.image, PIXEL, share=0).nodes.values()
        for node in nodes
        if node.cell
    )
    assert all(node.weight >= 0.5 * largest for nodes in flow.nodes.values() for node in nodes if node.cell)
    assert any(len(nodes) == 1 for nodes in flow.nodes.values())


def test_a_region_is_a_target_too() -> None:
    frozen = frozen_head("rsp2")
    target = RegionTarget(rectangle(slice(5, 19), slice(40, 51), SIZE), "road", "rider")
    flow = decision_flow(frozen, frozen.image, target)

    assert flow.total == pytest.approx(context_ledger(frozen, frozen.image, target).total)
    assert flow.residual < 1e-12


def test_without_known_steps_every_level_goes_straight_to_the_target() -> None:
    torch.manual_seed(3)
    other = nn.Sequential(nn.Conv2d(3, 8, 3, 8, 1), nn.GELU(), nn.Conv2d(8, 4, 1)).eval()
    subject = rl.adapt(other, class_names=("road", "rider", "person", "sky"), cut=("1",), name="other")
    for model in (subject, network(presets.semantic_fpn())):
        flow = decision_flow(model, noise_image(), PIXEL)

        assert flow.direct
        assert all(one.sink is None for one in flow.ribbons)
        assert sum(flow.ribbons.values()) + flow.bias == pytest.approx(flow.total, abs=1e-4)
        one = next(iter(flow.ribbons))
        assert flow.without([one]) == pytest.approx(flow.total - flow.ribbons[one])
        assert "straight to the target" in flow.to_dict()["rule"]


def test_what_is_asked_in_vain_is_refused() -> None:
    model = network(TOP_DOWN_HEADS["rsp2"])
    flow = decision_flow(model, noise_image(), PIXEL, name="mine")

    assert flow.name == "mine"
    with pytest.raises(ValueError, match=r"no ribbon \(9, 0, 0\) in the flow of mine"):
        flow.without([Ribbon(9, 0, 0)])
    with pytest.raises(ValueError, match="share must lie in"):
        decision_flow(model, noise_image(), PIXEL, share=2)
    with pytest.raises(ValueError, match="no class is named 'moon'"):
        decision_flow(model, noise_image(), PixelTarget(1, 1, "moon"))


@pytest.mark.usefixtures("unchecked")
def test_a_number_of_cells_is_a_whole_one() -> None:
    model = network(TOP_DOWN_HEADS["rsp2"])
    flow = decision_flow(model, noise_image(), PIXEL)
    for most, says in ((-1, "at least 0, got -1"), (2.5, r"a whole number, got 2\.5")):
        for ask in (lambda count: decision_flow(model, noise_image(), PIXEL, most=count), flow.merged):
            with pytest.raises(ValueError, match=f"most must be {says}"):
                ask(most)


def test_data_are_plain_and_say_their_unit_and_rule() -> None:
    flow = decision_flow(network(TOP_DOWN_HEADS["rsp2"]), noise_image(), PIXEL)
    data = json.loads(json.dumps(flow.to_dict()))

    assert (data["unit"], data["direct"]) == ("logits", False)
    assert "ledger" in data["rule"]
    assert "hands on" in repr(flow)
    assert len(data["ribbons"]) == len(flow.ribbons)
