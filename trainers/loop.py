"""The training loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import Dataset

from rsp_lab.data.sample import Sample
from trainers.batches import training_batches
from trainers.checkpoint import Progress, resume, save_last
from trainers.config import RunConfig
from trainers.evaluate import Evaluation, evaluate
from trainers.logs import RunLog
from trainers.stop import StopSignal

IGNORE = 255

SaveBest = Callable[[Evaluation, int], None]
"""Called with the model's scores and the updates done."""


class Interrupted(Exception):
    """The run was asked to stop; its state is saved."""


def train(
    config: RunConfig,
    model: nn.Module,
    train_set: Dataset[Sample],
    val_set: Iterable[Sample],
    run: Path,
    save_best: SaveBest,
) -> Progress:
    """Trains ``model`` in place up to ``config.steps`` updates, from the run's last state if there is one.

    On a CPU an interrupted and resumed run ends with the same weights, bit for bit, as one without a break.

    Args:
        model: maps images [b, 3, y, x] in [0, 1] to logits [b, class, y, x].
        run: the run's folder, for its log and its state.
        save_best: keeps ``model`` with its scores; called whenever the validation mIoU is the best so far.

    Raises:
        CheckpointError: if the run's last state does not fit this configuration.
        ValueError: if there is no such device, or the loss is no longer a number.
        Interrupted: on SIGINT or SIGTERM, after the state was saved.
    """
    if config.device.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(f"--device {config.device}: torch finds no CUDA device here. Use --device cpu.")
    if config.num_threads:
        torch.set_num_threads(config.num_threads)
    model.to(config.device).train()
    optimiser = config.optimiser.build(model.parameters())
    progress = resume(run, config, model, optimiser)
    batches = iter(training_batches(train_set, config, start=progress.step))
    with RunLog(run, config, progress.step) as log, StopSignal() as stop:
        if progress.step:
            log.say(f"resumes {run} after {progress.step} of {config.steps} updates")
        while progress.step < config.steps:
            asked = time.perf_counter()
            image, label = next(batches)
            log.waited(time.perf_counter() - asked)

            learning_rate = config.learning_rate(progress.step)
            progress.losses.append(update(model, optimiser, image, label, learning_rate, config, progress.step))
            progress.step += 1

            last = progress.step == config.steps
            if last or progress.step % config.log_every == 0:
                log.training(progress.step, sum(progress.losses) / len(progress.losses), learning_rate)
                progress.losses.clear()
            if last or progress.step % config.eval_every == 0:
                began = time.perf_counter()
                scores = evaluate(model, val_set, config.model.class_names)
                log.validation(progress.step, scores.to_dict(), time.perf_counter() - began)
                keep_best(scores, progress, save_best)
            if last or stop.asked or progress.step % config.checkpoint_every == 0:
                save_last(run, config, progress, model, optimiser)
            if stop.asked and not last:
                raise Interrupted(f"stopped after {progress.step} updates; the same command resumes {run} from there")
    return progress


def update(
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    image: Tensor,
    label: Tensor,
    learning_rate: float,
    config: RunConfig,
    step: int,
) -> float:
    """One update; returns the loss before it."""
    # Whatever draws random numbers inside the network must not depend on where a run was resumed.
    torch.manual_seed(config.seed * 1_000_003 + step)
    for group in optimiser.param_groups:
        group["lr"] = learning_rate
    optimiser.zero_grad(set_to_none=True)
    logits = model(image.to(config.device, non_blocking=True))
    loss = segmentation_loss(logits, label.to(config.device, non_blocking=True))
    loss.backward()
    if config.optimiser.clip_norm is not None:
        nn.utils.clip_grad_norm_(model.parameters(), config.optimiser.clip_norm)
    optimiser.step()
    value = float(loss.detach())
    if value != value:
        raise ValueError(f"the loss is not a number at step {step}; lower --optimiser.learning-rate.")
    return value


def segmentation_loss(logits: Tensor, label: Tensor) -> Tensor:
    """Mean cross entropy, in float32, over the labelled pixels; zero where a batch has none."""
    total = F.cross_entropy(logits.float(), label, ignore_index=IGNORE, reduction="sum")
    return total / (label != IGNORE).sum().clamp(min=1)


def keep_best(scores: Evaluation, progress: Progress, save_best: SaveBest) -> None:
    """Has the model saved if its mIoU is the best so far."""
    if progress.best_miou is None or scores.miou > progress.best_miou:
        progress.best_miou = scores.miou
        save_best(scores, progress.step)
