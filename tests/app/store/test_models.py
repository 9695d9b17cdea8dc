"""Models as the workbench keeps them, where their branches or heads are not the usual ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from app.store import models
from rsp_lab.analysis.panoptic.segmentation import panoptic
from rsp_lab.data.panoptic.categories import STREET_PANOPTIC
from rsp_lab.data.scenes.dataset import FIRST_SEED
from rsp_lab.models.panoptic.presets import tiny_panoptic_rsp4
from rsp_lab.models.panoptic.segmenter import PanopticSegmenter
from rsp_lab.models.presets import semantic_fpn
from rsp_lab.models.subject import Subject
from rsp_lab.models.weights import save
from tests.kit.panoptic import panoptic_network


@pytest.mark.usefixtures("small_scenes")
def test_segments_beside_a_semantic_fpn_branch_are_the_models_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The paper's Panoptic FPN: the view holds the pyramid's levels, its segments the branch's own maps."""
    names = [tuple(one.name for one in part) for part in (STREET_PANOPTIC.things, STREET_PANOPTIC.stuff)]
    config = tiny_panoptic_rsp4(*names)
    model = panoptic_network(replace(config, semantic=replace(config.semantic, head=semantic_fpn())))
    run = tmp_path / "panoptic-fpn"
    run.mkdir()
    save(model, run / "best.safetensors", {})
    monkeypatch.setenv("RSP_LAB_RUNS", str(tmp_path))
    (name,) = (one for one in models.model_names() if "panoptic-fpn" in one)
    shown, _ = models.cached_pair("car-bus", FIRST_SEED["test"], None, models.SMALL)

    loaded = models.loaded_model(name)
    view = models.view_of(loaded, shown)
    found = models.segments_of(loaded, shown, view)

    assert isinstance(view.looked.model, Subject)
    assert isinstance(loaded.panoptic, PanopticSegmenter)
    expected = panoptic(loaded.panoptic, shown.sample.image)
    assert torch.equal(found.merged.map.ids, expected.merged.map.ids)
    assert torch.equal(view.record["logits"], expected.output.logits)


def test_weights_say_whether_a_model_chooses_its_context() -> None:
    said = {name: models.chooses_context(name) for name in ("scenes-baseline", "scenes-rsp4", "scenes-panoptic-rsp4d")}

    assert said == {"scenes-baseline": False, "scenes-rsp4": True, "scenes-panoptic-rsp4d": True}
    assert models.chooses_context("gone") is None
