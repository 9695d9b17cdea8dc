"""Where tokens lie on the image, held against what each architecture says of itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rsp_lab.attention.layers import AttentionLayer, DenseAttention
from rsp_lab.attention.places import PlaceTracer, grid_places
from rsp_lab.attention.record import record_attention
from tests.kit.attention_families import Neighbourhood, family, subject_of
from tests.kit.networks import noise_image

SIZE = (64, 96)


def layers(name: str, size: tuple[int, int] = SIZE) -> list[AttentionLayer]:
    return list(record_attention(family(name), noise_image(size)).layers.values())


def cells(layer: AttentionLayer, y: float, x: float, stride: int) -> set[tuple[int, int]]:
    """Rows and columns of the places at which a cell looks."""
    found = (layer.look(y, x).positions + 0.5) / stride - 0.5
    assert torch.allclose(found, found.round(), atol=1e-4)
    return {(int(row), int(column)) for row, column in found.round().tolist()}


def window(cell: int, shift: int, cells: int, width: int = 4) -> set[int]:
    """Cells along one axis in the window of one of them, after a cyclic shift."""
    start = (cell - shift) % cells // width * width
    return {(start + step + shift) % cells for step in range(width)}


@pytest.mark.parametrize("name", ["Swin of Hugging Face", "Swin of torchvision", "Swin of timm"])
@pytest.mark.parametrize(("block", "shift"), [(0, 0), (1, 2)])
def test_a_window_is_that_of_its_shift(name: str, block: int, shift: int) -> None:
    layer = layers(name)[block]
    assert layer.kind == "windows"
    assert layer.grid == (16, 24)
    for row, column in ((0, 0), (7, 9), (15, 23), (1, 22)):
        rows, columns = window(row, shift, 16), window(column, shift, 24)
        expected = {(r, c) for r in rows for c in columns}
        assert cells(layer, 4 * row + 1.5, 4 * column + 1.5, 4) == expected


@pytest.mark.parametrize("name", ["Swin of Hugging Face", "Swin of torchvision", "Swin of timm"])
def test_a_merged_patch_lies_in_the_middle_of_its_four(name: str) -> None:
    layer = layers(name)[2]
    assert layer.grid == (8, 12)
    for row, column in ((0, 0), (5, 7), (7, 11)):
        look = layer.look(8 * row + 3.5, 8 * column + 3.5)
        assert look.cell == (8 * row + 3.5, 8 * column + 3.5)
        rows, columns = window(row, 0, 8), window(column, 0, 12)
        assert cells(layer, 8 * row + 3.5, 8 * column + 3.5, 8) == {(r, c) for r in rows for c in columns}


@pytest.mark.parametrize("patches", [False, True], ids=["windows repeated at the border", "nothing beyond it"])
def test_a_neighbourhood_is_that_of_its_cell(patches: bool) -> None:
    subject = subject_of(Neighbourhood(patches=patches), ("embed",))
    record = record_attention(subject, noise_image(SIZE))
    layer = record[""]
    assert record.residual < 1e-5
    assert isinstance(layer, DenseAttention)
    assert (layer.kind, layer.grid, layer.heads) == ("neighbourhoods", (8, 12), 2)
    for row, column in ((0, 0), (3, 5), (7, 11), (0, 6)):
        # NATTEN moves the window inwards at the border; with padding what lies beyond is nowhere.
        middle = (row, column) if patches else (min(max(row, 1), 6), min(max(column, 1), 10))
        expected = {(middle[0] + y, middle[1] + x) for y in (-1, 0, 1) for x in (-1, 0, 1)}
        inside = {(y, x) for y, x in expected if 0 <= y < 8 and 0 <= x < 12}
        assert cells(layer, 8 * row + 3.5, 8 * column + 3.5, 8) == inside
        assert (inside == expected) == bool((layer.look(8 * row + 3.5, 8 * column + 3.5).elsewhere == 0).all())


def test_a_map_that_is_padded_by_its_own_border_asks_from_its_cells() -> None:
    """Windows over a map of 7 x 9 cells that is reflected to 8 x 12."""

    class Padded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.last = nn.Conv2d(3, 8, 8, 8), nn.Conv2d(8, 3, 1)

        def forward(self, x: Tensor) -> Tensor:
            found = nn.functional.pad(self.embed(x), (0, 3, 0, 1), mode="reflect")
            tokens = found.reshape(1, 8, 2, 4, 3, 4).permute(2, 4, 0, 3, 5, 1).reshape(6, 1, 16, 8)
            looked = nn.functional.scaled_dot_product_attention(tokens, tokens, tokens)
            return self.last(looked.reshape(2, 3, 4, 4, 8).permute(4, 0, 2, 1, 3).reshape(1, 8, 8, 12)[..., :7, :9])

    layer = record_attention(subject_of(Padded(), ("embed",)), noise_image((56, 72)))[""]
    assert layer.kind == "windows"
    assert layer.grid == (7, 9)
    look = layer.look(8 * 5 + 3.5, 8 * 8 + 3.5)
    found = sorted({(int(y // 8), int(x // 8)) for y, x in look.positions.tolist()})
    # Rows 4 to 6 and again 5; columns 8 and again 7, 6, 5.
    assert found == [(y, x) for y in (4, 5, 6) for x in (5, 6, 7, 8)]
    assert look.positions.shape[0] == 16
    torch.testing.assert_close(look.elsewhere, torch.zeros(1))


def test_padding_lies_nowhere_and_its_weight_is_said() -> None:
    layer = layers("Swin of Hugging Face", (60, 96))[0]

    assert layer.grid == (15, 24)
    at_the_edge, inside = layer.look(59, 3), layer.look(3, 3)
    assert at_the_edge.positions.shape[0] == 12
    assert inside.positions.shape[0] == 16
    assert torch.all(at_the_edge.elsewhere > 0)
    torch.testing.assert_close(at_the_edge.weights.sum(-1) + at_the_edge.elsewhere, torch.ones(2))
    assert torch.all(inside.elsewhere == 0)


def test_what_the_image_is_padded_by_lies_nowhere() -> None:
    """An image of 40 x 60 for a network that takes multiples of 32: 64 x 64, of which 5 x 8 of 8 x 8 cells show it."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.last = nn.Conv2d(3, 8, 8, 8), nn.Conv2d(8, 3, 1)

        def forward(self, x: Tensor) -> Tensor:
            found = self.embed(x)
            tokens = found.flatten(2).transpose(1, 2)[:, None]
            looked = nn.functional.scaled_dot_product_attention(tokens, tokens, tokens)
            return self.last(looked[:, 0].transpose(1, 2).reshape(found.shape))

    subject = subject_of(Net(), ("embed",))
    subject.multiple = 32
    layer = record_attention(subject, noise_image((40, 60)))[""]

    assert isinstance(layer, DenseAttention)
    shown = subject.inside(torch.arange(64.0).reshape(1, 1, 8, 8), (40, 60))[0, 0].long()
    assert layer.grid == tuple(shown.shape) == (5, 8)
    assert layer.stride == "8"
    expected = torch.full((8, 8), complex("nan+nanj"))
    expected[:5] = grid_places(5, 8, (40, 60))
    torch.testing.assert_close(layer.query_places.reshape(8, 8), expected, equal_nan=True)
    look = layer.look(39, 59)
    assert look.cell == (35.5, 55.75)
    weights = layer.weights[0, :, 4 * 8 + 7]
    torch.testing.assert_close(look.weights, weights[:, shown.flatten()])
    torch.testing.assert_close(look.elsewhere, 1 - weights[:, shown.flatten()].sum(-1))


