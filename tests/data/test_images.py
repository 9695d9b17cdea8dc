"""Whatever file a user gives: it is read as RGB, or one line says why not."""

import io
import os
import random
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from rsp_lab.data.images import ImageError, read_image

H, W = 67, 71


def stored(image: Image.Image, form: str = "PNG", **options) -> io.BytesIO:
    file = io.BytesIO()
    image.save(file, form, **options)
    file.seek(0)
    return file


def ramp(dtype=np.uint8, top=255) -> np.ndarray:
    return (np.arange(H * W).reshape(H, W) * (top / (H * W - 1))).astype(dtype)


def test_rgb_is_read_unchanged(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (H, W, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert image.dtype == torch.uint8
    np.testing.assert_array_equal(image.permute(1, 2, 0).numpy(), pixels)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "I", "I;16", "F"])
def test_every_mode_becomes_rgb(mode):
    form = "TIFF" if mode in ("CMYK", "YCbCr", "LAB", "F", "I") else "PNG"
    if mode == "I;16":
        source = Image.fromarray(ramp(np.uint16, 65535))
    elif mode == "HSV":
        source, form = Image.new("HSV", (W, H)).convert("RGB"), "PNG"
    else:
        source = Image.fromarray(ramp()).convert("RGB").convert(mode)
    image = read_image(stored(source, form))
    assert image.shape == (3, H, W)
    assert image.dtype == torch.uint8


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_laid_over_white(mode):
    source = Image.new(mode, (W, H), (0, 0, 0, 0) if mode == "RGBA" else (0, 0))
    source.paste((0, 0, 0, 255) if mode == "RGBA" else (0, 255), (0, 0, 10, H))
    image = read_image(stored(source))
    assert (image[:, :, :10] == 0).all()
    assert (image[:, :, 10:] == 255).all()


def test_transparent_palette_entry_is_white():
    source = Image.new("P", (W, H), 1)
    source.putpalette([0, 0, 0, 255, 0, 0])
    assert (read_image(stored(source, transparency=1)) == 255).all()


def test_sixteen_bits_are_scaled_not_clipped():
    values = ramp(np.uint16, 65535)
    image = read_image(stored(Image.fromarray(values)))
    np.testing.assert_array_equal(image[0].numpy(), np.rint(values / 257).astype(np.uint8))


@pytest.mark.parametrize("top", [1.0, 255.0, 65535.0])
def test_float_values_use_the_narrowest_range_that_holds_them(top):
    values = ramp(np.float32, top)
    image = read_image(stored(Image.fromarray(values), "TIFF"))
    assert image.min() == 0
    assert image.max() == 255
    np.testing.assert_allclose(image[1].numpy(), values / top * 255, atol=0.51)


def test_float_values_of_any_range_are_stretched_and_nan_is_no_error():
    values = ramp(np.float32, 10.0) - 5
    values[0, 0] = np.nan
    image = read_image(stored(Image.fromarray(values), "TIFF"))
    assert image.min() == 0
    assert image.max() == 255


def test_orientation_of_the_camera_is_applied():
    pixels = np.zeros((H, W + 9, 3), np.uint8)
    pixels[:, : W // 2] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    image = read_image(stored(Image.fromarray(pixels), "PNG", exif=exif))
    assert image.shape == (3, W + 9, H)
    assert image[:, 0].float().mean() > 250 > 5 > image[:, -1].float().mean()


def orientation_block(resolution_unit: bytes, x_resolution: bytes) -> bytes:
    """An EXIF block, written by hand, of Orientation 6 between entries of the given type and content."""
    entries = [
        x_resolution,
        struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0),
        resolution_unit,
    ]
    return b"Exif\0\0MM\0*" + struct.pack(">IH", 8, len(entries)) + b"".join(entries) + struct.pack(">III", 0, 1, 2)


SOUND_UNIT, SOUND_RESOLUTION = struct.pack(">HHIHH", 0x0128, 3, 1, 2, 0), struct.pack(">HHII", 0x011A, 5, 1, 50)
UNIT_AS_RATIONAL = struct.pack(">HHII", 0x0128, 5, 1, 50)
RESOLUTION_AS_TEXT = struct.pack(">HHI4s", 0x011A, 2, 3, b"72\0\0")


