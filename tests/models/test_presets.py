"""Configurations say no early and name the remedy; presets are the paper's."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from rsp_lab.models import presets
from rsp_lab.models.config_json import config_from_json, config_to_json
from rsp_lab.models.fusion import AverageConfig, SumConfig
from rsp_lab.models.heads import SemanticFPNConfig, TopDownConfig
from rsp_lab.models.pyramid import PyramidConfig
from rsp_lab.models.relation import RelationalSemanticsExtractor, RelationConfig
from rsp_lab.models.segmenter import Segmenter, SegmenterConfig
from rsp_lab.shapes import Window

PYRAMID = PyramidConfig("tiny", 32, 5)
RSP = RelationConfig()
SUM = SumConfig()


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PyramidConfig("vgg"), r"encoder must be one of tiny, resnet18.* or timm/NAME .*got 'vgg'"),
        (lambda: PyramidConfig(top=6), r"top must be 5 \(P_2..P_5\) or 7 \(P_2..P_7\), got 6"),
        (lambda: TopDownConfig(()), "fusions is empty: a top-down head needs at least the step 32"),
        (lambda: TopDownConfig(norm="batch"), "norm must be 'group' or 'none', got 'batch'"),
        (lambda: TopDownConfig(channels=72), r"multiple of 32 channels.*got 72. Use 64 or 128"),
        (lambda: TopDownConfig(channels=32), r"two a group or more, got 32"),
        (lambda: TopDownConfig(channels=0), r"got 0"),
        (lambda: SemanticFPNConfig(channels=72), r"multiple of 32 channels.*got 72"),
        (lambda: RelationConfig(normalisation="sigmoid"), r"must be one of .*got 'sigmoid'"),
        (lambda: RelationConfig(query_from="top"), r"'low' \(RSP\) or 'high' \(\+SELF\), got 'top'"),
        (lambda: RelationConfig(reduction=0), r"at least 1, got 0. The paper uses 1, 2, 4 or 8"),
        (lambda: RelationalSemanticsExtractor(10, 4, "step43", RelationConfig(reduction=4)), "divisible by d = 4"),
        (lambda: RelationalSemanticsExtractor(7, 4, "step43", RelationConfig(reduction=7)), "must be even"),
        (lambda: SegmenterConfig(PYRAMID, presets.baseline(), ()), "class_names must be non-empty and unique"),
        (lambda: SegmenterConfig(PYRAMID, presets.baseline(), ("a", "a")), "class_names must be non-empty and unique"),
        (
            lambda: SegmenterConfig(PYRAMID, presets.rsp4(), ("a",)),
            r"reads level 7 but .* 5: set PyramidConfig\(top=7\)",
        ),
        (lambda: presets.rsp2(at=(76,)), r"no step \[76\] below level 5; steps that can be fused: \(54, 43\)"),
        (lambda: presets.rsp4(at=(32, 54)), r"no step \[32\] below level 7"),
    ],
)
def test_what_cannot_be_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_presets_are_the_papers() -> None:
    dilated = RelationConfig(Window(3, 3))

    assert RelationConfig(Window(7, 1), 2, "softmax", "low") == RSP
    assert AverageConfig().window == Window(7)
    assert presets.baseline().fusions == (SUM,) * 3
    assert presets.baseline_q67().fusions == (SUM,) * 5
    assert presets.rsp2().fusions == (RSP, RSP, SUM)
    assert presets.rsp4().fusions == (RSP, RSP, RSP, RSP, SUM)
    assert presets.rsp2_d().fusions == (dilated, dilated, SUM)
    assert presets.rsp4_d().fusions == (dilated,) * 4 + (SUM,)
    assert presets.self2().fusions == (RelationConfig(query_from="high"),) * 2 + (SUM,)
    assert presets.context2().fusions == (AverageConfig(),) * 2 + (SUM,)
    assert presets.rsp2(at=(54,)).fusions == (RSP, SUM, SUM)
    assert presets.rsp2(at=(43,)).fusions == (SUM, RSP, SUM)
    assert presets.rsp4(at=(76, 43)).fusions == (RSP, SUM, SUM, RSP, SUM)
    assert presets.rsp2(RelationConfig(reduction=8)).fusions[0] == RelationConfig(reduction=8)
    assert {f().channels for f in (presets.baseline, presets.rsp4, presets.semantic_fpn)} == {128}


def test_whole_models_of_the_presets() -> None:
    names = ("road", "sky")
    paper = presets.resnet_fpn("resnet50", presets.rsp4(), names, "cityscapes")
    tiny = presets.tiny_rsp4(names, "camvid")

    assert paper.pyramid == PyramidConfig("resnet50", 256, 7, frozen_batch_norm=True)
    assert presets.resnet_fpn("resnet18", presets.rsp2(), names, frozen_batch_norm=False).pyramid.top == 5
    assert (tiny.pyramid, tiny.label_table) == (PyramidConfig("tiny", 128, 7), "camvid")
    # The partner differs in its fusions alone.
    fused = dataclasses.replace(tiny.head, fusions=(SUM,) * 5)
    assert presets.tiny_baseline(names, "camvid") == dataclasses.replace(tiny, head=fused)


def test_steps_of_a_model(named: Callable[[str], SegmenterConfig]) -> None:
    assert Segmenter(named("rsp4")).steps == (7, 6, 5, 4, 3)
    assert Segmenter(named("baseline")).steps == (5, 4, 3)
    assert Segmenter(named("semantic_fpn")).steps == ()


def test_configs_are_values(config: SegmenterConfig) -> None:
    assert hash(config) == hash(dataclasses.replace(config))
    assert config_from_json(config_to_json(config)) == config
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.label_table = "other"  # type: ignore[misc]
