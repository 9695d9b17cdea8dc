"""Why this weight: an exact split, counterfactual weights, and readings against plain loops and cases on paper."""

from __future__ import annotations

import json
import math
from copy import deepcopy
from functools import cache

import pytest
import torch
from torch import Tensor

from rsp_lab.analysis.relation_weights.gaze import StepGaze, gaze_arrow, gaze_steps, window_readings
from rsp_lab.capture.capture import run_with_capture
from rsp_lab.capture.hooks import hooks
from rsp_lab.capture.record import NotCapturedError, Record
from rsp_lab.models.fusion import FusionConfig
from rsp_lab.models.presets import tiny, tiny_baseline, tiny_rsp4, top_down
from rsp_lab.models.relation import RelationConfig, relation_modules
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.relations.relate import normalise
from rsp_lab.relations.window import position_map, window_mask
from rsp_lab.shapes import Window

NAMES = ("road", "rider", "person")
FUSIONS = {
    "rsp": RelationConfig(Window(5)),
    "self, dilated": RelationConfig(Window(3, 3), 4, query_from="high"),
    "literal": RelationConfig(Window(3, 2), normalisation="none"),
}


@cache
def captured(fusion: FusionConfig) -> tuple[Segmenter, Record]:
    """A model with relations at steps 54 and 43 only, on a batch of two images of odd size; for reading only."""
    torch.manual_seed(5)
    model = Segmenter(tiny(top_down(top=5, at=(54, 43), fusion=fusion, channels=64), NAMES)).double().eval()
    with torch.no_grad():
        _, record = run_with_capture(model, torch.rand(2, 3, 91, 117, dtype=torch.float64), taps="step*")
    return model, record


@pytest.mark.parametrize("name", FUSIONS)
def test_content_and_position_by_loops(name: str) -> None:
    """Each part of a score from the captured query and key and the literal f_p, cell by cell."""
    model, record = captured(FUSIONS[name])
    found = gaze_steps(model, record, index=1)
    assert [f.step for f in found] == ["step54", "step43"]
    for taken in found:
        module = relation_modules(model)[taken.step]
        query, key = record[f"{taken.step}.query"][1], record[f"{taken.step}.key"][1]
        window = taken.window
        f_p = module.f_p.weight.detach()
        embedded = torch.einsum("mc,cvw->mvw", f_p, position_map(f_p.shape[1], window, dtype=f_p.dtype))
        height, width = query.shape[-2:]
        for y, x in [(0, 0), (height - 1, width - 1), (2, 3), (1, width - 2)]:
            for v, dy in enumerate(window.offsets):
                for w, dx in enumerate(window.offsets):
                    on_map = 0 <= y + dy < height and 0 <= x + dx < width
                    content = query[:, y, x] @ key[:, y + dy, x + dx] if on_map else 0
                    position = query[:, y, x] @ embedded[:, v, w] if on_map else 0
                    assert float(taken.content[v, w, y, x]) == pytest.approx(float(content), abs=1e-12)
                    assert float(taken.position[v, w, y, x]) == pytest.approx(float(position), abs=1e-12)
        assert taken.score_residual < 1e-12
        assert taken.weight_residual < 1e-12
        assert torch.equal(taken.weights["full"], record[f"{taken.step}.weights"][1])


def test_the_gaze_is_the_slope_of_the_position_part() -> None:
    """Rise from the window's first to its last row or column, over the two half windows between them."""
    model, record = captured(FUSIONS["rsp"])
    taken = gaze_steps(model, record)[1]
    y, x, half = 5, 6, taken.window.half
    rise = taken.position[-1, half, y, x] - taken.position[0, half, y, x]
    run = taken.position[half, -1, y, x] - taken.position[half, 0, y, x]

    torch.testing.assert_close(taken.gaze[:, y, x], torch.stack([rise, run]) / 2)


