"""Small panoptic models, and truths for them."""

from __future__ import annotations

import torch
from torch import Tensor

from rsp_lab.data.sample import Instances
from rsp_lab.models.panoptic import presets
from rsp_lab.models.panoptic.config import PanopticConfig
from rsp_lab.models.panoptic.segmenter import PanopticSegmenter

THINGS = ("car", "person", "bus")
STUFF = ("road", "tree", "sky", "house")
SIZE = (64, 128)


def panoptic_network(config: PanopticConfig | None = None, seed: int = 0) -> PanopticSegmenter:
    """Untrained, in eval mode; its weights follow from the seed."""
    torch.manual_seed(seed)
    return PanopticSegmenter(config or presets.tiny_panoptic_rsp4(THINGS, STUFF)).eval()


def boxed(*things: tuple[int, slice, slice], size: tuple[int, int] = SIZE) -> Instances:
    """Rectangular things: class, rows and columns of each."""
    masks = torch.zeros(len(things), *size, dtype=torch.bool)
    for mask, (_, rows, columns) in zip(masks, things, strict=True):
        mask[rows, columns] = True
    return Instances(masks, torch.tensor([kind for kind, _, _ in things], dtype=torch.int64))


def two_images() -> tuple[Tensor, Tensor, list[Instances]]:
    """Images, labels and instances of a batch, each thing in a colour of its own; the second one has no thing."""
    colours = torch.tensor([[0.9, 0.1, 0.1], [0.1, 0.2, 0.9]])
    things = boxed((0, slice(30, 54), slice(8, 44)), (1, slice(12, 60), slice(80, 100)))
    image = torch.full((2, 3, *SIZE), 0.5)
    label = torch.ones(2, *SIZE, dtype=torch.int64)
    label[:, : SIZE[0] // 2] = 3
    image[:, :, : SIZE[0] // 2] = 0.8
    for mask, kind in zip(things.masks, things.classes.tolist(), strict=True):
        image[0, :, mask] = colours[kind][:, None]
        label[0, mask] = 0
    label[:, 0] = 255
    return image, label, [things, boxed()]
