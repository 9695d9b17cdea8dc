"""Geometry between cells and pixels, windows, taps and step names."""

from __future__ import annotations

import dataclasses
import re
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from rsp_lab.shapes import (
    Tap,
    Window,
    cell_edges,
    cell_to_pixel,
    cell_under,
    checked_count,
    level_name,
    level_names,
    own_tensor,
    pixel_to_cell,
    plain_mask,
    resizing_shares,
    step_digits,
    step_levels,
    step_name,
    steps_in_words,
    tap_step,
)

SIZES = [(1, 1), (1, 7), (2, 8), (3, 11), (17, 67), (24, 93), (5, 5)]


def test_stride_four_by_hand() -> None:
    # Two cells over eight pixels: edges at -0.5, 3.5, 7.5, centres half-way.
    assert [cell_to_pixel(c, 2, 8) for c in (0, 1)] == [1.5, 5.5]
    assert [cell_edges(c, 2, 8) for c in (0, 1)] == [(-0.5, 3.5), (3.5, 7.5)]
    assert [pixel_to_cell(p, 2, 8) for p in range(8)] == [0, 0, 0, 0, 1, 1, 1, 1]


@pytest.mark.parametrize(("cells", "pixels"), SIZES)
def test_the_centre_of_a_cell_falls_in_that_cell(cells: int, pixels: int) -> None:
    assert [pixel_to_cell(cell_to_pixel(c, cells, pixels), cells, pixels) for c in range(cells)] == list(range(cells))


@pytest.mark.parametrize(("cells", "pixels"), SIZES)
def test_cells_tile_the_image(cells: int, pixels: int) -> None:
    edges = [cell_edges(c, cells, pixels) for c in range(cells)]

    assert edges[0][0] == -0.5
    assert edges[-1][1] == pytest.approx(pixels - 0.5)
    assert [e[1] for e in edges[:-1]] == pytest.approx([e[0] for e in edges[1:]])
    for cell, (near, far) in enumerate(edges):
        assert (near + far) / 2 == pytest.approx(cell_to_pixel(cell, cells, pixels))


@pytest.mark.parametrize(("cells", "pixels"), SIZES)
def test_a_pixel_lies_between_the_edges_of_its_cell(cells: int, pixels: int) -> None:
    for pixel in range(pixels):
        near, far = cell_edges(pixel_to_cell(pixel, cells, pixels), cells, pixels)
        assert near - 1e-9 <= pixel <= far + 1e-9


def test_the_cell_centre_is_what_bilinear_resizing_means() -> None:
    # Enlarging a ramp gives the ramp again, read at each pixel's place in cell units.
    cells, pixels = 5, 17
    ramp = torch.arange(cells, dtype=torch.float64).view(1, 1, 1, cells)
    resized = torch.nn.functional.interpolate(ramp, size=(1, pixels), mode="bilinear", align_corners=False).flatten()

    for pixel in range(pixels):
        if 0 <= resized[pixel] <= cells - 1 and cell_to_pixel(0, cells, pixels) <= pixel <= cell_to_pixel(4, 5, 17):
            assert cell_to_pixel(resized[pixel].item(), cells, pixels) == pytest.approx(pixel)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [(37, 53), (40, 56), (4, 6), (1, 1)])
def test_shares_along_both_axes_are_bilinear_resizing(size: tuple[int, int], dtype: torch.dtype) -> None:
    values = torch.randn(1, 1, 10, 14, dtype=dtype)
    rows, columns = resizing_shares(10, size[0], dtype), resizing_shares(14, size[1], dtype)
    expected = F.interpolate(values, size=size, mode="bilinear", align_corners=False)[0, 0]

    torch.testing.assert_close(rows.T @ values[0, 0] @ columns, expected)
    torch.testing.assert_close(rows.sum(0), torch.ones(size[0], dtype=dtype))


def test_the_rim_of_the_image_belongs_to_the_outermost_cells() -> None:
    assert pixel_to_cell(-0.5, 3, 11) == 0
    assert pixel_to_cell(10.5, 3, 11) == 2


def test_rows_and_columns_of_the_cell_under_a_pixel() -> None:
    # 2 x 5 cells over 6 x 20 pixels: three rows and four columns of pixels per cell.
    assert [cell_under((y, 0), (2, 5), (6, 20))[0] for y in range(6)] == [0, 0, 0, 1, 1, 1]
    assert [cell_under((0, x), (2, 5), (6, 20))[1] for x in (0, 3, 4, 19)] == [0, 0, 1, 4]
    for outside in ((6, 0), (0, 20), (-1, 0)):
        with pytest.raises(ValueError, match="outside the image of 6 x 20"):
            cell_under(outside, (2, 5), (6, 20))


def test_names_of_steps_and_their_taps() -> None:
    assert (tap_step("step54.weights"), tap_step("q5"), step_digits("step54")) == ("step54", "q5", "54")


