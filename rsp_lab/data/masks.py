"""Masks drawn by hand: a picture of an image's size, light where the mask is."""

from __future__ import annotations

from pathlib import Path

from jaxtyping import Bool
from torch import Tensor

from rsp_lab.data.images import read_image
from rsp_lab.files import readable_name


def read_mask(path: Path, size: tuple[int, int]) -> Bool[Tensor, "y x"]:
    """True where the picture is lighter than mid-grey.

    Args:
        path: any readable image.
        size: (y, x) of the image that the mask is of.

    Raises:
        ValueError: for another size, or a mask that holds no pixel or all of them; the message names the file.
        OSError: if the file cannot be read.
    """
    picture = read_image(path)
    found = tuple(picture.shape[-2:])
    if found != size:
        raise ValueError(
            f"{readable_name(path)}: the mask has {found[0]} rows and {found[1]} columns, its image {size[0]} and "
            f"{size[1]}: draw it at the image's size."
        )
    mask = picture.float().mean(0) > 127.5
    count = int(mask.sum())
    if count in (0, mask.numel()):
        what = "holds no pixel lighter than mid-grey" if not count else "is light everywhere"
        raise ValueError(f"{readable_name(path)}: the mask {what}: paint white on black where it is meant.")
    return mask
