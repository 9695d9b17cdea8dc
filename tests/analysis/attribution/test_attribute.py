"""captum's methods against gradients and perturbations done by hand, and a model that is left as it was found."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.segmentation import lraspp_mobilenet_v3_large

from rsp_lab.analysis.attribution import target_function
from rsp_lab.analysis.attribution.attribute import LARGE_RESIDUAL, Attribution, attribute, reliability_warning
from rsp_lab.analysis.attribution.interface import AttributionMethod
from rsp_lab.analysis.attribution.methods import (
    REGIONS,
    FeatureAblation,
    GradientXInput,
    IntegratedGradients,
    LayerGradCam,
    Occlusion,
)
from rsp_lab.analysis.attribution.references import reference_image
from rsp_lab.analysis.targets.regions import connected_regions
from rsp_lab.analysis.targets.target import PixelTarget, RegionTarget, Target
from rsp_lab.capture.capture import run_with_capture
from rsp_lab.capture.hooks import hooks
from rsp_lab.models import presets
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.text import fixed
from tests.kit.networks import NAMES, network, noise_image, rectangle

pytestmark = pytest.mark.usefixtures("one_thread", "unchecked_module")
SIZE = (37, 53)
PIXEL = PixelTarget(20, 31, "rider", "person")
HEADS = {"rsp4": presets.rsp4(), "baseline": presets.baseline_q67(), "fpn": presets.semantic_fpn()}
QUICK = (IntegratedGradients(3), GradientXInput(), LayerGradCam(), Occlusion(16, 11), FeatureAblation())


BLOB = RegionTarget(rectangle(slice(3, 9), slice(11, 22), SIZE), "road", "rider")
TARGETS: list[Target] = [PIXEL, PixelTarget(36, 0, "road", plain_logit=True), BLOB]
each_target = pytest.mark.parametrize("target", TARGETS, ids=lambda t: t.describe())
each_method = pytest.mark.parametrize("method", QUICK, ids=lambda method: method.name)


def build(head: str = "rsp4", dtype: torch.dtype = torch.float64) -> Segmenter:
    return network(HEADS[head], dtype=dtype, pyramid=16)


def picture(size: tuple[int, int] = SIZE) -> Tensor:
    return noise_image(size, dtype=torch.float64)


def functional(model: nn.Module, image: Tensor, target: Target) -> Tensor:
    """The target, from logits at the image's size."""
    logits = model(image)[0]
    return torch.einsum("cyx,c,yx->", logits, target.direction(NAMES), target.weights(SIZE))


@torch.no_grad()
def value(model: nn.Module, image: Tensor, target: Target) -> float:
    return functional(model, image, target).item()


def gradient(model: nn.Module, image: Tensor, target: Target) -> Tensor:
    leaf = image.clone().requires_grad_()
    return torch.autograd.grad(functional(model, leaf, target), leaf)[0]


class Linear(nn.Module):
    """The same logits at every cell: the image times a map of the class, summed."""

    def __init__(self, maps: Tensor) -> None:
        super().__init__()
        self.maps = nn.Parameter(maps)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        logits = torch.einsum("bcyx,kcyx->bk", image, self.maps)
        return {"aux": logits, "out": logits[:, :, None, None].expand(-1, -1, 4, 5)}


@each_target
def test_gradient_x_input_is_the_gradient_times_the_colours(target: Target) -> None:
    model, image = build(), picture()
    found = attribute(model, image, target, "gradient_x_input")
    expected = (gradient(model, image, target) * image).sum((0, 1))
    torch.testing.assert_close(found.values, expected, rtol=1e-9, atol=1e-12)
    assert found.target_value == pytest.approx(value(model, image, target), abs=1e-9)
    assert (found.reference, found.reference_value, found.residual) == ("black", None, None)


@each_target
@pytest.mark.parametrize("reference", ["blur", "black"])
def test_integrated_gradients_are_a_quadrature_along_the_straight_way(target: Target, reference: str) -> None:
    model, image, steps = build(), picture(), 5
    blank = reference_image(image, reference)
    places, weights = np.polynomial.legendre.leggauss(steps)
    expected = torch.zeros(SIZE, dtype=torch.float64)
    for place, weight in zip((places + 1) / 2, weights / 2, strict=True):
        expected += weight * (gradient(model, blank + place * (image - blank), target) * (image - blank)).sum((0, 1))

    found = attribute(model, image, target, IntegratedGradients(steps), reference=reference)

    # captum holds the steps' places in float32.
    torch.testing.assert_close(found.values, expected, rtol=1e-4, atol=1e-6 * float(expected.abs().max()))
    assert found.reference_value == pytest.approx(value(model, blank, target), abs=1e-9)


