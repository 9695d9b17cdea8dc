"""The change ledger: by what way a change of the picture changed a decision, exactly.

Two pictures of one size give two sets of Q maps and of relation weights. With m(q, w) the margin of the frozen head,
the change m(after) - m(before) is shared out among the Q maps together (the content) and the weights of each step
(where that step looks) by the Shapley value (Shapley: Contributions to the Theory of Games II, 1953), over all settings
of before and after: no sampling. Under any one setting of the weights the head is affine in Q, so that the content's
part is a sum over the cells of each level, and so is its mean over the settings.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import comb
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from rsp_lab.analysis.ledger.explainable import explainable_input, image_digest
from rsp_lab.analysis.ledger.footprint import on_pixels
from rsp_lab.analysis.ledger.freeze import check_runnable, freeze, frozen_source
from rsp_lab.analysis.ledger.frozen_pass import FrozenPass
from rsp_lab.analysis.ledger.frozen_subject import GATES
from rsp_lab.analysis.ledger.settings import Readings, all_settings
from rsp_lab.analysis.targets.target import Target, check_fit, target_value
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject
from rsp_lab.rgb import ImageLike
from rsp_lab.shapes import level_name, step_digits, step_levels, strides_dict
from rsp_lab.summary import Rows, Summarised
from rsp_lab.text import MINUS, fixed, rounded, signed_fixed

CHANGE_RESIDUAL_RULE = (
    "|sum of content + sum of looking - the change of the model's margin| / max(1, sum of |cells| + sum of |looking|)"
)


@dataclass(frozen=True, eq=False)
class ChangeLedger(Summarised):
    """What changed a decision from one picture to another, in logits.

    Attributes:
        target: whose value changes; what it leaves open is what the model predicts before.
        class_names: in the order of the logits.
        image_size: (y, x) in pixels.
        before, after: the target's value in the model on either picture.
        maps: part of each cell of the content, (v, u) by level, lowest level first: its Shapley value, the mean over
            the settings of the weights; float64, on the CPU.
        maps_before, maps_after: the same under the weights of the one picture alone: what the content would have
            brought if no step had looked elsewhere, and if all had from the start.
        looking: Shapley value of each step's weights, highest step first; empty for heads that only sum. Of a subject
            of another library: of all its gates together, under ``"gates"``.
        residual: by :data:`CHANGE_RESIDUAL_RULE`.
        tolerance: what ``residual`` was held to.
        strides: of a network of another make, by level; see :attr:`FrozenPass.strides`.
    """

    target: Target
    class_names: tuple[str, ...]
    image_size: tuple[int, int]
    before: float
    after: float
    maps: dict[int, Tensor]
    maps_before: dict[int, Tensor]
    maps_after: dict[int, Tensor]
    looking: dict[str, float]
    residual: float
    tolerance: float
    strides: dict[int, int] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """The change; content and looking add up to it."""
        return self.after - self.before

    @property
    def levels(self) -> tuple[int, ...]:
        """Lowest first."""
        return tuple(self.maps)

    @property
    def content(self) -> dict[int, float]:
        """What the Q maps of each level brought, by level, lowest first."""
        return {level: float(values.sum()) for level, values in self.maps.items()}

    @property
    def content_before(self) -> dict[int, float]:
        """The same with all weights as they are before."""
        return {level: float(values.sum()) for level, values in self.maps_before.items()}

    @property
    def content_after(self) -> dict[int, float]:
        """The same with all weights as they are after."""
        return {level: float(values.sum()) for level, values in self.maps_after.items()}

    @property
    def leading_level(self) -> int:
        """The level whose content brought most in the direction of the change; the lowest one where levels tie."""
        sign = 1 if self.total >= 0 else -1
        content = self.content
        return max(content, key=lambda level: sign * content[level])

    @property
    def looking_share(self) -> float:
        """Sum of |looking| over the sum of |content| by level and |looking|; 0 where all of it is rounding."""
        looking = sum(map(abs, self.looking.values()))
        whole = looking + sum(map(abs, self.content.values()))
        return looking / whole if whole > self.tolerance else 0.0

    def level_name(self, level: int) -> str:
        """What a level is called, see :func:`rsp_lab.shapes.level_name`."""
        return level_name(level, self.strides)

    def on_image(self, level: int | None = None) -> Float[Tensor, "y x"]:
        """The content's part at image size, of one level or of all; the sum is preserved.

        Raises:
            ValueError: for a level that the head does not read.
        """
        if level is not None and level not in self.maps:
            raise ValueError(f"there is no level {level} here; the levels are {list(self.levels)}.")
        chosen = self.levels if level is None else (level,)
        return sum((on_pixels(self.maps[x], self.image_size) for x in chosen), torch.zeros(()))

    def sentence(self) -> str:
        """The account in words, e.g. ``"bus over car at ...: +7.62 logits = content 7.09 (level 7 ...) ..."``."""
        levels = ", ".join(f"{self.level_name(x)} {signed_fixed(value)}" for x, value in reversed(self.content.items()))
        steps = ", ".join(f"{step} {signed_fixed(value)}" for step, value in self.looking.items())
        looking = f" + looking {fixed(sum(self.looking.values()))} ({steps})" if self.looking else ""
        if GATES in self.looking:
            looking = f" + all gates {fixed(self.looking[GATES])}"
        content = sum(self.content.values())
        parts = f"content {fixed(content)} ({levels}){looking}"
        return f"{self.target.describe()}: {signed_fixed(self.total)} logits = {parts}"

    def _summary(self) -> tuple[str, Rows]:
        return f"ChangeLedger: {self.target.describe()}", [
            *((self.level_name(x), signed_fixed(value, 4)) for x, value in reversed(self.content.items())),
            *((_words(step), signed_fixed(value, 4)) for step, value in self.looking.items()),
            (
                "total",
                f"{signed_fixed(self.total, 4)} = {signed_fixed(self.after, 4)} "
                f"{MINUS} ({signed_fixed(self.before, 4)}), residual {self.residual:.1g}",
            ),
        ]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; maps as their shapes and sums."""

        def by_level(values: dict[int, float]) -> Any:
            return rounded({str(level): value for level, value in values.items()})

        return {
            "target": self.target.describe(),
            "unit": "logits",
            "image_size": list(self.image_size),
            "before": rounded(self.before),
            "after": rounded(self.after),
            "total": rounded(self.total),
            "content": by_level(self.content),
            "content_before": by_level(self.content_before),
            "content_after": by_level(self.content_after),
            "looking": rounded(self.looking),
            "looking_share": rounded(self.looking_share),
            "cells": {str(level): list(values.shape) for level, values in self.maps.items()},
            **strides_dict(self.strides),
            "residual": self.residual,
            "residual_rule": CHANGE_RESIDUAL_RULE,
            "tolerance": self.tolerance,
        }


