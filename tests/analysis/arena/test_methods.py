"""Maps of cells against dense matrices, and a head whose decision comes from one known cell."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from rsp_lab.analysis.arena.methods import (
    METHODS,
    GradientXQ,
    Ledger,
    Question,
    RawWeights,
    Rollout,
    WeightsTimesValue,
    method_map,
    noise,
    on_cells,
    refusal,
)
from rsp_lab.analysis.attribution.interface import Method
from rsp_lab.analysis.attribution.methods import IntegratedGradients, Occlusion
from rsp_lab.analysis.ledger.footprint import on_pixels
from rsp_lab.analysis.ledger.frozen_head import FrozenHead
from rsp_lab.analysis.ledger.head_paths import paths
from rsp_lab.analysis.targets.target import PixelTarget, RegionTarget, cell_weights
from rsp_lab.models import presets
from tests.kit.arena import HEADS, one_cell, region, scene_subject
from tests.kit.networks import SIZE, network, noise_image

pytestmark = pytest.mark.usefixtures("one_thread")


QUICK = METHODS | {one.name: one for one in (IntegratedGradients(2), Occlusion(40, 40))}
each_method = pytest.mark.parametrize("method", QUICK.values(), ids=list(QUICK))


def question(head, target=None):
    return Question.of(network(HEADS[head], channels=64), noise_image(), target or region())


def dense(linear, cells, grid):
    """The matrix (to, from) of a linear map of one channel, column by column."""
    eye = torch.eye(cells[0] * cells[1], dtype=torch.float64).view(-1, 1, *cells)
    return torch.stack([linear(column[None]).reshape(grid[0] * grid[1]) for column in eye], 1)


def steps_as_matrices(q):
    """By low level: window sum by hand from the captured weights, resizing, and the two sizes."""
    found = {}
    for low in q.frozen.levels[:-1]:
        grid, cells = q.shapes[low], q.shapes[low + 1]
        up = dense(lambda v, g=grid: F.interpolate(v, g, mode="bilinear", align_corners=False), cells, grid)
        name, count = f"step{low + 1}{low}", grid[0] * grid[1]
        mix = torch.eye(count, dtype=torch.float64)
        fusion = q.frozen.head.config.fusions[::-1][low - 2]
        if name in q.frozen.weights:
            mix = torch.zeros(count, count, dtype=torch.float64)
            weights = q.frozen.weights[name][0]
            offsets = fusion.window.offsets
            for y in range(grid[0]):
                for x in range(grid[1]):
                    for i, dy in enumerate(offsets):
                        for j, dx in enumerate(offsets):
                            if 0 <= y + dy < grid[0] and 0 <= x + dx < grid[1]:
                                mix[y * grid[1] + x, (y + dy) * grid[1] + x + dx] += weights[i, j, y, x]
        elif hasattr(fusion, "window"):
            step = q.frozen.head.steps[len(q.frozen.head.steps) - 1 - (low - 2)]
            mix = dense(lambda v, s=step: s.fusion(v, v), grid, grid)
        found[low] = mix, up
    return found


def place(q, level):
    return cell_weights(q.target, q.frozen.image_size, q.shapes[level]).flatten()


@pytest.mark.parametrize("kept", [0.5, 0.2])
@pytest.mark.parametrize("head", HEADS)
def test_raw_weights_and_rollout_are_products_of_matrices(head, kept):
    q = question(head)
    raw, rolled, mass = RawWeights().values(q), Rollout(kept).values(q), place(q, 2)
    torch.testing.assert_close(raw[2].flatten(), mass)
    for low, (mix, up) in steps_as_matrices(q).items():
        torch.testing.assert_close(raw[low + 1].flatten(), up.T @ mix.T @ place(q, low))
        torch.testing.assert_close(rolled[low].flatten(), kept * mass)
        mass = up.T @ mix.T @ ((1 - kept) * mass)
    torch.testing.assert_close(rolled[q.frozen.levels[-1]].flatten(), mass)
    if head != "unnormalised":
        assert float(sum(v.sum() for v in rolled.values())) == pytest.approx(1)


def test_weights_times_value_uses_the_norm_of_what_is_taken():
    q = question("rsp")
    found, steps = WeightsTimesValue().values(q), steps_as_matrices(q)
    torch.testing.assert_close(found[2].flatten(), place(q, 2) * q.frozen.q[2][0].norm(dim=0).flatten())
    for name, values in q.frozen.step_values().items():
        low = int(name[-1])
        mix, up = steps[low]
        norm = values.value[0].norm(dim=0).flatten()
        torch.testing.assert_close(found[low + 1].flatten(), up.T @ ((mix.T @ place(q, low)) * norm))


@pytest.mark.parametrize("head", HEADS)
def test_the_live_head_is_the_models_own(head):
    q = question(head)
    torch.testing.assert_close(q.frozen.head.from_q(q.frozen.q), q.frozen.logits)


def test_gradient_times_q_is_the_live_heads_derivative():
    q = question("rsp")
    found, step = GradientXQ().values(q), 1e-5
    direction = q.target.direction(q.frozen.class_names)
    spot = place(q, 2).view(q.shapes[2])
    for level, (y, x) in {2: (7, 12), 3: (4, 6), 4: (2, 3), 5: (1, 2)}.items():
        ends = []
        for sign in (1, -1):
            moved = {k: v.clone() for k, v in q.frozen.q.items()}
            moved[level][:, :, y, x] *= 1 + sign * step
            ends.append(float(torch.einsum("cvu,c,vu->", q.frozen.head.from_q(moved)[0].detach(), direction, spot)))
        assert float(found[level][y, x]) == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-5, abs=1e-9)


def test_without_relations_gradient_times_q_is_the_ledger():
    q = question("sum")
    for level, values in Ledger().values(q).items():
        torch.testing.assert_close(GradientXQ().values(q)[level].cpu(), values)


def test_the_ledger_finds_the_one_cell_that_decides_and_weights_do_not():
    model, frozen = one_cell(4, 2, 3)
    q = Question(model, noise_image(), region(), frozen)
    found = Ledger().values(q)
    assert sum(int((v != 0).sum()) for v in found.values()) == 1
    assert float(found[4][2, 3]) > 0
    assert int((RawWeights().values(q)[4] > 0).sum()) > 1


@each_method
def test_every_method_gives_both_maps(method):
    q = question("rsp")
    found = method_map(method, q)
    assert found.method is method
    assert found.pixels.shape == SIZE
    assert {x: tuple(v.shape) for x, v in found.cells.items()} == q.shapes
    assert found.pixels.dtype == torch.float64
    assert bool(found.pixels.isfinite().all())
    total = float(found.pixels.sum())
    if method.level == "relation" or getattr(method, "by_level", False):
        assert total == pytest.approx(float(sum(v.sum() for v in found.cells.values())))
    else:
        assert all(float(v.sum()) == pytest.approx(total) for v in found.cells.values())


def test_signed_methods_turn_with_the_target_and_the_others_stay():
    own = question("rsp")
    other = Question(own.model, own.image, RegionTarget(own.target.mask, "person", "rider"), own.frozen)
    for name, method in QUICK.items():
        sign = -1 if method.signed else 1
        torch.testing.assert_close(method_map(method, own).pixels, sign * method_map(method, other).pixels, msg=name)


def foreign(**words):
    return Question.of(scene_subject(**words).double(), noise_image(), PixelTarget(20, 90, "rider", "road"))


@each_method
def test_a_method_answers_about_a_network_of_another_make_or_says_why_not(method):
    q = foreign()
    why = refusal(method, q)
    assert bool(why) == (method.name in ("raw_weights", "weights_x_value", "rollout"))
    if why:
        assert "foreign has no top-down steps" in why
        with pytest.raises(ValueError, match=f"{method.title} does not apply: foreign has"):
            method_map(method, q)
        return
    found = method_map(method, q)
    assert {x: tuple(v.shape) for x, v in found.cells.items()} == q.shapes == {2: (17, 33), 4: (5, 9)}
    assert found.pixels.shape == SIZE
    assert bool(found.pixels.isfinite().all())


def test_gradient_times_the_cut_is_of_the_live_network():
    q = foreign()
    found, network = GradientXQ().values(q), q.model.network
    maps = {x: one.clone().requires_grad_() for x, one in q.frozen.q.items()}
    high = F.interpolate(maps[4], maps[2].shape[-2:], mode="bilinear")
    logits = network.last(F.gelu(network.mix(maps[2] + high)))
    place = cell_weights(q.target, SIZE, tuple(logits.shape[-2:]))
    names = q.frozen.class_names
    margin = ((logits[0, names.index("rider")] - logits[0, names.index("road")]) * place).sum()
    for level, gradient in zip(maps, torch.autograd.grad(margin, list(maps.values())), strict=True):
        torch.testing.assert_close(found[level], (gradient * q.frozen.q[level]).sum((0, 1)))
        assert not torch.allclose(found[level], Ledger().values(q)[level], rtol=1e-3)


def test_what_rests_on_ledgers_is_refused_where_none_adds_up():
    q = foreign(name="gated", gated=True)
    refused = {name: why for name, method in QUICK.items() if (why := refusal(method, q))}
    assert set(refused) == {"raw_weights", "weights_x_value", "rollout", "ledger", "level_pixels"}
    assert "mul" in refused["ledger"]
    assert "is not affine" in refused["ledger"]


def test_pixels_on_cells_is_the_transpose_of_area():
    values = torch.arange(13 * 17, dtype=torch.float64).view(13, 17)
    naive = torch.zeros(3, 4, dtype=torch.float64)
    for y in range(13):
        for x in range(17):
            for v in range(3):
                for u in range(4):
                    high = max(0.0, min(y + 1, (v + 1) * 13 / 3) - max(y, v * 13 / 3))
                    wide = max(0.0, min(x + 1, (u + 1) * 17 / 4) - max(x, u * 17 / 4))
                    naive[v, u] += high * wide * values[y, x]
    torch.testing.assert_close(on_cells(values, (3, 4)), naive)
    even = on_pixels(on_cells(torch.ones(64, 96), (4, 6)), (64, 96))
    torch.testing.assert_close(even, torch.ones(64, 96, dtype=torch.float64))


def test_noise_is_of_the_seed_alone():
    assert torch.equal(noise((20, 30), 1), noise((20, 30), 1))
    assert not torch.equal(noise((20, 30), 1), noise((20, 30), 2))
    assert len(noise((20, 30), 1)[:8, :8].unique()) == 1


def test_errors():
    with pytest.raises(ValueError, match="Did you mean 'occlusion'"):
        method_map("oclusion", question("sum"))

    class Unfinished(Method):
        name = title = unit = rule = level = "unfinished"

    with pytest.raises(ValueError, match="Unfinished gives no map: derive it from"):
        method_map(Unfinished(), question("sum"))
    q = Question.of(network(presets.semantic_fpn(), channels=64), noise_image(), region())
    assert "no top-down steps" in refusal(Rollout(), q)
    head = FrozenHead.of(q.model, q.image)
    with pytest.raises(ValueError, match="no top-down steps"):
        paths(head)