@pytest.mark.parametrize("name", FUSIONS)
def test_counterfactual_weights_are_those_of_an_edited_model(name: str) -> None:
    """Position switched off by f_p = 0, content by a hook that empties the key."""
    model = deepcopy(captured(FUSIONS[name])[0])
    expected = {}
    with torch.no_grad():
        image = torch.rand(1, 3, 91, 117, dtype=torch.float64)
        taken = gaze_steps(model, image)[0]
        with hooks(model, {"step54.key": lambda key, _: torch.zeros_like(key)}):
            expected["position"] = run_with_capture(model, image, taps="step54.weights")[1]
        relation_modules(model)["step54"].f_p.weight.zero_()
        expected["content"] = run_with_capture(model, image, taps="step54.weights")[1]

    for part, edited in expected.items():
        torch.testing.assert_close(taken.weights[part], edited["step54.weights"][0], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("window", [Window(5), Window(3, 3), Window(1)])
def test_readings_by_loops(window: Window) -> None:
    k, (height, width), (down, right) = window.kernel_size, (7, 5), (8.5, 11.0)
    weights = normalise(2 * torch.randn(1, k, k, height, width, dtype=torch.float64), window)[0]
    found = window_readings(weights, window, (down, right))

    for y in range(height):
        for x in range(width):
            places = {
                (dy, dx): float(weights[v, w, y, x])
                for v, dy in enumerate(window.offsets)
                for w, dx in enumerate(window.offsets)
                if 0 <= y + dy < height and 0 <= x + dx < width
            }
            entropy = -sum(p * math.log(p) for p in places.values())
            distances = {(dy, dx): math.hypot(dy * down, dx * right) for dy, dx in places}
            expected = {
                "entropy": entropy,
                "normalised_entropy": entropy / math.log(len(places)) if len(places) > 1 else 0,
                "reach": math.sqrt(sum(p * distances[at] ** 2 for at, p in places.items())),
                "distance": sum(p * distances[at] for at, p in places.items()),
                "ring": sum(p for at, p in places.items() if max(map(abs, at)) == window.radius),
            }
            for name, value in expected.items():
                assert float(getattr(found, name)[y, x]) == pytest.approx(value, abs=1e-12), name
            offset = [sum(p * at[axis] for at, p in places.items()) for axis in (0, 1)]
            assert found.offset[:, y, x].tolist() == pytest.approx([offset[0] * down, offset[1] * right], abs=1e-12)
            assert tuple(found.peak[:, y, x].tolist()) == max(places, key=lambda at: places[at])


def test_readings_on_paper() -> None:
    """A quarter at the centre, three quarters two cells (dilation 2) up: the other positions have nothing."""
    weights = torch.zeros(3, 3, 5, 5, dtype=torch.float64)
    weights[1, 1], weights[0, 1] = 0.25, 0.75
    found = window_readings(weights, Window(3, 2), (16.0, 8.0))

    assert found.offset[:, 2, 2].tolist() == [-24, 0]
    assert found.distance[2, 2] == 24
    assert found.reach[2, 2] == pytest.approx(math.sqrt(0.75) * 32)
    assert found.ring[2, 2] == 0.75
    assert found.peak[:, 2, 2].tolist() == [-2, 0]
    assert found.entropy[2, 2] == pytest.approx(0.25 * math.log(4) + 0.75 * math.log(4 / 3))
    # In the top row the position above is off the map and takes no part: four positions on the map, one has all.
    assert found.shares[:, :, 0, 0].sum() == 1
    assert found.entropy[0, 0] == found.reach[0, 0] == found.ring[0, 0] == 0
    assert found.to_dict()["offset_right_pixels"] == 0


def test_uniform_weights_have_an_entropy_of_one_and_the_ring_of_its_positions() -> None:
    window = Window(7)
    weights = normalise(torch.zeros(1, 7, 7, 9, 11, dtype=torch.float64), window)[0]
    found = window_readings(weights, window, (8.0, 8.0))

    torch.testing.assert_close(found.normalised_entropy, torch.ones(9, 11, dtype=torch.float64))
    assert found.entropy[4, 5] == pytest.approx(math.log(49))
    assert found.ring[4, 5] == pytest.approx(24 / 49)
    assert found.offset[:, 4, 5].tolist() == pytest.approx([0, 0])
    assert found.offset[:, 0, 0].tolist() == pytest.approx([12, 12])


def test_weights_of_both_signs_are_read_by_their_size() -> None:
    weights = torch.tensor([-3.0, 0, 1]).double().view(1, 3, 1, 1).expand(3, 3, 3, 3) * torch.eye(3)[1].view(3, 1, 1, 1)
    found = window_readings(weights, Window(3), (1.0, 1.0))

    assert found.shares[1, :, 1, 1].tolist() == [0.75, 0, 0.25]
    assert found.offset[:, 1, 1].tolist() == [0, -0.5]


@pytest.mark.parametrize("window", [Window(5), Window(3, 3), Window(1)])
def test_the_arrow_is_the_expected_offset_of_position_alone_inside_the_map(window: Window) -> None:
    slope = torch.tensor([1.7, -0.6], dtype=torch.float64)
    r = torch.arange(-window.half, window.half + 1, dtype=torch.float64) / max(1, window.half)
    plane = slope[0] * r[:, None] + slope[1] * r[None, :]
    size = 2 * window.radius + 1
    scores = plane.view(1, window.kernel_size, window.kernel_size, 1, 1).expand(-1, -1, -1, size, size)
    expected = window_readings(normalise(scores, window)[0], window, (4.0, 6.0)).offset[..., size // 2, size // 2]

    torch.testing.assert_close(gaze_arrow(slope, window, (4.0, 6.0)), expected)
    torch.testing.assert_close(gaze_arrow(-slope, window, (4.0, 6.0)), -expected)
    field = slope[:, None, None].expand(2, 3, 2)
    torch.testing.assert_close(gaze_arrow(field, window, (4.0, 6.0))[:, 2, 1], expected)


def test_the_arrow_by_hand() -> None:
    """Three positions, slope ln 2: weights 1/7, 2/7, 4/7, so 3/7 of a radius of 3 cells, 8 pixels each."""
    slope = torch.tensor([math.log(2), 0.0], dtype=torch.float64)

    assert gaze_arrow(slope, Window(3, 3), (8.0, 5.0)).tolist() == pytest.approx([3 / 7 * 24, 0])
    steep = torch.tensor([1e3, -1e3], dtype=torch.float64)
    assert gaze_arrow(steep, Window(3, 3), (8.0, 5.0)).tolist() == [24, -15]


def taken_from(content: float, position: float) -> StepGaze:
    """A model whose key, or f_p, at step 54 is scaled: 0 takes that part of the scores away."""
    model = deepcopy(captured(FUSIONS["rsp"])[0])
    module = relation_modules(model)["step54"]
    with torch.no_grad():
        module.f_k.weight.mul_(content)
        assert module.f_k.bias is not None
        module.f_k.bias.zero_()
        module.f_p.weight.mul_(position)
    return gaze_steps(model, torch.rand(1, 3, 91, 117, dtype=torch.float64))[0]


def test_what_a_part_explains_at_the_extremes() -> None:
    only_position, only_content = taken_from(0, 30), taken_from(30, 0)

    assert only_position.explained("position") == pytest.approx(1)
    assert only_position.explained("content") == pytest.approx(0, abs=1e-12)
    torch.testing.assert_close(only_position.position_spread, torch.ones_like(only_position.position_spread))
    assert only_content.explained("content") == pytest.approx(1)
    assert only_content.explained("position") == pytest.approx(0, abs=1e-12)
    assert only_content.position_spread.abs().max() < 1e-12
    assert (only_content.gaze == 0).all()
    neither = taken_from(0, 0)
    assert math.isnan(neither.explained("position"))
    assert neither.to_dict()["explained_by_position"] is None


def test_shares_of_the_score_variance_by_covariances() -> None:
    model, record = captured(FUSIONS["self, dilated"])
    taken = gaze_steps(model, record)[1]
    height, width = taken.position_spread.shape
    inside = window_mask(height, width, taken.window)
    for y, x in [(0, 0), (4, 7), (height - 1, 3)]:
        here = inside[:, :, y, x]
        rows = torch.stack([taken.position[:, :, y, x][here], record["step43.scores"][0, :, :, y, x][here]])
        covariance = torch.cov(rows)
        torch.testing.assert_close(taken.position_spread[y, x], covariance[0, 1] / covariance[1, 1])


def test_variation_is_half_the_sum_of_differences() -> None:
    model, record = captured(FUSIONS["rsp"])
    taken = gaze_steps(model, record)[0]
    for part, variation in taken.variation.items():
        by_hand: Tensor = (taken.weights[part] - taken.weights["full"]).abs().sum((0, 1)) / 2
        torch.testing.assert_close(variation, by_hand)
        assert 0 <= float(variation.min()) <= float(variation.max()) <= 1


def test_one_pixel() -> None:
    model, record = captured(FUSIONS["self, dilated"])
    taken = gaze_steps(model, record)[1]
    here = taken.at((90, 0))

    y, x = here["cell"]
    assert (y, x) == (taken.gaze.shape[1] - 1, 0)
    assert here["gaze"] == pytest.approx(taken.gaze[:, y, x].tolist(), abs=1e-4)
    assert here["content"][2] == here["weights"]["full"][2] == [None] * 3
    assert [row[0] for row in here["position"]] == [None] * 3
    assert here["content"][1][1] + here["position"][1][1] == pytest.approx(
        float(record["step43.scores"][0, 1, 1, y, x]), abs=2e-6
    )
    for part in ("full", "content", "position", "uniform"):
        assert sum(w or 0 for row in here["weights"][part] for w in row) == pytest.approx(1, abs=1e-5)
    json.dumps(here | taken.to_dict(), allow_nan=False)
    with pytest.raises(ValueError, match="outside the image of 91 x 117"):
        taken.at((91, 0))


def test_an_edited_run_shows_in_the_residuals() -> None:
    model, _ = captured(FUSIONS["rsp"])
    image = torch.rand(1, 3, 91, 117, dtype=torch.float64)
    with torch.no_grad(), hooks(model, {"step54.scores": lambda scores, _: scores * 3 + 1}):
        _, record = run_with_capture(model, image, taps="step*")
    first, second = gaze_steps(model, record)

    assert first.score_residual > 0.1
    assert first.weight_residual > 1e-3
    assert second.score_residual < 1e-12


def test_steps_without_a_relation_are_absent() -> None:
    image = torch.rand(1, 3, 91, 141)
    with pytest.raises(ValueError, match="no relation step, so it selects nothing"):
        gaze_steps(Segmenter(tiny_baseline(NAMES)).eval(), image)
    model = Segmenter(tiny_rsp4(NAMES)).eval()
    found = gaze_steps(model, image)
    assert [f.step for f in found] == ["step76", "step65", "step54", "step43"]
    assert max(f.score_residual for f in found) < 1e-5
    assert max(f.weight_residual for f in found) < 1e-5
    with pytest.raises(NotCapturedError, match=r"'step76\.query' was not captured"):
        gaze_steps(model, run_with_capture(model, image, taps="step*.weights")[1])


def test_an_image_of_a_batch_by_its_place_from_either_end() -> None:
    model, record = captured(FUSIONS["rsp"])
    batch = torch.rand(2, 3, 67, 91, dtype=torch.float64)
    for given in (record, batch):
        last, again = gaze_steps(model, given, index=-1), gaze_steps(model, given, index=1)
        assert all(torch.equal(a.content, b.content) for a, b in zip(last, again, strict=True))
        for index in (2, -3):
            with pytest.raises(ValueError, match=rf"a batch of 2 has no image of the index {index}"):
                gaze_steps(model, given, index=index)


def test_a_model_in_training_is_refused_before_it_runs() -> None:
    model = Segmenter(tiny_rsp4(NAMES)).train()
    with pytest.raises(ValueError, match=r"in training mode.*call model\.eval"):
        gaze_steps(model, torch.rand(1, 3, 91, 141))


def test_inside_autocast_and_inference_mode() -> None:
    model, image = Segmenter(tiny_rsp4(NAMES)).eval(), torch.rand(1, 3, 91, 141)
    expected = gaze_steps(model, image)
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        found = gaze_steps(model, image)
    for step, again in zip(expected, found, strict=True):
        assert torch.equal(step.content, again.content)
        assert torch.equal(step.weights["full"], again.weights["full"])


def test_half_precision_records_are_read_in_float32() -> None:
    model, record = captured(FUSIONS["rsp"])
    taken = gaze_steps(model, record.to(dtype=torch.float16))[0]

    assert taken.content.dtype == torch.float32
    assert taken.score_residual < 1e-2
