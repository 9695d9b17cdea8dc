"""The training loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from rsp_lab.data.sample import SampleSet
from rsp_lab.data.transforms import Crop
from rsp_lab.interruption import Interrupted, StopSignal
from trainers.config.run import RunConfig
from trainers.training import distributed
from trainers.training.batches import training_batches
from trainers.training.checkpoint import Progress, resume, save_last
from trainers.training.evaluate import Evaluation, evaluate
from trainers.training.guard import NonFiniteLossError, guarded
from trainers.training.learner import Learner
from trainers.training.logs import open_log
from trainers.training.losses import Criterion, class_weights
from trainers.training.memory import keep_freed_memory
from trainers.training.preflight import any_labelled, check_run

SaveBest = Callable[[nn.Module, Evaluation, int], None]
"""Called with the network that was scored, its scores and the updates done."""


def train(
    config: RunConfig,
    model: nn.Module,
    train_set: SampleSet,
    val_set: SampleSet,
    run: Path,
    save_best: SaveBest,
) -> Progress:
    """Trains ``model`` in place up to ``config.steps`` updates, from the run's last state if there is one.

    On a CPU an interrupted and resumed run ends with the same weights, bit for bit, as one without a break.

    Args:
        model: maps images [b, 3, y, x] in [0, 1] to logits [b, class, y, x].
        run: the run's folder, for its log and its state.
        save_best: keeps the network with its scores; called whenever the validation mIoU is the best so far.

    Raises:
        CheckpointError: if the run's last state does not fit this configuration.
        ValueError: as :func:`~trainers.training.preflight.check_run`, before anything is written; or if the loss is no
            longer finite.
        Interrupted: on SIGINT or SIGTERM, after the state was saved.
    """
    check_run(config, model, train_set)
    keep_freed_memory()
    learner = Learner.build(model, config)
    progress = resume(run, config, learner)
    criterion = build_criterion(config, train_set)
    batches = iter(training_batches(train_set, config, start=progress.step))
    with open_log(run, config, progress.step) as log, StopSignal() as stop:
        if progress.step:
            log.say(f"resumes {run} after {progress.step} of {config.steps} updates")
        if not any_labelled(val_set):
            log.say("no pixel of any validation label has a class: there will be no scores and no best weights")
        while progress.step < config.steps:
            asked = time.perf_counter()
            batch = next(batches)
            log.waited(time.perf_counter() - asked)

            with guarded(run, train_set, config, progress.step, batch):
                progress.losses.append(update(learner, criterion, batch, config, progress.step))
            learning_rate = config.learning_rate(progress.step)
            progress.step += 1

            last = progress.step == config.steps
            if last or progress.step % config.log_every == 0:
                log.training(progress.step, sum(progress.losses) / len(progress.losses), learning_rate)
                progress.losses.clear()
            if last or progress.step % config.eval_every == 0:
                began = time.perf_counter()
                scores = evaluate(learner.evaluated, val_set, config.model.class_names)
                log.validation(progress.step, scores.to_dict(), time.perf_counter() - began)
                keep_best(learner.evaluated, scores, progress, save_best)
            stopping = distributed.anywhere(stop.asked, config.device)
            if last or stopping or is_due(progress.step, config):
                save_last(run, config, progress, learner)
            if stopping and not last:
                raise Interrupted(f"stopped after {progress.step} updates; the same command resumes {run} from there")
    return progress


def update(learner: Learner, criterion: Criterion, batch: Crop, config: RunConfig, step: int) -> float:
    """One update; returns the loss before it, a mean over the labelled pixels of all parts and processes.

    Raises:
        NonFiniteLossError: before the weights are touched.
    """
    # Whatever draws random numbers inside the network must not depend on where a run was resumed.
    torch.manual_seed(config.seed * 1_000_003 + step + (distributed.rank() << 40))
    for group in learner.optimiser.param_groups:
        group["lr"] = config.learning_rate(step) * group["factor"]
    learner.optimiser.zero_grad(set_to_none=True)
    image, label, region = (values.to(config.device, non_blocking=True) for values in batch)
    weight = distributed.total(criterion.weight(label, region)).clamp(min=1)
    value = torch.zeros((), device=weight.device)
    parts = list(zip(*(values.chunk(config.accumulate) for values in (image, label, region)), strict=True))
    for number, (part, truth, inside) in enumerate(parts, start=1):
        with learner.synchronised(last=number == len(parts)):
            with learner.autocast():
                logits = learner.network(part)
            loss = criterion.total(logits, truth, inside) / weight
            # The wrapper of several processes averages their gradients; their sum is that of the whole batch.
            learner.scaler.scale(loss * distributed.size()).backward()
        value += loss.detach()
    mean = float(distributed.total(value))
    if not math.isfinite(mean):
        raise NonFiniteLossError(mean)
    learner.step(config.optimiser.clip_norm)
    return mean


def build_criterion(config: RunConfig, train_set: SampleSet) -> Criterion:
    """The run's loss; class weights are counted over the training labels."""
    if not config.loss.balanced:
        return Criterion(config.loss)
    samples = (train_set[index] for index in range(len(train_set)))
    return Criterion(config.loss, class_weights(samples, len(config.model.class_names)))


def is_due(step: int, config: RunConfig) -> bool:
    """Whether the state after ``step`` updates is saved."""
    return step % config.checkpoint_every == 0 or (config.keep_every > 0 and step % config.keep_every == 0)


def keep_best(model: nn.Module, scores: Evaluation, progress: Progress, save_best: SaveBest) -> None:
    """Has the network saved by the first process if its mIoU is the best so far.

    An mIoU that is NaN is no score: it is never the best, and as the best of an older state it stands for none.
    """
    best = progress.best_miou
    if scores.miou > (-math.inf if best is None or math.isnan(best) else best):
        progress.best_miou = scores.miou
        if not distributed.rank():
            save_best(model, scores, progress.step)
