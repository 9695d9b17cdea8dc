"""Regions to ask about, as ``rl.regions``: each function cuts one out of a label map and returns a target.

A label map is (y, x) of the image's size, train ids: a model's prediction or the ground truth. What comes back goes
wherever a target goes::

    labels = model(image)[0].argmax(0)
    car = rl.regions.connected_region(labels, (200, 120))           # what hangs together with this pixel
    edge = rl.regions.class_border(labels, "road", "car", model.class_names, within=8)
    ledger = rl.context_ledger(model, image, car)

A class or rival that is left open is what the model predicts there; see :class:`RegionTarget`. A region of your own is
``rl.RegionTarget(mask, "car")``.
"""

from __future__ import annotations

from rsp_lab.analysis.targets.regions import (
    class_border,
    class_zone,
    connected_region,
    connected_regions,
    flipped_region,
    whole_image,
)
from rsp_lab.analysis.targets.target import PixelTarget, RegionTarget

__all__ = [
    "PixelTarget",
    "RegionTarget",
    "class_border",
    "class_zone",
    "connected_region",
    "connected_regions",
    "flipped_region",
    "whole_image",
]
