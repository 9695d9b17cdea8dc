"""Drawn streets with CamVid's classes."""

from __future__ import annotations

import torch

from rsp_lab.data.labels import CAMVID, CITYSCAPES
from rsp_lab.data.sample import Sample
from rsp_lab.data.scenes.scene import LEAST, draw_scene

# CamVid's name of each class of Cityscapes that has another one there.
_CAMVID_NAMES = {
    "sidewalk": "pavement",
    "wall": "building",
    "traffic light": "sign symbol",
    "traffic sign": "sign symbol",
    "vegetation": "tree",
    "terrain": "tree",
    "person": "pedestrian",
    "rider": "bicyclist",
    "motorcycle": "bicyclist",
    "bicycle": "bicyclist",
    "truck": "car",
    "bus": "car",
    "train": "car",
}


def draw_street(seed: int, height: int, width: int) -> Sample:
    """The upper left part of a drawn scene, every pixel labelled."""
    ids = torch.full((256,), CAMVID.index("building"), dtype=torch.uint8)
    for index, name in enumerate(CITYSCAPES.classes):
        ids[index] = CAMVID.index(_CAMVID_NAMES.get(name, name))
    scene = draw_scene(seed, max(height, LEAST[0]), max(width, LEAST[1]))
    image, label = scene.image[:, :height, :width].contiguous(), scene.label[:height, :width]
    return Sample(scene.name, image, ids[label.long()])