def test_a_class_token_lies_nowhere() -> None:
    layer = layers("ViT of timm")[0]
    assert isinstance(layer, DenseAttention)
    assert layer.grid == (4, 6)

    look = layer.look(40, 50)

    number = 1 + 2 * 6 + 3
    assert look.cell == (2 * 16 + 7.5, 3 * 16 + 7.5)
    torch.testing.assert_close(look.elsewhere, layer.weights[0, :, number, 0])
    torch.testing.assert_close(look.weights, layer.weights[0, :, number, 1:])


def test_reduced_keys_lie_on_a_coarser_grid() -> None:
    layer = layers("SegFormer, fused")[0]

    assert layer.grid == (16, 24)
    expected = grid_places(2, 3, SIZE).flatten()
    torch.testing.assert_close(layer.look(5, 5).positions, torch.stack((expected.real, expected.imag), -1))


def test_sampled_points_lie_where_the_offsets_say() -> None:
    subject = family("deformable")
    kept: dict[str, Tensor] = {}
    attend = subject.network.attend
    hook = attend.sampling_offsets.register_forward_hook(lambda *passed: kept.update(offsets=passed[2]))  # type: ignore[union-attr]
    try:
        layer = layers("deformable")[0]
    finally:
        hook.remove()
    assert layer.kind == "sampled"
    assert layer.grid is None

    look = layer.look(12, 20)

    # Query of the fine map at row 1, column 2; the fine map has 8 x 12 cells, the coarse one 4 x 6.
    offsets = kept["offsets"][0, 1 * 12 + 2].reshape(2, 2, 3, 2)
    assert look.cell == (11.5, 19.5)
    strides = torch.tensor([8.0, 16.0])[None, :, None]
    expected = torch.stack((11.5 + offsets[..., 1] * strides, 19.5 + offsets[..., 0] * strides), -1)
    torch.testing.assert_close(look.positions, expected.reshape(-1, 2), rtol=1e-4, atol=1e-3)
    assert look.weights.shape == (2, 12)
    torch.testing.assert_close(look.weights.sum(-1), torch.ones(2))
    assert torch.all(look.weights[0, 6:] == 0)


