"""The chain: the product of weights down the steps is what a gradient through the head, without f_v, says it is."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from rsp_lab.analysis.passes.view import ModelView, view_model
from rsp_lab.data.labels import CAMVID
from rsp_lab.explorer.payload import build_payload
from rsp_lab.models.presets import top_down
from rsp_lab.models.pyramid import PyramidConfig
from rsp_lab.models.segmenter import Segmenter, SegmenterConfig
from rsp_lab.relations.relate import propagate
from rsp_lab.shapes import Window, pixel_to_cell

PIXELS = [(0, 0), (48, 65), (96, 130), (3, 127), (90, 2)]
CHAIN = """async (core, [text, pixels]) => {
  const payload = await core.unpack(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));
  return payload.header.sides.map((side) => pixels.map((pixel) =>
    core.chainAt(payload, side, pixel).map((link) => ({ ...link, values: Array.from(link.values) }))));
}"""


def expected_chain(view: ModelView, weights: dict[str, Tensor], window: Window, pixel: tuple[int, int]) -> list[Tensor]:
    """By autograd: gradient of a cell of T_3 with respect to each T_x, weights held, f_v the identity, one channel."""
    steps = list(view.flow)
    sizes = [view.record[f"q{steps[0].high}"].shape[-2:], *(step.fused.shape[-2:] for step in steps)]
    maps = [torch.zeros(1, 1, *size, dtype=torch.float64, requires_grad=True) for size in sizes]
    top = maps[0]
    for step, low in zip(steps, maps[1:], strict=True):
        high = F.interpolate(top, size=low.shape[-2:], mode="bilinear", align_corners=False)
        top = low + (propagate(weights[step.name][None], high, window) if step.name in weights else high)
    y, x = (pixel_to_cell(p, n, s) for p, n, s in zip(pixel, sizes[-1], view.record.image_size, strict=True))
    top[0, 0, y, x].backward()
    return [m.grad[0, 0] for m in reversed(maps[:-1]) if m.grad is not None]


def placed(link: dict[str, Any]) -> np.ndarray:
    whole = np.zeros(link["cells"])
    inside = np.array(link["values"]).reshape(link["height"], link["width"])
    whole[link["top"] : link["top"] + link["height"], link["left"] : link["left"] + link["width"]] = inside
    return whole


@pytest.fixture(scope="module")
def chains(small: Any, run_module: Any) -> Any:
    image, label, models, views = small
    payload = build_payload(image, models, views, CAMVID, label)
    return run_module(CHAIN, [base64.b64encode(payload).decode(), PIXELS])


def test_chains_are_the_gradient_through_held_weights_up_to_the_quantisation(small: Any, chains: Any) -> None:
    _, _, _, (_, view) = small
    weights = {step.name: step.weights.double() for step in view.flow}
    for pixel, links in zip(PIXELS, chains[1], strict=True):
        expected = expected_chain(view, weights, Window(5, 2), pixel)
        assert [link["level"] for link in links] == [4, 5, 6, 7]
        for link, exact in zip(links, expected, strict=True):
            # Each of up to four steps adds at most half a scale a position: 25 positions, peak / 510 each.
            assert np.abs(placed(link) - exact.numpy()).sum() < 0.1 * (8 - link["level"] + 1) / 4
            assert placed(link).sum() == pytest.approx(1, abs=0.03)


def test_with_the_very_weights_of_the_payload_chains_are_exact(small: Any, run_module: Any) -> None:
    """Whole steps of 1/255, so that the quantisation changes nothing; a window wider than the top maps."""
    image, label, models, views = small
    payload = build_payload(image, models, views, CAMVID, label)
    found = run_module(
        """async (core, [text, pixels]) => {
          const payload = await core.unpack(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));
          const side = payload.header.sides[1];
          const weights = side.steps.map((step) => Array.from({ length: step.cells[0] }, (_, y) =>
            Array.from({ length: step.cells[1] }, (_, x) => core.weightsAt(payload, step, [y, x]))));
          const links = pixels.map((pixel) => core.chainAt(payload, side, pixel).map((link) =>
            ({ ...link, values: Array.from(link.values) })));
          return [weights, links];
        }""",
        [base64.b64encode(payload).decode(), PIXELS],
    )
    view = views[1]
    # (y, x, position) to (wy, wx, y, x).
    weights = {
        step.name: torch.tensor(values, dtype=torch.float64).unflatten(2, (5, 5)).permute(2, 3, 0, 1)
        for step, values in zip(view.flow, found[0], strict=True)
    }
    for pixel, links in zip(PIXELS, found[1], strict=True):
        for link, exact in zip(links, expected_chain(view, weights, Window(5, 2), pixel), strict=True):
            np.testing.assert_allclose(placed(link), exact.numpy(), atol=1e-7)


def test_what_is_only_summed_spreads_by_the_upsampling_alone(small: Any, chains: Any) -> None:
    _, _, _, (view, _) = small
    for pixel, links in zip(PIXELS, chains[0], strict=True):
        for link, exact in zip(links, expected_chain(view, {}, Window(1), pixel), strict=True):
            np.testing.assert_allclose(placed(link), exact.numpy(), atol=1e-7)
            assert placed(link).sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_the_outline_holds_its_part_with_the_fewest_cells(seed: int, run_module: Any) -> None:
    values = np.random.default_rng(seed).exponential(size=(5, 7)) ** 3
    link = {"top": 2, "left": 1, "height": 5, "width": 7, "cells": [8, 9], "values": values.ravel().tolist()}

    found = run_module(
        """async (core, link) => {
          const found = core.holding({ ...link, values: Float64Array.from(link.values) }, 0.9, [80, 90], [40, 40]);
          return { ...found, kept: Array.from(found.kept) };
        }""",
        link,
    )

    kept = np.array(found["kept"], dtype=bool).reshape(5, 7)
    descending = np.sort(values.ravel())[::-1]
    assert found["count"] == kept.sum() == 1 + np.searchsorted(descending.cumsum(), 0.9 * values.sum())
    assert found["held"] == pytest.approx(values[kept].sum())
    assert values[kept].min() >= values[~kept].max()
    rows, columns = np.nonzero(kept)
    far = [abs(10 * (n + 0 if side else n + 1) - 0.5 - 40) for side in (0, 1) for n in (*rows + 2, *columns + 1)]
    assert found["reach"] == pytest.approx(max(far))


def test_an_average_spreads_evenly_over_what_lies_on_the_map(small: Any, run_module: Any) -> None:
    from rsp_lab.models.fusion import AverageConfig

    image, label, models, views = small
    torch.manual_seed(1)
    pyramid = PyramidConfig("tiny", 32, top=7)
    head = top_down(top=7, at=(76, 65, 54, 43), fusion=AverageConfig(Window(5)), channels=64)
    model = Segmenter(SegmenterConfig(pyramid, head, CAMVID.classes, "camvid"), name="average").eval()
    view = view_model(model, image)
    payload = build_payload(image, (models[0], model), (views[0], view), CAMVID, label)

    links = run_module(CHAIN, [base64.b64encode(payload).decode(), [(3, 127)]])[1][0]

    # By hand for the first link: the mean over the positions on the map, then the upsampling's transpose.
    step = next(s for s in view.flow if s.name == "step43")
    height, width = step.fused.shape[-2:]
    y, x = pixel_to_cell(3, height, image.shape[1]), pixel_to_cell(127, width, image.shape[2])
    high = torch.zeros(1, 1, *next(s for s in view.flow if s.name == "step54").fused.shape[-2:], dtype=torch.float64)
    high.requires_grad_()
    up = F.interpolate(high, size=(height, width), mode="bilinear", align_corners=False)[0, 0]
    up[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3].mean().backward()
    assert high.grad is not None
    np.testing.assert_allclose(placed(links[0]), high.grad[0, 0].numpy(), atol=1e-7)
    assert [placed(link).sum() for link in links] == pytest.approx([1] * 4)
