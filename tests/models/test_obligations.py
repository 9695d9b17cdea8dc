"""What every model owes its users, whatever its head and encoder."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from rsp_lab.models import weights
from rsp_lab.models.segmenter import Segmenter, SegmenterConfig

Build = Callable[..., Segmenter]
CLASSES = 5
# Sides that 128 does not divide, one row, one column, and images smaller than the stem's stride.
SIZES = [(67, 93), (1, 131), (131, 1), (2, 3), (1, 1), (64, 96)]


@torch.no_grad()
def test_any_image_size_gives_logits_of_that_size(config: SegmenterConfig, build: Build) -> None:
    model = build(config)
    for y, x in SIZES:
        image = torch.rand(1, 3, y, x)
        coarse = model.coarse_logits(image)

        assert coarse.shape == (1, CLASSES, -(-y // 4), -(-x // 4))
        assert model(image).shape == (1, CLASSES, y, x)
        assert coarse.isfinite().all()


@torch.no_grad()
def test_images_of_a_batch_do_not_see_each_other(config: SegmenterConfig, build: Build) -> None:
    model = build(config)
    images = torch.rand(3, 3, 37, 41)

    together = model(images)

    for i in range(3):
        torch.testing.assert_close(model(images[i : i + 1]), together[i : i + 1], rtol=1e-4, atol=1e-5)


def test_every_parameter_learns(config: SegmenterConfig, build: Build) -> None:
    # Large enough that even a dilated window has several positions at the top: one alone gives its score no gradient.
    model = build(config).train()
    logits = model(torch.rand(2, 3, 195, 199))
    (logits * torch.randn_like(logits)).mean().backward()

    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        # Under softmax a constant added to all keys cancels, so f_k's bias has no gradient but rounding.
        if not name.endswith("f_k.bias"):
            assert parameter.grad.abs().max() > 0, name


def test_train_and_eval_agree_on_what_a_head_is(config: SegmenterConfig, build: Build) -> None:
    # Nothing in the head depends on the mode; batch norm of the encoder does, unless frozen.
    model = build(config)
    image = torch.rand(2, 3, 67, 93)
    with torch.no_grad():
        maps = model.pyramid((image - model.mean) / model.std)
        evaluated = model.head(maps)
        trained = model.train().head(maps)
        whole = model(image)

    assert torch.equal(evaluated, trained)
    assert whole.shape == (2, CLASSES, 67, 93)
    assert whole.isfinite().all()


@torch.no_grad()
def test_the_same_image_gives_the_same_bits(config: SegmenterConfig, build: Build) -> None:
    model = build(config)
    image = torch.rand(1, 3, 67, 93)

    assert torch.equal(model(image), model(image))


def test_the_same_seed_gives_the_same_weights(config: SegmenterConfig, build: Build) -> None:
    first, second, other = (build(config, seed).state_dict() for seed in (3, 3, 4))

    assert list(first) == list(second)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


@torch.no_grad()
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 0.0), (torch.float16, 0.02)])
def test_save_and_load(
    config: SegmenterConfig, dtype: torch.dtype, tolerance: float, build: Build, tmp_path: Path
) -> None:
    model = build(config, seed=5)
    # Batch norm statistics travel too, so they must not be at their initial values.
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(std=0.1)
    path = tmp_path / "model.safetensors"
    weights.save(model, path, {"seed": 5, "note": "café"}, dtype)

    loaded = weights.load(path)

    assert loaded.config == config
    assert weights.read_header(path) == (config, {"seed": 5, "note": "café"})
    assert not loaded.training
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    image = torch.rand(1, 3, 67, 93)
    expected, actual = model(image), loaded(image)
    assert (actual - expected).abs().max() <= tolerance * expected.abs().max()


def test_shapes_can_be_followed_without_memory(config: SegmenterConfig) -> None:
    with torch.device("meta"):
        model = Segmenter(config).eval()

        assert model(torch.empty(1, 3, 1024, 2048)).shape == (1, CLASSES, 1024, 2048)


@torch.no_grad()
def test_both_kinds_of_one_photograph_give_one_answer(
    build: Build, named: Callable[[str], SegmenterConfig], unchecked: None
) -> None:
    model, image = build(named("tiny_rsp4")), torch.randint(256, (3, 37, 53), dtype=torch.uint8)
    expected = model(image[None] / 255)

    for given in (image, image[None], image / 255, image.double() / 255, image.numpy()):
        assert torch.equal(model(given), expected)
        assert torch.equal(model.coarse_logits(given), model.coarse_logits(image[None] / 255))


@pytest.mark.parametrize("shape", [(64, 64), (1, 1, 64, 64), (1, 4, 64, 64), (64, 64, 3)])
def test_images_without_colour_are_refused(
    shape: tuple[int, ...], build: Build, named: Callable[[str], SegmenterConfig], unchecked: None
) -> None:
    """Broadcasting against the channel statistics would let the first two through."""
    with pytest.raises(ValueError, match=r"expected an RGB image with the axes 3 y x or b 3 y x"):
        build(named("tiny_baseline"))(torch.rand(shape))


def test_the_range_of_an_image_matters_in_evaluation_only(
    build: Build, named: Callable[[str], SegmenterConfig]
) -> None:
    model, image = build(named("tiny_baseline")).eval(), torch.rand(2, 3, 32, 32)

    with pytest.raises(ValueError, match="divide by 255"):
        model(image * 255)
    with pytest.raises(ValueError, match="before normalisation"):
        model((image - 0.5) / 0.2)
    model.train()(image * 1.2 - 0.1)


def test_a_model_knows_its_names(build: Build, named: Callable[[str], SegmenterConfig], tmp_path: Path) -> None:
    model = build(named("tiny_baseline"))
    assert model.name == "Segmenter"
    assert model.class_names == model.config.class_names

    keys = set(model.state_dict())
    model.name = "of mine"
    assert set(model.state_dict()) == keys
    assert copy.deepcopy(model).name == "of mine"
    assert Segmenter(model.config, name="another").name == "another"
    weights.save(model, tmp_path / "first try.safetensors", {})
    assert weights.load(tmp_path / "first try.safetensors").name == "first try"
    torch.save(model.state_dict(), tmp_path / "second.pth")
    assert weights.load_pth(tmp_path / "second.pth", model.config).name == "second"
    shipped = next(iter(weights.shipped()))
    assert weights.load(shipped).name == shipped


@torch.no_grad()
def test_the_model_normalises_its_images(build: Build, named: Callable[[str], SegmenterConfig]) -> None:
    model = build(named("tiny_baseline"))
    seen: list[torch.Tensor] = []
    model.pyramid.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))

    model(torch.full((1, 3, 8, 8), 0.5))

    # ImageNet's published statistics.
    expected = [(0.5 - m) / s for m, s in zip((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), strict=True)]
    assert seen[0][0, :, 3, 4].tolist() == pytest.approx(expected, rel=1e-6)
