"""Label files as people have them: read as the ids that were meant, or refused by name."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rsp_lab.data.images import ImageError, Source
from rsp_lab.data.label_files import read_label
from rsp_lab.data.labels import CAMVID, CITYSCAPES, ClassTable

IDS = np.array([[0, 3, 11, 10], [7, 7, 1, 0], [2, 5, 9, 8]], np.uint8)
TRAIN = np.where(IDS == 11, 255, IDS)
COLOURS = [part for i in range(12) for part in (20 * i, 255 - 20 * i, 7)]


def stored(image: Image.Image, form: str = "PNG", **options: Any) -> io.BytesIO:
    file = io.BytesIO()
    image.save(file, form, **options)
    file.seek(0)
    return file


def png(bits: int, colour_type: int, rows: list[list[int]]) -> io.BytesIO:
    """A PNG written by hand, since Pillow writes neither 2 nor 4 bits of grey nor colours of 16."""
    packed = b""
    for row in rows:
        digits = "".join(format(value, f"0{bits}b") for value in row)
        digits += "0" * (-len(digits) % 8)
        packed += b"\0" + int(digits, 2).to_bytes(len(digits) // 8, "big")
    width = len(rows[0]) // {0: 1, 2: 3, 4: 2}[colour_type]
    header = struct.pack(">IIBBBBB", width, len(rows), bits, colour_type, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(packed)), (b"IEND", b""))
    body = b"".join(struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in chunks)
    return io.BytesIO(b"\x89PNG\r\n\x1a\n" + body)


def palette(ids: np.ndarray, entries: list[int]) -> Image.Image:
    image = Image.frombytes("P", (ids.shape[1], ids.shape[0]), ids.astype(np.uint8).tobytes())
    image.putpalette(entries)
    return image


def refusal(source: Source, table: ClassTable = CAMVID) -> str:
    with pytest.raises(ImageError) as error:
        read_label(source, table)
    text = str(error.value)
    assert "\n" not in text
    assert len(text) < 400
    return text


def test_labels_become_train_ids() -> None:
    label = read_label(stored(Image.fromarray(IDS)), CAMVID)
    np.testing.assert_array_equal(label.numpy(), TRAIN)
    cityscapes = read_label(stored(Image.fromarray(np.array([[7, 33, 0, 24]], np.uint8))), CITYSCAPES)
    assert cityscapes.tolist() == [[0, 18, 255, 11]]


def test_a_palette_of_colours_names_indices() -> None:
    np.testing.assert_array_equal(read_label(stored(palette(IDS, COLOURS)), CAMVID).numpy(), TRAIN)


def test_a_palette_of_colours_names_indices_where_only_its_greys_are_used() -> None:
    sky = palette(np.zeros((4, 4), np.uint8), [128, 128, 128, *COLOURS[3:]])
    assert (read_label(stored(sky), CAMVID) == 0).all()


@pytest.mark.parametrize("method", [Image.Quantize.MEDIANCUT, Image.Quantize.MAXCOVERAGE])
def test_a_palette_of_greys_shows_the_ids(method: Image.Quantize) -> None:
    """As programs save a grey picture that they are told to make small: same picture, other indices."""
    source = Image.fromarray(np.stack([IDS] * 3, axis=-1))
    quantised = source.quantize(16, method=method, dither=Image.Dither.NONE)
    np.testing.assert_array_equal(np.array(quantised.convert("L")), IDS)
    assert (np.array(quantised) != IDS).any()
    np.testing.assert_array_equal(read_label(stored(quantised), CAMVID).numpy(), TRAIN)


def test_any_permutation_of_a_grey_palette_is_the_same_file() -> None:
    for seed in range(20):
        order = np.random.default_rng(seed).permutation(256)
        indices = np.argsort(order)[IDS].astype(np.uint8)
        source = palette(indices, [int(grey) for grey in order for _ in range(3)])
        np.testing.assert_array_equal(np.array(source.convert("L")), IDS)
        np.testing.assert_array_equal(read_label(stored(source), CAMVID).numpy(), TRAIN)


def test_a_grey_palette_without_ids_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "shades.png"
    palette(IDS, [20 * i for i in range(12) for _ in range(3)]).save(path)
    said = refusal(path)
    assert "shades.png: class ids [20, 40" in said
    assert "Its palette is grey" in said


@pytest.mark.parametrize("form", ["PNG", "TIFF", "BMP", "GIF"])
def test_formats_that_keep_ids(form: str) -> None:
    np.testing.assert_array_equal(read_label(stored(Image.fromarray(IDS), form), CAMVID).numpy(), TRAIN)


@pytest.mark.parametrize(
    "source",
    [
        stored(Image.fromarray(IDS), "JPEG", quality=100),
        stored(Image.fromarray(IDS), "WEBP", lossless=True),
        io.BytesIO(b"P5 4 1 11\n" + bytes([0, 3, 11, 10])),  # a reader scales 11, the file's greatest, to 255
    ],
    ids=["JPEG", "WEBP", "PGM"],
)
def test_formats_that_may_change_ids_are_refused(source: io.BytesIO) -> None:
    assert "may not hold the ids that were meant" in refusal(source)


@pytest.mark.parametrize(
    "pixels",
    [
        IDS.astype(np.uint16),
        IDS.astype(np.uint16) * 257,
        IDS.astype(np.int32),
        IDS.astype(np.float32),
        np.stack([IDS] * 3, axis=-1),
        np.stack([IDS] * 3 + [np.full_like(IDS, 255)], axis=-1),
        np.stack([IDS, np.full_like(IDS, 255)], axis=-1),
    ],
    ids=["16 bits", "16 bits scaled", "32 bits", "float", "RGB", "RGBA", "LA"],
)
def test_one_value_a_pixel_is_its_id_however_it_is_stored(pixels: np.ndarray) -> None:
    form = "TIFF" if pixels.dtype in (np.int32, np.float32) else "PNG"
    np.testing.assert_array_equal(read_label(stored(Image.fromarray(pixels), form), CAMVID).numpy(), TRAIN)


def test_coloured_labels_are_refused() -> None:
    assert "Give the ids, not their colours" in refusal(stored(Image.new("RGB", (8, 8), (0, 0, 1))))
    assert "Give the ids, not their colours" in refusal(stored(Image.new("CMYK", (8, 8)), "TIFF"))


def test_transparent_pixels_have_no_id() -> None:
    assert "transparent" in refusal(stored(Image.new("RGBA", (8, 8), (3, 3, 3, 0))))
    assert "transparent" in refusal(stored(Image.new("LA", (8, 8), (3, 254))))


def test_fractions_are_refused() -> None:
    for value in (0.5, float("nan"), float("inf")):
        pixels = np.full((4, 4), value, np.float32)
        assert "whole numbers" in refusal(stored(Image.fromarray(pixels), "TIFF"))


@pytest.mark.parametrize(("colour_type", "row"), [(2, [7, 7, 7]), (4, [7, 65535])])
def test_channels_of_sixteen_bits_are_refused(colour_type: int, row: list[int]) -> None:
    """Their lower halves, which hold the ids, do not survive reading."""
    said = refusal(png(16, colour_type, [row]))
    assert "16 bits" in said


def test_few_bits_of_grey_where_one_reading_fits() -> None:
    np.testing.assert_array_equal(read_label(png(4, 0, [[0, 3, 11, 10]]), CAMVID).numpy(), [[0, 3, 255, 10]])
    table = ClassTable("t", ("a", "b"), ((0, 0, 0), (9, 9, 9)), raw_ids=((0, 0), (85, 1)))
    np.testing.assert_array_equal(read_label(png(2, 0, [[0, 1, 1, 0]]), table).numpy(), [[0, 1, 1, 0]])
    assert (read_label(stored(Image.new("1", (4, 4))), CAMVID) == 0).all()
    assert (read_label(stored(Image.new("1", (4, 4), 1)), CAMVID) == 1).all()


def test_few_bits_of_grey_that_can_be_read_in_two_ways_are_refused() -> None:
    said = refusal(png(4, 0, [[0, 1, 1, 0]]), CITYSCAPES)  # ids 0 and 1, or 0 and 17
    assert "two ways" in said
    assert "0, 1 or 0, 17" in said
    with_void = ClassTable("t", ("a", "b"), ((0, 0, 0), (9, 9, 9)), raw_ids=((0, 0), (1, 1), (255, 255)))
    assert "two ways" in refusal(stored(Image.new("1", (4, 4), 1)), with_void)


def test_black_and_white_is_one_bit_of_grey_in_a_palette_too() -> None:
    """Programs store one and the same picture either way, and in either order of the two colours."""
    mask = np.array([[0, 1, 1], [1, 0, 0]], np.uint8)
    plain = ClassTable("t", ("a", "b"), ((0, 0, 0), (9, 9, 9)), raw_ids=((0, 0), (1, 1)))
    scaled = ClassTable("t", ("a", "b"), ((0, 0, 0), (9, 9, 9)), raw_ids=((0, 0), (255, 1)))
    with_void = ClassTable("t", ("a", "b"), ((0, 0, 0), (9, 9, 9)), raw_ids=((0, 0), (1, 1), (255, 255)))
    black_first, white_first = [0, 0, 0, 255, 255, 255], [255, 255, 255, 0, 0, 0]
    for image in (Image.fromarray(mask > 0), palette(mask, black_first), palette(1 - mask, white_first)):
        for table in (plain, scaled):
            np.testing.assert_array_equal(read_label(stored(image), table).numpy(), mask)
        assert "two ways here, as ids 0, 1 or 0, 255" in refusal(stored(image), with_void)
    # All greys, each under its own index: black and white among them are ids 0 and 255.
    ramp = palette(255 * mask, [value for value in range(256) for _ in range(3)])
    np.testing.assert_array_equal(read_label(stored(ramp), with_void).numpy(), 255 * mask)


@pytest.mark.parametrize("entries", [[0] * 36, [0, 0, 0, 255, 255, 255] + [0] * 30], ids=["black", "black and white"])
def test_a_grey_palette_that_shows_indices_alike_is_refused(entries: list[int]) -> None:
    said = refusal(stored(palette(IDS, entries)))
    assert "one grey for several of the indices 0 to 3, 5, 7 to 11" in said


def test_unknown_class_ids_are_named(tmp_path: Path) -> None:
    path = tmp_path / "label.png"
    Image.fromarray(np.array([[0, 12], [254, 3]], np.uint8)).save(path)
    with pytest.raises(ImageError, match=r"label\.png.*\[12, 254\].*'camvid'.*0 to 11.*another data set"):
        read_label(path, CAMVID)
    assert "[-1, 300]" in refusal(stored(Image.fromarray(np.array([[-1, 300]], np.int32)), "TIFF"))


def test_train_ids_in_the_place_of_label_ids_are_told() -> None:
    said = refusal(stored(Image.fromarray(np.array([[0, 18, 255]], np.uint8))), CITYSCAPES)
    assert "Are these train ids?" in said


def test_a_table_without_ids_reads_no_files() -> None:
    table = ClassTable("bare", ("a",), ((0, 0, 0),))
    assert "Set FOLDER_ROOT to the folder" in refusal(stored(Image.fromarray(IDS)), table)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes in the file system are of POSIX")
def test_what_may_never_end_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    assert "pipe.png: this is a pipe" in refusal(tmp_path / "pipe.png")
    assert "this is a device" in refusal("/dev/zero")
