"""What the browser reads of a network of another make: where a margin comes from, and where its attention looks."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import torch
from torch import nn

from rsp_lab.analysis.comparison.compare import compare
from rsp_lab.attention.record import record_attention
from rsp_lab.data.tables import table_for
from rsp_lab.explorer.attention import pack_attention
from rsp_lab.explorer.blocks import Blocks
from rsp_lab.explorer.payload import build_payload
from rsp_lab.models.adapt import adapt
from rsp_lab.models.subject import Subject
from tests.kit.attention_families import family
from tests.kit.networks import noise_image

pytestmark = pytest.mark.usefixtures("unchecked_module")
CLASSES = ("road", "rider", "person")
PIXELS = [(0, 0), (20, 31), (47, 63), (9, 62)]
PARTS = """async (core, [text, pixels]) => {
  const payload = await core.unpack(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));
  return payload.header.sides.map((side) => pixels.map((pixel) => core.contributionsAt(payload, side, pixel)));
}"""


class TwoMaps(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.low, self.high = nn.Conv2d(3, 6, 4, 4), nn.Conv2d(6, 6, 2, 2)
        self.last = nn.Conv2d(12, len(CLASSES), 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        low = self.low(x).relu()
        high = nn.functional.interpolate(self.high(low).relu(), size=low.shape[-2:], mode="bilinear")
        return self.last(torch.cat([low, high], 1))


def test_contributions_are_those_of_the_level_ledger(run_module: Any) -> None:
    torch.manual_seed(0)
    subject = adapt(TwoMaps().eval(), class_names=CLASSES, cut=("low", "high"))
    assert isinstance(subject, Subject)
    found = compare(subject, subject, noise_image((48, 64)))
    payload = build_payload(found.image, (subject, subject), found.views, table_for(CLASSES, ""))

    left, right = run_module(PARTS, [base64.b64encode(payload).decode(), PIXELS])

    assert left == right
    ledger = found.left.looked.level_ledger
    decision, (first, second) = ledger.decision(), ledger.logits.topk(2, dim=0).indices
    for pixel, parts in zip(PIXELS, left, strict=True):
        y, x = (place * cells // size for place, cells, size in zip(pixel, (12, 16), (48, 64), strict=True))
        assert [part["name"] for part in parts] == ["3", "2", "bias"]
        expected = [
            *decision[:, y, x].flip(0).tolist(),
            float(ledger.bias[first[y, x], y, x] - ledger.bias[second[y, x], y, x]),
        ]
        assert [part["value"] for part in parts] == pytest.approx(
            expected, abs=float(decision.abs().max()) / 30_000 + 1e-6
        )
        margin = ledger.logits[:, y, x].topk(2).values
        assert sum(part["value"] for part in parts) == pytest.approx(float(margin[0] - margin[1]), abs=1e-3)


LOOKS = """async (core, [text, pixels]) => {
  const payload = await core.unpack(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));
  const { layers } = payload.header.sides[1].attention;
  return layers.map((layer) => pixels.map((pixel) => core.attentionAt(payload, layer, pixel)));
}"""


@pytest.mark.parametrize("name", ["SegFormer, fused", "Swin of torchvision", "ViT of timm"])
def test_looks_are_those_of_the_record(name: str, run_module: Any) -> None:
    subject, image = family(name), noise_image((64, 96))
    found = compare(subject, subject, image)
    payload = build_payload(found.image, (subject, subject), found.views, table_for(subject.class_names, ""))
    record = record_attention(subject, found.views[1].looked.image)
    pixels = [(0, 0), (31, 47), (63, 95), (9, 70)]

    layers = run_module(LOOKS, [base64.b64encode(payload).decode(), pixels])

    assert len(layers) == len(record)
    for layer, looks in zip(record.layers.values(), layers, strict=True):
        for pixel, look in zip(pixels, looks, strict=True):
            expected = layer.look(*pixel)
            top, left, bottom, right = look["own"]
            assert ((top + bottom) / 2, (left + right) / 2) == pytest.approx(expected.cell, abs=1e-3)
            assert top <= pixel[0] <= bottom
            assert left <= pixel[1] <= right
            weights = expected.weights.mean(0)
            assert look["peak"] >= float(weights.max()) - 1e-5
            there = {
                (round((box[0] + box[2]) / 2, 2), round((box[1] + box[3]) / 2, 2)): one["weight"]
                for one in look["seen"]
                for box in [one["box"]]
            }
            for (y, x), weight in zip(expected.positions.tolist(), weights.tolist(), strict=True):
                got = there.get((round(y, 2), round(x, 2)), 0.0)
                assert got == pytest.approx(weight, abs=look["peak"] / 500 + 1e-6)


def test_layers_beyond_the_budget_are_left_out_and_counted() -> None:
    subject, image = family("ViT of timm"), noise_image((64, 96))
    found = compare(subject, subject, image)
    one = 24 * 25  # cells times keys, the class token among these
    packed = pack_attention(Blocks(), "left", found.views[0], budget=one)
    assert packed is not None
    assert [layer["name"] for layer in packed["layers"]] == ["backbone.blocks.1.attn"]
    assert packed["left_out"] == 1
    assert pack_attention(Blocks(), "left", found.views[0], budget=one - 1) is None
