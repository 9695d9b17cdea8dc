"""What a model says at one pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor

from rsp_lab.models.segmenter import logits_at
from rsp_lab.shapes import checked_pixel
from rsp_lab.summary import Summarised
from rsp_lab.text import rounded


@dataclass(frozen=True)
class PixelAnswer(Summarised):
    """What a model says at one pixel.

    Attributes:
        label, runner_up: class names.
        margin: logits of the label over the runner-up.
        logits: by class name.
    """

    label: str
    runner_up: str
    margin: float
    logits: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        return {
            "label": self.label,
            "runner_up": self.runner_up,
            "margin_logits": rounded(self.margin, 4),
            "logits": rounded(self.logits, 4),
        }


def pixel_answer(
    logits: Float[Tensor, "1 class v u"], pixel: tuple[int, int], size: tuple[int, int], class_names: Sequence[str]
) -> PixelAnswer:
    """The logits of one pixel (y, x), ranked; of equal ones the first class comes first.

    Args:
        logits: of the model, at stride 4.
        pixel: (y, x).
        size: (y, x) of the image.
        class_names: in the order of the logits; with one class, it is its own runner-up.

    Raises:
        ValueError: if the pixel lies outside the image.
    """
    pixel = checked_pixel(pixel, size)
    here = logits_at(logits, pixel, size).double().tolist()
    by_name = dict(zip(class_names, here, strict=True))
    ranked = sorted(by_name, key=lambda name: -by_name[name])
    first, second = ranked[0], ranked[min(1, len(ranked) - 1)]
    return PixelAnswer(first, second, by_name[first] - by_name[second], by_name)
