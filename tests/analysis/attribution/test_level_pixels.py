"""The level x pixel matrix: rows add up to the levels, and all rows together are integrated gradients of the ledger."""

from __future__ import annotations

import pytest
import torch

from rsp_lab.analysis.attribution.level_pixels import LevelPixels, level_pixels
from rsp_lab.analysis.attribution.references import reference_image
from rsp_lab.analysis.ledger.frozen_head import FrozenHead
from rsp_lab.analysis.ledger.frozen_subject import FrozenSubject
from rsp_lab.analysis.ledger.ledger import context_ledger
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.frozen.rules import FrozenError
from rsp_lab.models import presets
from rsp_lab.models.segmenter import Segmenter
from tests.kit.arena import scene_subject
from tests.kit.networks import SIZE, network, noise_image

pytestmark = pytest.mark.usefixtures("one_thread", "unchecked_module")
TARGET = PixelTarget(20, 90, "rider", "road")


@pytest.fixture(scope="module", params=["rsp4", "baseline_q67"])
def model(request: pytest.FixtureRequest) -> Segmenter:
    return network(getattr(presets, request.param)(), selective=True)


@pytest.fixture(scope="module")
def image() -> torch.Tensor:
    return noise_image(dtype=torch.float64)


@pytest.fixture(scope="module")
def found(model: Segmenter, image: torch.Tensor) -> LevelPixels:
    return level_pixels(model, image, TARGET, steps=64)


def test_contributions_are_those_of_the_ledger(found: LevelPixels, model: Segmenter, image: torch.Tensor) -> None:
    assert found.contributions == pytest.approx(context_ledger(model, image, TARGET).sums, abs=1e-9)


def test_the_reference_is_held_to_the_images_weights(found: LevelPixels, model: Segmenter, image: torch.Tensor) -> None:
    frozen = FrozenHead.of(model, image)
    with torch.no_grad():
        q = model.q_maps(reference_image(image, "blur"))
    expected = {x: float((gradient * q[x]).sum()) for x, gradient in frozen.gradients(TARGET).items()}
    assert found.on_reference == pytest.approx(expected, abs=1e-9)


def test_rows_add_up_to_what_their_level_does_beyond_the_reference(found: LevelPixels) -> None:
    assert {tuple(row.shape) for row in found.rows.values()} == {SIZE}
    for level, total in found.sums.items():
        change = found.contributions[level] - found.on_reference[level]
        assert total == pytest.approx(change, abs=0.05 * sum(map(abs, found.contributions.values())))
    assert found.residual < 0.05
    assert torch.allclose(found.values, sum(found.rows.values(), torch.zeros(())))


def test_more_steps_leave_less(model: Segmenter, image: torch.Tensor, found: LevelPixels) -> None:
    coarse = level_pixels(model, image, TARGET, steps=2)
    assert found.residual < coarse.residual


def test_a_row_is_the_gradient_of_its_level_alone(model: Segmenter, image: torch.Tensor) -> None:
    """With one step, at the middle of the way, by hand."""
    frozen = FrozenHead.of(model, image)
    blank = reference_image(image, "mean")
    middle = ((image + blank) / 2).requires_grad_()
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad((model.q_maps(middle)[4] * frozen.gradients(TARGET)[4]).sum(), middle)

    row = level_pixels(model, frozen, TARGET, reference="mean", steps=1).rows[4]
    assert torch.allclose(row, (gradient * (image - blank)).sum((0, 1)), atol=1e-10)


def test_rows_of_a_network_of_another_make_end_at_its_cut(image: torch.Tensor) -> None:
    subject = scene_subject().double()
    frozen = FrozenSubject.of(subject, image)
    target = PixelTarget(20, 90, "rider", "road")
    directions = frozen.gradients(target)

    found = level_pixels(subject, frozen, target, reference="mean", steps=16)

    assert found.contributions == pytest.approx(context_ledger(frozen, image, target).sums, abs=1e-9)
    assert found.residual < 1e-3
    blank = reference_image(image, "mean")
    with torch.no_grad():
        low = subject.network.low(subject.normalised(blank))
        there = {2: low, 4: subject.network.high(low)}
    assert found.on_reference == pytest.approx(
        {x: float((directions[x] * q).sum()) for x, q in there.items()}, abs=1e-9
    )
    middle = ((image + blank) / 2).requires_grad_()
    low = subject.network.low(subject.normalised(middle))
    (gradient,) = torch.autograd.grad((subject.network.high(low) * directions[4]).sum(), middle)
    row = level_pixels(subject, frozen, target, reference="mean", steps=1).rows[4]
    assert torch.allclose(row, (gradient * (image - blank)).sum((0, 1)), atol=1e-10)
    with pytest.raises(FrozenError, match="no ledger of gated adds up"):
        level_pixels(scene_subject("gated", gated=True), image, target)


def test_what_does_not_fit_is_refused(model: Segmenter, image: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        level_pixels(model, image, TARGET, steps=0)
    with pytest.raises(ValueError, match="no reference is named 'white'"):
        level_pixels(model, image, TARGET, reference="white")
    with pytest.raises(ValueError, match="of another model"):
        level_pixels(network(presets.rsp2()), FrozenHead.of(model, image), TARGET)


@pytest.mark.usefixtures("unchecked")
def test_what_is_no_model_and_no_number_of_steps(model: Segmenter, image: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="a frozen pass of Segmenter in the place of the model"):
        level_pixels(FrozenHead.of(model, image), image, TARGET)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"steps must be a whole number, got 2\.5"):
        level_pixels(model, image, TARGET, steps=2.5)  # type: ignore[arg-type]
