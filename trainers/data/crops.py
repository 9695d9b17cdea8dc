"""A picture of what a recipe feeds to its network."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from rsp_lab.data.labels import colour
from rsp_lab.data.sources import Samples
from rsp_lab.files import check_target, write_atomic
from trainers.config.run import RunConfig
from trainers.training.batches import TrainingImages

_COLUMNS = 4
_GAP = 4
MOST = 200
"""Crops that a sheet has room for."""


def crop_sheet(samples: Samples, config: RunConfig, number: int) -> Image.Image:
    """The first ``number`` augmented images of a run, each above its label in the palette; ignored pixels are black.

    Raises:
        ValueError: if ``number`` is not positive, or more than :data:`MOST`.
    """
    if not 1 <= number <= MOST:
        raise ValueError(f"the number of crops must be from 1 to {MOST}, got {number}.")
    images = TrainingImages(samples, config)
    drawn = [images[divmod(index, config.batch_size)] for index in range(number)]
    height, width = (max(sides) for sides in zip(*(tuple(one.label.shape) for one in drawn), strict=True))
    columns = min(_COLUMNS, number)
    rows = -(-number // columns)
    sheet = Image.new("RGB", (columns * (width + _GAP) - _GAP, rows * (2 * height + 2 * _GAP) - _GAP), "white")
    for index, one in enumerate(drawn):
        pixels = (one.image.permute(1, 2, 0) * 255).round().numpy().astype(np.uint8)
        x, y = (index % columns) * (width + _GAP), (index // columns) * (2 * height + 2 * _GAP)
        sheet.paste(Image.fromarray(pixels), (x, y))
        sheet.paste(Image.fromarray(colour(one.label.numpy(), samples.table)), (x, y + height))
    return sheet


def check_picture(path: Path) -> str:
    """Pillow's name of the format that a path ends in.

    Raises:
        ValueError: for an ending that is none of a picture.
        FileError: for a path that cannot be written to.
    """
    kind = Image.registered_extensions().get(path.suffix.lower())
    if kind not in Image.SAVE:
        raise ValueError(f"{path}: has not the ending of a picture. Name one, such as {path.stem}.png.")
    check_target(path)
    return kind


def write_picture(picture: Image.Image, path: Path) -> None:
    """Writes a picture whole or not at all; raises as :func:`check_picture`."""
    content = io.BytesIO()
    picture.save(content, check_picture(path))
    write_atomic(path, content.getvalue())
