"""Configurations of runs: schedules by hand, options that leave no trace, and what is refused."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from torch import nn

from rsp_lab.data.labels import CITYSCAPES
from rsp_lab.data.scenes.difficulty import Difficulty
from rsp_lab.data.transforms import AugmentConfig
from rsp_lab.models import presets
from rsp_lab.models.relation import relation_modules
from rsp_lab.models.segmenter import Segmenter
from tests.trainers.small import config
from trainers.config.recipes import RELATION_RATES, STUDY, study
from trainers.config.run import LossConfig, MultiStep, OneCycle, Optimiser, SceneSampling

RULE = Optimiser("sgd", learning_rate=10.0, momentum=0.0, weight_decay=0.0, clip_norm=None)


def test_one_cycle() -> None:
    cycle = OneCycle(warm_share=0.25, start_divisor=25, end_divisor=1e4)
    rates = [cycle.factor(step, 101) for step in range(101)]
    assert rates[0] == pytest.approx(1 / 25)
    assert rates[25] == pytest.approx(1)
    assert rates[100] == pytest.approx(1e-4)
    assert rates[:26] == sorted(rates[:26])
    assert rates[25:] == sorted(rates[25:], reverse=True)
    assert OneCycle(warm_share=0).factor(0, 1) == 1
    for steps, warm_share in ((2, 0.1), (2, 0.0), (10, 0.95), (5, 0.99)):
        cycle = OneCycle(warm_share=warm_share)
        assert cycle.factor(steps - 1, steps) == pytest.approx(1 / cycle.end_divisor), (steps, warm_share)


@pytest.mark.parametrize("name", ["start_divisor", "end_divisor"])
@pytest.mark.parametrize("wrong", [0.0, -1.0, math.inf, math.nan])
def test_a_cycle_divides_by_positive_numbers_only(name: str, wrong: float) -> None:
    with pytest.raises(ValueError, match=f"{name} must be positive, got {wrong}"):
        OneCycle(**{name: wrong})


def test_schedule_of_the_paper() -> None:
    schedule = MultiStep()
    expected = {0: 0.1, 500: 0.55, 1000: 1, 39_999: 1, 40_000: 0.1, 54_999: 0.1, 55_000: 0.01, 64_999: 0.01}
    assert {step: schedule.factor(step, 65_000) for step in expected} == pytest.approx(expected)


OPTIONS: dict[str, tuple[str, object, dict[str, Any]]] = {
    "precision": ("precision", "bf16", {"precision": "bf16"}),
    "accumulate": ("accumulate", 2, {"accumulate": 2}),
    "ema": ("ema", 0.9, {"ema": 0.9}),
    "encoder's weights": ("encoder_weights", "library", {"encoder_weights": "library"}),
    "encoder's rate": ("optimiser.encoder_rate", 0.3, {"optimiser": Optimiser(encoder_rate=0.3)}),
    "pairs": ("scenes.pairs", True, {"scenes": SceneSampling(pairs=True)}),
    "even cases": ("scenes.even_cases", True, {"scenes": SceneSampling(even_cases=True)}),
    "difficulty": ("scenes.difficulty.decoys", 3, {"scenes": SceneSampling(difficulty=Difficulty(decoys=3))}),
    "region": ("loss.region_weight", 30.0, {"loss": LossConfig(region_weight=30.0)}),
    "overfit": ("overfit_one_batch", True, {"overfit_one_batch": True}),
    "kind of loss": ("loss.kind", "ohem", {"loss": LossConfig("ohem")}),
    "threshold": ("loss.ohem_threshold", 0.5, {"loss": LossConfig(ohem_threshold=0.5)}),
    "least": ("loss.ohem_least", 0.5, {"loss": LossConfig(ohem_least=0.5)}),
    "balanced": ("loss.balanced", True, {"loss": LossConfig(balanced=True)}),
    "rate": ("optimiser.relation_rate", 3.0, {"optimiser": Optimiser(relation_rate=3.0)}),
    "centres": ("augment.bootstrap", "centres", {"augment": AugmentConfig(bootstrap="centres")}),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_options_that_are_off_leave_no_trace_in_a_state(name: str) -> None:
    """So that a run stays resumable when a new option comes to exist."""
    key, value, change = OPTIONS[name]
    assert key not in config().fingerprint()
    assert config(**change).fingerprint()[key] == value


def test_all_else_is_in_the_fingerprint_at_its_default_too() -> None:
    keys = config().fingerprint().keys()
    assert {"steps", "seed", "augment.flip", "optimiser.kind", "schedule.warm_share", "model.class_names"} <= keys
    assert not {"device", "workers", "log_every", "keep"} & keys


@pytest.mark.parametrize(
    "wrong",
    [
        *({name: 0} for name in ("steps", "batch_size", "log_every", "eval_every", "accumulate", "keep")),
        *({name: -1} for name in ("seed", "workers", "num_threads", "keep_every")),
        *({name: 10**400} for name in ("steps", "batch_size", "seed", "workers", "num_threads", "keep")),
        {"accumulate": 3},
        {"loss": LossConfig(instances=2.0)},
        {"loss": LossConfig(semantic=1.0)},
        {"encoder_weights": ""},
        {"ema": 1.0},
        {"ema": math.nan},
    ],
)
def test_a_wrong_run_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))) as error:
        config(**wrong)
    assert len(str(error.value)) < 200


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        *((Optimiser, {"learning_rate": value}) for value in (0.0, -1.0, math.inf, math.nan)),
        *((Optimiser, {"clip_norm": value}) for value in (0.0, math.inf, math.nan)),
        *((Optimiser, {"weight_decay": value}) for value in (-1.0, math.inf, math.nan)),
        *((Optimiser, {"momentum": value}) for value in (-0.1, 1.0, math.nan)),
        *((MultiStep, {name: value}) for name in ("start", "gamma") for value in (0.0, math.inf, math.nan)),
        *((Optimiser, {"encoder_rate": value}) for value in (0.0, -1.0, math.inf, math.nan)),
        *((LossConfig, {"region_weight": value}) for value in (0.0, -1.0, math.inf, math.nan)),
        (LossConfig, {"region_weight": 2.0, "kind": "ohem"}),
        (MultiStep, {"warm_steps": -1}),
        (MultiStep, {"milestones": (2, 1)}),
        *((AugmentConfig, {"scale": value}) for value in ((0.5, math.inf), (math.nan, 1.0), (0.5, 1e9), (2.0, 1.0))),
    ],
)
def test_a_wrong_part_is_refused(kind: type, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        kind(**wrong)


def test_every_parameter_is_in_one_group() -> None:
    model = Segmenter(study("rsp4")().model)
    groups = replace(RULE, relation_rate=0.5).build(model).param_groups

    assert [group["factor"] for group in groups] == [1.0, 0.5]
    assert sorted(id(p) for group in groups for p in group["params"]) == sorted(map(id, model.parameters()))


def test_a_network_without_relations_and_a_rate_that_is_none_are_refused() -> None:
    model = Segmenter(presets.tiny_baseline(CITYSCAPES.classes, CITYSCAPES.name))
    with pytest.raises(ValueError, match="no relation module"):
        replace(RULE, relation_rate=2.0).build(model)
    with pytest.raises(ValueError, match="must be positive"):
        replace(RULE, relation_rate=0.0)


def test_every_part_has_its_own_rate() -> None:
    model = Segmenter(study("rsp4")().model)
    rule = replace(RULE, relation_rate=3.0, encoder_rate=0.3)
    groups = {group["factor"]: {id(p) for p in group["params"]} for group in rule.build(model).param_groups}

    assert groups.keys() == {1.0, 3.0, 0.3}
    assert groups[0.3] == {id(p) for p in model.pyramid.encoder.parameters()}
    assert groups[3.0] == {id(p) for module in relation_modules(model).values() for p in module.parameters()}
    assert sum(map(len, groups.values())) == len(list(model.parameters()))


def test_a_network_without_an_encoder_has_no_rate_of_it() -> None:
    with pytest.raises(ValueError, match=r"encoder_rate 0.3: this network has no encoder; leave it at 1"):
        replace(RULE, encoder_rate=0.3).build(nn.Linear(2, 2))


def test_a_normalisation_is_part_of_a_run_only_where_it_is_not_imagenets() -> None:
    plain = study("rsp4")()
    pyramid = replace(plain.model.pyramid, std=(0.5, 0.5, 0.5))
    other = replace(plain, model=replace(plain.model, pyramid=pyramid))

    assert not {"model.pyramid.mean", "model.pyramid.std"} & plain.fingerprint().keys()
    assert other.fingerprint()["model.pyramid.std"] == [0.5, 0.5, 0.5]
    assert "model.pyramid.mean" not in other.fingerprint()


def test_the_rate_is_part_of_a_run_only_where_it_is_set() -> None:
    plain, fast = study("rsp4")().fingerprint(), study("rsp4_fast")().fingerprint()

    assert "optimiser.relation_rate" not in plain
    assert fast["optimiser.relation_rate"] == RELATION_RATES["rsp4_fast"]
    assert STUDY["rsp4_fast"] == STUDY["rsp4"]
