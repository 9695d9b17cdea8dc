"""From an image to one class a pixel: whole or in windows, at one scale or several, and predictions as files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int64
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from rsp_lab.data.labels import ClassTable, colour
from rsp_lab.data.sample import Sample
from rsp_lab.files import whole_folder
from rsp_lab.models.segmenter import first_largest, resize_logits
from rsp_lab.rgb import rgb_batch

_LARGEST_SCALE = 16.0


@dataclass(frozen=True)
class Inference:
    """How an image is passed through a network. The default, and the paper's way, is once and whole.

    Attributes:
        window: rows and columns of the windows that slide over the image; None takes it whole.
        overlap: share of a window that it has in common with the next one, at least.
        scales: sizes, as multiples of the image's, over which class probabilities are averaged.
        flip: average with the mirrored image too.
    """

    window: tuple[int, int] | None = None
    overlap: float = 0.33
    scales: tuple[float, ...] = (1.0,)
    flip: bool = False

    def __post_init__(self) -> None:
        if self.window is not None and min(self.window) < 1:
            raise ValueError(f"window must be two positive numbers (rows, columns), got {self.window}.")
        if not 0 <= self.overlap < 1:
            raise ValueError(f"overlap is a share from 0 to below 1, got {self.overlap}.")
        if self.window is None and self.overlap != Inference.overlap:
            raise ValueError("overlap is that of windows, and the image is taken whole: give window with it.")
        if not self.scales or not all(0 < scale <= _LARGEST_SCALE for scale in self.scales):
            raise ValueError(
                f"scales must be one or more numbers above 0 and at most {_LARGEST_SCALE:g}, got {self.scales}."
            )

    @property
    def plain(self) -> bool:
        """One pass over the whole image."""
        return self.window is None and self.scales == (1.0,) and not self.flip


WHOLE = Inference()


def predict(
    model: nn.Module, image: Float[Tensor, "1 3 y x"], inference: Inference | None = None
) -> Int64[Tensor, "y x"]:
    """The most likely class of each pixel; over several passes, by the mean of their probabilities.

    Raises:
        ValueError: if the network gives what is no number, so that no class is the most likely one.
    """
    inference = inference or WHOLE
    if inference.plain:
        return _most_likely(full_size(model(image), image))
    size = image.shape[-2:]
    mean: Tensor | int = 0
    for scale in inference.scales:
        scaled = image
        if scale != 1:
            sides = [max(1, round(side * scale)) for side in size]
            scaled = F.interpolate(image, size=sides, mode="bilinear", align_corners=False, antialias=True)
        for mirrored in (False, True) if inference.flip else (False,):
            logits = slide(model, scaled.flip(3) if mirrored else scaled, inference)
            logits = logits.flip(3) if mirrored else logits
            mean = mean + F.interpolate(logits, size=size, mode="bilinear", align_corners=False).softmax(1)
    return _most_likely(torch.as_tensor(mean))


def full_size(logits: Float[Tensor, "b class v u"], image: Float[Tensor, "b 3 y x"]) -> Float[Tensor, "b class y x"]:
    """Logits at the image's size: many networks of other makes answer at a stride of their own."""
    size = (image.shape[-2], image.shape[-1])
    return logits if logits.shape[-2:] == size else resize_logits(logits, size)


def _most_likely(values: Float[Tensor, "1 class y x"]) -> Int64[Tensor, "y x"]:
    if not values.isfinite().all():
        raise ValueError("the network's output is not finite (NaN or infinite): its weights are damaged or diverged.")
    return first_largest(values[0])


def slide(model: nn.Module, image: Float[Tensor, "1 3 y x"], inference: Inference) -> Float[Tensor, "1 class y x"]:
    """Logits of the whole image; where windows overlap, the mean of theirs.

    Windows are spread evenly and never reach outside; an image smaller than a window is passed whole along that side.
    """
    if inference.window is None:
        return full_size(model(image), image).float()
    rows, columns = (
        _starts(side, part, inference.overlap) for side, part in zip(image.shape[-2:], inference.window, strict=True)
    )
    height, width = inference.window
    total: Tensor | None = None
    counts = torch.zeros(image.shape[-2:], device=image.device)
    for y in rows:
        for x in columns:
            part = image[..., y : y + height, x : x + width]
            logits = full_size(model(part), part).float()
            if total is None:
                total = logits.new_zeros((1, logits.shape[1], *image.shape[-2:]))
            total[..., y : y + height, x : x + width] += logits
            counts[y : y + height, x : x + width] += 1
    assert total is not None  # there is at least one window
    return total / counts


def _starts(side: int, window: int, overlap: float) -> list[int]:
    spare = side - window
    if spare <= 0:
        return [0]
    count = 1 + int(np.ceil(spare / max(1.0, window * (1 - overlap))))
    return [round(spare * index / (count - 1)) for index in range(count)]


def dump_predictions(
    model: nn.Module,
    samples: Iterable[Sample],
    table: ClassTable,
    out: Path,
    inference: Inference,
    protect: Iterable[Path] = (),
) -> int:
    """Writes ``NAME_color.png`` in the palette and ``NAME_labelIds.png`` in the data set's own ids; counts images.

    The second kind is what the Cityscapes server takes. The files appear when all of them are written.

    Args:
        protect: files of the data set, which are not replaced.

    Raises:
        FileError: if the folder cannot be written to, or a file of ``protect`` would be replaced.
    """
    to_raw = table.train_to_raw()
    device = next(model.parameters()).device
    count = 0
    model.eval()
    with whole_folder(out, protect=protect) as folder, torch.inference_mode():
        for sample in samples:
            classes = predict(model, rgb_batch(sample.image, device=device), inference).cpu().numpy()
            Image.fromarray(colour(classes, table)).save(folder / f"{sample.name}_color.png")
            Image.fromarray(to_raw[classes]).save(folder / f"{sample.name}_labelIds.png")
            count += 1
    return count
