"""Ten updates of three recipes give the losses kept as text.

In float64 and without the colour transforms: after ten updates two CPUs differ by parts in a thousand in float32.

To write them anew after a change that is meant to change them:
GOLDEN_WRITE=1 pytest tests/trainers/training/test_golden.py
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from rsp_lab.data.sample import Sample
from rsp_lab.data.transforms import AugmentConfig
from rsp_lab.models import presets
from rsp_lab.models.segmenter import Segmenter
from trainers.config.paper import cityscapes
from trainers.config.recipes import camvid_tiny_baseline, camvid_tiny_rsp4
from trainers.config.run import RunConfig
from trainers.training.batches import training_batches
from trainers.training.learner import Learner
from trainers.training.loop import update
from trainers.training.losses import TOTAL
from trainers.training.task import build_task

FOLDER = Path(__file__).with_name("golden")
TOLERANCE = 1e-6
UPDATES = 10


def cityscapes_sgd() -> RunConfig:
    """The paper's optimiser and schedule on the tiny network."""
    config = cityscapes("cityscapes_sgd", presets.baseline())
    names = config.model.class_names
    return replace(config, model=presets.tiny_rsp4(names, "cityscapes"), encoder_weights="scratch")


RECIPES = {recipe.__name__: recipe for recipe in (camvid_tiny_rsp4, camvid_tiny_baseline, cityscapes_sgd)}


def initialised(model: Segmenter) -> Segmenter:
    """With weights from numpy: torch's normal distribution differs in the last bit from CPU to CPU."""
    rng = np.random.default_rng(1)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim > 1:
                bound = (3 / weight[0].numel()) ** 0.5
                weight.copy_(torch.from_numpy(rng.uniform(-bound, bound, weight.shape)))
            elif name.endswith("bias"):
                weight.zero_()
    return model


def losses(recipe: Callable[[], RunConfig]) -> list[float]:
    augment = AugmentConfig(crop=(64, 64), scale_step=8, colour=False)
    config = replace(recipe(), batch_size=2, workers=0, augment=augment)
    rng = np.random.default_rng(0)
    samples = []
    for index in range(4):
        label = np.kron(rng.integers(0, 11, (4, 5)), np.ones((16, 16))).astype(np.uint8)
        image = (label * 20 + rng.integers(0, 30, (3, 64, 80))).astype(np.uint8)
        samples.append(Sample(str(index), torch.from_numpy(image), torch.from_numpy(label)))
    torch.manual_seed(config.seed)
    learner = Learner.build(initialised(Segmenter(config.model).double()), config)
    task = build_task(config, samples)
    batches = training_batches(samples, config, 0)
    return [
        update(learner, task, batch._replace(image=batch.image.double()), config, step)[TOTAL]
        for step, batch in zip(range(UPDATES), batches, strict=False)
    ]


@pytest.mark.parametrize("name", RECIPES)
def test_ten_updates_are_as_they_were(name: str) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        ours = losses(RECIPES[name])
    finally:
        torch.set_num_threads(threads)
    path = FOLDER / f"{name}.txt"
    if os.environ.get("GOLDEN_WRITE"):
        path.write_text("\n".join([*map(repr, ours), ""]))
    assert ours == pytest.approx([float(line) for line in path.read_text().splitlines()], rel=TOLERANCE)
