"""The training loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from rsp_lab.data.sample import SampleSet
from rsp_lab.interruption import Interrupted, StopSignal
from trainers.config.run import RunConfig
from trainers.training import distributed
from trainers.training.batches import training_batches
from trainers.training.checkpoint import Progress, resume, save_last
from trainers.training.guard import NonFiniteLossError, guarded
from trainers.training.learner import Learner
from trainers.training.logs import open_log
from trainers.training.losses import TOTAL
from trainers.training.memory import keep_freed_memory
from trainers.training.preflight import any_labelled, check_run
from trainers.training.task import Batch, Scores, Task, build_task

SaveBest = Callable[[nn.Module, Scores, int], None]
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

    On a CPU an interrupted and resumed run ends with the same weights, bit for bit, as one without a break. Of one that
    is finished nothing is written anew.

    Args:
        model: of the kind that the configuration's task trains, images being [b, 3, y, x] in [0, 1].
        run: the run's folder, for its log and its state.
        save_best: keeps the network with its scores; called whenever the validation score is the best so far.

    Raises:
        CheckpointError: if the run's last state does not fit this configuration.
        ValueError: as :func:`~trainers.training.preflight.check_run`, before anything is written; or if the loss is no
            longer finite.
        Interrupted: on SIGINT or SIGTERM, after the state was saved.
    """
    check_run(config, model, train_set)
    keep_freed_memory()
    task = build_task(config, train_set)
    learner = Learner.build(model, config, task.network(model))
    progress = resume(run, config, learner)
    if progress.step == config.steps:
        return progress
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
                losses = update(learner, task, batch, config, progress.step)
            learning_rate = config.learning_rate(progress.step)
            progress.count(losses)

            last = progress.step == config.steps
            if last or progress.step % config.log_every == 0:
                log.training(progress.step, progress.means(), learning_rate)
            if last or progress.step % config.eval_every == 0:
                began = time.perf_counter()
                scores = task.evaluate(learner.evaluated, val_set)
                log.validation(progress.step, scores, time.perf_counter() - began)
                keep_best(learner.evaluated, scores, progress, save_best)
            stopping = distributed.anywhere(stop.asked, learner.device)
            if last or stopping or is_due(progress.step, config):
                save_last(run, config, progress, learner)
            if stopping and not last:
                raise Interrupted(f"stopped after {progress.step} updates; the same command resumes {run} from there")
    return progress


def update(learner: Learner, task: Task, batch: Batch, config: RunConfig, step: int) -> dict[str, float]:
    """One update; returns the losses before it, of all parts and processes together.

    Raises:
        NonFiniteLossError: before the weights are touched.
    """
    # Whatever draws random numbers inside the network must not depend on where a run was resumed.
    torch.manual_seed(config.seed * 1_000_003 + step + (distributed.rank() << 40))
    for group in learner.optimiser.param_groups:
        group["lr"] = config.learning_rate(step) * group["factor"]
    learner.optimiser.zero_grad(set_to_none=True)
    batch = task.prepared(batch.to(learner.device))
    weight = distributed.total(task.weight(batch)).clamp(min=1)
    sums: dict[str, Tensor] = {}
    parts = batch.parts(config.accumulate)
    for number, part in enumerate(parts, start=1):
        with learner.synchronised(last=number == len(parts)):
            with learner.autocast():
                answer = learner.network(*task.inputs(part))
            losses = task.losses(answer, part, weight)
            # The wrapper of several processes averages their gradients; their sum is that of the whole batch.
            learner.scaler.scale(losses[TOTAL] * distributed.size()).backward()
        for name, loss in losses.items():
            sums.setdefault(name, torch.zeros((), device=weight.device)).add_(loss.detach())
    means = dict(zip(sums, distributed.total(torch.stack([*sums.values()])).tolist(), strict=True))
    if not math.isfinite(means[TOTAL]):
        raise NonFiniteLossError(means[TOTAL])
    learner.step(config.optimiser.clip_norm)
    return means


def is_due(step: int, config: RunConfig) -> bool:
    """Whether the state after ``step`` updates is saved."""
    return step % config.checkpoint_every == 0 or (config.keep_every > 0 and step % config.keep_every == 0)


def keep_best(model: nn.Module, scores: Scores, progress: Progress, save_best: SaveBest) -> None:
    """Has the network saved by the first process if its score is the best so far.

    A score that is NaN is none: it is never the best, and as the best of an older state it stands for none.
    """
    best = progress.best
    if scores.score > (-math.inf if best is None or math.isnan(best) else best):
        progress.best = scores.score
        if not distributed.rank():
            save_best(model, scores, progress.step)
