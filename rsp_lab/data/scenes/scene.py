"""Street scenes in which it is known what decides the class of a region that cannot be told by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Int32, UInt8
from scipy import ndimage
from torch import Tensor

from rsp_lab.data.labels import CITYSCAPES, CITYSCAPES_LABEL_IDS
from rsp_lab.data.sample import Sample
from rsp_lab.data.scenes import layout
from rsp_lab.data.scenes.canvas import Canvas
from rsp_lab.data.scenes.cases import Stage, stage_rider, stage_vehicle
from rsp_lab.data.scenes.difficulty import DEFAULT, Difficulty, hide_behind_posts
from rsp_lab.data.scenes.finish import Fields, develop, draw_fields
from rsp_lab.data.scenes.kerb import stage_kerb
from rsp_lab.data.scenes.light import draw_light
from rsp_lab.summary import Summarised
from rsp_lab.text import rounded

CASES: dict[str, Callable[[Canvas, np.random.Generator, int, Difficulty, np.random.Generator], Stage]] = {
    "person-rider": stage_rider,
    "road-pavement": stage_kerb,
    "car-bus": stage_vehicle,
}
"""The cases by name; the first class of a name is reading 0, the second reading 1."""

LEAST, GREATEST = (64, 128), (2048, 4096)
SHARE = (0.07, 0.2)
"""Distances in units of :func:`scale_of` from which one is drawn where none is asked for."""
MAX_SHARE = 0.3
MIN_DISTANCE = 2


@dataclass(frozen=True, eq=False)
class Ambiguity(Summarised):
    """A region whose own pixels do not decide its class, and what does.

    Attributes:
        case: a key of :data:`CASES`.
        region: bool [y, x], the pixels that change their class with the cue and not their colour.
        cue: bool [y, x], every pixel that a cue's samples touch in either reading; the pictures of the two readings
            are equal elsewhere.
        decoys: bool [y, x] each, what looks like a cue and is there in both readings.
        class_id: train id of the region.
        alternative_id: train id of the region in the other reading.
        distance: between the centres of the closest pixels of region and cue, in pixels; adjacent pixels have 1.
        mean_distance: mean over the region of the distance to the closest pixel of the cue, in pixels.
        requested: the distance asked for.
    """

    case: str
    region: Bool[Tensor, "y x"]
    cue: Bool[Tensor, "y x"]
    decoys: tuple[Bool[Tensor, "y x"], ...]
    class_id: int
    alternative_id: int
    distance: float
    mean_distance: float
    requested: int

    def to_dict(self) -> dict[str, object]:
        """The facts without the masks, for JSON."""
        return {
            "case": self.case,
            "class": CITYSCAPES.classes[self.class_id],
            "class_train_id": self.class_id,
            "alternative": CITYSCAPES.classes[self.alternative_id],
            "alternative_train_id": self.alternative_id,
            "distance_px": rounded(self.distance, 3),
            "mean_distance_px": rounded(self.mean_distance, 3),
            "requested_distance_px": self.requested,
            "region_px": int(self.region.sum()),
            "cue_px": int(self.cue.sum()),
            "decoy_px": [int(mask.sum()) for mask in self.decoys],
        }


@dataclass(frozen=True, eq=False)
class Scene(Summarised):
    """A street with its labels and its ambiguities.

    Attributes:
        name: case, seed and reading in one word.
        seed: of the scene.
        reading: 0 or 1, which of the case's two classes the region has.
        image: uint8 [3, y, x], RGB.
        label: uint8 [y, x], Cityscapes train ids, 255 where ignored.
        instances: int32 [y, x], Cityscapes' code: label id * 1000 + number for things, label id for stuff, 0 where
            ignored.
        ambiguities: what is planted.
        difficulty: how hard it was made.
    """

    name: str
    seed: int
    reading: int
    image: UInt8[Tensor, "3 y x"]
    label: UInt8[Tensor, "y x"]
    instances: Int32[Tensor, "y x"]
    ambiguities: tuple[Ambiguity, ...]
    difficulty: Difficulty = DEFAULT

    @property
    def sample(self) -> Sample:
        """Image, label, and the pixels of all regions."""
        region = torch.stack([ambiguity.region for ambiguity in self.ambiguities]).any(0)
        return Sample(self.name, self.image, self.label, region)

    def to_dict(self) -> dict[str, object]:
        """The facts without the pictures, for JSON."""
        return {
            "name": self.name,
            "seed": self.seed,
            "reading": self.reading,
            "size": list(self.label.shape),
            "ambiguities": [ambiguity.to_dict() for ambiguity in self.ambiguities],
            "difficulty": self.difficulty.to_dict(),
        }


def scale_of(height: int, width: int) -> float:
    """The length, in pixels, that everything planted scales with."""
    return min(float(height), width / 2)


def max_distance(height: int, width: int) -> int:
    """The greatest distance, in pixels, at which a cue can be planted."""
    return int(MAX_SHARE * scale_of(height, width))


def draw_scene(
    seed: int,
    height: int = 256,
    width: int = 512,
    *,
    case: str | None = None,
    distance: int | None = None,
    reading: int | None = None,
    difficulty: Difficulty = DEFAULT,
) -> Scene:
    """One reading of :func:`draw_scene_pair`, by default its :func:`own_reading`."""
    if reading not in (None, 0, 1):
        raise ValueError(f"a reading is 0 or 1, got {reading}.")
    wanted = own_reading(seed) if reading is None else reading
    (scene,) = _readings(seed, (height, width), case, distance, (wanted,), difficulty)
    return scene


def own_reading(seed: int) -> int:
    """The reading of a scene for which none is asked: a fair coin that only the seed decides."""
    return int(np.random.default_rng((abs(seed), 1)).integers(2))


def draw_scene_pair(
    seed: int,
    height: int = 256,
    width: int = 512,
    *,
    case: str | None = None,
    distance: int | None = None,
    difficulty: Difficulty = DEFAULT,
) -> tuple[Scene, Scene]:
    """Two readings of one scene: same arguments, same bytes.

    The pictures are equal outside the cue, the labels outside region and cue; region, cue and decoys are the same
    masks in both.

    Args:
        seed: of everything random, from 0.
        height: rows, 64 to 2048.
        width: columns, 128 to 4096.
        case: a key of :data:`CASES`; default: they take turns with the seed.
        distance: from region to cue in pixels, 2 to :func:`max_distance`; default: at random. Posts before the cue may
            hide its nearest pixels.
        difficulty: decoys, other figures, what is hidden of cue and region.

    Raises:
        ValueError: for a size, a case or a distance that cannot be drawn.
    """
    first, second = _readings(seed, (height, width), case, distance, (0, 1), difficulty)
    return first, second


def _readings(
    seed: int,
    size: tuple[int, int],
    case: str | None,
    distance: int | None,
    wanted: tuple[int, ...],
    difficulty: Difficulty,
) -> list[Scene]:
    """The wanted readings. Both are drawn in any case, since each one's masks are made of both."""
    case, distance, rng = _checked(seed, *size, case, distance)
    canvas = _empty(*size, rng, case)
    # What the defaults do not draw comes from a generator of its own, so that they draw what they always drew.
    extra = np.random.default_rng((seed, *size, list(CASES).index(case), 1))
    stage = CASES[case](canvas, rng, distance, difficulty, extra)
    layout.draw_backdrop(canvas, rng)
    drawn = [canvas.copy(), canvas]
    state = rng.bit_generator.state
    for reading, board in enumerate(drawn):
        rng.bit_generator.state = state
        layout.draw_ground(board, rng, stage.plan)
        stage.draw_on_ground(board, reading)
        layout.draw_traffic(board, rng, stage.plan)
        stage.draw_in_front(board, reading)
    if difficulty.hidden:
        cues, regions = ([_touched(board, role) for board in drawn] for role in ("cue", "region"))
        hide_behind_posts(drawn, cues, np.logical_or.reduce(regions), difficulty.hidden, extra.random())
    fields, masks = draw_fields(canvas, rng), _masks(drawn)
    scenes = []
    for reading in wanted:
        ambiguity = _ambiguity(case, stage, reading, distance, masks)
        scene = _scene(f"{case}-{seed}-{reading}", seed, reading, drawn[reading], fields, ambiguity)
        scenes.append(replace(scene, difficulty=difficulty))
    return scenes


