"""Proof that an ambiguous region is ambiguous: what a classifier makes of the region's pixels, and of the cue's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from rsp_lab.data.scenes.difficulty import DEFAULT, Difficulty
from rsp_lab.data.scenes.scene import CASES, Ambiguity, Scene, draw_scene_pair

_CROP = (10, 16)
_Z = 3.291  # 99.9 % of a normal distribution, both sides: three classifiers a case, and many settings


@dataclass(frozen=True)
class AmbiguityProof:
    """How well classifiers of one kind tell the readings of a case apart on scenes they have not seen.

    Attributes:
        case: a key of :data:`~rsp_lab.data.scenes.scene.CASES`.
        difficulty: of the scenes.
        size: rows and columns of the scenes.
        scenes: number of scenes in the test, each of its own seed, its reading a fair coin.
        region_accuracy: share of right answers of the classifier that sees the region's pixels alone.
        cue_accuracy: of the one that sees the cue's pixels alone.
        around_accuracy: of the one that sees everything but the cue's pixels, decoys and other figures included.
        shuffled_accuracy: the null: of the one that sees cues which were shuffled between the scenes.
        chance: interval that holds 99.9 % of the accuracies of somebody who guesses.
        equal_regions: share of the scenes whose region has the same bytes in both readings; 1 by construction, so
            that over both readings no classifier whatever can be right more often than in half of the cases.
        equal_around: share of the scenes whose pixels outside the cue have the same bytes in both readings, and whose
            region, cue and decoys are the same masks; 1 by construction.
    """

    case: str
    difficulty: Difficulty
    size: tuple[int, int]
    scenes: int
    region_accuracy: float
    cue_accuracy: float
    around_accuracy: float
    shuffled_accuracy: float
    chance: tuple[float, float]
    equal_regions: float
    equal_around: float

    @property
    def holds(self) -> bool:
        """Whether the cue's classifier is above chance, and all others are at chance."""
        low, high = self.chance
        others = (self.region_accuracy, self.around_accuracy, self.shuffled_accuracy)
        at_chance = all(low <= accuracy <= high for accuracy in others)
        return at_chance and high < self.cue_accuracy and self.equal_regions == 1 and self.equal_around == 1

    def sentence(self) -> str:
        """The result in one line."""
        low, high = self.chance
        return (
            f"{self.case}, {self.size[0]} x {self.size[1]}, {self.difficulty.describe()}: "
            f"{self.region_accuracy:.3f} right from the region, {self.cue_accuracy:.3f} from the cue, "
            f"{self.around_accuracy:.3f} from all but the cue, {self.shuffled_accuracy:.3f} from shuffled cues; "
            f"chance is {low:.3f} to {high:.3f} (99.9 %, {self.scenes} unseen scenes); region equal in both readings "
            f"in {self.equal_regions:.0%} of the scenes, all but the cue in {self.equal_around:.0%}."
        )


def prove(
    case: str,
    scenes: int = 120,
    seed: int = 0,
    height: int = 64,
    width: int = 128,
    difficulty: Difficulty = DEFAULT,
) -> AmbiguityProof:
    """Fits the classifiers on ``2 * scenes`` scenes and tests them on ``scenes`` others.

    They are linear, by ridge regression on colour statistics and a small crop.
    """
    rng = np.random.default_rng((seed, scenes))
    coins = rng.integers(0, 2, 3 * scenes)
    seen: dict[str, list[np.ndarray]] = {"region": [], "cue": [], "around": []}
    equal_regions = equal_around = 0
    for number, coin in enumerate(coins.tolist()):
        pair = draw_scene_pair(seed + number, height, width, case=case, difficulty=difficulty)
        first, second = (scene.ambiguities[0] for scene in pair)
        changed = pair[0].image != pair[1].image
        equal_regions += not bool(changed[:, first.region].any())
        equal_around += not bool(changed[:, ~first.cue].any()) and _same_masks(first, second)
        for what, rows in seen.items():
            rows.append(_features(pair[coin], what))
    features = {what: np.stack(rows) for what, rows in seen.items()}
    features["shuffled"] = rng.permutation(features["cue"])
    accuracy = {what: _accuracy(rows, coins, 2 * scenes) for what, rows in features.items()}
    spread = _Z * float(np.sqrt(0.25 / scenes))
    return AmbiguityProof(
        case=case,
        difficulty=difficulty,
        size=(height, width),
        scenes=scenes,
        region_accuracy=accuracy["region"],
        cue_accuracy=accuracy["cue"],
        around_accuracy=accuracy["around"],
        shuffled_accuracy=accuracy["shuffled"],
        chance=(0.5 - spread, 0.5 + spread),
        equal_regions=equal_regions / len(coins),
        equal_around=equal_around / len(coins),
    )


