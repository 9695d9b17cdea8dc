"""Did a model get ambiguous regions right, and how far may the deciding cue be?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from rsp_lab.analysis.ledger.explainable import check_finite_logits, explainable_input
from rsp_lab.analysis.scenes.known_answer import check_scene_classes
from rsp_lab.data.scenes.difficulty import DEFAULT, Difficulty
from rsp_lab.data.scenes.scene import CASES, Scene, draw_scene_pair, max_distance
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject
from rsp_lab.relations.precision import full_precision
from rsp_lab.summary import Summarised

SWEEP_SEED = 3_000_000
"""Seed of the first scene of a sweep; no split of the data set reaches it."""


@dataclass(frozen=True)
class RegionAnswer(Summarised):
    """What a model says about one ambiguous region.

    Attributes:
        case: which kind of ambiguity.
        seed, reading: of the scene; the readings 0 and 1 of a seed have the same pixels in the region.
        distance: from the region to its cue, as asked for when the scene was drawn, in pixels.
        pixels: of the region.
        right: pixels that were given the region's class, among all classes.
        swapped: pixels that were given the class of the other reading.
        margin: logit of the region's class minus that of the other reading, mean over the region.
        difficulty: of the scene, in words (:meth:`rsp_lab.data.scenes.difficulty.Difficulty.describe`).
    """

    case: str
    seed: int
    reading: int
    distance: int
    pixels: int
    right: int
    swapped: int
    margin: float
    difficulty: str = DEFAULT.describe()

    @property
    def chosen(self) -> float:
        """1 if the model prefers the region's class to that of the other reading, 0 if not, one half if neither."""
        return 0.5 if self.margin == 0 else float(self.margin > 0)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return asdict(self)


def region_answer(logits: Float[Tensor, "class y x"], scene: Scene, number: int = 0) -> RegionAnswer:
    """The answer for one ambiguity of a scene, from the logits at the picture's size."""
    ambiguity = scene.ambiguities[number]
    region = logits[:, ambiguity.region]
    predicted = region.argmax(0)
    return RegionAnswer(
        case=ambiguity.case,
        seed=scene.seed,
        reading=scene.reading,
        distance=ambiguity.requested,
        pixels=region.shape[1],
        right=int((predicted == ambiguity.class_id).sum()),
        swapped=int((predicted == ambiguity.alternative_id).sum()),
        margin=float((region[ambiguity.class_id] - region[ambiguity.alternative_id]).mean()),
        difficulty=scene.difficulty.describe(),
    )


def region_answers(model: nn.Module, scenes: Iterable[Scene]) -> list[RegionAnswer]:
    """The answers of a model, one scene at a time.

    Args:
        model: of Cityscapes' classes, in eval mode; it is left as it was found.
        scenes: each about its first ambiguity.

    Raises:
        ValueError: for a model that says that its classes are others, is in training mode, or computes in too coarse
            a dtype, or whose logits are not finite.
    """
    if isinstance(model, Segmenter | Subject):
        check_scene_classes(model)
    answers = []
    for scene in scenes:
        image = explainable_input(model, scene.image)
        with full_precision(image.device):
            logits = model(image)[0]
        check_finite_logits(logits, str(getattr(model, "name", type(model).__name__)))
        answers.append(region_answer(logits.cpu(), scene))
    return answers


def sweep_distances(height: int, width: int, count: int = 5) -> tuple[int, ...]:
    """Distances from small to the greatest that can be planted, evenly spaced in their square root, in pixels."""
    greatest = max_distance(height, width) ** 0.5
    return tuple(round((2 + (greatest - 2) * step / (count - 1)) ** 2) for step in range(count))


def sweep(
    size: tuple[int, int], scenes: int, distances: Sequence[int] | None = None, difficulty: Difficulty = DEFAULT
) -> Iterator[Scene]:
    """Both readings of ``scenes`` seeds for every case and distance; no model was trained on these seeds."""
    for case in CASES:
        for distance in distances or sweep_distances(*size):
            for number in range(scenes):
                yield from draw_scene_pair(
                    SWEEP_SEED + number, *size, case=case, distance=distance, difficulty=difficulty
                )


def accuracy(answers: Sequence[RegionAnswer]) -> float:
    """Share of regions for which the model prefers the right one of the two readings.

    Over both readings of each seed, one half is what any model reaches that looks at the region alone.
    """
    return fmean(answer.chosen for answer in answers) if answers else float("nan")


def region_iou(answers: Sequence[RegionAnswer]) -> float:
    """IoU within the ambiguous regions: mean over the two readings of each case, then over the cases."""
    values = []
    for case in sorted({answer.case for answer in answers}):
        for reading in (0, 1):
            own = [answer for answer in answers if answer.case == case and answer.reading == reading]
            other = [answer for answer in answers if answer.case == case and answer.reading != reading]
            union = sum(answer.pixels for answer in own) + sum(answer.swapped for answer in other)
            if union:
                values.append(sum(answer.right for answer in own) / union)
    return fmean(values) if values else float("nan")
