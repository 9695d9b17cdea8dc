"""Whether key and query of a relation complement each other, as Fig. 4 shows for chosen channels: a score with nulls.

Suffixes name axes: m middle (query/key) channels, y x cell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import nan
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rsp_lab.analysis.ledger.explainable import check_affine, check_evaluating
from rsp_lab.capture.capture import run_with_capture
from rsp_lab.models.heads import TopDownHead
from rsp_lab.models.redrawn import Redrawn
from rsp_lab.models.relation import relation_modules
from rsp_lab.models.segmenter import CoarseSegmenter, Segmenter
from rsp_lab.relations.precision import full_precision
from rsp_lab.rgb import ImageLike, rgb_images
from rsp_lab.shapes import step_levels
from rsp_lab.summary import Rows, Summarised
from rsp_lab.text import rounded, significant

COMPLEMENTARITY_RULE = (
    "minus the mean over the middle channels of the correlation over the map of query channel c with key channel c"
)


@dataclass(frozen=True)
class Null(Summarised):
    """Scores that a model would get if its key and query had nothing to do with each other.

    Attributes:
        name: ``"shuffled channels"`` or ``"random weights"``.
        mean, low, high: of the drawn scores, with the interval that holds the middle 95 % of them.
        percentile: share of draws below the model's score, ties by half, in percent.
        p: two-sided, share of draws at least as far from their mean as the model's score, which counts as a draw
            itself: never below 1 / (n + 1).
        n: draws.
    """

    name: str
    mean: float
    low: float
    high: float
    percentile: float
    p: float
    n: int

    def _summary(self) -> tuple[str, Rows]:
        low, high = significant(self.low), significant(self.high)
        words = f"mean {significant(self.mean)}, middle 95 % {low} to {high}, p {significant(self.p)}, {self.n} draws"
        return f"{self.name}: {words}", [("percentile", self.percentile)]

    def to_dict(self) -> dict[str, Any]:
        numbers = rounded({key: getattr(self, key) for key in ("mean", "low", "high", "percentile", "p")}, 4)
        return {"name": self.name, **numbers, "n": self.n}


@dataclass(frozen=True)
class Complementarity(Summarised):
    """The score of one relation over one or more images.

    Attributes:
        step: e.g. ``"step54"``.
        score: mean of ``scores``, by :data:`COMPLEMENTARITY_RULE`; in [-1, 1], positive where key and query
            complement each other, negative where they agree.
        scores: by image.
        deviation: standard deviation over the images, nan for one image.
        covariance: summed over the middle channels, covariance over the map of query with key, mean over the images.
            In score units: how much higher the content score of a cell with the key at its own place is, on average,
            than with the key of any place. No change of basis of the middle channels that keeps the content scores
            changes it, while it does change ``score``.
        shuffled: null of the same maps with query channels paired with key channels at random.
        random: null of the same architecture with random weights on the same images; None if not asked for.
        same_source: score at this step of the +SELF model, whose query and key come from one map; None if not given.
    """

    step: str
    score: float
    scores: tuple[float, ...]
    deviation: float
    covariance: float
    shuffled: Null
    random: Null | None = None
    same_source: float | None = None

    def _summary(self) -> tuple[str, Rows]:
        known = [("deviation", self.deviation), ("random", self.random), ("same source", self.same_source)]
        return f"Complementarity of {self.step}", [
            ("score", self.score),
            *(("scores", self.scores) for _ in self.scores[1:2]),
            ("covariance", self.covariance),
            ("shuffled", self.shuffled),
            # Over one image there is no deviation.
            *((name, value) for name, value in known if value is not None and value == value),
        ]

    def to_dict(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "rule": COMPLEMENTARITY_RULE,
            "score": rounded(self.score, 4),
            "scores": rounded(self.scores, 4),
            "deviation": rounded(self.deviation, 4),
            "covariance": rounded(self.covariance, 4),
            "shuffled": self.shuffled.to_dict(),
            "random": None if self.random is None else self.random.to_dict(),
            "same_source": rounded(self.same_source, 4),
        }


@dataclass(frozen=True, eq=False)
class StepComplementarity(Summarised):
    """The score of one relation on one image, with every score that was drawn under its nulls.

    Attributes:
        step: e.g. ``"step54"``.
        cells: (y, x) of the maps that the correlations are over.
        channels: middle channels.
        score: by :data:`COMPLEMENTARITY_RULE`.
        covariance: as for :class:`Complementarity`.
        draws: scores of shuffled pairs.
        shuffled: where the score lies among them.
        random_draws: scores of models with random weights; empty where none were drawn.
        random: where the score lies among them.
    """

    step: str
    cells: tuple[int, int]
    channels: int
    score: float
    covariance: float
    draws: Float[Tensor, " n"]
    shuffled: Null
    random_draws: tuple[float, ...] = ()
    random: Null | None = None

    def beside(self, random_draws: Sequence[float]) -> StepComplementarity:
        """The same beside the scores of models with random weights, see :class:`RandomNetworks`."""
        random = _random_null(self.score, list(random_draws))
        return replace(self, random_draws=tuple(random_draws), random=random)

    def to_dict(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "rule": COMPLEMENTARITY_RULE,
            "cells": list(self.cells),
            "channels": self.channels,
            "score": rounded(self.score, 4),
            "covariance": rounded(self.covariance, 4),
            "shuffled": self.shuffled.to_dict(),
            "random": None if self.random is None else self.random.to_dict(),
        }


def channel_correlations(query: Float[Tensor, "m y x"], key: Float[Tensor, "m y x"]) -> Float[Tensor, "m m"]:
    """Pearson correlation over the map of query channel (row) with key channel (column), float64.

    0 where either channel is constant up to rounding.
    """
    q, k = _standardised(query), _standardised(key)
    return q @ k.mT


def complementarity_score(correlations: Float[Tensor, "m m"]) -> float:
    """:data:`COMPLEMENTARITY_RULE`, of the matrix that :func:`channel_correlations` gives.

    Signed, not of absolute activations: turning the sign of a channel in query and key leaves the scores as they are,
    and so it does the correlation, but what is *bright* in a channel has no meaning without its sign. Correlation,
    not product: adding one vector to all keys changes no weight under softmax. The mean over all channels, because
    a channel chosen for its look says nothing about the others.
    """
    return -float(correlations.diagonal().mean())


def shuffled_scores(correlations: Float[Tensor, "m m"], draws: int, seed: int) -> Float[Tensor, " draws"]:
    """The score with key channels permuted, once a draw. Their expectation is minus the mean of the whole matrix."""
    generator = torch.Generator().manual_seed(seed)
    m = len(correlations)
    order = torch.rand(draws, m, generator=generator).argsort(1).to(correlations.device)
    return -correlations[torch.arange(m, device=correlations.device), order].mean(1)


def null_of(name: str, score: float, draws: Float[Tensor, " n"]) -> Null:
    """Where a score lies among scores drawn under a null."""
    draws = draws.double()
    mean = float(draws.mean())
    low, high = torch.quantile(draws, draws.new_tensor([0.025, 0.975])).tolist()
    below = float((draws < score).double().mean() + (draws == score).double().mean() / 2)
    farther = int(((draws - mean).abs() >= abs(score - mean)).sum())
    return Null(name, mean, low, high, 100 * below, (1 + farther) / (len(draws) + 1), len(draws))


def complementarity(
    model: Segmenter,
    images: ImageLike | Iterable[ImageLike],
    *,
    draws: int = 2000,
    random_models: int = 8,
    same_source: Segmenter | None = None,
    seed: int = 0,
) -> tuple[Complementarity, ...]:
    """The score of every relation of a model with its nulls, highest step first; empty for a model that only sums.

    A draw of a null is treated as the model is: one permutation, or one set of random weights, for all images, scores
    averaged over them. Equal arguments give equal results; the global random state is left alone.

    Args:
        model: in eval mode.
        images: RGB, uint8 or float in [0, 1] (see :mod:`rsp_lab.rgb`): one image, a batch, or several of any sizes.
        draws: permutations of the channels.
        random_models: models with random weights; 0 leaves this null out.
        same_source: a +SELF model, for comparison.
        seed: of the permutations; the random models use ``seed``, ``seed + 1``, ...

    Raises:
        ValueError: for no image, for fewer than one draw, for what is no model of ours or is in training mode, or if
            ``same_source`` has a relation that is not +SELF or has none.
    """
    check_affine(model)
    check_evaluating(model)
    anchor = next(model.parameters())
    given = rgb_images(images, dtype=anchor.dtype, device=anchor.device)
    if not given or draws < 1 or random_models < 0:
        raise ValueError(
            f"got {len(given)} images, {draws} draws and {random_models} random models: "
            "give at least one image, one draw, and 0 or more random models."
        )
    if same_source is not None:
        _check_same_source(same_source)
        check_evaluating(same_source)
    found = _correlations(model, given)
    twins = RandomNetworks(model)
    random = [twins.correlations(given, seed + i) for i in range(random_models if found else 0)]
    other = {} if same_source is None else _correlations(same_source, given)
    return tuple(
        Complementarity(
            step=step,
            score=measured.score,
            scores=tuple(map(complementarity_score, measured.correlations)),
            deviation=measured.deviation,
            covariance=float(measured.covariances.mean()),
            shuffled=null_of("shuffled channels", measured.score, shuffled_scores(measured.mean, draws, seed)),
            random=_random_null(measured.score, [one[step].score for one in random]),
            same_source=other[step].score if step in other else None,
        )
        for step, measured in found.items()
    )


def step_complementarities(
    record: Mapping[str, Tensor], *, draws: int = 2000, seed: int = 0
) -> tuple[StepComplementarity, ...]:
    """The score of every relation of a captured pass of one image, highest step first, with its shuffled pairs.

    Args:
        record: with the taps ``step*.query`` and ``step*.key``; steps without both are left out.
        draws: permutations of the channels.
        seed: of the permutations.
    """
    found = []
    for step in (name.removesuffix(".query") for name in record if name.endswith(".query")):
        if f"{step}.key" not in record:
            continue
        query, key = (record[f"{step}.{part}"][0].detach() for part in ("query", "key"))
        correlations, covariance = _measure(query, key)
        score, drawn = complementarity_score(correlations), shuffled_scores(correlations, draws, seed)
        null = null_of("shuffled channels", score, drawn)
        cells = query.shape[-2], query.shape[-1]
        found.append(StepComplementarity(step, cells, len(query), score, float(covariance), drawn, null))
    return tuple(found)


class RandomNetworks:
    """Networks of a model's architecture with weights as drawn before training, built once for each thread at work.

    Args:
        model: left alone.
    """

    def __init__(self, model: Segmenter) -> None:
        self._model = model
        self._idle: list[Redrawn[Segmenter]] = []

    def scores(self, image: ImageLike, seed: int) -> dict[str, float]:
        """The complementarity score by step, with the weights of a seed. Several threads may ask at once.

        Args:
            image: RGB, uint8 or float in [0, 1]; see :mod:`rsp_lab.rgb`.
            seed: of the weights; the global random state is left alone.
        """
        anchor = next(self._model.parameters())
        given = rgb_images(image, dtype=anchor.dtype, device=anchor.device)
        return {step: measured.score for step, measured in self.correlations(given, seed).items()}

    def correlations(self, images: Sequence[Tensor], seed: int) -> dict[str, _Measured]:
        """By step, over all images in the model's dtype, on its device; empty for a model without relations."""
        try:
            redrawn = self._idle.pop()
        except IndexError:
            redrawn = Redrawn(partial(_untrained, self._model))
        try:
            return _correlations(redrawn.draw(seed), images)
        finally:
            self._idle.append(redrawn)


