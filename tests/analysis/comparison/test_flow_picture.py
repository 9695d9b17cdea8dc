"""The picture of a decision in two models: one target, one threshold, and a sentence whose numbers are its own."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

import rsp_lab as rl
from rsp_lab.analysis.comparison.explain import explain
from rsp_lab.analysis.comparison.flow_picture import FlowPicture, flow_picture
from rsp_lab.analysis.passes.captured import CapturedPass, capture_pass
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.models import presets
from rsp_lab.text import signed
from tests.kit.networks import NAMES, SIZE, network, noise_image

pytestmark = pytest.mark.usefixtures("one_thread")
PIXEL = PixelTarget(20, 31, "rider", "person")


@pytest.fixture(scope="module")
def passes() -> tuple[CapturedPass, ...]:
    models = network(presets.baseline_q67()), network(presets.rsp4(), selective=True)
    return tuple(capture_pass(model, noise_image()) for model in models)


@pytest.fixture(scope="module")
def picture(passes) -> FlowPicture:
    labels = torch.full(SIZE, 2, dtype=torch.uint8)
    return flow_picture(passes, noise_image(), PIXEL, labels=labels)


def test_it_asks_what_an_explanation_asks(passes) -> None:
    found = flow_picture(passes, noise_image(), PixelTarget(20, 31))
    story = explain(*passes, noise_image(), PixelTarget(20, 31))

    assert (found.target, found.chosen, found.answers) == (
        story.target,
        story.chosen,
        (story.left.answer, story.right.answer),
    )
    assert [flow.total for flow in found.flows] == pytest.approx([story.left.ledger.total, story.right.ledger.total])


def test_one_threshold_holds_in_both_models(picture: FlowPicture, passes) -> None:
    every = flow_picture(passes, noise_image(), PIXEL, share=0)
    least = 0.05 * max(flow.largest for flow in every.flows)

    for flow, whole in zip(picture.flows, every.flows, strict=True):
        for level, nodes in flow.nodes.items():
            alone = {node.cell for node in nodes if node.cell}
            assert alone == {node.cell for node in whole.nodes[level] if node.cell and node.weight >= least}
    assert all(len(nodes) <= 3 for flow in picture.merged(2).flows for nodes in flow.nodes.values())


def test_the_sentence_says_the_pictures_own_numbers(picture: FlowPicture) -> None:
    words = picture.sentence()
    left, right = picture.flows

    assert words.startswith("At y 20, x 31 (truth: person), ")
    assert f"rider over person is {signed(right.total)} and {signed(left.total)} logits" in words
    brought = [sum(flow.ledger.sums[x] for x in (7, 6, 5, 4)) for flow in (right, left)]
    entered = [sum(map(flow.entering, flow.biases)) for flow in (right, left)]
    expected = " and ".join(signed(a + b) for a, b in zip(brought, entered, strict=True))
    assert f"Context from above level 3 brings {expected} of it." in words
    for side, answer in enumerate(picture.answers):
        assert f"({'correct' if answer.label == 'person' else 'wrong'})" in picture.says(side)


def test_one_model_alone_and_one_of_another_make_have_sentences_of_their_own(passes) -> None:
    torch.manual_seed(3)
    other = nn.Sequential(nn.Conv2d(3, 8, 3, 8, 1), nn.GELU(), nn.Conv2d(8, len(NAMES), 1)).eval()
    subject = rl.adapt(other, class_names=NAMES, cut=("1",), name="other")
    alone = flow_picture(passes[1], noise_image(), PIXEL)
    pair = flow_picture((subject, passes[1]), noise_image(), PIXEL)

    ledger = alone.flows[0].ledger
    parts = {**{f"level {x}": value for x, value in ledger.sums.items()}, "the bias": ledger.bias}
    name = max(parts, key=lambda one: abs(parts[one]))
    assert f"The largest part, {signed(parts[name])}, is that of {name}." in alone.sentence()
    assert "truth" not in alone.sentence()
    assert "brings" not in pair.sentence()
    assert pair.flows[0].direct
    assert not pair.flows[1].direct
    assert pair.levels == (7, 6, 5, 4, 3, 2)


def test_data_are_plain(picture: FlowPicture) -> None:
    data = json.loads(json.dumps(picture.to_dict()))

    assert (data["unit"], data["truth"], data["class"], data["rival"]) == ("logits", "person", "rider", "person")
    assert len(data["models"]) == 2
    assert all("rule" in model and "residual" in model for model in data["models"])
    assert "truth" in repr(picture)


def test_what_does_not_fit_is_refused(passes) -> None:
    with pytest.raises(ValueError, match="got 3 models"):
        flow_picture((*passes, passes[0]), noise_image())
    with pytest.raises(ValueError, match="leave out plain_logit"):
        flow_picture(passes, noise_image(), PixelTarget(1, 1, "road", plain_logit=True))
    with pytest.raises(ValueError, match="outside the image"):
        flow_picture(passes, noise_image(), PixelTarget(67, 1))
    with pytest.raises(ValueError, match="classes"):
        flow_picture((passes[0], network(presets.rsp2(), names=("a", "b"))), noise_image())
