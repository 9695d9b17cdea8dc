"""Networks that write into what they are given, that are compiled or wrapped, or that hold gradients back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from rsp_lab.analysis.attribution.attribute import attribute
from rsp_lab.analysis.attribution.interface import AttributionMethod
from rsp_lab.analysis.attribution.methods import (
    CONNECTED,
    FeatureAblation,
    GradientXInput,
    IntegratedGradients,
    LayerGradCam,
    Occlusion,
)
from rsp_lab.analysis.attribution.references import REFERENCES
from rsp_lab.analysis.faithfulness.at_input import input_curves
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.frozen.wrappers import unwrapped
from rsp_lab.models import presets
from rsp_lab.models.segmenter import Segmenter
from tests.kit.networks import NAMES, network, noise_image

pytestmark = pytest.mark.usefixtures("one_thread", "unchecked_module")
SIZE = (24, 40)
PIXEL = PixelTarget(9, 22, "rider", "person")
METHODS = (
    IntegratedGradients(3),
    GradientXInput(),
    LayerGradCam("first"),
    Occlusion(8),
    FeatureAblation(),
    FeatureAblation(CONNECTED),
)
each_method = pytest.mark.parametrize("method", METHODS, ids=lambda method: f"{method.name} {method.settings()}")


class Net(nn.Module):
    """A network that normalises its image, in place or not, and answers in a tensor of its own or a new one."""

    def __init__(self, *, in_place: bool) -> None:
        super().__init__()
        self.in_place = in_place
        torch.manual_seed(1)
        self.first, self.second = nn.Conv2d(3, 6, 3, padding=1, stride=2), nn.Conv2d(6, 3, 3, padding=1)
        self.act = nn.ReLU(inplace=in_place)
        self.answers: dict[tuple[int, ...], Tensor] = {}

    def forward(self, image: Tensor) -> Tensor:
        mean = torch.tensor((0.48, 0.45, 0.4)).view(1, 3, 1, 1)
        x = image.sub_(mean).div_(0.22) if self.in_place else (image - mean) / 0.22
        logits = self.second(self.act(self.first(x)))
        if not self.in_place or logits.requires_grad:
            return logits
        answer = self.answers.setdefault(tuple(logits.shape), torch.empty_like(logits))
        return answer.copy_(logits)


@each_method
@pytest.mark.parametrize("reference", REFERENCES)
def test_a_network_that_normalises_in_place_gets_copies(method: AttributionMethod, reference: str) -> None:
    image = noise_image(SIZE)
    kept = image.clone()
    found, expected = (
        attribute(Net(in_place=in_place).eval(), image, PIXEL, method, reference=reference, class_names=NAMES)
        for in_place in (True, False)
    )
    assert torch.equal(image, kept)
    torch.testing.assert_close(found.values, expected.values, rtol=1e-6, atol=1e-8)
    assert found.values.argmax() == expected.values.argmax()
    assert found.to_dict()["target_value"] == expected.to_dict()["target_value"]
    assert found.reference_value == expected.reference_value
    assert [one.name for one in found.regions] == [one.name for one in expected.regions]


@pytest.mark.parametrize("reference", REFERENCES)
def test_curves_of_a_network_that_normalises_in_place(reference: str) -> None:
    image, values = noise_image(SIZE), torch.randn(SIZE, generator=torch.Generator().manual_seed(2))
    kept = image.clone()
    found, expected = (
        input_curves(
            Net(in_place=in_place).eval(), image, PIXEL, {"a": values}, reference=reference, steps=4, class_names=NAMES
        )["a"].to_dict()
        for in_place in (True, False)
    )
    assert torch.equal(image, kept)
    assert found == expected


WRAPPERS: dict[str, Callable[[nn.Module], nn.Module]] = {
    "compiled": lambda model: torch.compile(model, backend="eager"),  # type: ignore[return-value]
    "data parallel": nn.DataParallel,
    "averaged": AveragedModel,
    "averaged and compiled": lambda model: torch.compile(AveragedModel(model), backend="eager"),  # type: ignore[return-value]
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("method", [GradientXInput(), LayerGradCam(), Occlusion(8)], ids=lambda method: method.name)
def test_a_wrapped_segmenter_is_the_segmenter(wrapper: str, method: AttributionMethod) -> None:
    model = network(presets.rsp2(), dtype=torch.float32, pyramid=16)
    wrapped = WRAPPERS[wrapper](model).eval()
    assert isinstance(unwrapped(wrapped), Segmenter)
    found, expected = (attribute(one, noise_image(SIZE), PIXEL, method) for one in (wrapped, model))
    assert torch.equal(found.values, expected.values)
    assert found.values.any()


@pytest.mark.parametrize("used", [False, True])
def test_grad_cam_acts_inside_a_network_with_compiled_parts_and_leaves_no_trace(used: bool) -> None:
    """Hooks on a compiled part are passed over, or traced into it, unless it runs as it was written."""
    torch.compiler.reset()
    graphs: list[object] = []

    def backend(graph: nn.Module, inputs: object) -> Callable[..., object]:
        graphs.append(graph)
        return graph.forward

    model, plain = nn.Sequential(Net(in_place=False)).eval(), Net(in_place=False).eval()
    model[0].compile(backend=backend)
    model.append(torch.compile(nn.Dropout(), backend=backend)).eval()  # type: ignore[arg-type]
    if used:
        model(noise_image(SIZE).requires_grad_())
    before = len(graphs)

    found = attribute(model, noise_image(SIZE), PIXEL, LayerGradCam("0.first"), class_names=NAMES)

    expected = attribute(plain, noise_image(SIZE), PIXEL, LayerGradCam("first"), class_names=NAMES)
    torch.testing.assert_close(found.values, expected.values)
    assert len(graphs) == before
    image = noise_image(SIZE).requires_grad_()
    torch.testing.assert_close(model(image), plain(image))
    assert (len(graphs) > before) == (not used)


class Withheld(nn.Module):
    """A network whose answer has no gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.net = Net(in_place=False)

    @torch.no_grad()
    def forward(self, image: Tensor) -> Tensor:
        return self.net(image)


@pytest.mark.parametrize("method", [IntegratedGradients(2), GradientXInput(), LayerGradCam("net.first")])
def test_a_network_without_gradients_is_refused_where_they_are_needed(method: AttributionMethod) -> None:
    with pytest.raises(ValueError, match=r"has no gradient with respect to the image.*such as 'occlusion'"):
        attribute(Withheld().eval(), noise_image(SIZE), PIXEL, method, class_names=NAMES)


def test_a_network_without_gradients_can_be_occluded() -> None:
    found, expected = (
        attribute(model.eval(), noise_image(SIZE), PIXEL, Occlusion(8), class_names=NAMES)
        for model in (Withheld(), Net(in_place=False))
    )
    assert torch.equal(found.values, expected.values)
