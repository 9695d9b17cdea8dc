"""A learning rate of their own for the relation modules."""

from dataclasses import replace

import pytest
import torch

from rsp_lab.data.labels import CITYSCAPES
from rsp_lab.models import presets
from rsp_lab.models.relation import relation_modules
from rsp_lab.models.segmenter import Segmenter
from trainers.config.recipes import RELATION_RATES, STUDY, study
from trainers.config.run import Optimiser
from trainers.training.learner import Learner
from trainers.training.loop import build_criterion, update

RULE = Optimiser("sgd", learning_rate=10.0, momentum=0.0, weight_decay=0.0, clip_norm=None)


def moved(rate: float) -> dict[str, torch.Tensor]:
    """What one update of plain gradient descent adds to each parameter."""
    config = replace(study("rsp2")(), optimiser=replace(RULE, relation_rate=rate), num_threads=1)
    torch.manual_seed(0)
    model = Segmenter(config.model)
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    image, label = torch.rand(2, 3, 64, 64), torch.randint(0, len(CITYSCAPES), (2, 64, 64))
    update(Learner.build(model, config), build_criterion(config, []), image, label, config, 0)
    return {name: value.detach() - before[name] for name, value in model.named_parameters()}


def test_relations_move_by_their_own_rate_and_nothing_else_does() -> None:
    plain, fast = moved(1.0), moved(3.0)
    model = Segmenter(study("rsp2")().model)
    relations = {id(p) for module in relation_modules(model).values() for p in module.parameters()}
    theirs = {name for name, p in model.named_parameters() if id(p) in relations}

    assert theirs
    assert max(float(plain[name].abs().max()) for name in theirs) > 1e-4
    for name, change in plain.items():
        torch.testing.assert_close(fast[name], change * (3.0 if name in theirs else 1.0), rtol=1e-3, atol=1e-5)


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


def test_the_rate_is_part_of_a_run_only_where_it_is_set() -> None:
    plain, fast = study("rsp4")().fingerprint(), study("rsp4_fast")().fingerprint()

    assert "optimiser.relation_rate" not in plain
    assert fast["optimiser.relation_rate"] == RELATION_RATES["rsp4_fast"]
    assert STUDY["rsp4_fast"] == STUDY["rsp4"]
