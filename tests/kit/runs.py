"""Run folders as training writes them, without training."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from trainers.config.recipes import RECIPES
from trainers.training.logs import RunLog

CLASSES = ("road", "person", "rider")


def write_run(root: Path, name: str, best: float = 0.4, seed: int = 0, updates: int = 40) -> Path:
    """A run of ``updates`` with a line each 10 and two evaluations, the first of which is the better one."""
    folder = root / name
    folder.mkdir(parents=True)
    config = replace(RECIPES["scenes_tiny_rsp4"](), steps=updates, seed=seed, num_threads=1)
    with RunLog(folder, config, 0) as log:
        for step in range(10, updates + 1, 10):
            log.training(step, 2.0 / step, 1e-3 * (1 - step / (updates + 10)))
            if step in (updates // 2, updates):
                log.validation(step, scores(best if step == updates // 2 else best - 0.1), 1.5)
    return folder


def scores(miou: float) -> dict[str, object]:
    iou = dict(zip(CLASSES, (miou + 0.1, miou - 0.1, None), strict=True))
    return {"images": 7, "miou": round(miou, 6), "pixel_accuracy": 0.9 if math.isfinite(miou) else math.nan, "iou": iou}
