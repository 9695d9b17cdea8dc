"""The one reader of label files: any file that holds one class id a pixel, as train ids."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

from rsp_lab.data.images import MAX_PIXELS, ImageError, Source, check_size, decoded, opened_image, stored_as
from rsp_lab.data.labels import IGNORE_INDEX, ClassTable, id_list

_FORMATS = ("PNG", "TIFF", "BMP", "GIF")
"""Formats whose pixels come back as they were written; others may change ids or scale them."""
_SHOWN = 12


def read_label(source: Source, table: ClassTable, max_pixels: int = MAX_PIXELS) -> UInt8[Tensor, "y x"]:
    """A label file of one raw class id a pixel, as train ids uint8 [y, x].

    What the id of a pixel is:

    - grey of 8 bits, and whole numbers of 16 or 32 bits or in floats: the value; 16 bits that are all multiples of 257
      are 8 bits scaled up, as image programs write them, and count as those;
    - colours or transparency: the value of the channels where all are equal and nothing is transparent;
    - a palette of colours: the index;
    - a palette of grey values only: the grey value. Image programs permute the indices when they make a palette of a
      grey picture, and the picture is what they keep;
    - grey of less than 8 bits, and black and white of a palette: the number as stored or as scaled up to 255, whichever
      the table declares.

    Raises:
        ImageError: if the file cannot be read, has a format that changes ids, holds colours instead of ids, can be read
            in two ways, or holds ids that the table does not declare.
    """
    with opened_image(source) as (image, name):
        check_size(image, name, max_pixels, min_side=1)
        if image.format not in _FORMATS or image.info.get("compression") == "jpeg":
            raise ImageError(
                f"{name}: a label file of format {image.format} may not hold the ids that were meant: its compression "
                "changes values, or its values are scaled. Save the ids as PNG, grey, 8 bits."
            )
        readings, note = _readings(image, name)
    to_train = _raw_to_train(table, name)
    undeclared = [_undeclared(raw, to_train) for raw in readings]
    declared = [raw for raw, wrong in zip(readings, undeclared, strict=True) if not wrong]
    if not declared:
        raise ImageError(f"{name}: {_wrong_ids(undeclared[0], table)}{note}")
    labels = [to_train.astype(np.uint8)[raw] for raw in declared]
    if any((other != labels[0]).any() for other in labels[1:]):
        raise ImageError(
            f"{name}: so few grey values can be read in two ways here, as ids {_few(declared[0])} or "
            f"{_few(declared[1])}. Save the ids as PNG, grey, 8 bits."
        )
    return torch.from_numpy(labels[0])


def _readings(image: Image.Image, name: str) -> tuple[list[np.ndarray], str]:
    """The raw ids int64 [y, x], several times where the file can be read in several ways; and a note for messages."""
    bits, stored = _grey_bits(image), stored_as(image)
    image = decoded(image, name)
    if image.mode == "P":
        return _of_palette(image, name)
    values = np.array(image)
    if bits is not None:
        top = 2**bits - 1
        scaled = values.astype(np.int64) * (255 if image.mode == "1" else 1)
        return [scaled * top // 255, scaled], ""
    if values.ndim == 3:
        return [_of_channels(values, image, stored, name)], ""
    if image.mode == "F":
        if not np.isfinite(values).all() or (values != np.rint(values)).any():
            raise ImageError(f"{name}: a label file holds whole numbers, this one fractions. Save the ids as integers.")
        values = values.clip(-(2.0**31), 2.0**31)
    raw = values.astype(np.int64)
    if image.mode.startswith("I;16") and not (raw % 257).any():
        raw = raw // 257
    return [raw], ""


def _of_palette(image: Image.Image, name: str) -> tuple[list[np.ndarray], str]:
    indices = np.array(image)
    colours = np.zeros((256, 3), dtype=np.int64)
    palette = np.array(image.getpalette("RGB"), dtype=np.int64).reshape(-1, 3)
    colours[: len(palette)] = palette
    if (palette != palette[:, :1]).any():
        return [indices.astype(np.int64)], ""
    used = np.unique(indices)
    if len(np.unique(colours[used, 0])) < len(used):
        raise ImageError(
            f"{name}: its palette has one grey for several of the indices {_few(used)}, so that neither say the ids. "
            "Save the ids as PNG, grey, 8 bits."
        )
    greys = colours[indices, 0]
    if np.isin(greys, (0, 255)).all() and (greys != indices).any():  # the picture that one bit of grey makes
        return [greys // 255, greys], ""
    return [greys], " Its palette is grey, so its grey values are its ids, not the palette's indices."


def _of_channels(values: np.ndarray, image: Image.Image, stored: str, name: str) -> np.ndarray:
    channels, has_alpha = values.shape[2], image.mode in ("RGBA", "LA")
    colours = values[..., : channels - 1] if has_alpha else values
    if image.mode not in ("RGB", "RGBA", "LA") or (colours != colours[..., :1]).any():
        raise ImageError(
            f"{name}: a label file holds one class id a pixel, this one has colours (mode {image.mode}). Give the ids, "
            "not their colours."
        )
    if has_alpha and (values[..., -1] != 255).any():
        raise ImageError(
            f"{name}: a label file holds one class id a pixel, this one has transparent pixels, whose id is not clear. "
            "Save the ids as PNG, grey, 8 bits."
        )
    if ";16" in stored:  # the reader keeps the upper 8 bits only
        raise ImageError(
            f"{name}: a label file holds one class id a pixel, this one several channels of 16 bits. Save the ids as "
            "PNG, grey, 8 bits."
        )
    return colours[..., 0].astype(np.int64)


def _grey_bits(image: Image.Image) -> int | None:
    """How many bits a grey pixel has in the file if less than 8, which the reader scales up to 255; else None."""
    if image.mode == "1":
        return 1
    stored = stored_as(image)
    return next((bits for bits in (2, 4) if image.mode == "L" and stored.startswith(f"L;{bits}")), None)


def _raw_to_train(table: ClassTable, name: str) -> np.ndarray:
    if not table.raw_ids:
        raise ImageError(
            f"{name}: it is not known which ids the label files of these classes hold. Set FOLDER_ROOT to the folder "
            "of their data set, where classes.json or classes.csv says it."
        )
    return table.raw_to_train()


def _undeclared(raw: np.ndarray, to_train: np.ndarray) -> list[int]:
    return [i for i in np.unique(raw).tolist() if not 0 <= i < 256 or to_train[i] < 0]


def _wrong_ids(wrong: list[int], table: ClassTable) -> str:
    said = f"[{', '.join(map(str, wrong[:_SHOWN]))}{', ...' if len(wrong) > _SHOWN else ''}]"
    # Files of train ids lie beside those of label ids, and 255 is what they ignore.
    train_ids = wrong == [IGNORE_INDEX]
    hint = "Are these train ids? Give the label ids." if train_ids else "Is this label file of another data set?"
    return (
        f"class ids {said} are not in the table {table.name!r}, which declares "
        f"{id_list(raw for raw, _ in table.raw_ids)}. {hint}"
    )


def _few(raw: np.ndarray) -> str:
    return id_list(np.unique(raw).tolist())
