"""One run from its recipe to its best weights."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from rsp_lab.data.pairs import FileSamples
from rsp_lab.data.scenes.dataset import DrawnSamples
from rsp_lab.data.scenes.difficulty import DEFAULT
from rsp_lab.data.sources import Samples, open_split
from rsp_lab.models.encoder_weights import load_encoder_weights
from rsp_lab.models.run_state import LAST
from rsp_lab.models.whole import WholeModel, build_model
from trainers.config.paper import differences
from trainers.config.run import RunConfig
from trainers.runs.export import check_classes, check_instances, describe, save_weights
from trainers.training import distributed
from trainers.training.checkpoint import BEST, Progress
from trainers.training.cpu_time import cpu_notice, training_speed
from trainers.training.loop import train
from trainers.training.task import Scores, measure_of


def run_recipe(config: RunConfig, run: Path, samples: tuple[Samples, Samples] | None = None) -> Progress:
    """Trains a recipe in the folder ``run``, from where it was interrupted if it was; under torchrun in processes.

    Args:
        run: for state, weights and logs.
        samples: train and val, where several runs share them in memory; opened from the recipe if not given.

    Raises:
        ValueError: if the data, the device or the state in the folder cannot be used.
        Interrupted: on SIGINT or SIGTERM, after the state was saved.
    """
    with distributed.joined(config.device) as device:
        config = replace(config, device=str(device))
        train_set, val_set = samples or (_opened(config, "train"), _opened(config, "val"))
        check_classes(config.model.class_names, train_set, val_set)
        check_instances(config.model, train_set, val_set)
        notices = notices_of(config, device)
        if isinstance(train_set, FileSamples) and isinstance(val_set, FileSamples) and train_set.files == val_set.files:
            notices.append("train and val are the same images: scores are of what the network was trained on")
        for line in notices if not distributed.rank() else ():
            print(line, file=sys.stderr)
        torch.manual_seed(config.seed)
        model = _initial_model(config, resuming=(run / LAST).exists())

        def save_best(scored: nn.Module, scores: Scores, updates_done: int) -> None:
            assert isinstance(scored, WholeModel)
            parameters = sum(p.numel() for p in scored.parameters())
            save_weights(scored, run / BEST, describe(config, scores, updates_done, parameters))

        progress = train(config, model, train_set, val_set, run, save_best)
        if not distributed.rank():
            print(f"{progress.step} updates done; {_best(progress, run, measure_of(config))}")
        return progress


def notices_of(config: RunConfig, device: torch.device) -> list[str]:
    """What is said of a run of the paper before it starts: how it differs, and what it takes where there is no GPU."""
    notices = [f"differs from the paper: {line}" for line in differences(config)]
    if notices and device.type == "cpu":
        notices.append(cpu_notice(config, training_speed(config.num_threads)))
    return notices


def _opened(config: RunConfig, split: str) -> Samples:
    samples, difficulty = open_split(config.data, split, cache=True), config.scenes.difficulty
    if isinstance(samples, DrawnSamples):
        return samples.with_difficulty(difficulty)
    if difficulty != DEFAULT:
        raise ValueError("scenes.difficulty is for drawn scenes: take --data scenes, or leave it off.")
    return samples


def _initial_model(config: RunConfig, resuming: bool) -> WholeModel:
    """The network before its first update; a run that goes on has its weights in its state, and needs none here."""
    source = "scratch" if resuming else config.encoder_weights
    model = build_model(config.model, pretrained=source == "library")
    if source not in ("scratch", "library"):
        if not config.model.encoder or model.encoder is None:
            raise ValueError(
                f"encoder_weights {source!r}: it is not known what the encoder of this network is. Leave it at "
                "scratch; the function that makes the network can load them."
            )
        load_encoder_weights(model.encoder, config.model.encoder, source)
    return model


def _best(progress: Progress, run: Path, measure: str) -> str:
    """What is known of the best weights."""
    if progress.best is None:
        return "no best weights: no evaluation gave a score, since no labelled pixel of val belongs to a class"
    score = f"best val {measure} {100 * progress.best:.2f}"
    return f"{score} in {run / BEST}" if (run / BEST).is_file() else f"{score}, but {run / BEST} is not there any more"