def test_integrated_gradients_are_complete_as_steps_grow() -> None:
    model, image = build("baseline"), picture()
    with torch.no_grad():
        model.head.classifier.weight *= 20
    found = [attribute(model, image, PIXEL, IntegratedGradients(steps)) for steps in (2, 32)]
    change = value(model, image, PIXEL) - value(model, reference_image(image, "blur"), PIXEL)
    for one in found:
        off = abs(float(one.values.sum()) - change)
        assert one.residual == pytest.approx(off / max(1, abs(change)), abs=1e-9)
    coarse, fine = (one.residual for one in found)
    assert coarse is not None
    assert fine is not None
    assert fine < coarse / 3
    assert fine < 0.03 * abs(change)


def test_a_linear_model_is_attributed_exactly_by_each_method_that_can() -> None:
    maps = torch.randn(3, 3, *SIZE, dtype=torch.float64)
    model, image, target = Linear(maps).eval(), picture(), PixelTarget(5, 6, "rider", "road")
    blank = reference_image(image, "mean")
    exact = ((maps[1] - maps[0]) * (image - blank)[0]).sum(0)
    regions = torch.arange(SIZE[0] * SIZE[1]).reshape(SIZE) % 7

    def of(method: AttributionMethod) -> Attribution:
        return attribute(model, image, target, method, reference="mean", class_names=NAMES)

    gradients = of(IntegratedGradients(2))
    torch.testing.assert_close(gradients.values, exact, rtol=1e-6, atol=1e-6)
    assert gradients.residual == pytest.approx(0, abs=1e-6)
    torch.testing.assert_close(of(Occlusion(1, 1)).values, exact, rtol=1e-6, atol=1e-9)
    effects = {region.number: region.effect for region in of(FeatureAblation(regions)).regions}
    assert effects == {n: pytest.approx(float(exact[regions == n].sum()), abs=1e-9) for n in range(7)}


@each_target
@pytest.mark.parametrize("head", ["rsp4", "baseline"])
@pytest.mark.parametrize("layer", ["step54.fused", "q3"])
def test_grad_cam_by_hand(target: Target, head: str, layer: str) -> None:
    model, image = build(head), picture()
    output, record = run_with_capture(model, image, taps=layer, detach=False)
    whole = torch.einsum("cyx,c,yx->", output[0], target.direction(NAMES), target.weights(SIZE))
    (slope,) = torch.autograd.grad(whole, record[layer])
    cells = (slope.mean((2, 3), keepdim=True) * record[layer]).sum(1, keepdim=True).detach()
    expected = F.interpolate(cells, size=SIZE, mode="bilinear", align_corners=False)[0, 0]

    found = attribute(model, image, target, LayerGradCam(layer))

    torch.testing.assert_close(found.values, expected, rtol=1e-9, atol=1e-12)
    assert found.settings["cells"] == f"{cells.shape[-2]} x {cells.shape[-1]}"
    assert (found.unit, found.reference) == ("arbitrary units", "none")


def test_grad_cam_is_signed() -> None:
    rider, person = (replace(PIXEL, class_name=a, rival=b) for a, b in (("rider", "person"), ("person", "rider")))
    found, other = (attribute(build(), picture(), target, "layer_gradcam") for target in (rider, person))
    torch.testing.assert_close(found.values, -other.values)
    assert found.values.any()


def test_grad_cam_of_a_layer_that_the_target_does_not_depend_on_is_refused() -> None:
    class Aside(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.aside = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 2, 1)

        def forward(self, image: Tensor) -> Tensor:
            self.aside(image)
            return self.used(image)

    with pytest.raises(ValueError, match="does not depend on the layer 'aside'"):
        attribute(Aside().eval(), picture().float(), PIXEL, LayerGradCam("aside"), class_names=NAMES)