@dataclass(frozen=True, eq=False)
class _Measured:
    """Channel correlations (image, m, m) and summed channel covariances (image,) of one step."""

    correlations: Tensor
    covariances: Tensor

    @property
    def mean(self) -> Tensor:
        return self.correlations.mean(0)

    @property
    def score(self) -> float:
        return complementarity_score(self.mean)

    @property
    def deviation(self) -> float:
        return float(self.correlations.diagonal(dim1=1, dim2=2).mean(1).std()) if len(self.correlations) > 1 else nan


def _random_null(score: float, drawn: list[float]) -> Null | None:
    return null_of("random weights", score, torch.tensor(drawn, dtype=torch.float64)) if drawn else None


def _correlations(model: Segmenter, images: Sequence[Tensor]) -> dict[str, _Measured]:
    """By step, over all images; empty for a model without relations."""
    steps = list(relation_modules(model))
    taps = [f"{step}.{part}" for step in steps for part in ("query", "key")]
    found: dict[str, list[tuple[Tensor, Tensor]]] = {step: [] for step in steps}
    for image in images if steps else ():
        with full_precision(image.device):
            _, record = run_with_capture(CoarseSegmenter(model), image.clone(), taps=taps)
        for step in steps:
            found[step].append(_measure(record[f"{step}.query"][0], record[f"{step}.key"][0]))
    return {
        step: _Measured(torch.stack([a for a, _ in rows]), torch.stack([b for _, b in rows]))
        for step, rows in found.items()
    }


