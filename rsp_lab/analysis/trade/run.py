"""The trade matrix over a data set: streaming, resumable, shared between processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

from rsp_lab.analysis.ledger.freeze import check_freezable, freeze
from rsp_lab.analysis.passes.pair import check_same_classes, pair_names
from rsp_lab.analysis.streaming import Shard, blocks_of, run_stream, sample_digest
from rsp_lab.analysis.trade.image import TRADE_RULE, ImageTrade, image_trade
from rsp_lab.analysis.trade.matrix import TradeMatrix
from rsp_lab.analysis.trade.statistics import TradeSum
from rsp_lab.data.labels import checked_labels
from rsp_lab.data.sample import Sample, SampleSet, check_samples
from rsp_lab.models.segmenter import Segmenter, labels_from_logits
from rsp_lab.models.subject import Subject

BY = ("labels", "predictions")
Model: TypeAlias = Segmenter | Subject
_FORMAT = "rsp_lab.trade/1"


def trade_matrix(
    left: Model,
    right: Model,
    samples: SampleSet,
    *,
    by: str = "labels",
    block: int = 1,
    report: Callable[[int, int], object] = lambda done, count: None,
) -> TradeMatrix:
    """Target class by level by source class over all samples, in both models and their difference.

    Memory does not grow with the samples. For many of them, :func:`run_trade` can be interrupted.

    Args:
        left, right: models of the same classes, in eval mode.
        samples: with labels, unless ``by`` is ``"predictions"``.
        by: ``"labels"``: targets and sources are zones of the true label; ``"predictions"``: of each model's own.
        block: how many successive images are one observation of the intervals: 1 for separate photographs, more for
            frames of a video, which resemble each other.
        report: called after each block with the number done and the number of all.

    Raises:
        ValueError: for no samples, models of different classes, an unknown ``by``, or a sample without a label.
        LedgerError: if a ledger does not add up.
    """
    models = left, right
    total = empty_sum(models, by, samples)
    for indices in blocks_of(len(samples), block):
        total = with_block(total, models, [samples[index] for index in indices], by)
        report(total.done, len(samples))
    return total.result(pair_names(left, right), by, block)


def empty_sum(models: tuple[Model, Model], by: str, samples: SampleSet = ()) -> TradeSum:
    """What is known of two models before the first image; raises ValueError as :func:`trade_matrix`.

    Args:
        samples: that will be looked at; which levels a subject has shows on the first of them.
    """
    if by not in BY:
        raise ValueError(f"by must be one of {', '.join(BY)}, got {by!r}.")
    for model in models:
        check_freezable(model)
    check_same_classes(*models)
    check_samples(samples)
    levels = {level for model in models for level in _levels(model, samples)}
    return TradeSum.empty(models[0].class_names, tuple(sorted(levels)))


def _levels(model: Model, samples: SampleSet) -> tuple[int, ...]:
    if isinstance(model, Segmenter):
        return tuple(model.config.head.levels)
    return freeze(model, samples[0].image).levels if len(samples) else ()


def with_block(total: TradeSum, models: tuple[Model, Model], samples: Iterable[Sample], by: str = "labels") -> TradeSum:
    """The sum with one more block: a forward pass of each model on each image, then all its class zones at once.

    Raises:
        ValueError: for a sample without a label that is needed, or as :func:`freeze`.
        LedgerError: if a ledger does not add up.
    """
    block, last = [], ""
    for sample in samples:
        if by == "labels" and sample.label is None:
            raise ValueError(f"{sample.name} has no label: take labelled images, or zones of predictions.")
        left, right = (traded(model, sample, by) for model in models)
        block.append((left, right))
        last = sample_digest(sample)
    return total.plus(block, last)


def traded(model: Model, sample: Sample, by: str = "labels") -> ImageTrade:
    """One image in one model, with zones of its label or of the model's prediction; see :func:`image_trade`."""
    frozen = freeze(model, sample.image)
    labels = labels_from_logits(frozen.logits, frozen.image_size) if by == "predictions" else sample.label
    assert labels is not None
    return image_trade(frozen, checked_labels(labels, frozen.class_names, what=f"the labels of {sample.name}"))


@dataclass(frozen=True)
class TradeQuestion:
    """What a state is part of the answer to; the state of another question is not taken up.

    Attributes:
        names: of the left and the right model.
        digests: of the models' weights.
        data: what the images are, e.g. ``"camvid val"``.
        by: whose labels name targets and sources.
        block: how many successive images are one observation.
        version: of the program.
    """

    names: tuple[str, str]
    digests: tuple[str, str]
    data: str
    by: str = "labels"
    block: int = 1
    version: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-able, with the rule by which it is answered."""
        return {
            "format": _FORMAT,
            "rule": TRADE_RULE,
            **asdict(self),
            "names": list(self.names),
            "digests": list(self.digests),
        }


def run_trade(
    left: Model,
    right: Model,
    samples: SampleSet,
    question: TradeQuestion,
    folder: Path,
    *,
    count: int | None = None,
    shard: Shard | None = None,
    fresh: bool = False,
    report: Callable[[int, int], object] = lambda done, count: None,
) -> TradeMatrix | None:
    """:func:`trade_matrix` of the first ``count`` samples, with its state in ``folder`` every few seconds.

    Interrupted, it keeps the blocks that are done, and a second call goes on: the result is the same to the bit. So
    does a call that asks for more images. Of several processes each has a state of its own, and the first one gets the
    matrix of all, equal up to rounding to that of one process; the others return None.

    Args:
        left, right, samples: as for :func:`trade_matrix`.
        question: what the folder's state must be about.
        folder: made with the first state that is kept there.
        count: only the first samples; None takes all.
        shard: this process's share; default: as ``torchrun`` says.
        fresh: forget the state.
        report: called after each block of this process with the number of its images done and of all of them.

    Raises:
        ValueError: as :func:`trade_matrix`.
        StateMismatchError: for a state that is damaged, of another question, of other images, or of more of them.
        LedgerError: if a ledger does not add up.
    """
    models = left, right
    shard = Shard.of_environment() if shard is None else shard
    total = run_stream(
        empty_sum(models, question.by, samples),
        samples,
        lambda sum_, block: with_block(sum_, models, block, question.by),
        sample_digest,
        state_path(folder, shard),
        question.to_dict(),
        block=question.block,
        count=count,
        shard=shard,
        fresh=fresh,
        report=report,
    )
    return None if total is None else total.result(question.names, question.by, question.block)


def state_path(folder: Path, shard: Shard) -> Path:
    """Where a share of the images has its state."""
    return folder / f"trade{shard.suffix}.state.safetensors"