@pytest.mark.parametrize(("window", "stride"), [(16, 11), (13, 13), (37, 8)])
def test_occlusion_by_loops(window: int, stride: int) -> None:
    model, image = build(), picture()
    blank, full = reference_image(image, "black"), value(model, image, PIXEL)
    total, covered = torch.zeros(SIZE, dtype=torch.float64), torch.zeros(SIZE, dtype=torch.float64)
    windows, top = 0, 0
    while True:
        left = 0
        while True:
            patch = (slice(top, top + window), slice(left, left + window))
            occluded = image.clone()
            occluded[..., patch[0], patch[1]] = blank[..., patch[0], patch[1]]
            total[patch] += full - value(model, occluded, PIXEL)
            covered[patch] += 1
            windows += 1
            if left + window >= SIZE[1]:
                break
            left += stride
        if top + window >= SIZE[0]:
            break
        top += stride

    found = attribute(model, image, PIXEL, Occlusion(window, stride), reference="black")

    assert covered.min() >= 1
    torch.testing.assert_close(found.values, total / covered, rtol=1e-6, atol=1e-9)
    assert found.settings["windows"] == windows
    assert found.settings["passes"] == windows + 3


@each_target
def test_feature_ablation_by_loops(target: Target) -> None:
    model, image = build(), picture()
    blank = reference_image(image, "blur")
    regions = torch.full(SIZE, 255, dtype=torch.uint8)
    regions[:20, :30], regions[25:, 10:40] = 4, 9
    expected = {}
    for number in (4, 9, 255):
        inside = regions == number
        expected[number] = value(model, image, target) - value(model, torch.where(inside, blank, image), target)

    found = attribute(model, image, target, FeatureAblation(regions, {4: "sky", 255: "rest"}))

    effects = {region.number: region.effect for region in found.regions}
    assert effects == {number: pytest.approx(effect, abs=1e-9) for number, effect in expected.items()}
    assert [region.number for region in found.regions] == sorted(expected, key=lambda n: -abs(expected[n]))
    assert {region.name for region in found.regions} == {"sky", "region 9", "rest"}
    for number, effect in expected.items():
        inside = regions == number
        assert float(found.values[inside].sum()) == pytest.approx(effect, abs=1e-9)
        assert float(found.values[inside].std()) == pytest.approx(0, abs=1e-12)


def test_without_regions_the_predicted_classes_are_ablated() -> None:
    model, image = build(), picture()
    with torch.no_grad():
        labels = model(image)[0].argmax(0)
    found = attribute(model, image, PIXEL, "feature_ablation")
    assert {region.name for region in found.regions} == {NAMES[label] for label in labels.unique().tolist()}
    given = attribute(model, image, PIXEL, FeatureAblation(labels))
    torch.testing.assert_close(found.values, given.values)


def test_connected_regions_of_a_label_map_can_be_ablated() -> None:
    model, image = build(), picture()
    regions, names = connected_regions(torch.arange(SIZE[0] * SIZE[1]).reshape(SIZE) // 700, NAMES)
    found = attribute(model, image, PIXEL, FeatureAblation(regions, names))
    assert {region.name for region in found.regions} == {"road 1", "rider 1", "person 1"}


@each_method
def test_a_torchvision_network_by_module_path(method: AttributionMethod) -> None:
    if isinstance(method, LayerGradCam):
        method = LayerGradCam("backbone[high]")
    torch.manual_seed(0)
    model = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=3).eval()
    image = picture(size=(64, 80)).float()
    target = PixelTarget(20, 31, "rider", "person")

    found = attribute(model, image, target, method, class_names=NAMES)

    with torch.no_grad():
        logits = model(image)["out"][0, :, 20, 31]
    assert found.target_value == pytest.approx(float(logits[1] - logits[2]), abs=1e-5)
    assert found.values.shape == (64, 80)
    assert bool(found.values.abs().max() > 0)


@each_method
def test_the_model_is_left_as_found(method: AttributionMethod) -> None:
    model, image = build(), picture()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    kept = image.clone()

    def stop(share: float) -> None:
        if share > 0.4:
            raise InterruptedError

    attribute(model, image, PIXEL, method)
    with pytest.raises(InterruptedError):
        attribute(model, image, PIXEL, method, report=stop)

    for module in model.modules():
        assert not any((module._forward_hooks, module._forward_pre_hooks, module._backward_hooks))
        assert not module.training
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert torch.equal(image, kept)
    assert not image.requires_grad


@each_method
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, lambda: torch.autocast("cpu")])
def test_modes_around_the_call_change_nothing(
    method: AttributionMethod, mode: Callable[[], AbstractContextManager[object]]
) -> None:
    model, image = build(dtype=torch.float32), picture().float()
    with mode():
        inside = attribute(model, image.clone(), PIXEL, method)
    with nullcontext():
        outside = attribute(model, image, PIXEL, method)
    torch.testing.assert_close(inside.values, outside.values, rtol=1e-5, atol=1e-7)
    assert not inside.values.requires_grad


