"""Drawn scenes as a data set: drawn when they are asked for, nothing is stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, Self, runtime_checkable

from torch.utils.data import Dataset

from rsp_lab.data.labels import CITYSCAPES, ClassTable
from rsp_lab.data.sample import Sample, SampleSet
from rsp_lab.data.scenes.difficulty import DEFAULT, Difficulty
from rsp_lab.data.scenes.scene import CASES, Scene, draw_scene, own_reading
from rsp_lab.summary import Rows, Summarised

FIRST_SEED = {"train": 0, "val": 1_000_000, "test": 2_000_000}
"""Splits and the seed of their first scene; a split's scenes have consecutive seeds, so splits never meet."""
SIZE, SMALL = (256, 512), (128, 256)
TERMS = "drawn by rsp_lab, no terms of their own"

_SCENES = {"train": 1200, "val": 60, "test": 60}


def scene_words(seed: int, case: str, reading: str) -> str:
    """What a drawn scene is called, e.g. ``"scene 3 of person-rider, reading rider"``.

    Args:
        seed: of the scene; those of the split test are numbered from 0.
        case: that it is drawn for.
        reading: class of its region.
    """
    number = seed - FIRST_SEED["test"]
    return f"scene {number if number >= 0 else f'with seed {seed}'} of {case}, reading {reading}"


@runtime_checkable
class DrawnSamples(SampleSet, Protocol):
    """Samples of drawn scenes, whose case and reading can be chosen."""

    @property
    def cases(self) -> tuple[str, ...]:
        """The case of every scene, in their order."""

    def reading(self, index: int, reading: int) -> Sample:
        """The scene at ``index`` in reading 0 or 1, whichever its own reading is."""

    def with_difficulty(self, difficulty: Difficulty) -> Self:
        """The same scenes at another difficulty; itself at its own."""


class SceneSplit(Dataset[Sample], Summarised):
    """One split of scenes whose deciding context is known (:mod:`rsp_lab.data.scenes`).

    In ``train`` each scene has the reading that its seed decides, in the other splits both: there every region comes
    twice with the same pixels and the other class, so that the region alone is right in half of the cases.

    Args:
        split: ``"train"``, ``"val"`` or ``"test"``.
        size: rows and columns.
        cache: keep drawn scenes in memory (five bytes per pixel).
        difficulty: of all scenes.

    Raises:
        ValueError: if there is no such split.
    """

    table: ClassTable = CITYSCAPES

    def __init__(
        self, split: str, size: tuple[int, int] = SIZE, cache: bool = False, difficulty: Difficulty = DEFAULT
    ) -> None:
        if split not in FIRST_SEED:
            raise ValueError(f"{split!r} is no split of the drawn scenes; expected one of {', '.join(FIRST_SEED)}.")
        self.split, self.size, self.difficulty = split, size, difficulty
        self._kept: dict[tuple[int, int | None], Sample] | None = {} if cache else None

    def _summary(self) -> tuple[str, Rows]:
        return f"SceneSplit {self.split}: {len(self)} scenes of {self.size[0]} x {self.size[1]} pixels", [
            ("cases", tuple(CASES)),
            ("difficulty", repr(self.difficulty)),
        ]

    def __len__(self) -> int:
        return _SCENES[self.split] * (1 if self.split == "train" else 2)

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))

    def scene(self, index: int, reading: int | None = None) -> Scene:
        """The scene at ``index`` with its masks, in reading 0 or 1 or, where None, in its own."""
        seed, own = self.seed_and_reading(index)
        return draw_scene(seed, *self.size, reading=own if reading is None else reading, difficulty=self.difficulty)

    def seed_and_reading(self, index: int) -> tuple[int, int]:
        """Seed and reading of the scene at ``index``."""
        if not 0 <= index < len(self):
            raise IndexError(f"scene {index} of {len(self)} in {self.split}.")
        seed = self._seed(index)
        return seed, own_reading(seed) if self.split == "train" else index % 2

    def __getitem__(self, index: int) -> Sample:
        return self._sample(index, None)

    def with_difficulty(self, difficulty: Difficulty) -> SceneSplit:
        """The same split at another difficulty; itself at its own."""
        if difficulty == self.difficulty:
            return self
        return SceneSplit(self.split, self.size, self._kept is not None, difficulty)

    @property
    def cases(self) -> tuple[str, ...]:
        """The case of every scene, in their order."""
        names = tuple(CASES)
        return tuple(names[self._seed(index) % len(names)] for index in range(len(self)))

    def reading(self, index: int, reading: int) -> Sample:
        """The scene at ``index`` in reading 0 or 1, whichever its own reading is."""
        return self._sample(index, reading)

    def _seed(self, index: int) -> int:
        return FIRST_SEED[self.split] + (index if self.split == "train" else index // 2)

    def _sample(self, index: int, reading: int | None) -> Sample:
        if self._kept is None or (index, reading) not in self._kept:
            sample = self.scene(index, reading).sample
            if self._kept is None:
                return sample
            self._kept[index, reading] = sample
        return self._kept[index, reading]
