"""The comparison as a whole, and the rules by which it chooses what to show."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from rsp_lab.analysis.comparison.channels import choose_channel, class_selectivity
from rsp_lab.analysis.comparison.compare import assemble, compare
from rsp_lab.analysis.passes.answer import pixel_answer
from rsp_lab.analysis.passes.view import view_model
from rsp_lab.analysis.relation_weights.key_query import key_query
from rsp_lab.data.labels import CAMVID
from rsp_lab.data.sample import Sample
from rsp_lab.models.presets import resnet_fpn, semantic_fpn, tiny_baseline, tiny_rsp4
from rsp_lab.models.segmenter import Segmenter

Pair = tuple[Segmenter, Segmenter]


@pytest.fixture(scope="module")
def pair() -> Pair:
    torch.manual_seed(1)
    left = Segmenter(tiny_baseline(CAMVID.classes, CAMVID.name), name="one").eval()
    return left, Segmenter(tiny_rsp4(CAMVID.classes, CAMVID.name), name="two").eval()


@pytest.fixture(scope="module")
def image(street: Callable[[int, int, int], Sample]) -> torch.Tensor:
    return street(2, 130, 170).image


def test_summary_is_plain_json_and_tells_the_truth(pair: Pair, image: torch.Tensor) -> None:
    result = compare(*pair, image, pixel=(77, 90))
    summary = json.loads(json.dumps(result.to_dict()))

    assert summary["pixel"] == [77, 90]
    assert summary["pixel_rule"] == "given"
    assert len(summary["right"]["relation_grids"]) == 4
    assert summary["left"]["relation_grids"] == []
    assert all(residual < 1e-5 for residual in summary["right"]["context_residual"].values())
    with torch.no_grad():
        logits = pair[1](image[None].float() / 255)[0, :, 77, 90]
    best = CAMVID.classes[int(logits.argmax())]
    assert summary["right"]["at_pixel"]["label"] == best
    assert summary["right"]["at_pixel"]["logits"][best] == pytest.approx(float(logits.max()), abs=1e-3)
    assert f"two says {best}" in summary["sentence"]


def test_the_pixel_lies_in_the_largest_disagreement(pair: Pair, image: torch.Tensor) -> None:
    result = compare(*pair, image)
    region, (y, x) = result.disagreements[0], result.pixel

    assert result.pixel_rule == "innermost pixel of the largest disagreement"
    assert CAMVID.classes[result.left.labels[y, x]] == region.left
    assert CAMVID.classes[result.right.labels[y, x]] == region.right


def test_models_that_agree_are_looked_at_in_the_centre(pair: Pair, image: torch.Tensor) -> None:
    result = compare(pair[1], pair[1], image)

    assert (result.left.name, result.right.name) == ("two (left)", "two (right)")
    assert result.disagreements == ()
    assert result.disagreeing_share == 0
    assert result.pixel == (65, 85)


def test_another_pixel_needs_no_forward_pass(pair: Pair, image: torch.Tensor) -> None:
    views = view_model(pair[0], image), view_model(pair[1], image)
    calls: list[int] = []
    handles = [m.register_forward_hook(lambda *_: calls.append(1)) for m in pair]
    try:
        result = assemble(image, pair, views, pixel=(0, 0), channel=3)
    finally:
        for handle in handles:
            handle.remove()

    assert calls == []
    assert result.channel.channel == 3
    assert result.channel.rule == "given"
    assert result.grids[1][0].cell == (0, 0)


def test_wrong_requests(pair: Pair, image: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="outside the image of 130 x 170"):
        compare(*pair, image, pixel=(130, 0))
    with pytest.raises(ValueError, match="channel 64 does not exist: the heads have channels 0 to 63"):
        compare(*pair, image, channel=64)
    other = Segmenter(tiny_rsp4(("sky", "road")), name="other")
    with pytest.raises(ValueError, match=r"one has 11 classes .* other has 2 .* trained on the same classes"):
        compare(pair[0], other, image)
    flat = Segmenter(resnet_fpn("resnet18", semantic_fpn(), CAMVID.classes), name="flat").eval()
    with pytest.raises(ValueError, match="flat has no top-down steps"):
        compare(pair[0], flat, image, channel=3)


def test_pixel_answer_ranks(pair: Pair, image: torch.Tensor) -> None:
    view = view_model(pair[1], image)
    answer = pixel_answer(view.record["logits"], (3, 4), view.record.image_size, CAMVID.classes)
    ranked = sorted(answer.logits, key=lambda name: -answer.logits[name])

    assert [answer.label, answer.runner_up] == ranked[:2]
    assert answer.margin == pytest.approx(answer.logits[ranked[0]] - answer.logits[ranked[1]])
    assert view.labels[3, 4] == CAMVID.index(answer.label)
    assert replace(answer, margin=1.0).to_dict()["margin_logits"] == 1


def test_selectivity_by_hand() -> None:
    """Inside 4 and 6, outside 1 and 3: means 5 and 2, standard deviations 1 and 1, so d' = 3."""
    maps = torch.tensor([[[4.0, 6.0], [1.0, 3.0]]])
    inside = torch.tensor([[True, True], [False, False]])

    torch.testing.assert_close(class_selectivity(maps, inside), torch.tensor([3.0]))
    with pytest.raises(ValueError, match="none or all"):
        class_selectivity(maps, torch.ones_like(inside))


def test_the_channel_must_speak_about_the_class_in_both() -> None:
    inside = torch.zeros(6, 7, dtype=torch.bool)
    inside[:3] = True
    noise = torch.randn(3, 6, 7, generator=torch.Generator().manual_seed(0)) * 0.1
    left, right = noise.clone(), noise.clone()
    left[0, :3] += 100  # loud in one model only
    left[2, :3] += 5
    right[2, :3] -= 5
    choice = choose_channel(left, right, inside, inside, step="step43", name="rider")

    assert choice.channel == 2
    assert choice.left is not None
    assert choice.right is not None
    assert choice.left > 0 > choice.right
    assert "step43" in choice.rule
    absent = choose_channel(left, right, ~inside & inside, inside, step="step43", name="rider")
    assert "because rider covers no cell or all cells" in absent.rule


def test_key_query_by_hand() -> None:
    query = torch.tensor([[[1.0, -1.0]], [[9.0, -9.0]], [[1.0, 2.0]]])
    key = torch.tensor([[[2.0, -1.0]], [[-2.0, 5.0]], [[0.0, 0.0]]])
    found = key_query("step54", query, key)

    assert found.channel == 1
    assert found.correlation == pytest.approx(-1)
    assert found.median_correlation == pytest.approx(0)
    assert torch.equal(found.key, key[1])
