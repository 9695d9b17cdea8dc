"""Drawn scenes as a panoptic data set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from torch import Tensor
from torch.utils.data import Dataset

from rsp_lab.data.labels import ClassTable
from rsp_lab.data.panoptic.categories import STREET_PANOPTIC, VOID, PanopticTable
from rsp_lab.data.panoptic.entries import ImageEntry
from rsp_lab.data.panoptic.masks import thing_annotations
from rsp_lab.data.panoptic.segments import Segment, SegmentMap
from rsp_lab.data.sample import Sample
from rsp_lab.data.scenes.dataset import SIZE, SceneSplit
from rsp_lab.data.scenes.difficulty import DEFAULT, Difficulty
from rsp_lab.data.scenes.scene import Scene, scale_of

SMALLEST_THING = 1 / 8
"""Pixels of the smallest thing that counts, in units of ``scale_of`` the scene: 16 at 128 x 256, 32 at 256 x 512."""
_NUMBERS = 1000


class PanopticScenes(Dataset[Sample]):
    """The scenes of a :class:`~rsp_lab.data.scenes.dataset.SceneSplit` with their things told apart.

    A segment's id is Cityscapes' instance code. Things of fewer pixels than :data:`SMALLEST_THING` are void: ignored in
    the labels, and no instances.

    Args:
        split: ``"train"``, ``"val"`` or ``"test"``.
        size: rows and columns.
        cache: keep drawn scenes in memory (six bytes per pixel).
        difficulty: of all scenes.

    Raises:
        ValueError: if there is no such split.
    """

    panoptic: PanopticTable = STREET_PANOPTIC
    table: ClassTable = STREET_PANOPTIC.semantic

    def __init__(
        self, split: str, size: tuple[int, int] = SIZE, cache: bool = False, difficulty: Difficulty = DEFAULT
    ) -> None:
        self.scenes = SceneSplit(split, size, difficulty=difficulty)
        self._kept: dict[tuple[int, int | None], _Drawn] | None = {} if cache else None

    @property
    def split(self) -> str:
        """The name of the split."""
        return self.scenes.split

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.scenes.size

    @property
    def cases(self) -> tuple[str, ...]:
        """The case of every scene, in their order."""
        return self.scenes.cases

    def __len__(self) -> int:
        return len(self.scenes)

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Sample:
        return self._drawn(index, None).sample

    def reading(self, index: int, reading: int) -> Sample:
        """The scene at ``index`` in reading 0 or 1, whichever its own reading is."""
        return self._drawn(index, reading).sample

    def segment_map(self, index: int) -> SegmentMap:
        """The true segmentation of the scene at ``index``."""
        return self._drawn(index, None).segment_map

    def image_entry(self, index: int) -> ImageEntry:
        """Number, file name and size of the scene at ``index`` in files of COCO's layout."""
        seed, reading = self.scenes.seed_and_reading(index)
        return scene_entry(f"{self.cases[index]}-{seed}-{reading}", seed, reading, self.size)

    def annotations(self, index: int) -> list[dict[str, Any]]:
        """The things of the scene at ``index`` as COCO's instance files have them."""
        return thing_annotations(self.segment_map(index), STREET_PANOPTIC, self.image_entry(index).id)

    def with_difficulty(self, difficulty: Difficulty) -> PanopticScenes:
        """The same split at another difficulty; itself at its own."""
        if difficulty == self.scenes.difficulty:
            return self
        return PanopticScenes(self.split, self.size, self._kept is not None, difficulty)

    def _drawn(self, index: int, reading: int | None) -> _Drawn:
        if self._kept is None:
            return _compact(self.scenes.scene(index, reading))
        if (index, reading) not in self._kept:
            self._kept[index, reading] = _compact(self.scenes.scene(index, reading))
        return self._kept[index, reading]


def scene_segments(scene: Scene) -> SegmentMap:
    """The segmentation of a scene; things of fewer pixels than :data:`SMALLEST_THING` are void."""
    return _compact(scene).segment_map


def scene_entry(name: str, seed: int, reading: int, size: tuple[int, int]) -> ImageEntry:
    """A scene in files of COCO's layout; its number is at least 1, and of this seed and reading alone."""
    return ImageEntry(2 * seed + reading + 1, f"{name}.png", size)


class _Drawn(NamedTuple):
    """What a sample is made of, in six bytes per pixel."""

    name: str
    image: UInt8[Tensor, "3 y x"]
    region: Bool[Tensor, "y x"]
    codes: np.ndarray
    """uint16 [y, x], Cityscapes' instance codes, :data:`VOID` where the scene is ignored or a thing is too small."""

    @property
    def segment_map(self) -> SegmentMap:
        codes = np.unique(self.codes)
        segments = tuple(Segment(int(code), _category(int(code))) for code in codes[codes != VOID])
        return SegmentMap(torch.from_numpy(self.codes.astype(np.int32)), segments)

    @property
    def sample(self) -> Sample:
        segments = self.segment_map
        label, instances = segments.semantic(STREET_PANOPTIC), segments.instances(STREET_PANOPTIC)
        return Sample(self.name, self.image, label, self.region, instances)


def _compact(scene: Scene) -> _Drawn:
    numbers, places, areas = np.unique(scene.instances.numpy(), return_inverse=True, return_counts=True)
    height, width = scene.instances.shape
    small = (numbers >= _NUMBERS) & (areas < SMALLEST_THING * scale_of(height, width))
    codes = np.where(small, VOID, numbers).astype(np.uint16)[places].reshape(height, width)
    sample = scene.sample
    assert sample.region is not None
    return _Drawn(scene.name, scene.image, sample.region, codes)


def _category(code: int) -> int:
    """Stuff has its label id as its code, a thing a thousand times its own plus a number."""
    return code // _NUMBERS if code >= _NUMBERS else code
