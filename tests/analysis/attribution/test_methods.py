"""Methods own what is said of them: words, settings, cost; and one that somebody else adds is like those here."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor

from rsp_lab.analysis.attribution.attribute import attribute
from rsp_lab.analysis.attribution.interface import AttributionMethod, MethodOutput, find_method
from rsp_lab.analysis.attribution.methods import (
    METHODS,
    REGIONS,
    FeatureAblation,
    GradientXInput,
    IntegratedGradients,
    LayerGradCam,
    Occlusion,
)
from rsp_lab.analysis.attribution.target_function import TargetFunction
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.models import presets
from tests.kit.arena import HEADS
from tests.kit.networks import SIZE, network, noise_image

pytestmark = pytest.mark.usefixtures("one_thread", "unchecked_module")
PIXEL = PixelTarget(20, 31, "rider", "person")


@dataclass(frozen=True)
class Smoothed(AttributionMethod):
    """Gradient x input, averaged over noisy copies: nothing of it is known anywhere else."""

    copies: int = 3
    spread: float = 0.1

    name = "smoothed"
    title = "smoothed gradient"
    unit = "logits to first order"
    rule = "colour times the mean gradient over noisy copies of the image"
    additive = True

    def passes(self, size: tuple[int, int]) -> int:
        return self.copies

    def check(self, size: tuple[int, int]) -> None:
        if self.spread > 0.5:
            raise ValueError(f"spread must be at most 0.5, got {self.spread}: 0.1 is the default.")

    def run(self, function: TargetFunction, image: Tensor, reference: Tensor) -> MethodOutput:
        noise = torch.randn(self.copies, *image.shape, generator=torch.Generator().manual_seed(0)).to(image)
        total = torch.zeros_like(image)
        for one in noise:
            leaf = (image + self.spread * one).requires_grad_()
            total += torch.autograd.grad(function(leaf).sum(), leaf)[0]
        return MethodOutput((image * total / self.copies).sum((0, 1)), {"noise": "normal"})


def test_a_method_of_ones_own_is_attributed_with_its_words() -> None:
    model, image = network(HEADS["rsp"], channels=64), noise_image()
    shares: list[float] = []

    found = attribute(model, image, PIXEL, Smoothed(copies=4), reference="mean", report=shares.append)

    facts = json.loads(json.dumps(found.to_dict()))
    assert (facts["method"], facts["title"]) == ("smoothed", "smoothed gradient")
    assert (facts["unit"], facts["rule"]) == (Smoothed.unit, Smoothed.rule)
    assert facts["settings"] == {"copies": 4, "spread": 0.1, "noise": "normal", "passes": 6}
    assert found.sentence().startswith("smoothed gradient of rider over person")
    assert shares == pytest.approx([n / 6 for n in range(1, 7)])
    alone = attribute(model, image, PIXEL, Smoothed(copies=1, spread=0))
    torch.testing.assert_close(alone.values, attribute(model, image, PIXEL, "gradient_x_input").values)
    with pytest.raises(ValueError, match=r"spread must be at most 0\.5"):
        attribute(model, image, PIXEL, Smoothed(spread=0.6))


def test_a_method_that_says_too_little_or_gives_another_size_is_refused() -> None:
    class Nameless(Smoothed):
        name = ""

    class Coloured(Smoothed):
        def run(self, function: TargetFunction, image: Tensor, reference: Tensor) -> MethodOutput:
            return MethodOutput(image[0])

    with pytest.raises(ValueError, match="Nameless lacks name"):
        attribute(network(HEADS["sum"], channels=64), noise_image(), PIXEL, Nameless())
    with pytest.raises(ValueError, match=r"gave values of the shape \(3, 67, 131\)"):
        attribute(network(HEADS["sum"], channels=64), noise_image(), PIXEL, Coloured())


def test_names_stand_for_the_defaults() -> None:
    assert [find_method(method.name, METHODS) for method in METHODS] == list(METHODS)
    assert len({method.name for method in METHODS}) == len({method.title for method in METHODS}) == len(METHODS)
    for method in METHODS:
        assert all((method.unit, method.rule, method.level == "input"))
        json.dumps(method.to_dict())


@pytest.mark.parametrize("size", [(37, 53), (64, 64), (33, 100)])
def test_passes_are_those_of_a_run(size: tuple[int, int]) -> None:
    model, image = network(HEADS["sum"], channels=64), noise_image(size)
    regions = torch.arange(size[0] * size[1]).reshape(size) // 700
    methods = (IntegratedGradients(3), GradientXInput(), LayerGradCam(), Occlusion(16), Occlusion(20, 7))
    for method in (*methods, FeatureAblation(regions)):
        found, expected = attribute(model, image, PIXEL, method), method.passes(size)
        assert expected is not None
        assert found.settings["passes"] == expected + (2 if method.relative_to is None else 1)


def test_units_of_drawn_parts() -> None:
    assert IntegratedGradients().unit_of("pixel") == "logits per pixel"
    assert GradientXInput().unit_of("cell") == "logits per cell to first order"
    assert Occlusion().unit_of("cell") == "logits per window"
    assert LayerGradCam().unit_of("cell") == "arbitrary units"


@pytest.mark.parametrize(("window", "stride"), [(32, 16), (7, 3), (1, 1)])
def test_the_stride_is_half_the_window_unless_it_is_given(window: int, stride: int) -> None:
    assert Occlusion(window).settings() == {"window": window, "stride": stride}
    assert Occlusion(window, 1).settings() == {"window": window, "stride": 1}
    assert replace(Occlusion(64), window=window).settings()["stride"] == stride


def test_choices_that_a_form_may_offer() -> None:
    heads = [network(presets.rsp4(), channels=64), network(presets.rsp2(), channels=64)]
    (layers,) = LayerGradCam().choices(heads, SIZE)
    assert layers.values == ("step54.fused", "step43.fused", "step32.fused", "q5", "q4", "q3", "q2")
    assert LayerGradCam().choices([torch.nn.Identity()], SIZE) == ()
    for size, sides in (((64, 96), (48, 32, 64)), ((40, 90), (32,)), ((20, 30), (20,))):
        (windows,) = Occlusion().choices(heads, size)
        assert windows.values == sides
        for side in sides:
            replace(Occlusion(), window=side).check(size)
    for method in METHODS:
        for choices in method.choices(heads, SIZE):
            for value in choices.values:
                assert replace(method, **{choices.setting: value}).settings()[choices.setting] == value  # type: ignore[type-var]


def test_connected_regions_are_those_of_the_prediction() -> None:
    model, image = network(HEADS["sum"], channels=64), noise_image()
    classes, parts = (attribute(model, image, PIXEL, FeatureAblation(regions)) for regions in REGIONS)
    assert {one.name.rpartition(" ")[0] for one in parts.regions} <= {one.name for one in classes.regions} | {"the"}
    assert len(parts.regions) >= len(classes.regions)
    assert sum(one.pixels for one in parts.regions) == SIZE[0] * SIZE[1]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: IntegratedGradients(0), "steps must be at least 1"),
        (lambda: IntegratedGradients(1.5), r"steps must be a whole number, got 1\.5: 32 is the default"),
        (lambda: Occlusion(0), "window must be at least 1, got 0"),
        (lambda: Occlusion(1.5), r"window must be a whole number, got 1\.5"),
        (lambda: Occlusion(8, 9), "a larger one leaves gaps"),
        (lambda: Occlusion(8, 0), "stride must be at least 1, got 0"),
        (lambda: FeatureAblation(torch.zeros(3, 4)), "must be integers with the axes y x"),
        (lambda: FeatureAblation("connected"), "Did you mean 'connected regions'"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_settings_are_checked_when_they_are_given(make: object, said: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=said):
        make()


@pytest.mark.usefixtures("forked_python")
def test_no_module_waits_for_captum() -> None:
    # Forgotten, so that an import brings it back.
    code = "import sys; sys.modules.pop('captum', None)"
    code += "; import rsp_lab.analysis.arena.methods, rsp_lab.cli.attribute; sys.exit('captum' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.usefixtures("unchecked")
def test_regions_are_kept_as_they_were_given() -> None:
    numbers = np.arange(12).reshape(3, 4)
    mirrored = FeatureAblation(numbers[::-1])  # type: ignore[arg-type]
    own = FeatureAblation(torch.from_numpy(numbers))
    expected = torch.from_numpy(numbers[::-1].copy()), torch.from_numpy(numbers.copy())
    numbers[:] = 0
    assert torch.equal(mirrored.regions, expected[0])  # type: ignore[arg-type]
    assert torch.equal(own.regions, expected[1])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"regions must be integers with the axes y x, got \[\[0, 1\]\]: give a map"):
        FeatureAblation([[0, 1]])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"got torch\.float32, a Tensor of shape \(2, 2\)"):
        FeatureAblation(torch.zeros(2, 2))
