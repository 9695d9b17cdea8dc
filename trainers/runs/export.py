"""Finished runs as shipped weights: half precision, with the scores of just these weights in the header."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import nn
from tqdm import tqdm

from rsp_lab.analysis.scenes.rates import SCENES, reading_rates
from rsp_lab.data.pairs import LabelUse
from rsp_lab.data.panoptic.samples import PanopticSamples
from rsp_lab.data.scenes.dataset import DrawnSamples, SceneSplit
from rsp_lab.data.scenes.scene import CASES
from rsp_lab.data.sources import SOURCES, Samples, open_split
from rsp_lab.files import check_target
from rsp_lab.models import weights
from rsp_lab.models.encoder_weights import encoder_weights_terms
from rsp_lab.models.panoptic.config import PanopticConfig
from rsp_lab.models.panoptic.segmenter import PanopticSegmenter
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject
from rsp_lab.models.whole import WholeConfig, WholeModel
from trainers.config.run import RunConfig
from trainers.training.checkpoint import BEST, named_data, named_difficulty
from trainers.training.evaluate import Evaluation, evaluate
from trainers.training.inference import Inference
from trainers.training.logs import versions
from trainers.training.panoptic_scores import PanopticEvaluation, evaluate_panoptic
from trainers.training.task import Scores

CPU = torch.device("cpu")


def describe(config: RunConfig, scores: Scores, updates_done: int, parameters: int) -> dict[str, Any]:
    """What the header of a weights file says about how the weights came to be and what they reach."""
    encoder = encoder_weights_terms(config.model.encoder, config.encoder_weights)
    return {
        "name": config.name,
        "recipe": config.name,
        "data": config.data,
        "terms": "; ".join(filter(None, (SOURCES[config.data].terms, encoder))),
        "budget": {
            "updates": config.steps,
            "updates_done": updates_done,
            "batch": config.batch_size,
            "crop": list(config.augment.largest),
        },
        "seed": config.seed,
        "parameters": parameters,
        "run": config.to_dict(),
        "validation": scores.to_dict(),
        "versions": versions(),
    }


def best_weights(path: Path) -> Path:
    """The weights file that a path means: itself, the best of a run's folder, or shipped weights of that name.

    Raises:
        ValueError: if there is none.
    """
    if path.is_file():
        return path
    if not path.is_dir():
        names = weights.shipped()
        if str(path) in names:
            return names[str(path)]
        raise ValueError(f"{path}: there is no such run or weights file. Check the path. Shipped: {', '.join(names)}.")
    if not (path / BEST).is_file():
        raise ValueError(f"{path}: holds no {BEST}; a run writes it at its first evaluation. Train longer.")
    return path / BEST


def data_of(path: Path, model: WholeModel) -> str:
    """The data set that the weights in ``path`` were trained on; where they do not say, one with their class table.

    Raises:
        ValueError: if there is no such data set.
    """
    for name in (named_data(path), model.semantic.label_table):
        if name in SOURCES:
            return name
    raise ValueError(f"{path}: does not say on which data it was trained. Name it: --data {' | '.join(SOURCES)}.")


def split_for(
    path: Path, model: WholeModel, split: str, data: str | None = None, labels: LabelUse = "required"
) -> Samples:
    """A split of the data set that is named, or else of that on which the weights in ``path`` were trained, drawn
    scenes as difficult as they were there.

    Raises:
        ValueError: for weights that do not say on which data they were trained, or a split that is not there.
    """
    samples = open_split(data or data_of(path, model), split, labels=labels)
    if data or not isinstance(samples, DrawnSamples):
        return samples
    return samples.with_difficulty(named_difficulty(path))


def check_classes(classes: tuple[str, ...], *data: Samples) -> None:
    """Raises a ValueError if a network of these classes was made for others than those of the samples."""
    for samples in data:
        if classes != samples.table.classes:
            raise ValueError(
                f"this network knows the classes {', '.join(classes)}, not those of {samples.table.name}, "
                f"{', '.join(samples.table.classes)}. Take a recipe or weights of this data set."
            )


def check_instances(config: WholeConfig, *data: Samples) -> None:
    """Raises a ValueError if a panoptic network is to learn from samples without things, or from other things."""
    if not isinstance(config, PanopticConfig):
        return
    for samples in data:
        if not isinstance(samples, PanopticSamples):
            raise ValueError(
                f"a panoptic network learns from things that are told apart, and {samples.table.name} has none: take "
                "--data panoptic-scenes, small-panoptic-scenes or coco."
            )
        check_things(config, samples)


def check_things(config: PanopticConfig, samples: PanopticSamples) -> None:
    """Raises a ValueError if a network tells other things apart than those of the samples."""
    things = tuple(category.name for category in samples.panoptic.things)
    if config.things != things:
        raise ValueError(
            f"this network tells apart {', '.join(config.things)}, not the things of {samples.panoptic.name}, "
            f"{', '.join(things)}. Take a recipe or weights of this data set."
        )


def check_whole(inference: Inference | None) -> None:
    """Raises a ValueError unless an image is passed through the network once and whole, as things are found."""
    if inference is not None and not inference.plain:
        raise ValueError(
            "things are found in an image that is passed once and whole: leave window, scales and flip as they are."
        )


def score(model: WholeModel, samples: Samples, inference: Inference | None = None) -> Evaluation | PanopticEvaluation:
    """The model's scores on a data set; those of things too, where the model and the data set tell them apart.

    Raises:
        ValueError: if the model was made for other classes, or things are to be found in parts of an image.
    """
    check_classes(model.class_names, samples)
    if isinstance(model, PanopticSegmenter) and isinstance(samples, PanopticSamples):
        check_things(model.config, samples)
        check_whole(inference)
        return evaluate_panoptic(model, samples)
    return evaluate(model.semantic, samples, model.class_names, inference)


def save_weights(model: WholeModel, path: Path, metadata: dict[str, Any]) -> None:
    """Writes a run's weights in full precision; where that fails, a file that was there before is left as it was."""
    weights.save(model, path, metadata, dtype=torch.float32)


