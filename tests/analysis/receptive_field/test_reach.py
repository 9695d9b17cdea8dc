"""How far a pixel looks: closed forms against dense matrices and gradients, and distances worked out on paper."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rsp_lab.analysis.receptive_field.reach import (
    EffectiveField,
    context_reach,
    distance_map,
    effective_field,
    looking_distance,
    reached_cells,
)
from rsp_lab.capture.capture import run_with_capture
from rsp_lab.capture.hooks import hooks
from rsp_lab.models.fusion import AverageConfig, SumConfig
from rsp_lab.models.heads import TopDownConfig, TopDownHead
from rsp_lab.models.presets import (
    baseline,
    baseline_q67,
    context2,
    rsp2_d,
    rsp4,
    rsp4_d,
    self2,
    tiny,
    tiny_rsp4,
    top_down,
)
from rsp_lab.models.relation import RelationConfig
from rsp_lab.models.segmenter import Segmenter, resize_logits
from rsp_lab.shapes import Window
from tests.kit.networks import network

MIXED = TopDownConfig((AverageConfig(Window(5)), SumConfig(), RelationConfig(Window(3, 2)), AverageConfig(Window(3))))
CONFIGS = [baseline(), baseline_q67(), rsp4(), rsp4_d(), rsp2_d(), self2(), context2(), MIXED]


def test_the_figures_of_the_paper_s_heads() -> None:
    def above_2(config: TopDownConfig) -> list[int]:
        return [reach.pixels for level, reach in context_reach(config).items() if level > 2]

    assert above_2(baseline_q67()) == [24, 48, 96, 192, 384]
    assert above_2(rsp4()) == [24, 96, 256, 576, 1152]
    assert above_2(baseline()) == [24, 48, 96]
    assert context_reach(rsp4())[2].pixels == 8
    assert context_reach(rsp4())[7].cells == 9


def upsampling(coarse: int, fine: int) -> Tensor:
    """Bilinear upsampling of one axis as a matrix (fine, coarse), by torch itself."""
    units = torch.eye(coarse, dtype=torch.float64)[:, None]
    return F.interpolate(units, size=fine, mode="linear", align_corners=False)[:, 0].T


def band(size: int, window: Window) -> Tensor:
    offset = torch.arange(size)[None, :] - torch.arange(size)[:, None]
    return ((offset.abs() <= window.radius) & (offset % window.dilation == 0)).double()


def seen_by_matrices(config: TopDownConfig, sizes: dict[int, int], pixels: int) -> dict[int, Tensor]:
    """By level, (pixel, cell): whether a pixel of one axis sees a cell, from products of dense matrices."""
    path = upsampling(sizes[2], pixels)
    seen = {2: path > 1e-9}
    for level, fusion in zip(config.levels[1:], reversed(config.fusions), strict=True):
        look = torch.eye(sizes[level - 1]) if isinstance(fusion, SumConfig) else band(sizes[level - 1], fusion.window)
        path = (path @ look.double() @ upsampling(sizes[level], sizes[level - 1])).clamp(max=1)
        seen[level] = path > 1e-9
    return seen


@pytest.mark.parametrize("config", CONFIGS)
def test_closed_form_is_the_largest_extent_over_all_pixels(config: TopDownConfig) -> None:
    top = config.levels[-1]
    tops = 16 if top == 7 else 24
    sizes = {level: tops * 2 ** (top - level) for level in config.levels}
    pixels = 4 * sizes[2]
    for level, seen in seen_by_matrices(config, sizes, pixels).items():
        inside = seen[pixels // 2 - 2**level : pixels // 2 + 2**level].numpy()
        extents = [np.flatnonzero(row)[-1] - np.flatnonzero(row)[0] + 1 for row in inside]
        reach = context_reach(config)[level]
        assert reach.cells == max(extents), level
        assert reach.pixels == reach.cells * pixels // sizes[level]


@pytest.mark.parametrize("config", CONFIGS)
def test_reached_cells_on_odd_sizes(config: TopDownConfig) -> None:
    """Sizes of a 89 x 149 image, at which no level is twice the next; a few pixels with all corners."""
    image_size = (89, 149)
    sizes = {x: (math.ceil(89 / 2**x), math.ceil(149 / 2**x)) for x in config.levels}
    rows = seen_by_matrices(config, {x: size[0] for x, size in sizes.items()}, 89)
    columns = seen_by_matrices(config, {x: size[1] for x, size in sizes.items()}, 149)
    for y, x in [(0, 0), (88, 148), (0, 148), (44, 74), (13, 101), (61, 2)]:
        for level, (ys, xs) in reached_cells(config, sizes, (y, x), image_size).items():
            assert list(ys) == rows[level][y].nonzero().flatten().tolist()
            assert list(xs) == columns[level][x].nonzero().flatten().tolist()


RELATIONS = (RelationConfig(Window(3), 4), RelationConfig(Window(3, 2), 4, query_from="high"), SumConfig())


@pytest.mark.parametrize("fusions", [RELATIONS, (SumConfig(),) * 3, (AverageConfig(Window(5)), *RELATIONS[1:])])
def test_reached_cells_are_those_with_a_gradient(fusions: tuple[RelationConfig, ...]) -> None:
    """Of a head with its weights held fixed: exactly the cells of Q_x outside of which the gradient is zero."""
    config = TopDownConfig(fusions, channels=8, norm="none")
    head = TopDownHead(config, 3, 2).double()
    sizes = {2: (29, 37), 3: (15, 19), 4: (8, 10), 5: (4, 5)}
    pyramid = {x: torch.rand(1, 3, *size, dtype=torch.float64) for x, size in sizes.items()}
    pixel, image_size = (70, 41), (113, 147)
    with hooks(head, {"step*.weights": lambda weights, _: weights.detach()} if fusions[1] != SumConfig() else {}):
        logits, record = run_with_capture(head, pyramid, taps="q*", detach=False)
    here = resize_logits(logits, image_size)[0, 0, pixel[0], pixel[1]]
    gradients = torch.autograd.grad(here, list(record.values()))

    cells = reached_cells(config, sizes, pixel, image_size)
    for name, gradient in zip(record, gradients, strict=True):
        nonzero = gradient[0].abs().sum(0) > 1e-13
        rows, columns = cells[int(name[1])]
        expected = torch.zeros(*sizes[int(name[1])], dtype=torch.bool)
        expected[torch.tensor(rows)[:, None], torch.tensor(columns)] = True
        assert torch.equal(nonzero, expected), name


def test_reached_cells_refuses_what_it_cannot_answer() -> None:
    sizes = {2: (8, 8), 3: (4, 4), 4: (2, 2)}
    with pytest.raises(ValueError, match=r"sizes has no level \[5\]"):
        reached_cells(baseline(), sizes, (0, 0), (32, 32))
    with pytest.raises(ValueError, match="outside the image"):
        reached_cells(baseline(), sizes, (32, 0), (32, 32))


class Linear(nn.Module):
    """A stand-in for a network: two classes, one conv of known weights, stride 1."""

    def __init__(self, kernel: Tensor) -> None:
        super().__init__()
        self.kernel = kernel

    def coarse_logits(self, image: Tensor) -> Tensor:
        return F.conv2d(image, self.kernel, padding=2)


def linear_model(monkeypatch: pytest.MonkeyPatch, kernel: Tensor) -> Segmenter:
    model = Segmenter(tiny_rsp4(("a", "b"))).double().eval()
    monkeypatch.setattr(model, "coarse_logits", Linear(kernel).coarse_logits)
    return model


def test_effective_field_of_a_known_convolution(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights 6 at the centre, -3 one to the right, 1 two down: shares .6, .3, .1 at distances 0, 1, 2."""
    kernel = torch.zeros(2, 3, 5, 5, dtype=torch.float64)
    kernel[1, 0, 2, 2], kernel[1, 1, 2, 3], kernel[1, 2, 4, 2] = 6, -3, 1
    model = linear_model(monkeypatch, kernel)
    image = torch.zeros(1, 3, 11, 13, dtype=torch.float64)
    field = effective_field(model, image, [(5, 4)], classes=["b"])

    assert field.shares.shape == (1, 11, 13)
    assert field.shares[0, 5, 4] == pytest.approx(0.6)
    assert field.shares[0, 5, 5] == pytest.approx(0.3)
    assert field.shares[0, 7, 4] == pytest.approx(0.1)
    assert [field.radius(f) for f in (0.5, 0.7, 0.95, 1)] == [0, 1, 2, 2]
    assert [field.mass_within(r) for r in (0, 1, 1.5, 2)] == pytest.approx([0.6, 0.9, 0.9, 1])
    # At the lower border the share two rows down falls off the image.
    both = effective_field(model, image, [(5, 4), (10, 2)], classes=["b", "b"])
    assert both.mass_within(0) == pytest.approx((0.6 + 6 / 9) / 2)
    assert both.to_dict() == {
        "points": [[5, 4], [10, 2]],
        "outputs": ["the logit of b at pixel (5, 4)", "the logit of b at pixel (10, 2)"],
        "radius_50_pixels": 0.0,
        "radius_95_pixels": 1.0,
    }
    with pytest.raises(ValueError, match=r"logit of a at pixel \(5, 4\) does not depend on the image"):
        effective_field(model, image, (5, 4), classes=["a"])


