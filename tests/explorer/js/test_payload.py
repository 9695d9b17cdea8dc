"""What the browser reads of a network of another make: where a margin comes from, and where its attention looks."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import torch
from torch import nn

from rsp_lab.analysis.comparison.compare import compare
from rsp_lab.attention.layers import AttentionLook
from rsp_lab.attention.record import record_attention
from rsp_lab.data.tables import table_for
from rsp_lab.explorer.attention import pack_attention, planned_heads
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
        assert [part["name"] for part in parts] == ["level 3 (stride 8)", "level 2 (stride 4)", "bias"]
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
  const heads = (layer) => [null, ...Array.from({ length: core.headsApart(layer) }, (_, head) => head)];
  const looks = (layer, pixel) => heads(layer).map((head) => core.attentionAt(payload, layer, pixel, head));
  return layers.map((layer) => pixels.map((pixel) => looks(layer, pixel)));
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
        for pixel, heads in zip(pixels, looks, strict=True):
            expected = layer.look(*pixel)
            assert len(heads) == (layer.heads + 1 if layer.heads > 1 else 1)
            # Half a step of 15, of each head's own largest weight.
            bounds = expected.weights.amax(-1) / 30 + 1e-6
            mean = expected.weights.mean(0)
            assert heads[0]["peak"] == pytest.approx(float(mean.max()), abs=1e-5)
            check_look(heads[0], expected, mean, float(bounds.mean()))
            for look, weights, bound in zip(heads[1:], expected.weights, bounds.tolist(), strict=False):
                assert look["peak"] == pytest.approx(float(weights.max()), abs=1e-5)
                check_look(look, expected, weights, bound)


def check_look(look: dict[str, Any], expected: AttentionLook, weights: torch.Tensor, bound: float) -> None:
    top, left, bottom, right = look["own"]
    assert ((top + bottom) / 2, (left + right) / 2) == pytest.approx(expected.cell, abs=1e-3)
    assert max((one["share"] for one in look["seen"]), default=1) <= 1
    there = {
        (round((box[0] + box[2]) / 2, 2), round((box[1] + box[3]) / 2, 2)): one["weight"]
        for one in look["seen"]
        for box in [one["box"]]
    }
    for (y, x), weight in zip(expected.positions.tolist(), weights.tolist(), strict=True):
        assert there.get((round(y, 2), round(x, 2)), 0.0) == pytest.approx(weight, abs=bound)


def test_means_come_first_and_heads_have_what_is_left() -> None:
    layers = [(800, 1), (200, 2), (50, 5), (10, 8)]

    assert planned_heads(layers, 10_000) == [1, 2, 5, 8]
    # Two thirds hold the means but for the first layer's; the last two layers' heads fit into the rest.
    assert planned_heads(layers, 600) == [0, 1, 5, 8]
    assert planned_heads(layers, 90) == [0, 0, 1, 1]
    assert planned_heads(layers, 14) == [0, 0, 0, 0]


def test_what_there_is_no_room_for_is_left_out_and_counted() -> None:
    found = compare(*[family("ViT of timm")] * 2, noise_image((64, 96)))
    head = 24 * 25 // 2  # cells times keys, the class token among these, of 4 bits

    def packed(budget: int) -> tuple[list[tuple[str, bool]], int] | None:
        facts = pack_attention(Blocks(), "left", found.views[0], budget)
        return facts and ([(layer["name"], layer["apart"]) for layer in facts["layers"]], facts["left_out"])

    names = [f"backbone.blocks.{number}.attn" for number in range(2)]
    assert packed(6 * head) == ([(names[0], True), (names[1], True)], 0)
    assert packed(4 * head) == ([(names[0], False), (names[1], True)], 0)
    assert packed(3 * head // 2) == ([(names[1], False)], 1)
    assert packed(head) is None