def _same_masks(first: Ambiguity, second: Ambiguity) -> bool:
    ours, theirs = ((one.region, one.cue, *one.decoys) for one in (first, second))
    return all(bool((a == b).all()) for a, b in zip(ours, theirs, strict=True))


def _features(scene: Scene, what: str) -> np.ndarray:
    """Statistics of the pixels under a mask, and its bounding box at a small size with all else black.

    The box is turned so that the region lies to the right of the cue's middle: of mirrored streets only one remains.
    """
    ambiguity = scene.ambiguities[0]
    mask = {"region": ambiguity.region, "cue": ambiguity.cue, "around": ~ambiguity.cue}[what].numpy()
    rows, columns = np.nonzero(mask)
    pixels = scene.image.permute(1, 2, 0).numpy().astype(np.float32) / 255
    own = pixels[mask]
    masked = pixels * mask[:, :, None]
    box = masked[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    middle = np.nonzero(ambiguity.region.numpy())[1].mean()
    if middle < (columns.min() + columns.max()) / 2:
        box = box[:, ::-1]
    grey = np.ascontiguousarray(box.mean(axis=2))
    rough = np.abs(np.diff(grey, axis=1, append=grey[:, -1:]))
    small = [
        np.asarray(Image.fromarray(plane).resize(_CROP[::-1], Image.Resampling.BOX)).ravel() for plane in (grey, rough)
    ]
    return np.concatenate([own.mean(axis=0), own.std(axis=0), np.percentile(own, (10, 90), axis=0).ravel(), *small])


def _accuracy(features: np.ndarray, answers: np.ndarray, training: int, ridge: float = 30.0) -> float:
    """Share of right answers behind the first ``training`` rows, of a linear classifier fitted on those."""
    seen = features[:training]
    x = (features - seen.mean(axis=0)) / (seen.std(axis=0) + 1e-6)
    y = 2.0 * answers - 1
    fit = x[:training]
    bias = y[:training].mean()
    weights = np.linalg.solve(fit.T @ fit + ridge * np.eye(fit.shape[1]), fit.T @ (y[:training] - bias))
    said = x[training:] @ weights + bias > 0
    return float((said == (answers[training:] == 1)).mean())


SETTINGS = (
    DEFAULT,
    Difficulty(decoys=0),
    Difficulty(decoys=4, decoy_gap=0.6),
    Difficulty(figures=2),
    Difficulty(figures=4),
    Difficulty(hidden=0.25),
    Difficulty(hidden=0.5),
    Difficulty(hidden=0.7),
    Difficulty(region_share=0.5),
    Difficulty(region_share=0.2),
    Difficulty(decoys=4, decoy_gap=0.6, figures=3, hidden=0.5, region_share=0.5),
)
"""The settings that are proven; a study uses no others."""


def main() -> None:
    """Prints one line a case and setting; exits with 1 if one does not hold."""
    wrong = 0
    for difficulty in SETTINGS:
        for case in CASES:
            proof = prove(case, difficulty=difficulty)
            wrong += not proof.holds
            print("holds" if proof.holds else "DOES NOT HOLD", proof.sentence(), sep="  ", flush=True)
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
