"""Reading of any picture file to RGB; what cannot be read says why in one line."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from rsp_lab.files import readable_name, special_kind

MIN_SIDE = 64
MAX_PIXELS = 4096 * 4096
"""Of an image in all, whatever its sides."""
_MOST = f"{MAX_PIXELS:,} pixels in all, as 4096 x 4096 has"

_ADDRESS = re.compile(r"^(https?|ftp):/+", re.IGNORECASE)
_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


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

    The camera's orientation tag is applied where it can be read, whatever else the metadata hold; transparency is laid
    over white; the first frame of an animation is taken.
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
    with opened_image(source) as (image, name):
        check_size(image, name, max_pixels, min_side)
        pixels = np.array(_to_rgb(decoded(image, name)))
    return torch.from_numpy(pixels).permute(2, 0, 1)


@contextmanager
def opened_image(source: Source) -> Iterator[tuple[Image.Image, str]]:
    """The picture with only its header read, and the name to call it in messages.

    Raises:
        ImageError: if it cannot be opened, is no picture, or is a pipe or device, whose end may never come.
    """
    name = str(getattr(source, "name", "the image")) if isinstance(source, Readable) else readable_name(source)
    special = special_kind(_descriptor(source)) if isinstance(source, Readable) else special_kind(source)
    if special is not None:
        raise ImageError(f"{name}: this is {special}, not a file. Save the image to a file and give that.")
    try:
        with warnings.catch_warnings():
            # Pillow warns of metadata that it skips, and between one and two times its own limit of pixels; ours is
            # checked in any case.
            warnings.simplefilter("ignore")
            image = Image.open(source)  # type: ignore[arg-type]
    except FileNotFoundError:
        if _ADDRESS.match(name):
            # As a path, the // of an address is one /.
            address = _ADDRESS.sub(r"\1://", name)
            raise ImageError(f"{address}: this is an address. Download the image first, and give the file.") from None
        raise ImageError(f"{name}: there is no such file. Check the path.") from None
    except IsADirectoryError:
        raise ImageError(f"{name}: this is a folder. Give one image file.") from None
    except PermissionError:
        # Some systems report a folder as a lack of permission.
        if not isinstance(source, Readable) and Path(source).is_dir():
            raise ImageError(f"{name}: this is a folder. Give one image file.") from None
        raise ImageError(f"{name}: no permission to read this file. Change its access rights.") from None
    except Image.DecompressionBombError:
        raise ImageError(f"{name}: the image declares far too many pixels. Give one of at most {_MOST}.") from None
    except UnidentifiedImageError:
        raise ImageError(
            f"{name}: not an image, one without pixels, or of a format that is not supported. Give a PNG or JPEG."
        ) from None
    except Exception as error:  # a damaged header raises whatever the format's parser ran into
        raise ImageError(f"{name}: cannot be read as an image ({_one_line(error)}). Save it anew as PNG.") from error
    with image:
        yield image, name


def _descriptor(file: Readable) -> int:
    try:
        return int(file.fileno())  # type: ignore[attr-defined]
    except (AttributeError, OSError, ValueError):  # in memory
        return -1


def check_size(image: Image.Image, name: str, max_pixels: int, min_side: int) -> None:
    """Raises an ImageError for a picture of too many pixels, or with a side of too few."""
    width, height = image.size
    if height * width > max_pixels:
        side = int(max_pixels**0.5)
        raise ImageError(
            f"{name}: the image is too large, {height} x {width} pixels (rows x columns). "
            f"Scale it down to at most {max_pixels:,} pixels in all, e.g. {side} x {side}."
        )
    if min(height, width) < min_side:
        raise ImageError(
            f"{name}: the image is too small, {height} x {width} pixels (rows x columns). "
            f"Give one of at least {min_side} x {min_side}."
        )


def decoded(image: Image.Image, name: str) -> Image.Image:
    """The picture with its pixels, upright.

    Raises:
        ImageError: if the pixels are damaged or cut short; damaged metadata do not matter.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image.load()
        except Exception as error:  # decoders raise whatever the damaged data led them into
            raise ImageError(
                f"{name}: the file is damaged or cut short ({_one_line(error)}). Copy or download it again."
            ) from error
        method = _UPRIGHT.get(_orientation(image))
    return image if method is None else image.transpose(method)


def stored_as(image: Image.Image) -> str:
    """The name of the pixels' layout in the file, e.g. ``"RGB;16B"``; known before they are decoded only."""
    tiles = getattr(image, "tile", None)
    if not tiles:
        return ""
    layout = tiles[0][3]
    return str(layout[0] if isinstance(layout, tuple) else layout)


def _orientation(image: Image.Image) -> int:
    """The EXIF tag, 1 to 8; 1 (upright) where there is none that can be read."""
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # metadata are optional, and damaged ones raise whatever their parser ran into
        return 1


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
