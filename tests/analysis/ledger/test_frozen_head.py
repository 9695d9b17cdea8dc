"""A frozen head leaves the model alone, notices what it cannot explain, and refuses what does not fit."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from rsp_lab.analysis.comparison.flips import flip_stories
from rsp_lab.analysis.ledger.frozen_head import FrozenHead
from rsp_lab.analysis.ledger.ledger import context_ledger
from rsp_lab.analysis.ledger.levels import level_ledger
from rsp_lab.analysis.ledger.residual import LedgerError
from rsp_lab.analysis.ledger.selection import rejection_map, selection_gain
from rsp_lab.analysis.surgery.operate import operate
from rsp_lab.analysis.surgery.operations import Uniform
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.capture.hooks import hooks
from rsp_lab.models import presets
from tests.kit.networks import network, noise_image

PIXEL = PixelTarget(20, 31, "rider", "person")


def test_images_in_either_precision_are_one_image() -> None:
    single, double = (
        FrozenHead.of(network(presets.rsp2(), dtype=d), noise_image().to(d)) for d in (torch.float32, torch.float64)
    )

    assert single.image_digest == double.image_digest


def test_a_frozen_head_stands_for_its_model_on_its_own_image_only() -> None:
    model = network(presets.rsp4())
    frozen = FrozenHead.of(model, noise_image())
    calls: list[int] = []
    model.pyramid.register_forward_hook(lambda *_: calls.append(1))

    assert FrozenHead.of(frozen, frozen.image) is FrozenHead.of(frozen, noise_image()) is frozen
    for image in (frozen.image, noise_image(), noise_image().double()):
        context_ledger(frozen, image, PIXEL)
        level_ledger(frozen, image)
        selection_gain(frozen, image, PIXEL)
        rejection_map(frozen, image, PIXEL)
        operate(frozen, image, Uniform())
        flip_stories(frozen, frozen, image)
    assert calls == []

    other = noise_image().clone()
    other[0, 1, 3, 4] += 0.01
    for image in (other, noise_image()[..., 1:]):
        for explained in (
            partial(context_ledger, target=PIXEL),
            level_ledger,
            partial(selection_gain, target=PIXEL),
            partial(rejection_map, target=PIXEL),
            partial(operate, operations=Uniform()),
            partial(flip_stories, frozen),
        ):
            with pytest.raises(ValueError, match=r"of another image: pass the one it was made of, frozen\.image"):
                explained(frozen, image)


def test_inside_autocast() -> None:
    model = network(presets.rsp4(), dtype=torch.float32)
    plain, levels = context_ledger(model, noise_image(), PIXEL), level_ledger(model, noise_image())
    gain, rejection = selection_gain(model, noise_image(), PIXEL), rejection_map(model, noise_image(), PIXEL)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        again = context_ledger(model, noise_image(), PIXEL)
        assert torch.equal(level_ledger(model, noise_image()).contributions, levels.contributions)
        assert selection_gain(model, noise_image(), PIXEL).total == gain.total
        assert rejection_map(model, noise_image(), PIXEL).to_dict() == rejection.to_dict()
    assert (again.total, again.bias, again.sums) == (plain.total, plain.bias, plain.sums)


def state(model: nn.Module) -> dict[str, object]:
    return {
        "hooks": {n: len(m._forward_hooks) + len(m._forward_pre_hooks) for n, m in model.named_modules()},
        "modes": [m.training for m in model.modules()],
        "parameters": [(p.requires_grad, p.grad, p._version) for p in model.parameters()],
        "buffers": [b._version for b in model.buffers()],
    }


def test_the_model_is_left_as_it_was() -> None:
    model = network(presets.rsp4())
    model.head.classifier.requires_grad_(False)
    mine = model.register_forward_hook(lambda *_: None)
    before, image = state(model), noise_image().double().requires_grad_()

    context_ledger(model, image, PIXEL)

    assert state(model) == before
    assert image.grad is None
    with pytest.raises(LedgerError), hooks(model, {"q3": lambda *_: None, "step54.context": lambda x, _: x + 1}):
        context_ledger(model, image, PIXEL)
    assert state(model) == before
    mine.remove()


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_inside_no_grad_and_inference_mode(mode: type[torch.no_grad]) -> None:
    model = network(presets.rsp2())
    expected = context_ledger(model, noise_image(), PIXEL).sums
    with mode():
        frozen = FrozenHead.of(model, noise_image() + 0)
        assert context_ledger(frozen, frozen.image, PIXEL).sums == expected
    assert context_ledger(frozen, frozen.image, PIXEL).sums == expected


def test_an_edit_of_the_weights_is_explained_any_other_edit_is_refused() -> None:
    model = network(presets.rsp2())
    plain = context_ledger(model, noise_image(), PIXEL)
    with hooks(model, {"step54.weights": lambda w, _: w.flip(1)}):
        edited = context_ledger(model, noise_image(), PIXEL)
    assert edited.total != plain.total
    with (
        hooks(model, {"step54.context": lambda x, _: 1.01 * x}),
        pytest.raises(LedgerError, match="edited elsewhere"),
    ):
        context_ledger(model, noise_image(), PIXEL)


def test_a_head_that_changed_since_is_noticed() -> None:
    model = network(presets.rsp2())
    frozen = FrozenHead.of(model, noise_image())
    with torch.no_grad():
        model.head.classifier.bias += torch.tensor([0.0, 1.0, 0.0])

    with pytest.raises(LedgerError, match="parameters change"):
        context_ledger(frozen, frozen.image, PIXEL)


def test_wrong_requests() -> None:
    model = network(presets.rsp2())
    calls: list[int] = []
    handle = model.pyramid.register_forward_hook(lambda *_: calls.append(1))
    with pytest.raises(ValueError, match="outside the image of 67 x 131"):
        context_ledger(model, noise_image(), PixelTarget(67, 0, "road"))
    with pytest.raises(ValueError, match="Did you mean 'rider'"):
        context_ledger(model, noise_image(), PixelTarget(0, 0, "rder"))
    with pytest.raises(ValueError, match=r"call model\.eval"):
        FrozenHead.of(network(presets.rsp2()).train(), noise_image())
    with pytest.raises(ValueError, match=r"use model\.float"):
        FrozenHead.of(network(presets.rsp2(), dtype=torch.bfloat16), noise_image())
    assert calls == []
    handle.remove()
    frozen = FrozenHead.of(model, noise_image())
    with pytest.raises(ValueError, match="give each of them a map"):
        frozen.forward({2: frozen.q[2]})
    with pytest.raises(ValueError, match="map of level 3 has the shape"):
        frozen.forward({**frozen.q, 3: frozen.q[3][..., 1:]})
    with pytest.raises(ValueError, match="no relation step of this head; it has step54, step43"):
        frozen.with_weights({"step76": torch.zeros(1, 7, 7, 1, 1)})
    with pytest.raises(ValueError, match="one for each window position"):
        frozen.with_weights({"step54": torch.zeros(1, 7, 7, 1, 1)})


@pytest.mark.usefixtures("unchecked")
def test_images_of_another_kind_are_refused() -> None:
    model = network(presets.rsp2())
    with pytest.raises(ValueError, match="divide by 255"):
        FrozenHead.of(model, 255 * noise_image())
    with pytest.raises(ValueError, match="expected one image"):
        FrozenHead.of(model, noise_image().expand(2, -1, -1, -1))


@pytest.mark.parametrize(
    "ask", [FrozenHead.of, lambda model, image: context_ledger(model, image, PixelTarget(1, 1, "a"))]
)
@pytest.mark.usefixtures("unchecked")
def test_a_foreign_network_is_refused_by_name(ask):
    foreign = torch.nn.Conv2d(3, 2, 1).eval()
    with pytest.raises(ValueError, match=r"Segmenter.*Conv2d.*attribute"):
        ask(foreign, torch.rand(1, 3, 8, 8))
