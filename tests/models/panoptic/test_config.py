"""A configuration that no model could be built from is refused where it is made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rsp_lab.data.panoptic.categories import PANOPTIC_TABLES
from rsp_lab.data.panoptic.categories import THINGS as THINGS_OF_DATA
from rsp_lab.models.panoptic import presets
from rsp_lab.models.panoptic.config import THINGS, InstanceConfig, PanopticConfig
from tests.kit import panoptic as kit


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sizes": ((32,), (64,))}, "equally many sides of anchors for each level from 2 to 6"),
        ({"sizes": ((8, 9), (16,), (32,), (64,), (128,))}, "equally many sides"),
        ({"sizes": ((0,), (16,), (32,), (64,), (128,))}, "1 to 4096 pixels"),
        ({"ratios": ()}, "heights over widths"),
        ({"ratios": (-1.0,)}, "heights over widths"),
        ({"rpn_top": "p7"}, "'pool' or 'p6'"),
        ({"suppression": 1.5}, "suppression is an IoU"),
        ({"rpn_background": 0.8}, "must not be above rpn_foreground"),
        ({"least_score": 1.0}, "least_score is a probability"),
        ({"proposals": (0, 5)}, "proposals are counts"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_an_instance_branch_that_cannot_be(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(InstanceConfig(), **change)


def test_the_semantic_branch_has_one_class_for_all_things() -> None:
    config = presets.tiny_panoptic_rsp4(kit.THINGS, kit.STUFF, "mine")

    assert config.semantic.class_names == ("things", *kit.STUFF)
    assert (config.stuff, config.table) == (kit.STUFF, "mine")
    for wrong in (("road", "things"), ("things",)):
        with pytest.raises(ValueError, match="first class of the semantic branch must be 'things'"):
            replace(config, semantic=replace(config.semantic, class_names=wrong))


@pytest.mark.parametrize("things", [(), ("car", "car"), ("car", "road")])
def test_names_of_segments_differ(things: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="must be non-empty and unique"):
        presets.tiny_panoptic_rsp4(things, kit.STUFF)


def test_level_6_must_be_there_to_be_taken() -> None:
    config = presets.tiny_panoptic_fpn(kit.THINGS, kit.STUFF)

    with pytest.raises(ValueError, match=r"stops at 5: set PyramidConfig\(top=7\)"):
        replace(config, instances=replace(config.instances, rpn_top="p6"))


def test_data_and_models_mean_the_same_by_things() -> None:
    assert THINGS == THINGS_OF_DATA
    for table in PANOPTIC_TABLES.values():
        things, stuff = ([c.name for c in kinds] for kinds in (table.things, table.stuff))
        config = presets.tiny_panoptic_rsp4(tuple(things), tuple(stuff), table.name)
        assert isinstance(config, PanopticConfig)
        assert config.semantic.class_names == table.semantic.classes