@pytest.mark.parametrize("pixel", [-0.6, -1, 10.6, 11, float("nan")])
def test_a_pixel_outside_the_image_is_refused(pixel: float) -> None:
    with pytest.raises(ValueError, match="outside the image; expected 0 to 10"):
        pixel_to_cell(pixel, 3, 11)


def test_window_by_hand() -> None:
    window = Window(5, 3)

    assert (window.half, window.radius, window.positions) == (2, 6, 25)
    assert window.offsets == (-6, -3, 0, 3, 6)
    assert window.describe() == "5 x 5, dilation 3"
    assert Window().describe() == "7 x 7"
    assert Window(1, 2).offsets == (0,)


@pytest.mark.parametrize("kernel", [0, -1, -3, 2, 4])
def test_a_window_without_a_centre_is_refused(kernel: int) -> None:
    with pytest.raises(ValueError, match=r"must be odd and positive.*Use 3, 5 or 7"):
        Window(kernel)


@pytest.mark.parametrize("dilation", [0, -1])
def test_a_dilation_below_one_is_refused(dilation: int) -> None:
    with pytest.raises(ValueError, match=r"dilation must be at least 1.*Use 1"):
        Window(3, dilation)


def test_a_window_is_a_value() -> None:
    assert Window(3, 2) == Window(3, 2)
    assert len({Window(3, 2), Window(3, 2), Window(3)}) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        Window(3).kernel_size = 5  # type: ignore[misc]


def test_step_names_round_trip() -> None:
    assert step_name(5) == "step54"
    assert [step_levels(step_name(x)) for x in range(3, 8)] == [(3, 2), (4, 3), (5, 4), (6, 5), (7, 6)]


@pytest.mark.parametrize("name", ["", "54", "step", "step5", "step543", "stepab", "Step54", "step5.4", "step-1"])
def test_what_is_no_step_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not a step; expected a name such as 'step54'"):
        step_levels(name)


def test_levels_of_other_makes_are_named_with_their_stride() -> None:
    assert level_name(5) == "level 5"
    assert level_names((5, 4), {}, {5: 32}) == {5: "level 5 (stride 32)", 4: "level 4"}
    assert level_name(4, {4: 16}, {4: 14, 5: 32}) == "level 4 (stride 14 and 16)"
    assert level_name(4, {4: 16}, {4: 16}) == "level 4 (stride 16)"


def test_a_tap_is_the_identity_and_knows_its_listeners() -> None:
    tap = Tap("step54.weights", "b wy wx y x", 16)
    value = torch.rand(2, 3)

    assert tap(value) is value
    assert tap.axes == ("b", "wy", "wx", "y", "x")
    assert not tap.listening
    for register in (tap.register_forward_hook, tap.register_forward_pre_hook):
        handle = register(lambda *_: None)
        assert tap.listening
        handle.remove()
        assert not tap.listening
    assert not list(tap.parameters())
    assert not tap.state_dict()


@pytest.mark.usefixtures("unchecked")
def test_counts_of_any_kind_of_whole_number() -> None:
    assert [checked_count("n", given, 1, "1 is the default") for given in (3, np.int64(3), torch.tensor(3))] == [
        3,
        3,
        3,
    ]
    for given, message in (
        (0, "n must be at least 1, got 0: 1 is the default"),
        (1.0, "n must be a whole number, got 1.0: 1 is"),
        ("3", "n must be a whole number, got '3'"),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            checked_count("n", given, 1, "1 is the default")


@pytest.mark.filterwarnings("error")
def test_a_mask_of_numpy_is_taken_however_it_lies_in_memory() -> None:
    mask = np.arange(12).reshape(3, 4) % 5 == 0
    expected = torch.from_numpy(mask.copy())
    kept = mask.copy()
    kept.flags.writeable = False
    for one in (mask, kept, np.asfortranarray(mask), mask[::-1, ::-1].copy()[::-1, ::-1]):
        assert torch.equal(plain_mask(one), expected)


def test_steps_in_words() -> None:
    assert steps_in_words(("step76", "step65", "step54")) == "steps 76, 65 and 54"
    assert steps_in_words(("step54",)) == "step 54"


@pytest.mark.parametrize("kind", ["bool", "uint8", "int64", "float32", ">f8", "<i4"])
def test_every_array_that_torch_has_a_type_for(kind: str) -> None:
    base = np.arange(12).reshape(3, 4).astype(kind)
    base.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for array in (base, base[::-1, ::-1], base.T, base[:, ::2]):
            found = own_tensor(array)
            assert isinstance(found, torch.Tensor)
            assert found.tolist() == array.tolist()
            assert not np.shares_memory(found.numpy(), base)


def test_a_tensor_is_copied_and_the_rest_stays() -> None:
    values = torch.arange(3)
    found = own_tensor(values)
    assert torch.equal(found, values)
    assert found.data_ptr() != values.data_ptr()
    for given in ("classes", None, [1, 2], np.array(["a"])):
        assert own_tensor(given) is given
