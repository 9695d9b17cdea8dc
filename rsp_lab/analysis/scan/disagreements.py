"""Where two models part on one image, each region told only where it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from rsp_lab.analysis.comparison.disagreement import Disagreement
from rsp_lab.analysis.comparison.flips import flip_story, ranked_flips
from rsp_lab.analysis.ledger.footprint import sum_away_from
from rsp_lab.analysis.ledger.frozen_pass import FrozenPass
from rsp_lab.analysis.scan.masks import mask_text
from rsp_lab.analysis.scan.scan import Kind, Right, ScanCard, SceneReading
from rsp_lab.data.labels import checked_labels
from rsp_lab.data.sample import Sample
from rsp_lab.models.segmenter import labels_from_logits
from rsp_lab.text import rounded


@dataclass(frozen=True, eq=False)
class Found:
    """A decision that may become a card.

    Attributes:
        kind, left_class, right_class, right: what it counts as; classes as in
            :class:`~rsp_lab.analysis.scan.scan.ScanRate`.
        score: by :data:`rsp_lab.analysis.scan.scan.SCORE_RULE`.
        tell: makes its card; takes a ledger of each model. None where there is none to make.
    """

    kind: Kind
    left_class: str
    right_class: str
    right: Right | None
    score: float
    tell: Callable[[], ScanCard] | None


def found_disagreements(
    heads: tuple[FrozenPass, FrozenPass],
    sample: Sample,
    names: tuple[str, str],
    least: int,
    scene: SceneReading | None = None,
) -> list[Found]:
    """All regions of ``least`` pixels or more in which two models part, strongest first.

    Args:
        heads: frozen passes of the left and the right model on the image.
        sample: the image, with labels or without.
        names: of the models.
        least: pixels.
        scene: which drawn scene it is, if it is one.

    Raises:
        ValueError: for labels of other classes.
    """
    classes, size = heads[0].class_names, heads[0].image_size
    says = [labels_from_logits(head.logits, size).cpu() for head in heads]
    truth = None
    if sample.label is not None:
        truth = checked_labels(sample.label, classes, size, f"the labels of {sample.name}")
    found = []
    for score, flip in ranked_flips(heads, says, least):
        true_class = None if truth is None else _true_class(flip, truth, classes)
        right: Right | None = None
        if true_class is not None:
            right = "right" if true_class == flip.right else "left" if true_class == flip.left else "neither"
        score = rounded(score, 2)
        tell = partial(_told, flip, heads, says, truth, sample.name, scene, names, true_class, right, score)
        found.append(Found("disagreement", flip.left, flip.right, right, score, tell))
    return found


def _true_class(flip: Disagreement, truth: Tensor, classes: Sequence[str]) -> str | None:
    """By :data:`rsp_lab.analysis.scan.scan.RIGHT_RULES`."""
    inside = truth[flip.region.slices][torch.from_numpy(flip.region.inside)]
    counts = torch.bincount(inside[inside < len(classes)], minlength=len(classes))
    return classes[int(counts.argmax())] if 2 * int(counts.sum()) >= flip.area else None


def _told(
    flip: Disagreement,
    heads: tuple[FrozenPass, FrozenPass],
    says: list[Tensor],
    truth: Tensor | None,
    name: str,
    scene: SceneReading | None,
    names: tuple[str, str],
    true_class: str | None,
    right: Right | None,
    score: float,
) -> ScanCard:
    story = flip_story(flip, heads, says if truth is None else [truth, truth], truth, names)
    whole = story.difference.total
    beyond = [sum_away_from(story.mask, ledger.maps) for ledger in (story.left, story.right)]
    tipping = story.tipping
    return ScanCard(
        rank=0,
        kind="disagreement",
        names=names,
        sample=name,
        scene=scene,
        box=flip.box,
        mask=mask_text(flip.region.inside),
        pixel=flip.pixel,
        pixels=flip.area,
        left_class=flip.left,
        right_class=flip.right,
        truth=true_class,
        alternative=None,
        right=right,
        level=tipping.level,
        level_name=tipping.level_name,
        source=tipping.source,
        part=rounded(tipping.difference, 3),
        whole=rounded(whole, 3),
        context_used=rounded((beyond[1] - beyond[0]) / whole, 3),
        margins=(rounded(story.margins[0], 3), rounded(story.margins[1], 3)),
        changes=None,
        score=score,
        residual=float(f"{max(story.left.residual, story.right.residual):.1e}"),
    )