def test_effective_field_of_a_network_is_the_finite_difference() -> None:
    torch.manual_seed(1)
    model = Segmenter(tiny(top_down(top=5, at=(54, 43), channels=64), ("a", "b", "c"))).double().eval()
    image = torch.rand(1, 3, 37, 53, dtype=torch.float64)
    with torch.no_grad():
        predicted = model.config.class_names[int(model(image)[0, :, 20, 31].argmax())]
        field = effective_field(model, image, [(20, 31)])
        row = model.config.class_names.index(predicted)
        ratio = []
        for y, x in [(20, 31), (18, 27), (36, 0)]:
            moved = []
            for channel in range(3):
                change = torch.zeros_like(image)
                change[0, channel, y, x] = 1e-6
                moved.append((model(image + change) - model(image - change))[0, row, 20, 31].abs() / 2e-6)
            ratio.append(float(sum(moved)) / float(field.shares[0, y, x]))

    assert field.outputs == (f"the logit of {predicted} at pixel (20, 31)",)
    assert field.shares.sum() == pytest.approx(1)
    assert ratio == pytest.approx([ratio[0]] * 3, rel=1e-3)
    assert 0 < field.radius(0.5) < field.radius(0.95) < math.hypot(37, 53)
    assert all(p.grad is None for p in model.parameters())