@pytest.mark.parametrize(
    ("unit", "resolution"),
    [
        (SOUND_UNIT, SOUND_RESOLUTION),
        (UNIT_AS_RATIONAL, SOUND_RESOLUTION),
        (SOUND_UNIT, RESOLUTION_AS_TEXT),
        (UNIT_AS_RATIONAL, RESOLUTION_AS_TEXT),
    ],
)
def test_an_image_is_turned_upright_whatever_its_other_metadata_hold(unit, resolution):
    pixels = np.zeros((H, W + 9, 3), np.uint8)
    pixels[:, : W // 2] = 255
    image = read_image(stored(Image.fromarray(pixels), "JPEG", exif=orientation_block(unit, resolution)))
    assert image.shape == (3, W + 9, H)
    assert image[:, 0].float().mean() > 250 > 5 > image[:, -1].float().mean()


@pytest.mark.parametrize(
    ("form", "options"), [("JPEG", {}), ("PNG", {}), ("WEBP", {"lossless": True})], ids=["JPEG", "PNG", "WEBP"]
)
def test_no_damage_to_metadata_keeps_an_image_from_being_read(form, options):
    exif = Image.Exif()
    exif[0x010F], exif[0x0112], exif[0x011A], exif[0x0128], exif[0x0132] = "Maker", 6, 72.0, 2, "2020:01:01 00:00:00"
    exif.get_ifd(0x8769)[0x829A] = 0.01
    exif.get_ifd(0x8825)[2] = (1.0, 2.0, 3.0)
    block = exif.tobytes().removeprefix(b"Exif\0\0")
    pixels = np.random.default_rng(0).integers(0, 256, (H, W, 3), dtype=np.uint8)
    whole = stored(Image.fromarray(pixels), form, exif=exif, **options).getvalue()
    start, rng, turned = whole.index(block), random.Random(0), 0
    upright = read_image(stored(Image.fromarray(pixels), form, **options))
    for _ in range(300):
        changed = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            changed[start + rng.randrange(len(block))] = rng.randrange(256)
        if form == "PNG":
            end = start + len(block)
            changed[end : end + 4] = struct.pack(">I", zlib.crc32(changed[start - 4 : end]))
        image = read_image(io.BytesIO(changed))
        ways = [upright, *(upright.rot90(k, (1, 2)) for k in (1, 2, 3))]
        ways += [way.flip(2) for way in ways]
        assert any(torch.equal(image, way) for way in ways)
        turned += torch.equal(image, ways[3])
    assert turned > 150  # where the tag itself is whole, it is followed


def test_first_frame_of_an_animation():
    frames = [Image.new("RGB", (W, H), colour) for colour in ("red", "blue")]
    image = read_image(stored(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert image[:, 5, 5].tolist() == [255, 0, 0]


def message(source, **options) -> str:
    with pytest.raises(ImageError) as error:
        read_image(source, **options)
    text = str(error.value)
    assert "\n" not in text
    assert len(text) < 400
    return text


def test_missing_file_and_folder_are_named(tmp_path):
    assert "no such file" in message(tmp_path / "none.png")
    assert "none.png" in message(tmp_path / "none.png")
    assert "folder" in message(tmp_path)


@pytest.mark.parametrize("content", [b"", b"hello, world", b"\x89PNG\r\n\x1a\n", b"GIF89a"])
def test_not_an_image(tmp_path, content):
    path = tmp_path / "odd.png"
    path.write_bytes(content)
    assert "odd.png" in message(path)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP"])
@pytest.mark.parametrize("share", [0.3, 0.7])
def test_a_file_cut_short_is_damaged(tmp_path, form, share):
    noise = np.random.default_rng(0).integers(0, 256, (H, W, 3), dtype=np.uint8)
    whole = stored(Image.fromarray(noise), form).getvalue()
    path = tmp_path / "cut"
    path.write_bytes(whole[: int(len(whole) * share)])
    assert "cut" in message(path)


def png_header(width: int, height: int) -> io.BytesIO:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return io.BytesIO(b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body)))


@pytest.mark.parametrize(("width", "height"), [(5000, 5000), (12000, 12000), (60000, 60000)])
def test_size_is_checked_before_decoding(width, height):
    # The file has no pixels at all: only its header can have been looked at.
    body = (
        png_header(width, height).getvalue() + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    )
    assert "pixels" in message(io.BytesIO(body))


def test_limits_of_size():
    assert "too small" in message(stored(Image.new("RGB", (63, 200))))
    assert read_image(stored(Image.new("RGB", (64, 64)))).shape == (3, 64, 64)
    assert read_image(stored(Image.new("L", (4096, 4096)))).shape == (3, 4096, 4096)
    assert "too large" in message(stored(Image.new("L", (4097, 4096))))
    assert "too large" in message(stored(Image.new("RGB", (100, 100))), max_pixels=9999)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes in the file system are of POSIX")
def test_what_may_never_end_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")  # opening it would wait for a writer
    assert "pipe.png: this is a pipe, not a file" in message(tmp_path / "pipe.png")
    assert "/dev/zero: this is a device" in message("/dev/zero")
    with open("/dev/zero", "rb") as endless:
        assert "/dev/zero: this is a device" in message(endless)
    (tmp_path / "link.png").symlink_to("/dev/zero")
    assert "link.png: this is a device" in message(tmp_path / "link.png")


def test_an_empty_picture_is_refused():
    assert "without pixels" in message(png_header(0, 0))
    assert "without pixels" in message(io.BytesIO(b"P6 70 0 255\n"))


def test_names_that_are_no_text_are_readable(tmp_path):
    name = os.fsdecode(b"caf\xe9.png")
    try:
        (tmp_path / name).write_bytes(b"no image")
    except OSError:
        pytest.skip("this file system takes names in UTF-8 only")
    said = message(tmp_path / name)
    assert "caf\\xe9.png: not an image" in said
    said.encode()


@pytest.mark.parametrize("address", ["http://x/y.png", "HTTPS://x/y.png", "ftp://x/y.png"])
def test_an_address_is_to_be_downloaded_first(address: str) -> None:
    with pytest.raises(ImageError, match=rf"{address}: this is an address\. Download the image first"):
        read_image(address.replace("//", "/"))
