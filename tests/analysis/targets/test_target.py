"""Targets are linear functionals of the logits, and refuse what does not fit."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from rsp_lab.analysis.targets.regions import class_border, class_zone, connected_region, whole_image
from rsp_lab.analysis.targets.target import (
    PixelTarget,
    RegionTarget,
    Target,
    cell_weights,
    resolved_target,
    same_target,
    target_value,
)
from rsp_lab.models.segmenter import resize_logits

NAMES = ("road", "rider", "person")
SIZE = (37, 53)
LABELS = torch.tensor(
    [
        [0, 0, 1, 1, 0],
        [0, 0, 1, 1, 0],
        [2, 2, 2, 1, 0],
    ]
)


def blob() -> RegionTarget:
    mask = torch.zeros(SIZE, dtype=torch.bool)
    mask[3:9, 11:22] = True
    mask[30, 52] = True
    return RegionTarget(mask, "rider", "person", name="blob")


TARGETS: list[Target] = [PixelTarget(0, 52, "road", plain_logit=True), PixelTarget(36, 7, "rider", "person"), blob()]


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: t.describe())
def test_value_is_the_mean_over_the_pixels(target: Target) -> None:
    coarse = torch.randn(3, 10, 14, dtype=torch.float64)
    full = resize_logits(coarse[None], SIZE)[0]
    names = (target.class_name, target.rival)
    inside = target.weights(SIZE) > 0
    means = [full[NAMES.index(name), inside].mean() if name else 0 for name in names]

    value = target_value(coarse, target, SIZE, NAMES)

    assert value == pytest.approx(float(means[0] - means[1]), abs=1e-12)
    assert int(inside.sum()) == target.pixels
    cells = cell_weights(target, SIZE, (10, 14))
    assert float(cells.sum()) == pytest.approx(1, abs=1e-12)
    by_cells = (coarse * cells).sum((1, 2)) @ target.direction(NAMES)
    assert float(by_cells) == pytest.approx(value, abs=1e-12)


def test_cell_weights_in_inference_mode() -> None:
    with torch.inference_mode():
        weights = cell_weights(blob(), SIZE, (10, 14), torch.float32)

    assert weights.dtype == torch.float32
    assert not weights.requires_grad


def test_descriptions_and_centres() -> None:
    assert PixelTarget(36, 7, "rider", "person").describe() == "rider over person at pixel (36, 7)"
    assert PixelTarget(1, 2).describe() == "the predicted class over the strongest other class at pixel (1, 2)"
    assert PixelTarget(1, 2, "car").describe() == "car over the strongest other class at pixel (1, 2)"
    assert PixelTarget(1, 2, "car", plain_logit=True).describe() == "the logit of car at pixel (1, 2)"
    assert blob().describe() == "rider over person in blob (67 pixels)"
    assert PixelTarget(36, 7, "rider").centre == (36, 7)
    assert RegionTarget(LABELS == 2, "road").centre == (2, 1)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("kind", ["tensor", "array", "mirrored", "read-only"])
def test_a_region_keeps_a_mask_of_its_own(kind: str) -> None:
    marked = np.zeros(SIZE, dtype=bool)
    marked[3:9, 11:22] = True
    given = {"tensor": torch.from_numpy(marked), "mirrored": marked[::-1, ::-1]}.get(kind, marked)
    marked.flags.writeable = kind != "read-only"
    expected = torch.from_numpy(np.ascontiguousarray(given).copy())

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        target = RegionTarget(given, "rider", "person")  # type: ignore[arg-type]
    marked.flags.writeable = True
    marked[:] = False

    assert torch.equal(target.mask, expected)
    assert target.pixels == 66


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="outside the image of 37 x 53"):
        PixelTarget(37, 0, "road").weights(SIZE)
    with pytest.raises(ValueError, match=r"is 3 x 5, the image 37 x 53"):
        RegionTarget(LABELS == 0, "road").weights(SIZE)
    with pytest.raises(ValueError, match="Did you mean 'rider'"):
        PixelTarget(0, 0, "ridr").direction(NAMES)
    with pytest.raises(ValueError, match="both 'road'"):
        PixelTarget(0, 0, "road", "road")
    with pytest.raises(ValueError, match="both 'road'"):
        RegionTarget(LABELS == 0, "road", "road")
    with pytest.raises(ValueError, match="has no pixel"):
        RegionTarget(LABELS == 7, "road")
    with pytest.raises(ValueError, match="a plain logit has no rival, got 'rider'"):
        PixelTarget(0, 0, "road", "rider", plain_logit=True)
    with pytest.raises(ValueError, match=r"leaves its class open: .*fill it in with resolved_target"):
        PixelTarget(0, 0).direction(NAMES)
    with pytest.raises(ValueError, match="leaves its rival open"):
        PixelTarget(0, 0, "road").direction(NAMES)


@pytest.mark.usefixtures("unchecked")
def test_a_mask_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="labels == 3"):
        RegionTarget(LABELS, "road")


def test_what_is_left_open_is_filled_in_with_what_is_predicted() -> None:
    """The second class is predicted, then the third, then the first; on the last row the third and the second."""
    logits = torch.tensor([1.0, 3.0, 2.0]).view(3, 1, 1).repeat(1, 3, 5)
    logits[2, 2] = 9
    size = (3, 5)

    def filled(target: Target) -> tuple[str | None, str | None]:
        found = resolved_target(target, logits, size, NAMES)
        assert found.resolved
        assert torch.equal(found.weights(size), target.weights(size))
        return found.class_name, found.rival

    assert filled(PixelTarget(1, 2)) == ("rider", "person")
    assert filled(PixelTarget(2, 2)) == ("person", "rider")
    assert filled(PixelTarget(1, 2, "person")) == ("person", "rider")
    assert filled(PixelTarget(1, 2, "road")) == ("road", "rider")
    assert filled(PixelTarget(1, 2, rival="rider")) == ("person", "rider")
    assert filled(PixelTarget(1, 2, rival="road")) == ("rider", "road")
    assert filled(PixelTarget(1, 2, plain_logit=True)) == ("rider", None)
    assert filled(RegionTarget(LABELS == 2)) == ("person", "rider")
    assert filled(RegionTarget(LABELS == 1)) == ("person", "rider")  # one of five pixels has 9, the others 2
    assert filled(RegionTarget(LABELS == 0, "road")) == ("road", "rider")
    for kept in (PixelTarget(1, 2, "road", "person"), PixelTarget(1, 2, "road", plain_logit=True)):
        assert resolved_target(kept, logits, size, NAMES) is kept


def test_what_cannot_be_filled_in_is_refused() -> None:
    logits, size = torch.zeros(3, 3, 5), (3, 5)

    with pytest.raises(ValueError, match="outside the image"):
        resolved_target(PixelTarget(3, 0), logits, size, NAMES)
    with pytest.raises(ValueError, match="no class is named 'car'"):
        resolved_target(PixelTarget(0, 0, rival="car"), logits, size, NAMES)
    for target in (PixelTarget(0, 0), PixelTarget(0, 0, "road"), PixelTarget(0, 0, plain_logit=True)):
        with pytest.raises(ValueError, match="one class only"):
            resolved_target(target, logits[:1], size, NAMES[:1])
    alone = PixelTarget(0, 0, "road", plain_logit=True)
    assert resolved_target(alone, logits[:1], size, NAMES[:1]) is alone


def test_same_target() -> None:
    assert same_target(PixelTarget(1, 2, "road"), PixelTarget(1, 2, "road"))
    assert not same_target(PixelTarget(1, 2, "road"), PixelTarget(1, 2, "road", "rider"))
    assert not same_target(PixelTarget(1, 2, "road"), PixelTarget(2, 1, "road"))
    assert not same_target(PixelTarget(1, 2, "road"), PixelTarget(1, 2, "road", plain_logit=True))
    plain = RegionTarget(LABELS == 2, "road", plain_logit=True)
    assert not same_target(RegionTarget(LABELS == 2, "road"), plain)
    assert same_target(RegionTarget(LABELS == 2, "road", name="a"), RegionTarget(LABELS == 2, "road", name="b"))
    assert not same_target(RegionTarget(LABELS == 2, "road"), RegionTarget(LABELS == 1, "road"))
    assert not same_target(RegionTarget(LABELS == 2, "road"), PixelTarget(2, 1, "road"))


@pytest.mark.parametrize("labels", [LABELS, LABELS.numpy().astype(np.uint8)], ids=["tensor", "array"])
def test_regions_by_hand(labels: torch.Tensor | np.ndarray) -> None:
    right = connected_region(labels, (1, 4), "rider")
    assert right.mask.nonzero().tolist() == [[0, 4], [1, 4], [2, 4]]
    assert right.class_name == "rider"
    zone = class_zone(labels, "person", NAMES)
    assert torch.equal(zone.mask, LABELS == 2)
    assert zone.class_name == "person"
    edge = class_border(labels, "road", "person", NAMES, within=1, rival="person")
    assert edge.mask.nonzero().tolist() == [[1, 0], [1, 1]]
    assert (edge.class_name, edge.rival) == ("road", "person")
    assert class_border(labels, "road", "person", NAMES, within=2).pixels == 5
    assert whole_image((3, 5), "road").pixels == 15


def test_regions_that_are_not_there() -> None:
    with pytest.raises(ValueError, match="no pixel is labelled rider; this label map has road, person"):
        class_zone(LABELS.where(LABELS != 1, 0), "rider", NAMES)
    with pytest.raises(ValueError, match=r"the nearest one is 1\.0 pixels away"):
        class_border(LABELS, "road", "person", NAMES, within=0.5)
    with pytest.raises(ValueError, match="'road' twice"):
        class_border(LABELS, "road", "road", NAMES)
    with pytest.raises(ValueError, match="outside the image of 3 x 5"):
        connected_region(LABELS, (3, 0))
    with pytest.raises(ValueError, match="integer train ids"):
        connected_region(LABELS.double(), (0, 0))


@pytest.mark.usefixtures("unchecked")
def test_a_class_is_given_by_its_name() -> None:
    mask = torch.ones(4, 4, dtype=torch.bool)
    for make in (lambda *names: PixelTarget(1, 1, *names), lambda *names: RegionTarget(mask, *names)):
        with pytest.raises(
            ValueError, match=r"got 3 as the class .*pass its name, model\.class_names\[3\], e\.g\. 'road'"
        ):
            make(3)
        with pytest.raises(ValueError, match=r"got 0 as the rival .*model\.class_names\[0\]"):
            make("car", 0)
        with pytest.raises(ValueError, match=r"got b'car' as the class of the target: pass its name, e\.g\. 'road'"):
            make(b"car")
