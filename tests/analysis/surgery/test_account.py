"""What an edit does to a decision: the parts of its account against runs of the network itself."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from rsp_lab.analysis.ledger.frozen_head import FrozenHead
from rsp_lab.analysis.surgery.account import SurgeryRuns, run_surgery
from rsp_lab.analysis.surgery.operate import operate
from rsp_lab.analysis.surgery.operation import Operation
from rsp_lab.analysis.surgery.operations import Centre, Temperature, Uniform, transplantable_steps
from rsp_lab.analysis.targets.target import PixelTarget, RegionTarget, Target
from rsp_lab.models import presets
from rsp_lab.models.relation import RelationConfig
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.shapes import Window
from tests.kit.networks import NAMES, SIZE, network, noise_image, rectangle

pytestmark = pytest.mark.usefixtures("one_thread")
PIXEL = PixelTarget(20, 31, "rider", "person")


def model() -> Segmenter:
    return network(presets.rsp4()).double()


def runs(operation: Operation) -> SurgeryRuns:
    return run_surgery(model(), noise_image().double(), operation)


@pytest.mark.parametrize(
    "target",
    [
        PIXEL,
        RegionTarget(rectangle(slice(10, 30), slice(20, 60)), "rider", "person"),
        PixelTarget(20, 31, "rider", plain_logit=True),
    ],
    ids=["pixel", "region", "plain logit"],
)
@pytest.mark.parametrize("operation", [Uniform(steps=("step76", "step43")), Centre(), Temperature(0.5, steps="step65")])
def test_its_parts_are_runs_of_the_network(operation: Operation, target: Target) -> None:
    account = runs(operation).account(target)

    live = operate(model(), noise_image().double(), operation, target=target)
    held = operate(model(), noise_image().double(), operation, target=target, frozen_keys=True)
    assert account.before == pytest.approx(live.before.target_value, abs=1e-9)
    assert account.after == pytest.approx(live.after.target_value, abs=1e-9)
    assert account.held == pytest.approx(held.after.target_value, abs=1e-9)
    assert account.change == account.after - account.before


@pytest.mark.parametrize("operation", [Uniform(steps="step54"), Uniform(steps=("step76", "step43")), Centre()])
def test_the_ledger_is_exact_where_all_other_weights_are_held(operation: Operation) -> None:
    account = runs(operation).account(PIXEL)

    assert account.predicted.total == pytest.approx(account.held - account.before, abs=1e-9)
    assert account.deviation < 1e-9
    assert sum(account.predicted.sums.values()) + account.predicted.bias == pytest.approx(
        account.held - account.before, abs=1e-9
    )
    assert account.change == pytest.approx(account.predicted.total + account.reaction, abs=1e-12)


def test_the_lowest_step_leaves_nothing_to_react_and_a_higher_one_does() -> None:
    assert runs(Centre(steps="step43")).account(PIXEL).reaction == pytest.approx(0, abs=1e-9)
    assert abs(runs(Centre(steps="step65")).account(PIXEL).reaction) > 1e-6


def test_class_and_rival_alone_make_the_margin() -> None:
    account = runs(Centre()).account(PIXEL)

    (rider_before, rider_after), (person_before, person_after) = account.class_values.values()
    assert list(account.class_values) == ["rider", "person"]
    assert rider_before - person_before == pytest.approx(account.before, abs=1e-9)
    assert rider_after - person_after == pytest.approx(account.after, abs=1e-9)


def test_an_open_target_is_what_the_unedited_model_predicts() -> None:
    account = runs(Centre()).account(PixelTarget(20, 31))

    alone = {name: replace(PIXEL, class_name=name, rival=None, plain_logit=True) for name in NAMES}
    before = {name: runs(Centre()).account(target).before for name, target in alone.items()}
    ranked = sorted(NAMES, key=lambda name: -before[name])
    assert (account.target.class_name, account.target.rival) == tuple(ranked[:2])
    assert account.before > 0


def test_a_frozen_head_gives_the_same_and_the_summary_is_json() -> None:
    image = noise_image().double()
    first = runs(Centre())
    second = run_surgery(FrozenHead.of(model(), image), image, Centre(), label=torch.zeros(SIZE, dtype=torch.uint8))

    account = second.account(PIXEL)
    assert account.after == pytest.approx(first.account(PIXEL).after, abs=1e-12)
    assert json.loads(json.dumps(account.to_dict()))["reaction"] == pytest.approx(account.reaction, abs=1e-6)
    assert json.loads(json.dumps(second.to_dict()))["held"]["frozen_keys"] is True
    assert second.live.before.iou is not None


def test_label_shares_are_those_of_the_label_maps() -> None:
    result = runs(Centre()).live

    shares = result.label_shares()
    assert sum(before for before, _ in shares.values()) == pytest.approx(1)
    assert sum(after for _, after in shares.values()) == pytest.approx(1)
    for index, name in enumerate(NAMES):
        counts = [int((outcome.labels == index).sum()) for outcome in (result.before, result.after)]
        assert shares.get(name, (0, 0)) == pytest.approx([count / (SIZE[0] * SIZE[1]) for count in counts])


def test_steps_that_fit_have_the_same_window_and_size() -> None:
    image = noise_image()
    rsp4 = FrozenHead.of(network(presets.rsp4()), image)
    narrow = FrozenHead.of(network(presets.rsp4(RelationConfig(Window(5)))), image)
    two, small = FrozenHead.of(network(presets.rsp2()), image), FrozenHead.of(network(presets.rsp4()), image[..., :-32])

    assert transplantable_steps(rsp4, rsp4) == ("step76", "step65", "step54", "step43")
    assert transplantable_steps(rsp4, narrow) == ()
    assert transplantable_steps(rsp4, two) == two.steps
    assert transplantable_steps(rsp4, FrozenHead.of(network(presets.baseline_q67()), image)) == ()
    assert set(transplantable_steps(rsp4, small)) < set(rsp4.steps)
