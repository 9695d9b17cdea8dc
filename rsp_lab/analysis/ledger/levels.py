"""The ledger of every pixel at once: each level's contribution to each logit at stride 4.

By linearity a level's contribution is the frozen head's answer to that level alone, minus its answer to nothing: one
pass of the frozen head a level, and one for the bias.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rsp_lab.analysis.ledger.freeze import check_freezable, freeze
from rsp_lab.analysis.ledger.frozen_pass import FrozenPass
from rsp_lab.analysis.targets.target import class_index
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject
from rsp_lab.rgb import ImageLike
from rsp_lab.shapes import level_name, strides_dict
from rsp_lab.summary import Rows, Summarised
from rsp_lab.text import rounded

LEVEL_RESIDUAL_RULE = (
    "the largest |bias + sum over levels - logit| / max(1, |bias| + sum over levels of |contribution|)"
)


@dataclass(frozen=True, eq=False)
class LevelLedger(Summarised):
    """Contribution of each level to each logit, at stride 4, in logits.

    Attributes:
        levels: lowest first.
        class_names: of the class axis.
        image_size: (y, x) in pixels.
        contributions: (level, class, v, u), in the model's dtype and on its device.
        bias: (class, v, u), the answer to Q = 0; the same at every place wherever weights sum to 1.
        logits: (class, v, u), the model's own.
        residual: by :data:`LEVEL_RESIDUAL_RULE`.
        tolerance: what ``residual`` was held to.
        strides: of a network of another make, by level; see :attr:`FrozenPass.strides`.
    """

    levels: tuple[int, ...]
    class_names: tuple[str, ...]
    image_size: tuple[int, int]
    contributions: Float[Tensor, "level class v u"]
    bias: Float[Tensor, "class v u"]
    logits: Float[Tensor, "class v u"]
    residual: float
    tolerance: float
    strides: dict[int, int] = field(default_factory=dict)

    def level_name(self, level: int) -> str:
        """What a level is called, see :func:`rsp_lab.shapes.level_name`."""
        return level_name(level, self.strides)

    def contribution(self, class_name: str, rival: str | None = None) -> Float[Tensor, "level v u"]:
        """Contribution of each level to one class, or to that class over a rival.

        Raises:
            ValueError: for a class that was left out.
        """
        chosen = self.contributions[:, class_index(class_name, self.class_names)]
        return chosen if rival is None else chosen - self.contributions[:, class_index(rival, self.class_names)]

    def decision(self) -> Float[Tensor, "level v u"]:
        """Contribution of each level to the highest logit over the second highest, among the classes held.

        Raises:
            ValueError: for fewer than two classes.
        """
        if len(self.class_names) < 2:
            raise ValueError("a decision needs two classes or more: leave out fewer with classes=.")
        first, second = self.logits.topk(2, dim=0).indices
        return self._of(first) - self._of(second)

    def deciding_level(self) -> Int[Tensor, "v u"]:
        """At each place the level that contributes most to :meth:`decision`; the lowest one where levels tie.

        Raises:
            ValueError: for fewer than two classes.
        """
        levels = torch.tensor(self.levels, device=self.contributions.device)
        return levels[self.decision().argmax(0)]

    def deciding_shares(self) -> dict[int, float]:
        """Share of the places that each level decides.

        Raises:
            ValueError: for fewer than two classes.
        """
        deciding = self.deciding_level()
        return {level: float((deciding == level).double().mean()) for level in self.levels}

    def _summary(self) -> tuple[str, Rows]:
        height, width = self.logits.shape[-2:]
        title = f"LevelLedger of {len(self.class_names)} classes at {height} x {width} places"
        rows: list[tuple[str, object]] = [("contributions", self.contributions), ("residual", self.residual)]
        if len(self.class_names) > 1:
            shares = reversed(self.deciding_shares().items())
            rows = [*((self.level_name(x), f"decides {share:.1%} of the places") for x, share in shares), *rows]
        return title, rows

    def to_dict(self) -> dict[str, Any]:
        """JSON-able: which share of the places each level decides, and its mean contribution to the decisions.

        With one class alone nothing is decided, and a level has neither.
        """
        levels: dict[str, dict[str, float]] = {str(x): {} for x in self.levels}
        if len(self.class_names) > 1:
            means = self.decision().double().mean((1, 2)).tolist()
            for (x, share), mean in zip(self.deciding_shares().items(), means, strict=True):
                levels[str(x)] = {"decides_share": rounded(share, 4), "mean_in_decisions": rounded(mean)}
        return {
            "unit": "logits",
            "image_size": list(self.image_size),
            "cells": list(self.logits.shape[-2:]),
            "classes": list(self.class_names),
            "levels": levels,
            **strides_dict(self.strides),
            "residual": self.residual,
            "residual_rule": LEVEL_RESIDUAL_RULE,
            "tolerance": self.tolerance,
        }

    def _of(self, index: Tensor) -> Tensor:
        return self.contributions.gather(1, index.expand(len(self.levels), 1, *index.shape))[:, 0]


def level_ledger(
    model: Segmenter | Subject | FrozenPass, image: ImageLike, *, classes: Sequence[str] | None = None
) -> LevelLedger:
    """Every level's contribution to every logit of an image, from one forward pass and levels + 1 passes of the head.

    Holds (levels + 2) * classes * v * u numbers, v and u being a quarter of the image's sides: 78 MB in float32 for 6
    levels and 19 classes at 1024 x 2048.

    Args:
        model: in eval mode, float32 or float64; it is left as it was found. A frozen head of it on this image saves the
            forward pass.
        image: RGB, uint8 or float in [0, 1]; see :mod:`rsp_lab.rgb`.
        classes: keep to these classes; None takes all.

    Raises:
        ValueError: for a class that does not exist; for a model or image that :meth:`FrozenHead.of` refuses.
        LedgerError: if the contributions do not add up to the model's logits.
    """
    check_freezable(model)
    places = _places(classes, model.class_names)
    frozen = freeze(model, image)
    # Levels one by one add up where cells do not, as under a product of a level with itself.
    frozen.prove()
    logits, bias = frozen.logits[0, places], frozen.bias_map[0, places]
    contributions = logits.new_empty(len(frozen.levels), *logits.shape)
    nothing = {x: torch.zeros_like(q) for x, q in frozen.q.items()}
    with torch.no_grad():
        for i, x in enumerate(frozen.levels):
            contributions[i] = frozen.forward({**nothing, x: frozen.q[x]}, classes=places)[0] - bias
        error = (contributions.sum(0) + bias - logits).abs()
        residual = float((error / (contributions.abs().sum(0) + bias.abs()).clamp_min(1)).max())
    frozen.check_sum(residual, "all levels")
    return LevelLedger(
        levels=frozen.levels,
        class_names=tuple(frozen.class_names[i] for i in places),
        image_size=frozen.image_size,
        contributions=contributions,
        bias=bias,
        logits=logits,
        residual=residual,
        tolerance=frozen.tolerance,
        strides=frozen.strides,
    )


def _places(classes: Sequence[str] | None, class_names: Sequence[str]) -> list[int]:
    if classes is None:
        return list(range(len(class_names)))
    if isinstance(classes, str) or not classes or len(set(classes)) != len(classes):
        raise ValueError(f"classes must be one or more different names, got {classes!r}: e.g. classes=('road', 'sky').")
    return [class_index(name, class_names) for name in classes]
