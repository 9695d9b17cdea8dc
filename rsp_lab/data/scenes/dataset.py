"""Drawn scenes as a data set: drawn when they are asked for, nothing is stored."""

from __future__ import annotations

from collections.abc import Iterator

from torch.utils.data import Dataset

from rsp_lab.data.labels import CITYSCAPES, ClassTable
from rsp_lab.data.sample import Sample
from rsp_lab.data.scenes.scene import Scene, draw_scene

FIRST_SEED = {"train": 0, "val": 1_000_000, "test": 2_000_000}
"""Splits and the seed of their first scene; a split's scenes have consecutive seeds, so splits never meet."""
SIZE, SMALL = (256, 512), (128, 256)
TERMS = "drawn by rsp_lab, no terms of their own"

_SCENES = {"train": 1200, "val": 60, "test": 60}


class SceneSplit(Dataset[Sample]):
    """One split of scenes whose deciding context is known (:mod:`rsp_lab.data.scenes`).

    In ``train`` each scene has the reading that its seed decides, in the other splits both: there every region comes
    twice with the same pixels and the other class, so that the region alone is right in half of the cases.

    Args:
        split: ``"train"``, ``"val"`` or ``"test"``.
        size: rows and columns.
        cache: keep drawn scenes in memory (four bytes a pixel).

    Raises:
        ValueError: if there is no such split.
    """

    table: ClassTable = CITYSCAPES

    def __init__(self, split: str, size: tuple[int, int] = SIZE, cache: bool = False) -> None:
        if split not in FIRST_SEED:
            raise ValueError(f"{split!r} is no split of the drawn scenes; expected one of {', '.join(FIRST_SEED)}.")
        self.split, self.size = split, size
        self._kept: dict[int, Sample] | None = {} if cache else None

    def __len__(self) -> int:
        return _SCENES[self.split] * (1 if self.split == "train" else 2)

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))

    def scene(self, index: int) -> Scene:
        """The scene at ``index`` with its masks."""
        if not 0 <= index < len(self):
            raise IndexError(f"scene {index} of {len(self)} in {self.split}.")
        first = FIRST_SEED[self.split]
        if self.split == "train":
            return draw_scene(first + index, *self.size)
        return draw_scene(first + index // 2, *self.size, reading=index % 2)

    def __getitem__(self, index: int) -> Sample:
        if self._kept is None:
            return self.scene(index).sample
        if index not in self._kept:
            self._kept[index] = self.scene(index).sample
        return self._kept[index]
