"""How accuracy on ambiguous regions falls with the distance of the deciding cue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from torch import nn

from rsp_lab.analysis.scenes.answers import SWEEP_SEED, accuracy, region_answers, sweep_distances
from rsp_lab.data.scenes.scene import CASES, draw_scene_pair


@dataclass(frozen=True)
class DistanceCurve:
    """Accuracy of one kind of model on one case.

    Attributes:
        model: its name.
        case: of ambiguity.
        distances: of the cue, in pixels, rising.
        values: a row per run, a column per distance; shares from 0 to 1.
    """

    model: str
    case: str
    distances: tuple[int, ...]
    values: tuple[tuple[float, ...], ...]

    @property
    def medians(self) -> tuple[float, ...]:
        """Median over the runs, by distance."""
        return tuple(median(column) for column in zip(*self.values, strict=True))

    @property
    def ranges(self) -> tuple[tuple[float, float], ...]:
        """Least and greatest over the runs, by distance."""
        return tuple((min(column), max(column)) for column in zip(*self.values, strict=True))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {
            "model": self.model,
            "case": self.case,
            "distances_pixels": list(self.distances),
            "accuracy": [list(row) for row in self.values],
        }


def distance_curves(
    models: Sequence[nn.Module], names: Sequence[str], *, size: tuple[int, int] = (256, 512), scenes: int = 8
) -> tuple[DistanceCurve, ...]:
    """A curve a case and model, of one run each, on scenes that no model was trained on.

    Args:
        models: in eval mode, of the drawn scenes' classes.
        names: of the models.
        size: (y, x) of the scenes, pixels.
        scenes: seeds of each case and distance; both readings of each are drawn.

    Raises:
        ValueError: as :func:`~rsp_lab.analysis.scenes.answers.region_answers`.
    """
    distances, curves = sweep_distances(*size), []
    for case in CASES:
        drawn = [
            [
                scene
                for number in range(scenes)
                for scene in draw_scene_pair(SWEEP_SEED + number, *size, case=case, distance=distance)
            ]
            for distance in distances
        ]
        for model, name in zip(models, names, strict=True):
            shares = tuple(accuracy(region_answers(model, pairs)) for pairs in drawn)
            curves.append(DistanceCurve(name, case, distances, (shares,)))
    return tuple(curves)
