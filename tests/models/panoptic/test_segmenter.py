"""What a panoptic model owes its users: both branches on one pyramid, the semantic one untouched by the other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rsp_lab.capture.capture import run_with_capture
from rsp_lab.models import presets as heads
from rsp_lab.models.panoptic import presets
from rsp_lab.models.panoptic.config import PanopticConfig
from rsp_lab.models.panoptic.segmenter import PanopticSegmenter
from rsp_lab.models.segmenter import Segmenter, resize_logits
from rsp_lab.shapes import Tap
from tests.kit import panoptic as kit

CONFIGS = {
    function.__name__: function(kit.THINGS, kit.STUFF)
    for function in (
        presets.tiny_panoptic_rsp4,
        presets.tiny_panoptic_rsp4_d,
        presets.tiny_panoptic_baseline,
        presets.tiny_panoptic_fpn,
    )
}
P6 = presets.small_panoptic(heads.rsp4(), kit.THINGS, kit.STUFF, rpn_top="p6")
SIZES = [(67, 93), (1, 131), (2, 3), (1, 1)]
PARTS = ("semantic", "rpn_objectness", "rpn_box", "box_class", "box", "mask")


@pytest.fixture(scope="module", autouse=True)
def _one_thread(one_thread: None) -> None: ...


@pytest.fixture(params=[*CONFIGS, "p6"])
def config(request: pytest.FixtureRequest) -> PanopticConfig:
    return P6 if request.param == "p6" else CONFIGS[request.param]


@pytest.fixture(scope="module")
def model() -> PanopticSegmenter:
    return kit.panoptic_network()


@torch.no_grad()
def test_an_image_of_any_size_has_things_and_stuff(config: PanopticConfig) -> None:
    model = kit.panoptic_network(config)
    for size in SIZES:
        image = torch.rand(3, *size)
        output = model(image)

        found = output.detections
        assert output.logits.shape == (1, 5, -(-size[0] // 4), -(-size[1] // 4))
        assert torch.equal(output.logits, model.semantic.coarse_logits(image))
        assert torch.equal(output.labels(), resize_logits(output.logits, size)[0].argmax(0))
        assert found.masks.shape == (len(found), *size)
        assert found.scores.tolist() == sorted(found.scores.tolist(), reverse=True)
        if len(found):
            assert found.boxes.min() >= 0
            assert bool((found.boxes[:, 2:] > found.boxes[:, :2]).all())
            assert bool((found.boxes[:, 2:] <= torch.tensor([size[1], size[0]])).all())
            assert 0 <= found.classes.min() <= found.classes.max() < 3


@torch.no_grad()
def test_the_same_image_gives_the_same_bits(model: PanopticSegmenter) -> None:
    image = torch.rand(3, 67, 93)
    first, second = model(image), model(image)

    assert torch.equal(first.logits, second.logits)
    for part in ("boxes", "scores", "classes", "masks"):
        assert torch.equal(getattr(first.detections, part), getattr(second.detections, part)), part


@torch.no_grad()
def test_a_model_that_finds_nothing_answers_no_thing() -> None:
    model = kit.panoptic_network()
    model.instances.heads.box_predictor.cls_score.bias[0] += 100.0

    found = model(torch.rand(3, 40, 50)).detections

    assert (len(found), found.size) == (0, (40, 50))
    assert found.boxes.shape == (0, 4)
    assert found.masks.dtype == torch.bool


def test_every_parameter_learns(config: PanopticConfig) -> None:
    model = kit.panoptic_network(config).train()
    image, label, _ = kit.two_images()
    # A picture whose top level has several cells: one alone gives the scores of a window no gradient.
    image, label = (torch.cat([part] * 4, -1) for part in (image, label))
    image, label = (torch.cat([part] * 4, -2) for part in (image, label))
    wide = [kit.boxed((0, slice(30, 54), slice(8, 44)), (2, slice(99, 240), slice(80, 290)), size=(256, 512))] * 2
    losses = model.losses(image + 0.1 * torch.randn_like(image), label, wide)
    sum(losses.values()).backward()

    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        if not name.endswith("f_k.bias"):
            assert parameter.grad.abs().max() > 0, name


def test_losses_fall_on_one_scene() -> None:
    model = kit.panoptic_network().train()
    batch = kit.two_images()
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3)
    course: list[dict[str, float]] = []
    for step in range(20):
        torch.manual_seed(step)
        losses = model.losses(*batch)
        assert tuple(losses) == PARTS
        course.append({name: loss.item() for name, loss in losses.items()})
        optimiser.zero_grad()
        sum(losses.values()).backward()
        optimiser.step()

    assert all(value < float("inf") for step in course for value in step.values())
    for part in ("semantic", "rpn_objectness", "box_class", "mask"):
        first, last = course[0][part], sum(step[part] for step in course[-5:]) / 5
        assert last < 0.6 * first, (part, first, last)


def test_an_update_follows_from_the_global_generator() -> None:
    model = kit.panoptic_network().train()
    batch = kit.two_images()

    def update(seed: int) -> list[float]:
        torch.manual_seed(seed)
        return [loss.item() for loss in model.losses(*batch).values()]

    with torch.no_grad():
        update(0)  # batch norm moves on, but in training mode its statistics are those of the batch
        assert update(1) == update(1)
        assert update(1) != update(2)


def test_images_without_things_teach_the_background() -> None:
    model = kit.panoptic_network().train()
    image, label, _ = kit.two_images()

    losses = model.losses(image, torch.full_like(label, 255), [kit.boxed(), kit.boxed()])
    sum(losses.values()).backward()

    assert losses["semantic"].item() == losses["rpn_box"].item() == losses["box"].item() == losses["mask"].item() == 0
    assert losses["rpn_objectness"].item() > 0
    assert losses["box_class"].item() > 0
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda image, label, things: (image, label[:1], things), r"2 images of 64 x 128 pixels have labels"),
        (lambda image, label, things: (image, label, things[:1]), "instances of 1"),
        (lambda image, label, things: (image, label, [kit.boxed(size=(64, 129))] * 2), r"masks of image 0 have \(64, "),
        (
            lambda image, label, things: (image, label, [kit.boxed((3, slice(2), slice(2)))] * 2),
            "classes from 3 to 3, this model has 3, counted from 0",
        ),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_a_truth_that_does_not_fit_is_refused(change: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kit.panoptic_network().train().losses(*change(*kit.two_images()))


def test_each_mode_has_its_method(model: PanopticSegmenter) -> None:
    with pytest.raises(ValueError, match=r"call train\(\) first"):
        model.losses(*kit.two_images())
    with pytest.raises(ValueError, match=r"call eval\(\) for its answer"):
        kit.panoptic_network().train()(torch.rand(3, 32, 32))


def test_one_image_at_a_time(model: PanopticSegmenter) -> None:
    with pytest.raises(ValueError, match="a batch of 2 images, expected one"):
        model(torch.rand(2, 3, 32, 32))
    with pytest.raises(ValueError, match="divide by 255"):
        model(torch.rand(1, 3, 32, 32) * 255)


def test_both_branches_are_one_model(model: PanopticSegmenter) -> None:
    other = kit.panoptic_network()

    assert isinstance(other.semantic, Segmenter)
    assert {id(p) for p in other.semantic.parameters()} < {id(p) for p in other.parameters()}
    assert other.class_names == ("things", *kit.STUFF)
    assert other.name == other.semantic.name == "PanopticSegmenter"
    other.name = "mine"
    assert other.semantic.name == "mine"
    assert PanopticSegmenter(other.config, name="yours").semantic.name == "yours"


def taps(model: nn.Module) -> list[Tap]:
    return [m for m in model.modules() if isinstance(m, Tap)]


@torch.no_grad()
def test_taps_of_the_instance_branch_are_pinned(model: PanopticSegmenter) -> None:
    image = torch.rand(3, 131, 259)
    quiet = model(image)
    output, record = run_with_capture(model, image)

    regions = [
        (f"rpn{x}.{part}", f"b {axis} y x", 2**x)
        for part, axis in (("objectness", "anchor"), ("deltas", "delta"))
        for x in range(2, 7)
    ]
    things = [
        ("boxes.logits", "roi class", None),
        ("boxes.deltas", "roi delta", None),
        ("masks.logits", "roi class y x", None),
    ]
    names = list(record)
    assert [(n, " ".join(record.axes(n)), record.stride(n)) for n in names[-13:]] == regions + things
    assert names[:-13] == list(run_with_capture(model.semantic, image)[1])
    for name, _, stride in regions:
        assert record[name].shape[-2:] == (-(-131 // stride), -(-259 // stride)), name
    assert record["boxes.logits"].shape[1] == 4
    assert record["masks.logits"].shape == (len(output.detections), 4, 28, 28)
    torch.testing.assert_close(output.logits, quiet.logits, rtol=1e-5, atol=1e-5)
    again = model(image)
    assert torch.equal(again.logits, quiet.logits)
    assert torch.equal(again.detections.masks, quiet.detections.masks)


@torch.no_grad()
def test_scores_are_the_softmax_of_what_the_tap_sees(model: PanopticSegmenter) -> None:
    output, record = run_with_capture(model, torch.rand(3, 64, 96), taps="boxes.logits")

    probabilities = record["boxes.logits"].softmax(1)[:, 1:]
    found = output.detections
    for kind, score in zip(found.classes[:5], found.scores[:5], strict=True):
        assert (probabilities[:, kind] - score).abs().min() < 1e-6


@torch.no_grad()
def test_double_precision_is_kept() -> None:
    model = kit.panoptic_network().double()
    output = model(torch.rand(3, 48, 64))

    assert output.logits.dtype == output.detections.boxes.dtype == output.detections.scores.dtype == torch.float64


def test_half_precision_keeps_boxes_precise() -> None:
    model = kit.panoptic_network().train()
    seen: dict[str, Tensor] = {}
    for tap in taps(model.instances):
        tap.register_forward_hook(lambda tap, _, value: seen.update({tap.name: value}))
    with torch.autocast("cpu", torch.bfloat16):
        losses = model.losses(*kit.two_images())
    sum(losses.values()).backward()

    assert all(loss.isfinite() for loss in losses.values())
    assert {value.dtype for name, value in seen.items() if name != "masks.logits"} == {torch.float32}


def test_a_thing_class_has_a_gradient_at_the_image(model: PanopticSegmenter) -> None:
    image = torch.rand(1, 3, 64, 96, requires_grad=True)
    _, record = run_with_capture(model, image, taps="boxes.logits", detach=False)
    record["boxes.logits"][0, 1].backward()

    assert image.grad is not None
    assert image.grad.abs().max() > 0


@torch.no_grad()
def test_the_branch_below_level_6_is_the_same_for_all_heads() -> None:
    """With "pool", which the paper leaves open, rows of a table differ in their semantic head alone."""
    shapes = {
        name: {key: value.shape for key, value in kit.panoptic_network(config).instances.state_dict().items()}
        for name, config in CONFIGS.items()
    }

    first = shapes.pop("tiny_panoptic_rsp4")
    assert all(other == first for other in shapes.values())
    assert replace(P6.instances, rpn_top="pool") == CONFIGS["tiny_panoptic_rsp4"].instances