@each_method
def test_progress_rises_to_one_by_the_passes_that_were_announced(method: AttributionMethod) -> None:
    shares: list[float] = []
    if isinstance(method, FeatureAblation):
        method = FeatureAblation(torch.arange(SIZE[0] * SIZE[1]).reshape(SIZE) // 900)
    found = attribute(build(), picture(), PIXEL, method, report=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert shares[0] * int(found.settings["passes"]) == pytest.approx(1)


@pytest.mark.parametrize("regions", REGIONS)
def test_progress_by_regions_that_only_the_prediction_tells(regions: str) -> None:
    shares: list[float] = []
    found = attribute(build(), picture(), PIXEL, FeatureAblation(regions), report=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert found.settings["passes"] == 3 + int(found.settings["region_count"])


@pytest.mark.parametrize(
    "method",
    [IntegratedGradients(3), Occlusion(16, 11), FeatureAblation(torch.arange(SIZE[0] * SIZE[1]).reshape(SIZE) // 250)],
    ids=lambda method: method.name,
)
def test_only_so_many_pixels_go_through_the_network_together(
    method: AttributionMethod, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, image, seen = build(), picture(), []
    together = attribute(model, image, PIXEL, method)
    monkeypatch.setattr(target_function, "PIXELS_AT_ONCE", 3 * SIZE[0] * SIZE[1] + 5)
    with hooks(model, {"logits": lambda logits, _: seen.append(len(logits))}):
        apart = attribute(model, image, PIXEL, method)

    assert max(seen) == (1 if isinstance(method, IntegratedGradients) else 3)
    torch.testing.assert_close(apart.values, together.values, rtol=1e-9, atol=1e-12)


def test_a_large_image_goes_one_at_a_time() -> None:
    class Coarse(nn.Module):
        """One cheap layer, and the sizes of the batches that came."""

        def __init__(self) -> None:
            super().__init__()
            self.conv, self.seen = nn.Conv2d(3, 3, 1, stride=64), set[int]()

        def forward(self, images: Tensor) -> Tensor:
            self.seen.add(len(images))
            return self.conv(images)

    model = Coarse().eval()
    image = torch.rand(1, 3, 768, 1408)
    for method in (Occlusion(768, 768), IntegratedGradients(2), FeatureAblation()):
        attribute(model, image, PIXEL, method, class_names=NAMES)
    assert model.seen == {1}


def test_an_image_and_its_model_may_differ_in_precision() -> None:
    image = picture()
    double = attribute(build(), image.float(), PIXEL, "gradient_x_input")
    single = attribute(build(dtype=torch.float32), image, PIXEL, "gradient_x_input")
    torch.testing.assert_close(double.values, single.values, rtol=1e-3, atol=1e-6)
    assert double.image_digest == single.image_digest


@each_method
def test_a_target_left_open_is_the_prediction_over_its_runner_up(method: AttributionMethod) -> None:
    model, image = build(), picture()
    with torch.no_grad():
        first, second = (NAMES[i] for i in model(image)[0, :, 20, 31].argsort(descending=True)[:2].tolist())
    found, expected = (
        attribute(model, image, target, method) for target in (PixelTarget(20, 31), PixelTarget(20, 31, first, second))
    )
    assert found.target == expected.target
    assert torch.equal(found.values, expected.values)
    assert found.settings == expected.settings


def test_an_image_in_8_bits_is_the_same_image() -> None:
    model, image = build(dtype=torch.float32), (255 * picture()).byte()
    found = [attribute(model, one, PIXEL, "occlusion") for one in (image, image[0], image / 255, image[0].numpy())]
    assert all(torch.equal(one.values, found[0].values) for one in found)
    assert len({one.image_digest for one in found}) == 1


def test_edits_in_force_are_part_of_the_model() -> None:
    model, image = build(), picture()
    plain = attribute(model, image, PIXEL, "gradient_x_input")
    with hooks(model, {"step54.context": lambda context, _: torch.zeros_like(context)}):
        edited = attribute(model, image, PIXEL, "gradient_x_input")
    assert not torch.allclose(plain.values, edited.values)


def test_a_sum_that_fails_is_said_and_one_that_holds_is_not() -> None:
    def of(total: float, **settings: int) -> Attribution:
        values = torch.full((2, 5), total / 10, dtype=torch.float64)
        residual = abs(total - 8.0) / 8.0
        return Attribution(IntegratedGradients(4), PIXEL, values, (2, 5), "", 9.0, "blur", 1.0, residual, {**settings})

    failed, held = of(17.5, steps=4), of(8.0 * (1 + LARGE_RESIDUAL) - 1e-6, steps=4)
    said = "Not reliable: the contributions add up to +17.5, not +8 logits"
    assert reliability_warning({"": failed}) == f"{said}; take more steps"
    assert failed.sentence().endswith(f". {said}; take more steps")
    assert reliability_warning({"": of(17.5)}) == said
    assert held.failed_sum == ""
    assert "Not reliable" not in held.sentence()
    assert reliability_warning({"a": failed, "b": held}) == f"{said} for a; take more steps"
    both = reliability_warning({"a": failed, "b": of(-1.0, steps=4)})
    assert both == f"{said} for a and to −1, not +8 logits for b; take more steps"
    assert reliability_warning({"a": replace(failed, residual=None)}) == ""


@each_method
def test_to_dict_and_sentence(method: AttributionMethod) -> None:
    found = attribute(build(), picture(), PIXEL, method)
    data = json.loads(json.dumps(found.to_dict()))
    assert data["values"]["sum"] == pytest.approx(float(found.values.sum()), abs=1e-5)
    assert data["settings"]["passes"] == found.settings["passes"]
    assert (data["residual_rule"] is None) == (not isinstance(method, IntegratedGradients))
    assert (data["method"], data["title"], data["unit"]) == (method.name, method.title, method.unit)
    assert data["rule"] == method.rule
    assert data["settings"].items() >= method.settings().items()
    assert found.sentence().startswith(
        f"{found.title} of rider over person at pixel (20, 31): {fixed(found.target_value)} logits"
    )


@pytest.mark.parametrize(
    ("method", "said"),
    [
        (Occlusion(38), "must have 1 to 37 pixels"),
        (FeatureAblation(torch.zeros(3, 4, dtype=torch.long)), "of the image's size"),
        (LayerGradCam("step45.fused"), "step54.fused"),
        (LayerGradCam("step*.fused"), "expected one: name one"),
        (LayerGradCam("step54.weights"), "expected one map with the axes b c y x"),
        ("integrated_gradient", "Did you mean 'integrated_gradients'"),
        (Occlusion, "an object such as Occlusion\\(window=48\\), got Occlusion"),
    ],
)
def test_methods_that_do_not_fit(method: AttributionMethod, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        attribute(build(), picture(), PIXEL, method)


def test_a_reference_and_names_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="no reference is named 'grey'"):
        attribute(build(), picture(), PIXEL, "occlusion", reference="grey")
    with pytest.raises(ValueError, match="answers 3 classes"):
        attribute(build(), picture(), PIXEL, "gradient_x_input", class_names=("road", "rider", "person", "sky"))


def test_models_images_and_targets_that_do_not_fit() -> None:
    model, image = build(), picture()

    def refuses(said: str, model: nn.Module = model, image: Tensor = image, target: Target = PIXEL) -> None:
        with pytest.raises(ValueError, match=said):
            attribute(model, image, target, "gradient_x_input")

    refuses("training mode", model=build().train())
    refuses("too coarse for sums and differences", model=build().half())
    refuses("does not name its classes", model=Linear(torch.zeros(3, 3, *SIZE)).eval())
    refuses("expected 0 to 1: divide by 255", image=255 * image)
    refuses("expected one image", image=torch.cat([image, image]))
    refuses("lies outside the image of 37 x 53", target=PixelTarget(37, 0, "road", plain_logit=True))
    refuses("no class is named 'ridr'", target=PixelTarget(0, 0, "ridr"))
    with pytest.raises(ValueError, match="answer logits with the axes b class y x"):
        attribute(nn.Sequential(nn.Flatten()).eval(), image, PIXEL, "gradient_x_input", class_names=NAMES)


def test_grad_cam_refuses_a_layer_that_is_passed_twice_or_never() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.twice, self.never = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)

        def forward(self, image: Tensor) -> Tensor:
            return self.twice(self.twice(image))

    for layer, said in (("twice", "gives tensors 2 times"), ("never", "does not pass the layer 'never'")):
        with pytest.raises(ValueError, match=said):
            attribute(Odd().eval(), picture().float(), PIXEL, LayerGradCam(layer), class_names=NAMES)


def test_a_summary_has_no_rows_for_what_a_method_does_not_have() -> None:
    found = attribute(network(HEADS["rsp4"]), noise_image(), PixelTarget(20, 31, "rider", "person"), "gradient_x_input")
    assert "None" not in repr(found)
    assert "on the reference" not in repr(found)