def check_size(height: int, width: int) -> None:
    """Raises ValueError for a size that no scene is drawn in."""
    if not (LEAST[0] <= height <= GREATEST[0] and LEAST[1] <= width <= GREATEST[1]):
        raise ValueError(f"a drawn scene has 64 x 128 to 2048 x 4096 pixels (rows x columns), got {height} x {width}.")


def _checked(
    seed: int, height: int, width: int, case: str | None, distance: int | None
) -> tuple[str, int, np.random.Generator]:
    if seed < 0:
        raise ValueError(f"a seed is 0 or more, got {seed}.")
    check_size(height, width)
    case = list(CASES)[seed % len(CASES)] if case is None else case
    if case not in CASES:
        raise ValueError(f"{case!r} is no case; expected one of {', '.join(CASES)}.")
    rng = np.random.default_rng((seed, height, width, list(CASES).index(case)))
    greatest, drawn = max_distance(height, width), rng.uniform(*SHARE) * scale_of(height, width)
    distance = max(MIN_DISTANCE, round(drawn)) if distance is None else distance
    if not MIN_DISTANCE <= distance <= greatest:
        raise ValueError(
            f"at {height} x {width} pixels a cue can be planted {MIN_DISTANCE} to {greatest} pixels away, "
            f"got {distance}; take a larger picture for a greater distance."
        )
    return case, distance, rng


