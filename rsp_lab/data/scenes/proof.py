"""Proof that a ambiguous region is ambiguous: what a classifier makes of the region's pixels, and of the cue's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from rsp_lab.data.scenes.scene import CASES, Scene, draw_scene_pair

_CROP = (10, 16)
_Z = 2.576  # 99 % of a normal distribution, both sides


@dataclass(frozen=True)
class AmbiguityProof:
    """How well two classifiers of one kind tell the readings of a case apart on scenes they have not seen.

    Attributes:
        case: a key of :data:`~rsp_lab.data.scenes.scene.CASES`.
        scenes: number of scenes in the test, each of its own seed, its reading a fair coin.
        region_accuracy: share of right answers of the classifier that sees the region's pixels alone.
        cue_accuracy: of the one that sees the cue's pixels alone.
        chance: interval that holds 99 % of the accuracies of somebody who guesses.
        equal_regions: share of the scenes whose region has the same bytes in both readings; 1 by construction, so
            that over both readings no classifier whatever can be right more often than in half of the cases.
    """

    case: str
    scenes: int
    region_accuracy: float
    cue_accuracy: float
    chance: tuple[float, float]
    equal_regions: float

    @property
    def holds(self) -> bool:
        """Whether the region's classifier is at chance and the cue's is not."""
        return self.chance[0] <= self.region_accuracy <= self.chance[1] < self.cue_accuracy and self.equal_regions == 1

    def sentence(self) -> str:
        """The result in one line."""
        low, high = self.chance
        return (
            f"{self.case}: {self.region_accuracy:.3f} right from the region, {self.cue_accuracy:.3f} from the cue; "
            f"chance is {low:.3f} to {high:.3f} (99 %, {self.scenes} unseen scenes); "
            f"region equal in both readings in {self.equal_regions:.0%} of the scenes."
        )


def prove(case: str, scenes: int = 120, seed: int = 0, height: int = 64, width: int = 128) -> AmbiguityProof:
    """Fits both classifiers on ``2 * scenes`` scenes and tests them on ``scenes`` others.

    The classifier is linear, by ridge regression on colour statistics and a small crop.
    """
    coins = np.random.default_rng((seed, scenes)).integers(0, 2, 3 * scenes)
    seen: dict[str, list[np.ndarray]] = {"region": [], "cue": []}
    equal = 0
    for number, coin in enumerate(coins.tolist()):
        pair = draw_scene_pair(seed + number, height, width, case=case)
        mask = pair[0].ambiguities[0].region
        equal += bool((pair[0].image[:, mask] == pair[1].image[:, mask]).all())
        for what, rows in seen.items():
            rows.append(_features(pair[coin], what))
    accuracy = {what: _accuracy(np.stack(rows), coins, 2 * scenes) for what, rows in seen.items()}
    spread = _Z * float(np.sqrt(0.25 / scenes))
    return AmbiguityProof(
        case, scenes, accuracy["region"], accuracy["cue"], (0.5 - spread, 0.5 + spread), equal / len(coins)
    )


def _features(scene: Scene, what: str) -> np.ndarray:
    """Statistics of the pixels under a mask, and its bounding box at a small size with all else black.

    The box is turned so that the region lies to the right of the cue's middle: of mirrored streets only one remains.
    """
    ambiguity = scene.ambiguities[0]
    mask = (ambiguity.region if what == "region" else ambiguity.cue).numpy()
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


def main() -> None:
    """Prints one line a case."""
    for case in CASES:
        print(prove(case).sentence(), flush=True)


if __name__ == "__main__":
    main()
