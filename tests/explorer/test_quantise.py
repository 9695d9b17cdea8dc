"""What is rounded is off by no more than stated, and a budget is kept."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest
import torch

from rsp_lab.analysis.relation_weights.gaze import gaze_steps
from rsp_lab.data.labels import CAMVID
from rsp_lab.explorer.payload import build_payload, payload_header
from rsp_lab.explorer.quantise import (
    MARGIN_STEPS,
    packed_nibbles,
    planned_bits,
    quantise,
    quantise_margins,
    quantise_scores,
)
from rsp_lab.models.segmenter import resize_logits
from rsp_lab.relations.window import window_mask
from rsp_lab.shapes import Window

# Of the comparison in conftest.py.
SIZE = (97, 131)
PIXELS = [(0, 0), (48, 65), (96, 130), (3, 127)]
SEEN = """async (core, [text, pixels]) => {
  const payload = await core.unpack(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));
  return pixels.map((pixel) => payload.header.sides[1].steps.map((step) => {
    const relation = core.relationAt(payload, step, pixel);
    const scores = core.scoresAt(payload, step, relation);
    return { ...scores, weights: relation.weights, arrow: core.gazeArrow(scores.slope, step, payload.header.size) };
  }));
}"""


@pytest.mark.parametrize("bits", [4, 8])
def test_scores_are_off_by_at_most_half_a_scale_on_the_map(bits: int) -> None:
    scores, inside = 7 * torch.randn(5, 5, 4, 6), window_mask(4, 6, Window(5))

    packed = quantise_scores(scores, inside, bits)

    cells, on_map = scores.permute(2, 3, 0, 1).numpy(), inside.permute(2, 3, 0, 1).numpy()
    scale = packed.scale[..., None, None].astype(float)
    error = np.abs(packed.low[..., None, None] + packed.values * scale - cells)
    spread = np.where(on_map, cells, -np.inf).max((2, 3)) - np.where(on_map, cells, np.inf).min((2, 3))
    assert np.allclose(packed.scale, spread / (2**bits - 1))
    assert (error <= np.where(on_map, scale / 2 * (1 + 1e-4), np.inf)).all()
    assert packed.values.max() == 2**bits - 1


def test_four_bits_keep_a_cells_weights_within_a_thirtieth_of_its_peak() -> None:
    weights = torch.randn(49, 5, 6).softmax(0).view(7, 7, 5, 6)

    packed = quantise(weights, 4)

    cells = weights.permute(2, 3, 0, 1).numpy()
    error = np.abs(packed.values * packed.scale[..., None, None] - cells)
    assert packed.bits == 4
    assert packed.values.max() == 15
    assert (error <= cells.max((2, 3), keepdims=True) / 30 * (1 + 1e-5)).all()
    assert quantise(weights - 0.1, 4).bits == 8


def test_margins_are_off_by_no_more_than_stated() -> None:
    margins = torch.linspace(0, 15, 20_000).view(100, 200)

    packed = quantise_margins(margins)

    s = packed.values.astype(float)
    error = np.abs(packed.largest * (s / MARGIN_STEPS) ** 2 - margins.double().numpy())
    assert (error <= packed.largest * (s / MARGIN_STEPS**2 + 1 / (4 * MARGIN_STEPS**2)) + 1e-9).all()
    for margin, most in ((1, 0.00006), (15, 0.0003)):
        assert error[margins.numpy() <= margin].max() <= most
    assert quantise_margins(torch.zeros(2, 3)).values.max() == 0


@pytest.mark.parametrize("count", [6, 7])
def test_nibbles_come_back_in_the_browser(count: int, run_module: Any) -> None:
    values = np.arange(count, dtype=np.uint8) + 9

    found = run_module(
        "async (core, [bytes, count]) => Array.from(core.unpackNibbles(Uint8Array.from(bytes), count))",
        [packed_nibbles(values).tolist(), count],
    )

    assert found == values.tolist()


def test_the_budget_takes_from_the_finest_step_first_and_from_content_before_weights() -> None:
    side = {"step76": 10, "step54": 100, "step43": 400}
    full = 2 * sum(side.values())

    assert planned_bits([{}, side], full)["step43"] == {"content": 8, "weights": 8}
    assert planned_bits([{}, side], full - 1)["step43"] == {"content": 4, "weights": 8}
    tight = planned_bits([side, side], full + 200)
    assert tight["step43"] == {"content": 4, "weights": 4}
    assert tight["step54"] == {"content": 4, "weights": 8}
    assert {bits for step in planned_bits([side], 0).values() for bits in step.values()} == {4}


@pytest.mark.parametrize(("budget", "levels"), [(10**9, 255), (0, 15)])
def test_content_and_position_in_the_browser_are_the_parts_of_the_captured_scores(
    budget: int, levels: int, small: Any, run_module: Any
) -> None:
    """Position is exact; content is within half a scale, weights within half a scale; printed with ``pytest -s``."""
    image, label, models, views = small
    payload = build_payload(image, models, views, CAMVID, label, budget=budget)
    assert {v for s in payload_header(payload)["sides"][1]["steps"] for v in s["bits"].values()} == {
        8 if levels == 255 else 4
    }

    found = run_module(SEEN, [base64.b64encode(payload).decode(), PIXELS])

    parts = gaze_steps(models[1], views[1].record)
    worst = {"content": 0.0, "weights": 0.0}
    for pixel, steps in zip(PIXELS, found, strict=True):
        for told, seen in zip(parts, steps, strict=True):
            at = told.at(pixel)
            full = views[1].record[f"{told.step}.weights"][0, :, :, at["cell"][0], at["cell"][1]].numpy().ravel()
            inside = np.array([v is not None for row in at["content"] for v in row])
            for part in ("content", "position"):
                exact = np.array([v or 0 for row in at[part] for v in row])
                again = np.where(inside, np.array(seen[part]) + seen["means"][part], 0)
                error = np.abs(again - exact).max()
                spread = exact[inside].max() - exact[inside].min()
                assert error <= (spread / levels / 2 if part == "content" else 0) * (1 + 1e-3) + 2e-6
                assert np.array(seen[part])[inside].mean() == pytest.approx(0, abs=1e-6)
                worst["content"] = max(worst["content"], error / spread if part == "content" and spread > 0.1 else 0)
            assert seen["arrow"] == pytest.approx(at["arrow_pixels"], abs=0.006)
            error = np.abs(np.array(seen["weights"]) - full).max()
            assert error <= full.max() / levels / 2 * (1 + 1e-4)
            worst["weights"] = max(worst["weights"], error / full.max())
    said = ", ".join(f"{part} {value:.2%}" for part, value in worst.items())
    print(f"{levels + 1} steps: largest error over a cell's range or peak: {said}")


def test_margins_in_the_browser_are_those_of_the_resized_logits(small: Any, run_module: Any) -> None:
    """At every pixel of both models: exact, a lower bound, or none, and each of the three occurs."""
    image, label, models, views = small
    payload = build_payload(image, models, views, CAMVID, label)

    found = run_module(
        """async (core, text) => {
          const payload = await core.unpack(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));
          const [height, width] = payload.header.size;
          const pixels = Array.from({ length: height * width }, (_, i) => [Math.floor(i / width), i % width]);
          return payload.header.sides.map((side) => pixels.map((pixel) => {
            const { label, runnerUp, margin, atLeast, beside } = core.answerAt(payload, side, pixel);
            return [label?.name, runnerUp?.name, margin, atLeast, beside?.map((c) => c.name)];
          }));
        }""",
        base64.b64encode(payload).decode(),
    )

    counts = {"exact": 0, "at least": 0, "edge": 0}
    for view, answers in zip(views, found, strict=True):
        logits = resize_logits(view.record["logits"], SIZE)[0]
        values, order = (part.flatten(1) for part in logits.topk(2, dim=0))
        packed = quantise_margins(-view.record["logits"][0].topk(2, dim=0).values.diff(dim=0)[0])
        s = torch.from_numpy(packed.values.astype(float))
        bound = packed.largest * (s / MARGIN_STEPS**2 + 1 / (4 * MARGIN_STEPS**2))
        off = resize_logits(bound[None, None], SIZE).flatten() + 1e-5
        for i, (name, rival, margin, least, beside) in enumerate(answers):
            says, second = (CAMVID.classes[index] for index in order[:, i])
            exact = float(values[0, i] - values[1, i])
            if margin is not None:
                counts["exact"] += 1
                assert margin == pytest.approx(exact, abs=float(off[i]))
                assert {name, rival} == {says, second}
                assert name == says or exact < off[i]
            elif least is not None:
                counts["at least"] += 1
                assert name == says
                assert least <= exact + off[i]
            else:
                counts["edge"] += 1
                assert len(beside) > 1
    print(counts)
    assert all(counts.values())
