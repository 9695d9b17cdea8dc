"""Levels really taken away: by hand in the running network, and by the ledger with all else held."""

from __future__ import annotations

import json

import pytest
import torch

from rsp_lab.analysis.ledger.freeze import freeze
from rsp_lab.analysis.ledger.ledger import context_ledger
from rsp_lab.analysis.surgery.knock_out import knock_out_levels
from rsp_lab.analysis.targets.target import PixelTarget, target_value
from rsp_lab.capture.hooks import hooks
from rsp_lab.models import presets
from rsp_lab.models.segmenter import resize_logits
from tests.kit.arena import scene_subject
from tests.kit.networks import SIZE, network, noise_image

pytestmark = pytest.mark.usefixtures("one_thread", "unchecked_module")
TARGET = PixelTarget(20, 90, "rider", "road")


def test_of_a_model_of_ours() -> None:
    model, image = network(presets.rsp2(), selective=True), noise_image(dtype=torch.float64)
    found = knock_out_levels(model, image, TARGET)

    ledger = context_ledger(model, image, TARGET)
    for level, one in found.levels.items():
        with torch.no_grad(), hooks(model, {f"q{level}": lambda tensor, tap: torch.zeros_like(tensor)}):
            logits = model.coarse_logits(image)
        expected = target_value(logits[0], TARGET, SIZE, model.class_names) - ledger.total
        assert one.live == pytest.approx(expected, abs=1e-9)
        assert one.held == pytest.approx(-ledger.sums[level], abs=1e-9)
        assert one.flips is None
    assert found.levels[2].reaction == pytest.approx(0, abs=1e-9)  # no weights are worked out below it
    assert max(abs(one.reaction) for one in found.levels.values()) > 1e-6


def test_of_a_network_of_another_make() -> None:
    subject, image = scene_subject().double(), noise_image(dtype=torch.float64)
    frozen = freeze(subject, image)
    found = knock_out_levels(frozen, frozen.image, TARGET)

    with torch.no_grad():
        x = subject.normalised(image)
        low = subject.network.low(x)
        alone = subject.network.last(torch.nn.functional.gelu(subject.network.mix(low)))  # without the level above
        whole = subject(image)
    expected = target_value((alone - whole)[0], TARGET, SIZE, subject.class_names)
    assert found.levels[4].live == pytest.approx(expected, abs=1e-9)
    assert found.levels[4].held == pytest.approx(-context_ledger(frozen, image, TARGET).sums[4], abs=1e-9)
    assert found.levels[4].reaction == pytest.approx(found.levels[4].live - found.levels[4].held)
    changed = resize_logits(alone, SIZE).argmax(1) != resize_logits(whole, SIZE).argmax(1)
    assert found.levels[4].labels_changed == pytest.approx(float(changed.double().mean()))
    assert found.levels[4].flips == 0  # a GELU has no two states
    assert "without level 4" in repr(found)
    assert json.loads(json.dumps(found.to_dict()))["levels"][1]["level"] == 4


def test_where_no_ledger_adds_up_the_running_network_still_answers() -> None:
    found = knock_out_levels(scene_subject("gated", gated=True), noise_image(), TARGET)
    assert "is not affine" in found.refused
    assert all(one.held is None and one.reaction is None for one in found.levels.values())
    # Either factor at 0 leaves the same.
    assert found.levels[2].live == pytest.approx(found.levels[4].live, abs=1e-6)
    assert "refused" in repr(found)


def test_another_target_takes_over_what_the_network_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen, other = freeze(scene_subject(), noise_image()), PixelTarget(40, 10, "car", "road")
    first, alone = (knock_out_levels(frozen, frozen.image, target) for target in (TARGET, other))
    monkeypatch.setattr(type(frozen), "live", lambda *_: pytest.fail("the network ran again"))
    monkeypatch.setattr(type(frozen), "gate_flips", lambda *_: pytest.fail("gates were counted again"))

    found = knock_out_levels(frozen, frozen.image, other, beside=first)

    assert found.to_dict() == alone.to_dict()
    assert found.to_dict() != first.to_dict()


def test_what_stands_beside_is_of_the_same_pass() -> None:
    image, levels = noise_image(), network(presets.rsp2())
    first = knock_out_levels(scene_subject(), image, TARGET)

    for model, seen in ((scene_subject(), image.flip(-1)), (scene_subject(gated=True), image), (levels, image)):
        with pytest.raises(ValueError, match=r"of another model or image than .*Leave beside out"):
            knock_out_levels(model, seen, TARGET, beside=first)