def test_effective_field_of_a_cell_is_the_finite_difference() -> None:
    torch.manual_seed(2)
    model = Segmenter(tiny(top_down(top=5, at=(54, 43), channels=64), ("a", "b", "c"))).double().eval()
    image, cell = torch.rand(1, 3, 37, 53, dtype=torch.float64), (1, 2)

    def output(picture: Tensor) -> float:
        _, record = run_with_capture(model, picture, taps="q4")
        return float(record["q4"][0, :, cell[0], cell[1]].sum())

    field = effective_field(model, image, cell, tap="q4")

    ratio = []
    for y, x in [(20, 31), (18, 44), (36, 0)]:
        moved = 0.0
        for channel in range(3):
            change = torch.zeros_like(image)
            change[0, channel, y, x] = 1e-6
            with torch.no_grad():
                moved += abs(output(image + change) - output(image - change)) / 2e-6
        ratio.append(moved / float(field.shares[0, y, x]))
    assert ratio == pytest.approx([ratio[0]] * 3, rel=1e-3)
    assert field.outputs == ("cell (1, 2) of q4",)
    # 37 x 53 pixels have 3 x 4 cells.
    assert field.points[0] == pytest.approx((1.5 * 37 / 3 - 0.5, 2.5 * 53 / 4 - 0.5))
    assert all(p.grad is None for p in model.parameters())


