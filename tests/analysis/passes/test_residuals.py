"""Residuals of random pixels: as many as asked, each as small as a ledger promises, the same again with one seed."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from rsp_lab.analysis.passes import residuals
from rsp_lab.analysis.passes.residuals import context_residuals, ledger_residuals
from rsp_lab.data.sample import Sample
from rsp_lab.frozen.rules import FrozenError
from rsp_lab.models.adapt import adapt
from rsp_lab.models.presets import rsp4, tiny_rsp4
from rsp_lab.models.segmenter import Segmenter
from tests.kit.arena import scene_subject
from tests.kit.networks import network, noise_image


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return Segmenter(tiny_rsp4(("road", "sky", "tree"))).eval()


@pytest.fixture
def samples():
    draw = torch.Generator().manual_seed(5)
    return [Sample(f"{n}", torch.randint(0, 256, (3, 64, 92), generator=draw, dtype=torch.uint8)) for n in range(3)]


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_every_pixel_is_within_the_tolerance(model, samples, dtype, tolerance):
    found = ledger_residuals(model, samples, pixels=13, dtype=dtype)
    assert (found.images, found.pixels, found.tolerance) == (2, 13, tolerance)
    assert 0 < found.median <= found.largest <= tolerance
    assert 0 < found.largest_of_levels <= tolerance
    assert found.to_dict()["dtype"] in str(dtype)
    assert model.head.classifier.weight.dtype == torch.float32


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_networks_of_another_make_are_asked_as_well(samples, dtype, tolerance):
    subject = scene_subject()
    found = ledger_residuals(subject, samples, pixels=4, dtype=dtype)
    assert (found.images, found.pixels, found.tolerance) == (1, 4, tolerance)
    assert 0 < found.median <= found.largest <= tolerance
    assert 0 < found.largest_of_levels <= tolerance
    assert subject.mean.dtype == next(subject.parameters()).dtype == torch.float32
    with pytest.raises(FrozenError, match="no ledger of gated adds up"):
        ledger_residuals(scene_subject("gated", gated=True), samples, pixels=4, dtype=dtype)


def test_a_single_class_is_asked_for_its_own_logit(samples):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 6, 4, 4), nn.ReLU(), nn.Conv2d(6, 1, 1)).eval()
    for model in (adapt(network, class_names=("road",), cut=("0",)), Segmenter(tiny_rsp4(("road",))).eval()):
        found = ledger_residuals(model, samples, pixels=3)
        assert (found.images, found.pixels) == (1, 3)
        assert 0 < found.largest <= found.tolerance


def test_more_pixels_than_images_reach_are_spread_over_all(model, samples, monkeypatch):
    monkeypatch.setattr(residuals, "PIXELS_PER_IMAGE", 2)
    found = ledger_residuals(model, samples, pixels=11)
    assert (found.images, found.pixels) == (3, 11)


def test_one_seed_asks_about_the_same_pixels(model, samples, monkeypatch):
    asked = []
    original = residuals.context_ledger
    monkeypatch.setattr(residuals, "context_ledger", lambda *given: asked.append(given[2]) or original(*given))
    ledger_residuals(model, samples, pixels=6, seed=3)
    ledger_residuals(model, samples, pixels=6, seed=3)
    ledger_residuals(model, samples, pixels=6, seed=4)
    assert asked[:6] == asked[6:12]
    assert asked[:6] != asked[12:]
    assert all(target.class_name != target.rival for target in asked)


@pytest.mark.usefixtures("unchecked")
def test_nothing_to_ask_about_is_refused(model, samples):
    with pytest.raises(ValueError, match="need images, got none"):
        ledger_residuals(model, [])
    for pixels, says in ((0, "at least 1, got 0"), (2.5, r"a whole number, got 2\.5")):
        with pytest.raises(ValueError, match=f"pixels must be {says}"):
            ledger_residuals(model, samples, pixels=pixels)


@pytest.mark.usefixtures("unchecked")
def test_residuals_are_of_a_record() -> None:
    with pytest.raises(ValueError, match="as the record: capture one, as in"):
        context_residuals(network(rsp4()), noise_image())  # type: ignore[arg-type]
