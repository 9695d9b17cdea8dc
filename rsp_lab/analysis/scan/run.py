"""A scan over a data set: streaming, resumable, shared between processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

from rsp_lab.analysis.ledger.freeze import freeze
from rsp_lab.analysis.passes.pair import check_comparable
from rsp_lab.analysis.scan.disagreements import Found, found_disagreements
from rsp_lab.analysis.scan.running import RunningScan
from rsp_lab.analysis.scan.scan import FORMAT, Scan, SceneReading
from rsp_lab.analysis.scan.turned import found_turn
from rsp_lab.analysis.scenes.known_answer import check_scene_classes
from rsp_lab.analysis.streaming import Items, Shard, blocks_of, run_stream, sample_digest
from rsp_lab.data.sample import Sample, SampleSet
from rsp_lab.data.scenes.dataset import SceneSplit
from rsp_lab.data.scenes.scene import Scene, draw_scene_pair, own_reading
from rsp_lab.files import digest
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject

Model: TypeAlias = Segmenter | Subject
Item: TypeAlias = Sample | tuple[Scene, Scene]
"""What is looked at together: a photograph, or both readings of a drawn scene."""


@dataclass(frozen=True)
class ScanQuestion:
    """What a state is part of the answer to; the state of another question is not taken up.

    Attributes:
        names: of the left and the right model.
        digests: of the models' weights.
        data, split: of the images.
        least: pixels of the smallest region that counts.
        version: of the program.
    """

    names: tuple[str, str]
    digests: tuple[str, str]
    data: str
    split: str
    least: int
    version: str

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {"format": FORMAT, **asdict(self), "names": list(self.names), "digests": list(self.digests)}


class ScenePairs:
    """Both readings of every scene of a split, drawn when they are asked for.

    Args:
        split: of drawn scenes.
    """

    def __init__(self, split: SceneSplit) -> None:
        self.split = split
        self.seeds = sorted({split.seed_and_reading(index)[0] for index in range(len(split))})

    def __len__(self) -> int:
        return len(self.seeds)

    def __getitem__(self, index: int) -> tuple[Scene, Scene]:
        return draw_scene_pair(self.seeds[index], *self.split.size, difficulty=self.split.difficulty)


def run_scan(
    left: Model,
    right: Model,
    samples: SampleSet,
    question: ScanQuestion,
    state: Path,
    *,
    count: int | None = None,
    shard: Shard | None = None,
    fresh: bool = False,
    report: Callable[[int, int], object] = lambda done, count: None,
) -> Scan | None:
    """What a data set holds that is worth a look, with what is done kept in a file every few seconds.

    Of every image all regions count in which the models part, and of every drawn scene the decision that its cue turns;
    only the strongest are told, which takes a ledger of each model. Memory does not grow with the images. Interrupted,
    a second call goes on to the same result. Of several processes each has a state of its own, and the first one gets
    the scan of all, which is that of one process; the others return None.

    Args:
        left, right: models of the same classes, in eval mode.
        samples: with labels or without. Drawn scenes (:class:`~rsp_lab.data.scenes.dataset.SceneSplit`) are looked at
            one by one, each in both readings.
        question: what the state must be about.
        state: the file; several processes put their numbers before its ending. Its folder is made if missing.
        count: only the first images, or drawn scenes; None takes all.
        shard: this process's share; default: as ``torchrun`` says.
        fresh: forget the state.
        report: called after each image of this process with the number done and that of all.

    Raises:
        ValueError: for models that cannot be compared, no images, or labels of other classes.
        StateMismatchError: for a state that is damaged, of another question, of other images, or of more of them.
        LedgerError: if a ledger does not add up.
    """
    models = left, right
    items = _items(models, samples)
    shard = Shard.of_environment() if shard is None else shard
    total = run_stream(
        RunningScan(question.names),
        items,
        lambda sum_, block: with_items(sum_, models, block, question.least),
        _item_digest,
        state.with_name(f"{state.stem}{shard.suffix}{state.suffix}"),
        question.to_dict(),
        count=count,
        shard=shard,
        fresh=fresh,
        report=report,
    )
    return None if total is None else _result(total, question)


def scan(
    left: Model,
    right: Model,
    samples: SampleSet,
    question: ScanQuestion,
    *,
    count: int | None = None,
    report: Callable[[int, int], object] = lambda done, count: None,
) -> Scan:
    """:func:`run_scan` in one process, which keeps nothing where it is interrupted.

    Raises:
        ValueError: as :func:`run_scan`.
        LedgerError: if a ledger does not add up.
    """
    items, total = _items((left, right), samples), RunningScan(question.names)
    count = len(items) if count is None else min(count, len(items))
    for (index,) in blocks_of(count, 1):
        total = with_items(total, (left, right), [items[index]], question.least)
        report(total.done, count)
    return _result(total, question)


def _items(models: tuple[Model, Model], samples: SampleSet) -> Items[Item]:
    check_comparable(*models)
    if not isinstance(samples, SceneSplit):
        return samples
    for model in models:
        check_scene_classes(model)
    return ScenePairs(samples)


def with_items(total: RunningScan, models: tuple[Model, Model], items: Iterable[Item], least: int) -> RunningScan:
    """The sum with some more items: a forward pass of each model on each picture, and ledgers of what will be kept.

    Raises:
        ValueError: for labels of other classes.
        LedgerError: if a ledger does not add up.
    """
    for item in items:
        # All that is found on one image shares its passes; what is kept of it are cards.
        total = total.plus(_found(models, item, total.names, least), _item_digest(item))
    return total


def _found(models: tuple[Model, Model], item: Item, names: tuple[str, str], least: int) -> list[Found]:
    left, right = models
    if isinstance(item, Sample):
        return found_disagreements((freeze(left, item.image), freeze(right, item.image)), item, names, least)
    first, second = item
    ours, theirs = ((freeze(model, first.image), freeze(model, second.image)) for model in models)
    own = own_reading(first.seed)
    scene = item[own]
    place = SceneReading(scene.ambiguities[0].case, scene.seed, own)
    found = found_disagreements((ours[own], theirs[own]), scene.sample, names, least, place)
    return [*found, found_turn((ours, theirs), item, names)]


def _item_digest(item: Item) -> str:
    return sample_digest(item) if isinstance(item, Sample) else digest(*(one.image for one in item))


def _result(total: RunningScan, question: ScanQuestion) -> Scan:
    return Scan(
        question.names,
        question.digests,
        question.data,
        question.split,
        question.least,
        total.done,
        total.chosen(),
        total.counted(),
        total.residual,
        question.version,
    )