def test_effective_field_refuses_what_it_cannot_answer() -> None:
    model = Segmenter(tiny_rsp4(("a", "b"))).eval()
    image = torch.rand(1, 3, 33, 135)
    for places, asked, message in [
        ([], {}, "give at least one"),
        ([(1, 1)], {"classes": ["a", "b"]}, "as many classes"),
        ([(1, 1)], {"classes": ["a"], "tap": "q4"}, "cells have no class"),
        ([(33, 1)], {}, "outside the image"),
        ([(1, 1)], {"classes": ["c"]}, "no class is named 'c'"),
        ([(0, 9)], {"tap": "q4"}, r"cell \(0, 9\) lies outside q4, which has 3 x 9 cells"),
        ([(0, 0)], {"tap": "q9"}, "q9"),
        ([(0, 0)], {"tap": "q*"}, "no map with the axes b c y x"),
        ([(0, 0)], {"tap": "step54.weights"}, "no map with the axes b c y x"),
    ]:
        with pytest.raises(ValueError, match=message):
            effective_field(model, image, places, **asked)
    with pytest.raises(ValueError, match=r"fraction must be above 0 and at most 1, got 1\.5"):
        EffectiveField(((0, 0),), ("a",), torch.ones(1, 1, 1)).radius(1.5)


def test_distances_to_cell_centres() -> None:
    """Two rows of 16 and three columns of 8 pixels: centres at rows 7.5, 23.5 and columns 3.5, 11.5, 19.5."""
    found = distance_map((7.5, 11.5), (2, 3), (32, 24))

    assert found.tolist() == [[8, 0, 8], [math.hypot(16, 8), 16, math.hypot(16, 8)]]


def test_looking_distance_by_hand() -> None:
    """From (7.5, 11.5): level 4 has -1 at 8 and 3 at 16 pixels; level 5 has one cell, 4 at (15.5, 11.5)."""
    near = torch.tensor([[-1.0, 0, 0], [0, 3, 0]])
    found = looking_distance({4: near, 5: torch.tensor([[4.0]])}, (7.5, 11.5), (32, 24))

    assert found.by_level == {4: (1 * 8 + 3 * 16) / 4, 5: 8}
    assert found.shares == {4: 0.5, 5: 0.5}
    assert found.distance == (14 + 8) / 2
    assert found.to_dict() == {
        "point": [7.5, 11.5],
        "distance_pixels": 11.0,
        "levels": [
            {"level": 4, "distance_pixels": 14.0, "share": 0.5},
            {"level": 5, "distance_pixels": 8.0, "share": 0.5},
        ],
    }


@pytest.mark.usefixtures("unchecked")
def test_a_point_of_numpy_integers_is_json_able() -> None:
    point = (np.int64(3), np.int64(4))
    found = looking_distance({4: torch.ones(2, 3)}, point, (32, 24))  # type: ignore[arg-type]
    assert json.loads(json.dumps(found.to_dict()))["point"] == [3, 4]


def test_looking_distance_where_nothing_contributes() -> None:
    found = looking_distance({4: torch.zeros(2, 3), 5: torch.ones(1, 1)}, (0, 0), (32, 24))

    assert math.isnan(found.by_level[4])
    assert found.shares == {4: 0, 5: 1}
    assert found.to_dict()["levels"][0]["distance_pixels"] is None
    assert math.isnan(looking_distance({4: torch.zeros(2, 3)}, (0, 0), (32, 24)).distance)


@pytest.mark.usefixtures("unchecked")
def test_reach_is_of_a_head_that_is_described() -> None:
    with pytest.raises(ValueError, match=r"got a Segmenter: pass model\.config\.head"):
        context_reach(network(rsp4()))  # type: ignore[arg-type]
