"""Reading of any picture file to RGB, and of label files to train ids; what cannot be read says why in one line."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from rsp_lab.data.labels import ClassTable

MIN_SIDE = 64
MAX_PIXELS = 4096 * 4096


@runtime_checkable
class Readable(Protocol):
    """An open binary file, also one in memory."""

    def read(self, size: int = -1, /) -> bytes: ...

    def seek(self, offset: int, whence: int = 0, /) -> int: ...

    def tell(self) -> int: ...


Source = str | PathLike[str] | Readable


class ImageError(ValueError):
    """A picture that cannot be used; the message says which, why, and what would help."""


def read_image(source: Source, max_pixels: int = MAX_PIXELS, min_side: int = MIN_SIDE) -> UInt8[Tensor, "3 y x"]:
    """Any picture Pillow reads, as RGB uint8 [3, y, x].

    The camera's orientation tag is applied; transparency is laid over white; the first frame of an animation is taken.
    16-bit values are divided by 257, not clipped. Wider numbers without a declared range (32-bit, float) are taken
    as 0..1, 0..255 or 0..65535, whichever is the narrowest that holds them all, and stretched between their
    extremes where none does; what is not finite becomes black.

    Args:
        source: a path or an open binary file.
        max_pixels: rows x columns above which the file is refused, before it is decoded.
        min_side: the least number of rows and of columns.

    Raises:
        ImageError: if the file is missing, is not a picture, is cut short, or is too small or too large.
    """
    with _opened(source) as (image, name):
        _check_size(image, name, max_pixels, min_side)
        pixels = np.array(_to_rgb(_decoded(image, name)))
    return torch.from_numpy(pixels).permute(2, 0, 1)


def read_label(source: Source, table: ClassTable, max_pixels: int = MAX_PIXELS) -> UInt8[Tensor, "y x"]:
    """A label file of one raw class id a pixel, as train ids uint8 [y, x].

    Raises:
        ImageError: if the file cannot be read, has more than one channel, or holds ids that the table does not declare.
    """
    with _opened(source) as (image, name):
        _check_size(image, name, max_pixels, min_side=1)
        if image.mode not in ("L", "P", "I;16", "I"):
            raise ImageError(
                f"{name}: a label file holds one class id a pixel, this one has mode {image.mode}. "
                "Give the ids, not their colours."
            )
        raw = np.array(_decoded(image, name)).astype(np.int64)
    to_train = table.raw_to_train()
    ids = np.unique(raw)
    wrong = [int(i) for i in ids if not 0 <= i < 256 or to_train[i] < 0]
    if wrong:
        known = [i for i, _ in table.raw_ids]
        raise ImageError(
            f"{name}: class ids {wrong} are not in the table {table.name!r}, which declares "
            f"{min(known)} to {max(known)}. Is this label file of another data set?"
        )
    return torch.from_numpy(to_train.astype(np.uint8)[raw])


@contextmanager
def _opened(source: Source) -> Iterator[tuple[Image.Image, str]]:
    """The picture with only its header read, and the name to call it in messages."""
    name = str(getattr(source, "name", "the image")) if isinstance(source, Readable) else str(source)
    try:
        with warnings.catch_warnings():
            # Pillow only warns between one and two times its own limit; ours is checked in any case.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(source)  # type: ignore[arg-type]
    except FileNotFoundError:
        raise ImageError(f"{name}: there is no such file. Check the path.") from None
    except IsADirectoryError:
        raise ImageError(f"{name}: this is a folder. Give one image file.") from None
    except PermissionError:
        # Some systems report a folder as a lack of permission.
        if not isinstance(source, Readable) and Path(name).is_dir():
            raise ImageError(f"{name}: this is a folder. Give one image file.") from None
        raise ImageError(f"{name}: no permission to read this file. Change its access rights.") from None
    except Image.DecompressionBombError:
        raise ImageError(f"{name}: the image declares far too many pixels. Give one of at most 4096 x 4096.") from None
    except UnidentifiedImageError:
        raise ImageError(f"{name}: not an image, or of a format that is not supported. Give a PNG or JPEG.") from None
    except Exception as error:  # a damaged header raises whatever the format's parser ran into
        raise ImageError(f"{name}: cannot be read as an image ({_one_line(error)}). Save it anew as PNG.") from error
    with image:
        yield image, name


def _check_size(image: Image.Image, name: str, max_pixels: int, min_side: int) -> None:
    width, height = image.size
    if height * width > max_pixels:
        side = int(max_pixels**0.5)
        raise ImageError(
            f"{name}: the image is too large, {height} x {width} pixels (rows x columns). "
            f"Scale it down to at most {max_pixels:,} pixels, e.g. {side} x {side}."
        )
    if min(height, width) < min_side:
        raise ImageError(
            f"{name}: the image is too small, {height} x {width} pixels (rows x columns). "
            f"Give one of at least {min_side} x {min_side}."
        )


def _decoded(image: Image.Image, name: str) -> Image.Image:
    try:
        image.load()
        return ImageOps.exif_transpose(image)
    except Exception as error:  # decoders raise whatever the damaged data led them into
        raise ImageError(
            f"{name}: the file is damaged or cut short ({_one_line(error)}). Copy or download it again."
        ) from error


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F" or image.mode.startswith("I"):
        return _from_wide(image)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def _from_wide(image: Image.Image) -> Image.Image:
    """Grey values of more than 8 bits to RGB; see :func:`read_image` for the range assumed."""
    values = np.nan_to_num(np.array(image).astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if image.mode.startswith("I;16"):
        low, high = 0.0, 65535.0
    elif low >= 0 and high <= 65535:
        tops = (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0)
        low, high = 0.0, next(top for top in tops if high <= top)
    grey = (values - low) * (255.0 / max(high - low, 1e-12))
    return Image.fromarray(np.rint(grey).astype(np.uint8)).convert("RGB")


def _one_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]
