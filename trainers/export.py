"""Finished runs as shipped weights: half precision, with the scores of just these weights in the header."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import torch

from rsp_lab.data.camvid import TERMS, CamVid
from rsp_lab.models import weights
from rsp_lab.models.segmenter import Segmenter
from trainers.checkpoint import BEST
from trainers.config import RunConfig
from trainers.evaluate import Evaluation, evaluate
from trainers.logs import versions


def describe(config: RunConfig, scores: Evaluation, updates_done: int) -> dict[str, Any]:
    """What the header of a weights file says about how the weights came to be and what they reach."""
    return {
        "name": config.name,
        "recipe": config.name,
        "data": config.data,
        "terms": TERMS,
        "budget": {
            "updates": config.steps,
            "updates_done": updates_done,
            "batch": config.batch_size,
            "crop": list(config.augment.crop),
        },
        "seed": config.seed,
        "run": config.to_dict(),
        "validation": scores.to_dict(),
        "versions": versions(),
    }


def best_weights(path: Path) -> Path:
    """The weights file that a path means: itself, or the best of a run's folder.

    Raises:
        ValueError: if there is none.
    """
    if path.is_file():
        return path
    if not path.is_dir():
        raise ValueError(f"{path}: there is no such run or weights file. Check the path.")
    if not (path / BEST).is_file():
        raise ValueError(f"{path}: holds no {BEST}; a run writes it at its first evaluation. Train longer.")
    return path / BEST


def score(model: Segmenter, samples: CamVid) -> Evaluation:
    """The model's scores on a data set.

    Raises:
        ValueError: if the model was made for other classes.
    """
    if model.config.class_names != samples.table.classes:
        raise ValueError(
            f"these weights know the classes {', '.join(model.config.class_names)}, not those of {samples.table.name}. "
            "Evaluate weights that were trained on this data set."
        )
    return evaluate(model, samples, model.config.class_names)


def export_half(run: Path, output: Path, name: str, samples: CamVid) -> Evaluation:
    """Writes a run's best weights in half precision to ``output`` and returns their scores on ``samples``.

    The scores in the header are those of the rounded weights, not of the float32 ones.

    Raises:
        ValueError: if the run has no best weights yet.
    """
    best = best_weights(run)
    metadata = weights.read_header(best)[1] | {"name": name, "precision": "float16", "versions": versions()}
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.") as folder:
        rounded = Path(folder) / output.name
        weights.save(weights.load(best), rounded, metadata, dtype=torch.float16)
        model = weights.load(rounded)
        scores = score(model, samples)
        weights.save(model, rounded, metadata | {"validation": scores.to_dict()}, dtype=torch.float16)
        os.replace(rounded, output)
    return scores
