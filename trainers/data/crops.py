"""A picture of what a recipe feeds to its network."""

from __future__ import annotations

import numpy as np
from PIL import Image

from rsp_lab.data.labels import colour
from rsp_lab.data.sources import Samples
from trainers.config.run import RunConfig
from trainers.training.batches import Crops

_COLUMNS = 4
_GAP = 4


def crop_sheet(samples: Samples, config: RunConfig, number: int) -> Image.Image:
    """The first ``number`` augmented crops of a run, each above its label in the palette; ignored pixels are black.

    Raises:
        ValueError: if ``number`` is not positive.
    """
    if number < 1:
        raise ValueError(f"the number of crops must be at least 1, got {number}.")
    crops = Crops(samples, config.augment, config.batch_size, config.seed)
    height, width = config.augment.crop
    columns = min(_COLUMNS, number)
    rows = -(-number // columns)
    sheet = Image.new("RGB", (columns * (width + _GAP) - _GAP, rows * (2 * height + 2 * _GAP) - _GAP), "white")
    for index in range(number):
        image, label = crops[divmod(index, config.batch_size)]
        pixels = (image.permute(1, 2, 0) * 255).round().numpy().astype(np.uint8)
        x, y = (index % columns) * (width + _GAP), (index // columns) * (2 * height + 2 * _GAP)
        sheet.paste(Image.fromarray(pixels), (x, y))
        sheet.paste(Image.fromarray(colour(label.numpy(), samples.table)), (x, y + height))
    return sheet
