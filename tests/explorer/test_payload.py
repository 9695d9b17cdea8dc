"""The payload carries what the analysis found, within half a step of its quantisation."""

from __future__ import annotations

import math
import zlib
from typing import Any

import numpy as np
import pytest
import torch

from rsp_lab.analysis.relation_weights.grids import relation_grids
from rsp_lab.data.labels import CAMVID
from rsp_lab.explorer.payload import build_payload, payload_header
from rsp_lab.explorer.quantise import quantise
from rsp_lab.explorer.steps import entropies
from rsp_lab.palette import LEVEL_COLOURS, LEVEL_DASHES
from rsp_lab.shapes import Window


def block(payload: bytes, name: str) -> np.ndarray:
    facts = payload_header(payload)["blocks"][name]
    body = 8 + int.from_bytes(payload[4:8], "little")
    raw = payload[body + facts["offset"] : body + facts["offset"] + facts["bytes"]]
    return np.frombuffer(zlib.decompress(raw), facts["dtype"]).reshape(facts["shape"])


@pytest.fixture(scope="module")
def payload(small: Any) -> bytes:
    image, label, models, views = small
    return build_payload(image, models, views, CAMVID, label)


@pytest.mark.parametrize("sharpness", [0.0, 1.0, 30.0])
def test_softmax_weights_are_off_by_at_most_half_a_scale(sharpness: float) -> None:
    weights = (sharpness * torch.randn(49, 5, 6)).softmax(0).view(7, 7, 5, 6)

    packed = quantise(weights)

    error = np.abs(packed.values * packed.scale[..., None, None].astype(float) - weights.permute(2, 3, 0, 1).numpy())
    assert packed.values.dtype == np.uint8
    assert (error <= packed.scale[..., None, None] / 2 * (1 + 1e-5)).all()
    assert (packed.values.max((2, 3)) == 255).all()


def test_signed_weights_keep_their_sign_and_zeros_stay_zero() -> None:
    weights = torch.tensor([-2.0, 0.5, 1.0, 0.0, 0.0, 0.0]).view(1, 3, 1, 2).repeat(1, 1, 2, 1)
    weights[..., 1, :] = 0

    packed = quantise(weights)

    assert packed.values.dtype == np.int8
    assert packed.values[0, 0, 0].tolist() == [-127, 64, 0]
    assert packed.values[1].max() == 0
    assert np.isfinite(packed.scale).all()


def test_entropy_and_own_weight_of_every_cell_are_those_of_the_relation_grids(small: Any, payload: bytes) -> None:
    _, _, models, views = small
    for pixel in [(0, 0), (48, 65), (96, 130)]:
        for grid in relation_grids(models[1], views[1].record, pixel):
            assert block(payload, f"right.{grid.step}.entropy")[grid.cell] == pytest.approx(grid.entropy, abs=1e-5)
            assert block(payload, f"right.{grid.step}.own")[grid.cell] == pytest.approx(grid.centre, abs=1e-6)


def test_entropy_is_one_for_uniform_zero_for_one_position_and_undefined_otherwise() -> None:
    weights = torch.zeros(3, 3, 3, 3)
    weights[1, 1] = 1
    weights[:, :, 1, 1] = 1 / 9
    weights[:, :, 2, 2] = 1

    found = entropies(weights, Window(3))

    assert found[1, 1] == pytest.approx(1)
    assert found[0, 0] == 0
    assert math.isnan(found[2, 2])


def test_labels_and_truth_arrive_bit_for_bit(small: Any, payload: bytes) -> None:
    _, label, _, views = small

    assert np.array_equal(block(payload, "left.labels"), views[0].labels)
    assert np.array_equal(block(payload, "right.labels"), views[1].labels)
    assert np.array_equal(block(payload, "truth"), label.numpy())


def test_the_header_names_steps_levels_and_classes(payload: bytes) -> None:
    header = payload_header(payload)

    assert [s["name"] for s in header["sides"][1]["steps"]] == ["step76", "step65", "step54", "step43"]
    assert [s["window"] for s in header["sides"][0]["steps"]] == [None] * 4
    assert {s["window"]["kernel_size"] for s in header["sides"][1]["steps"]} == {5}
    assert header["levels"]["5"] == {"colour": LEVEL_COLOURS[5], "dash": list(LEVEL_DASHES[5])}
    assert header["classes"][0] == {"name": "sky", "colour": "#808080"}


def test_the_identity_changes_with_the_content_only(small: Any, payload: bytes) -> None:
    image, label, models, views = small

    assert build_payload(image, models, views, CAMVID, label) == payload
    other = build_payload(image, models, (views[1], views[0]), CAMVID, label)
    assert payload_header(other)["id"] != payload_header(payload)["id"]


def test_foreign_bytes_are_refused_with_a_remedy() -> None:
    with pytest.raises(ValueError, match="build_payload"):
        payload_header(b"PNG.....")