def _measure(query: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
    """Channel correlations (m, m) and the summed channel covariance of one image."""
    covariance = (_centred(query) * _centred(key)).mean(1).sum()
    return channel_correlations(query, key).cpu(), covariance.cpu()


def _centred(maps: Tensor) -> Tensor:
    flat = maps.double().flatten(1)
    return flat - flat.mean(1, keepdim=True)


def _standardised(maps: Tensor) -> Tensor:
    centred = _centred(maps)
    norm = centred.norm(dim=1, keepdim=True)
    # A constant channel keeps a spread of rounding after centring.
    constant = norm <= 1e-7 * maps.double().flatten(1).norm(dim=1, keepdim=True)
    return torch.where(constant, 0, centred / norm.clamp_min(torch.finfo(norm.dtype).tiny))


class _Unread(nn.Module):
    """Stands where maps would be worked out that nobody looks at: zeros of their size, without their memory."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, x: Float[Tensor, "b _ y x"]) -> Float[Tensor, "b _ y x"]:
        return x.new_zeros(()).expand(len(x), self.channels, *x.shape[-2:])


def _untrained(model: Segmenter) -> Segmenter:
    """The same architecture before training, in eval mode, as far as its relations.

    What lies below them takes more than half of the time, the largest levels among it, and changes no key, no query.
    """
    random = Segmenter(model.config)
    if relations := relation_modules(random):
        lowest = min(step_levels(step)[1] for step in relations)
        head = random.head
        assert isinstance(head, TopDownHead)
        for level in range(2, lowest):
            for blocks in (random.pyramid.fpn.inner_blocks, random.pyramid.fpn.layer_blocks):
                blocks[level - 2] = _Unread(model.config.pyramid.channels)
            head.transforms[f"q{level}"] = _Unread(head.config.channels)
        del head.steps[len(head.steps) - (lowest - 2) :]
        head.add_module("classifier", _Unread(len(model.class_names)))
    return random.to(model.mean).eval()


def _check_same_source(model: Segmenter) -> None:
    modules = relation_modules(model)
    wrong = [step for step, module in modules.items() if module.config.query_from != "high"]
    if wrong or not modules:
        what = f"takes its query from the low level at {', '.join(wrong)}" if wrong else "has no relation"
        raise ValueError(
            f"same_source is no +SELF model: it {what}. Give a model with RelationConfig(query_from='high')."
        )
