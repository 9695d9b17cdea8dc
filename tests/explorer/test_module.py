"""The browser's part computes what Python computes: the same geometry, the same grids."""

from __future__ import annotations

import base64
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rsp_lab.analysis.relation_weights.grids import relation_grids
from rsp_lab.data.labels import CAMVID
from rsp_lab.explorer.module import FLOW_PARTS, PARTS, flow_source, module_source
from rsp_lab.explorer.payload import build_payload
from rsp_lab.shapes import Window, cell_edges, cell_to_pixel, pixel_to_cell


def test_cells_and_pixels_are_those_of_shapes(run_module: Any) -> None:
    cases = []
    for _ in range(300):
        cells = random.randint(1, 80)
        pixels = random.randint(cells, 2100)
        cases.append((random.randint(0, cells - 1), cells, random.randint(0, pixels - 1), pixels))
    cases += [(0, 7, -0.5, 100), (6, 7, 99.5, 100)]

    found = run_module(
        """async (core, cases) => cases.map(([cell, cells, pixel, pixels]) =>
        [core.cellToPixel(cell, cells, pixels), core.pixelToCell(pixel, cells, pixels),
         ...core.cellEdges(cell, cells, pixels)])""",
        cases,
    )

    expected = [
        [cell_to_pixel(cell, cells, pixels), pixel_to_cell(pixel, cells, pixels), *cell_edges(cell, cells, pixels)]
        for cell, cells, pixel, pixels in cases
    ]
    assert found == expected


def test_window_offsets_are_those_of_shapes(run_module: Any) -> None:
    windows = [Window(1), Window(3, 3), Window(5, 2), Window(7)]

    found = run_module(
        "async (core, windows) => windows.map(core.windowOffsets)",
        [{"kernel_size": w.kernel_size, "dilation": w.dilation} for w in windows],
    )

    assert found == [list(w.offsets) for w in windows]


def test_a_place_off_the_image_is_refused(run_module: Any) -> None:
    script = "async (core) => { try { return core.pixelToCell(100, 7, 100); } catch (e) { return e.message; } }"

    assert "outside the image" in run_module(script, None)


def test_grids_read_in_the_browser_are_those_of_the_analysis(small: Any, run_module: Any) -> None:
    image, label, models, views = small
    pixels = [(0, 0), (48, 65), (96, 130), (3, 127)]
    payload = build_payload(image, models, views, CAMVID, label)

    # One byte in front: hosts hand over an unaligned view.
    found = run_module(
        """async (core, [text, pixels]) => {
          const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).subarray(1);
          const payload = await core.unpack(bytes);
          return pixels.map((pixel) => payload.header.sides[1].steps.map((step) => {
            const at = core.relationAt(payload, step, pixel);
            return [at.weights, at.positions.map((p) => p.inside), core.footprint(at, payload.header.size), at.entropy,
                    core.labelAt(payload, "right.labels", pixel).name, at.cell];
          }));
        }""",
        [base64.b64encode(b"x" + payload).decode(), pixels],
    )

    for pixel, steps in zip(pixels, found, strict=True):
        for grid, (weights, inside, footprint, entropy, label_name, cell) in zip(
            relation_grids(models[1], views[1].record, pixel), steps, strict=True
        ):
            expected = grid.weights.ravel()
            assert inside == (~np.isnan(expected)).tolist()
            assert tuple(cell) == grid.cell
            np.testing.assert_allclose(
                np.where(inside, weights, 0), np.nan_to_num(expected), atol=np.nanmax(expected) / 500
            )
            assert footprint == pytest.approx(grid.footprint)
            assert entropy == pytest.approx(grid.entropy, abs=1e-5)
            assert label_name == CAMVID.classes[views[1].labels[pixel]]


def test_a_step_without_relation_passes_all_down_at_the_own_cell(small: Any, run_module: Any) -> None:
    image, label, models, views = small
    payload = build_payload(image, models, views, CAMVID, label)

    found = run_module(
        """async (core, text) => {
          const payload = await core.unpack(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));
          const at = core.relationAt(payload, payload.header.sides[0].steps[2], [48, 65]);
          return [at.passes, at.weights, core.weightAt(at, 2, 2, 5), core.weightAt(at, 0, 0, 5)];
        }""",
        base64.b64encode(payload).decode(),
    )

    assert found == [True, [1], 1, 0]


def test_the_module_depends_on_nothing_and_sets_names_as_text_only(explorer_folder: Path) -> None:
    source = module_source()

    assert not re.search(r"^\s*import\s", source, re.MULTILINE)
    assert not re.search(r"innerHTML|insertAdjacentHTML|https?://|\beval\b", source)
    assert sorted(PARTS) == sorted(path.name for path in explorer_folder.glob("*.js"))


def test_so_does_the_decision_flows(explorer_folder: Path) -> None:
    source = flow_source().replace("http://www.w3.org/2000/svg", "")

    assert not re.search(r"^\s*import\s", source, re.MULTILINE)
    assert not re.search(r"innerHTML|insertAdjacentHTML|https?://|\beval\b", source)
    own = {f"flow/{path.name}" for path in (explorer_folder / "flow").glob("*.js")}
    assert own == set(FLOW_PARTS) - {"make.js"}
