"""Whatever file a user gives: it is read as RGB, or one line says why not."""

import io
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from rsp_lab.data.images import ImageError, read_image, read_label
from rsp_lab.data.labels import CAMVID, CITYSCAPES

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


def test_labels_become_train_ids():
    raw = np.zeros((3, 5), np.uint8)
    raw[0], raw[1], raw[2, 0] = 10, 11, 4
    label = read_label(stored(Image.fromarray(raw)), CAMVID)
    assert label.tolist() == [[10] * 5, [255] * 5, [4, 0, 0, 0, 0]]
    cityscapes = read_label(stored(Image.fromarray(np.array([[7, 33, 0, 24]], np.uint8))), CITYSCAPES)
    assert cityscapes.tolist() == [[0, 18, 255, 11]]


def test_palette_labels_are_indices_not_colours():
    label = Image.new("P", (4, 4), 3)
    label.putpalette([9, 9, 9] * 20)
    assert (read_label(stored(label), CAMVID) == 3).all()


def test_unknown_class_ids_are_named(tmp_path):
    path = tmp_path / "label.png"
    Image.fromarray(np.array([[0, 12], [255, 3]], np.uint8)).save(path)
    with pytest.raises(ImageError, match=r"label\.png.*\[12, 255\].*'camvid'"):
        read_label(path, CAMVID)


def test_coloured_labels_are_refused():
    with pytest.raises(ImageError, match="one class id a pixel"):
        read_label(stored(Image.new("RGB", (8, 8))), CAMVID)