def export_half(
    run: Path,
    output: Path,
    name: str,
    samples: Samples,
    network: nn.Module | None = None,
    device: torch.device = CPU,
    data: str = "",
) -> Scores:
    """Writes a run's best weights in half precision to ``output`` and returns their scores on ``samples``.

    The scores in the header are those of the rounded weights, not of the float32 ones; on drawn scenes, how many
    readings of test scenes they get right is stated too.

    Args:
        network: as of :func:`rsp_lab.models.weights.load`.
        device: where the weights are scored.
        data: for the header, what they were trained on, where they do not say it.

    Raises:
        ValueError: if the run has no best weights yet.
    """
    best = best_weights(run)
    check_target(output, [best])
    metadata = weights.read_header(best)[1] | {"name": name, "precision": "float16", "versions": versions()}
    if data:
        metadata["data"] = data
    with tempfile.TemporaryDirectory() as folder:
        rounded = Path(folder) / output.name
        weights.save(weights.load(best, network), rounded, metadata, dtype=torch.float16)
        model = weights.load(rounded, network).to(device)
    scores = score(model, samples)
    metadata |= {"validation": scores.to_dict()}
    if isinstance(samples, SceneSplit):
        metadata["regions"] = _read_regions(model.semantic, samples.size)
    output.parent.mkdir(parents=True, exist_ok=True)
    weights.save(model, output, metadata, dtype=torch.float16)
    return scores


def _read_regions(model: Segmenter | Subject, size: tuple[int, int]) -> dict[str, dict[str, float]]:
    with tqdm(total=len(CASES) * SCENES, desc="regions", unit="scene") as bar:
        rates = reading_rates(model, size=size, report=lambda _: bar.update())
    return {case: rate.to_dict() for case, rate in rates.items()}