MOVES = {
    "flatten and back": lambda x: x.flatten(2).transpose(1, 2).reshape(1, 4, 6, 3),
    "parts": lambda x: torch.cat(x.permute(0, 2, 3, 1).chunk(2, 1)[::-1], 1),
    "roll": lambda x: torch.roll(x.permute(0, 2, 3, 1), (1, 2), (1, 2)),
    "indices": lambda x: x.permute(0, 2, 3, 1)[:, ::2, 1:],
    "stacked": lambda x: torch.stack(x.permute(0, 2, 3, 1).unbind(1), 1).contiguous(),
    "a linear map": lambda x: torch.nn.functional.linear(x.permute(0, 2, 3, 1), torch.ones(5, 3)),
    "arithmetic": lambda x: (2 * x.permute(0, 2, 3, 1) + 1).softmax(-1),
    "in place": lambda x: x.permute(0, 2, 3, 1).clone().mul_(2),
}


@pytest.mark.parametrize("name", MOVES)
def test_places_go_where_numbers_go(name: str) -> None:
    """The image holds its own places, so that what moves numbers can be compared."""
    places = grid_places(4, 6, (4, 6))
    image = torch.stack((places.real, places.imag, torch.zeros(4, 6)))[None]
    tracer = PlaceTracer((4, 6))
    with tracer:
        tracer.start(image)
        moved = MOVES[name](image)

    found = tracer.of(moved)
    assert found is not None
    assert found.shape == moved.shape
    if name in ("a linear map", "arithmetic", "in place"):
        torch.testing.assert_close(found[..., 0], places[None])
    else:
        torch.testing.assert_close(found[..., 0], torch.complex(moved[..., 0], moved[..., 1]))


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular", "constant"])
def test_padding_lies_where_what_it_repeats_lies(mode: str) -> None:
    image, tracer = torch.rand(1, 3, 4, 6), PlaceTracer((4, 6))
    with tracer:
        tracer.start(image)
        padded = nn.functional.pad(image, (2, 1, 0, 3), mode=mode)
        module = {"reflect": nn.ReflectionPad2d, "replicate": nn.ReplicationPad2d, "circular": nn.CircularPad2d}
        again = module.get(mode, nn.ZeroPad2d)((2, 1, 0, 3))(image)

    by_numpy = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    if mode == "constant":
        expected = np.pad(grid_places(4, 6, (4, 6)).numpy(), ((0, 3), (2, 1)), constant_values=complex("nan+nanj"))
    else:
        expected = np.pad(grid_places(4, 6, (4, 6)).numpy(), ((0, 3), (2, 1)), mode=by_numpy[mode])  # type: ignore[call-overload]
    for one in (padded, again):
        found = tracer.of(one)
        assert found is not None
        assert found.shape == one.shape
        np.testing.assert_array_equal(found[0, 1].numpy(), expected)


@pytest.mark.parametrize("words", [{"kernel_size": 3, "padding": 1}, {"kernel_size": (2, 3), "stride": (2, 1)}])
def test_patches_hold_the_places_of_their_cells(words: dict[str, Any]) -> None:
    places = grid_places(4, 6, (4, 6))
    image = torch.stack((places.real + 10, places.imag + 10, torch.zeros(4, 6)))[None]
    tracer = PlaceTracer((4, 6))
    with tracer:
        tracer.start(image)
        patches = nn.functional.unfold(image, **words)

    found = tracer.of(patches)
    assert found is not None
    count = found.shape[1] // 3
    y, x = patches[0, :count], patches[0, count : 2 * count]
    beyond = y == 0  # the padding of the numbers themselves
    torch.testing.assert_close(found[0, :count][~beyond], torch.complex(y - 10, x - 10)[~beyond])
    assert bool(found[0, :count][beyond].isnan().all())
    assert bool(beyond.any()) == ("padding" in words)


def test_what_mixes_everything_has_no_place() -> None:
    tracer = PlaceTracer((4, 6))
    image = torch.rand(1, 3, 4, 6)
    with tracer:
        tracer.start(image)
        mixed = image.mean((2, 3))

    assert tracer.of(mixed) is None
