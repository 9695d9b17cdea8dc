"""Ten updates of three recipes give the losses kept as text: exactly on the build that wrote them, else to 1e-4.

To write them anew after a change that is meant to change them: GOLDEN_WRITE=1 pytest tests/trainers/test_golden.py
"""

import os
import platform
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from rsp_lab.data.sample import Sample
from rsp_lab.data.transforms import AugmentConfig
from rsp_lab.models import presets
from rsp_lab.models.segmenter import Segmenter
from trainers.batches import training_batches
from trainers.learner import Learner
from trainers.loop import build_criterion, update
from trainers.paper import cityscapes
from trainers.recipes import camvid_tiny_baseline, camvid_tiny_rsp4

FOLDER = Path(__file__).with_name("golden")
TOLERANCE = 1e-4
UPDATES = 10


def cityscapes_sgd():
    """The paper's optimiser and schedule on the tiny network."""
    config = cityscapes("cityscapes_sgd", presets.baseline())
    names = config.model.class_names
    return replace(config, model=presets.tiny_rsp4(names, "cityscapes"), pretrained=False)


RECIPES = {recipe.__name__: recipe for recipe in (camvid_tiny_rsp4, camvid_tiny_baseline, cityscapes_sgd)}


def build() -> str:
    """What must be equal for the losses to be equal to the last bit."""
    cpu = next((line.split(":")[1].strip() for line in _cpu_lines() if line.startswith("model name")), "unknown")
    return f"torch {torch.__version__}, {platform.machine()}, {torch.backends.cpu.get_cpu_capability()}, {cpu}"


def _cpu_lines() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def losses(recipe) -> list[float]:
    config = replace(recipe(), batch_size=2, workers=0, augment=AugmentConfig(crop=(64, 64), scale_step=8))
    rng = np.random.default_rng(0)
    samples = []
    for index in range(4):
        label = np.kron(rng.integers(0, 11, (4, 5)), np.ones((16, 16))).astype(np.uint8)
        image = (label * 20 + rng.integers(0, 30, (3, 64, 80))).astype(np.uint8)
        samples.append(Sample(str(index), torch.from_numpy(image), torch.from_numpy(label)))
    torch.manual_seed(config.seed)
    learner = Learner.build(Segmenter(config.model), config)
    criterion = build_criterion(config, samples)
    batches = training_batches(samples, config, 0)
    return [
        update(learner, criterion, image, label, config, step)
        for step, (image, label) in zip(range(UPDATES), batches, strict=False)
    ]


@pytest.mark.parametrize("name", RECIPES)
def test_ten_updates_are_as_they_were(name):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        ours = losses(RECIPES[name])
    finally:
        torch.set_num_threads(threads)
    path = FOLDER / f"{name}.txt"
    if os.environ.get("GOLDEN_WRITE"):
        path.write_text("\n".join([f"# {build()}", *map(repr, ours), ""]))
    header, *lines = path.read_text().splitlines()
    kept = [float(line) for line in lines]
    if header == f"# {build()}":
        assert ours == kept
    else:
        assert ours == pytest.approx(kept, rel=TOLERANCE)