def _empty(height: int, width: int, rng: np.random.Generator, case: str) -> Canvas:
    samples = 3 if height <= 160 else 2
    unit = scale_of(height, width)
    horizon, vanish = 0.5 * height - 0.05 * unit, rng.uniform(0.44, 0.56) * width
    if case == "road-pavement":
        vanish = (0.34 if rng.random() < 0.5 else 0.66) * width
    return Canvas(height, width, samples, draw_light(rng), horizon, vanish)


def _labelled(canvas: Canvas) -> np.ndarray:
    """Part numbers of the samples that pixels take their labels from, uint8 [y, x]."""
    step = canvas.samples
    return np.ascontiguousarray(canvas.owners()[step // 2 :: step, step // 2 :: step])


def _has_role(canvas: Canvas, role: str) -> np.ndarray:
    """Which parts have this role, bool [256]."""
    roles = [part.role == role for part in canvas.parts]
    return np.array(roles + [False] * (256 - len(roles)))


def _touched(canvas: Canvas, role: str) -> np.ndarray:
    """Pixels of which a sample at least belongs to a part of this role, bool [y, x]."""
    marked = canvas.owner.point((255 * _has_role(canvas, role)).tolist())
    # The mean of at most 16 samples: one of them that is 255 leaves 15 at least.
    return np.asarray(marked.reduce(canvas.samples)) > 0


def _masks(drawn: list[Canvas]) -> dict[str, np.ndarray]:
    """Region, cue and decoy, bool [y, x]; the same for both readings."""
    cue = np.logical_or.reduce([_touched(canvas, "cue") for canvas in drawn])
    labelled = _labelled(drawn[0])
    region = _has_role(drawn[0], "region")[labelled] & ~cue
    decoy = _has_role(drawn[0], "decoy")[labelled] & ~cue
    return {"region": region, "cue": cue, "decoy": decoy}


def _ambiguity(case: str, stage: Stage, reading: int, distance: int, masks: dict[str, np.ndarray]) -> Ambiguity:
    # The nearest pixel of the cue lies in the smallest rectangle that holds region and cue.
    ((rows, columns),) = ndimage.find_objects((masks["cue"] | masks["region"]).astype(np.uint8))
    region, cue = (masks[name][rows, columns] for name in ("region", "cue"))
    away = ndimage.distance_transform_edt(~cue)[region]
    ids = [CITYSCAPES.index(name) for name in stage.classes]
    return Ambiguity(
        case=case,
        region=torch.from_numpy(masks["region"]),
        cue=torch.from_numpy(masks["cue"]),
        decoys=(torch.from_numpy(masks["decoy"]),),
        class_id=ids[reading],
        alternative_id=ids[1 - reading],
        distance=float(away.min()),
        mean_distance=float(away.mean()),
        requested=distance,
    )


def _scene(name: str, seed: int, reading: int, canvas: Canvas, fields: Fields, ambiguity: Ambiguity) -> Scene:
    owners = _labelled(canvas)
    image = develop(canvas, owners, fields)
    class_ids = np.array([part.class_id for part in canvas.parts], dtype=np.uint8)
    return Scene(
        name=name,
        seed=seed,
        reading=reading,
        image=torch.from_numpy(image).permute(2, 0, 1).contiguous(),
        label=torch.from_numpy(class_ids[owners]),
        instances=torch.from_numpy(_instance_codes(canvas)[owners]),
        ambiguities=(ambiguity,),
    )


def _instance_codes(canvas: Canvas) -> np.ndarray:
    """Cityscapes' instance code of every part, int32 [part]."""
    numbers: dict[tuple[int, int], int] = {}
    count: dict[int, int] = {}
    codes = []
    for part in canvas.parts:
        raw = CITYSCAPES_LABEL_IDS[part.class_id] if part.class_id < len(CITYSCAPES) else 0
        if not part.thing:
            codes.append(raw)
            continue
        key = (raw, part.thing)
        if key not in numbers:
            numbers[key] = count.get(raw, 0)
            count[raw] = numbers[key] + 1
        codes.append(raw * 1000 + numbers[key])
    return np.array(codes, dtype=np.int32)