def _words(player: str) -> str:
    return "gates as after" if player == GATES else f"{player} looks"


@dataclass(frozen=True, eq=False)
class FrozenPair(Summarised):
    """One head on two pictures of one size. One serves any number of targets.

    Attributes:
        before, after: the head on either picture.
    """

    before: FrozenPass
    after: FrozenPass

    @classmethod
    def of(
        cls, model: Segmenter | Subject, before: ImageLike | FrozenPass, after: ImageLike | FrozenPass
    ) -> FrozenPair:
        """One captured forward pass for each picture that is not a frozen head of the model already.

        Raises:
            ValueError: for a model or picture that :meth:`FrozenHead.of` refuses, or what does not fit together.
        """
        check_runnable(model)
        first, second = (one if isinstance(one, FrozenPass) else freeze(model, one) for one in (before, after))
        source = frozen_source(model)
        if first.source is not source or second.source is not source:
            raise ValueError("a frozen head is of another model: make it of this one.")
        return cls(first, second)

    def __post_init__(self) -> None:
        before, after = self.before, self.after
        if before.source is not after.source:
            raise ValueError("the two frozen heads are of two models: make both of one model.")
        if before.image_size != after.image_size:
            raise ValueError(
                f"the pictures have the sizes {before.image_size} and {after.image_size} (rows, columns): give two of "
                "one size."
            )
        if before.logits.dtype != after.logits.dtype:
            raise ValueError("the two frozen heads differ in precision: make both of the model in one precision.")

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps that look, highest first; for a subject of another library all its gates together."""
        return self.before.players

    @cached_property
    def _difference(self) -> dict[int, Tensor]:
        return {x: self.after.q[x].double() - q.double() for x, q in self.before.q.items()}

    def ledgers(self, targets: Sequence[Target]) -> tuple[ChangeLedger, ...]:
        """The change ledger of each target.

        Raises:
            ValueError: for a target that does not fit.
            LedgerError: if the parts do not add up to the change of the model's own answer.
        """
        targets = [self.before.resolved(target) for target in targets]
        found = all_settings(self.before, self.after, targets)
        return tuple(self._ledger(target, self._game(one)) for target, one in zip(targets, found, strict=True))

    def _game(self, readings: Readings) -> _Game:
        game = _Game(self.steps)
        # Settings share gradients: what a cell brings is worked out once for each.
        cells: dict[tuple[int, int], Tensor] = {}
        for setting, reading in readings.items():
            keys = {x: (x, id(gradient)) for x, gradient in reading.gradients.items()}
            for x, key in keys.items():
                if key not in cells:
                    gradient = reading.gradients[x].double()
                    cells[key] = torch.einsum("bcyx,bcyx->yx", gradient, self._difference[x]).cpu()
            game.play(setting, reading.value, {x: cells[key] for x, key in keys.items()})
        return game

    def _ledger(self, target: Target, game: _Game) -> ChangeLedger:
        before, after = (
            target_value(head.logits[0], target, head.image_size, head.class_names)
            for head in (self.before, self.after)
        )
        maps, looking = game.content(), game.looking()
        parts = sum(float(values.sum()) for values in maps.values()) + sum(looking.values())
        scale = sum(float(values.abs().sum()) for values in maps.values()) + sum(map(abs, looking.values()))
        residual = abs(parts - (after - before)) / max(1.0, scale)
        self.before.check_sum(residual, f"the change of {target.describe()}")
        return ChangeLedger(
            target=target,
            class_names=self.before.class_names,
            image_size=self.before.image_size,
            before=before,
            after=after,
            maps=maps,
            maps_before=game.cells[(False,) * len(self.steps)],
            maps_after=game.cells[(True,) * len(self.steps)],
            looking=looking,
            residual=residual,
            tolerance=self.before.tolerance,
            strides=self.before.strides,
        )

    def _summary(self) -> tuple[str, Rows]:
        height, width = self.before.image_size
        return f"FrozenPair of {self.before.name} on two pictures of {height} x {width} pixels", [
            ("levels", self.before.levels),
            ("steps that look", ", ".join(self.steps) or "none: this head selects nothing"),
        ]


class _Game:
    """Values of one target under all settings of content and steps, and what each of these players brought."""

    def __init__(self, steps: tuple[str, ...]) -> None:
        self.steps = steps
        self.cells: dict[tuple[bool, ...], dict[int, Tensor]] = {}
        self._values: dict[tuple[bool, ...], tuple[float, float]] = {}

    def play(self, setting: tuple[bool, ...], value: float, cells: dict[int, Tensor]) -> None:
        """A setting of the steps, the value with the content before, and what each cell brings in that setting."""
        self.cells[setting] = cells
        # The head is affine in Q under held weights; what this rests on is in the residual.
        self._values[setting] = value, value + sum(float(one.sum()) for one in cells.values())

    def content(self) -> dict[int, Tensor]:
        """Shapley value of the content, by level and cell."""
        share = {setting: self._share(sum(setting)) for setting in self.cells}
        first = next(iter(self.cells.values()))
        return {x: sum(share[one] * cells[x] for one, cells in self.cells.items()) for x in first}  # type: ignore[misc]

    def looking(self) -> dict[str, float]:
        """Shapley value of each step."""
        found = dict.fromkeys(self.steps, 0.0)
        for number, step in enumerate(self.steps):
            for setting in (one for one in self._values if not one[number]):
                moved = (*setting[:number], True, *setting[number + 1 :])
                for content in (0, 1):
                    gain = self._values[moved][content] - self._values[setting][content]
                    found[step] += self._share(sum(setting) + content) * gain
        return found

    def _share(self, joined: int) -> float:
        """Of all orders of the players, the share in which just these many, and no others, go before one of them."""
        others = len(self.steps)
        return 1 / ((others + 1) * comb(others, joined))


def change_ledger(
    model: Segmenter | Subject, before: ImageLike | FrozenPass, after: ImageLike | FrozenPass, target: Target
) -> ChangeLedger:
    """By what way the change from one picture to another changed a decision of a model.

    The pictures may be a scene and its counterfactual, two frames, or a photograph and an edited one
    (:func:`rsp_lab.analysis.attribution.erase.erase`). The account is exact for any two pictures, also for one that
    lies outside what the model was trained on, such as an erased one.

    Args:
        model: in eval mode, float32 or float64; it is left as it was found.
        before, after: RGB of one size; see :mod:`rsp_lab.rgb`. A frozen head of the model in a picture's place saves
            that picture's forward pass.
        target: a class or rival that it leaves open is what the model predicts before.

    Raises:
        ValueError: for a target that does not fit, pictures of two sizes, or what :meth:`FrozenHead.of` refuses.
        LedgerError: if the parts do not add up to the change of the model's own answer.
    """
    check_runnable(model)
    if not isinstance(before, FrozenPass):
        # Nothing runs for a target that does not fit.
        given = explainable_input(model, before)
        check_fit(target, (given.shape[-2], given.shape[-1]), model.class_names)
    return FrozenPair.of(model, before, after).ledgers([target])[0]


def change_ledgers(
    model: Segmenter | Subject, changes: Iterable[tuple[ImageLike, ImageLike, Target]]
) -> tuple[ChangeLedger, ...]:
    """The same of many changes: a picture of several of them has one forward pass, a pair of pictures with several
    targets one set of passes of the head.

    Args:
        changes: (before, after, target) each.

    Returns:
        In the order given.

    Raises:
        ValueError, LedgerError: as :func:`change_ledger`.
    """
    check_runnable(model)
    heads: dict[str, FrozenPass] = {}

    def head_of(image: ImageLike) -> FrozenPass:
        given = explainable_input(model, image)
        key = image_digest(given)
        if key not in heads:
            heads[key] = freeze(model, given)
        return heads[key]

    targets: dict[tuple[str, str], list[tuple[int, Target]]] = {}
    for number, (before, after, target) in enumerate(changes):
        key = head_of(before).image_digest, head_of(after).image_digest
        targets.setdefault(key, []).append((number, target))
    ledgers: dict[int, ChangeLedger] = {}
    for (first, second), asked in targets.items():
        numbers, wanted = zip(*asked, strict=True)
        ledgers.update(zip(numbers, FrozenPair(heads[first], heads[second]).ledgers(wanted), strict=True))
    return tuple(ledgers[number] for number in sorted(ledgers))


def player_level(player: str) -> int | None:
    """The level from which a player's step takes, for its colour; None for all gates of a network of another make."""
    return None if player == GATES else step_levels(player)[0]


def player_words(player: str) -> str:
    """What a player of :attr:`ChangeLedger.looking` is called, e.g. ``"looking, step 54"``."""
    return f"all {GATES}" if player == GATES else f"looking, step {step_digits(player)}"
