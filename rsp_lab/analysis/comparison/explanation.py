"""What two models' passes come to at one pixel: the story as objects, as text and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from jaxtyping import UInt8
from torch import Tensor

from rsp_lab.analysis.comparison.flips import BIAS
from rsp_lab.analysis.ledger.difference import LedgerDifference, ledger_difference
from rsp_lab.analysis.ledger.ledger import ContextLedger
from rsp_lab.analysis.ledger.selection import RejectionMap
from rsp_lab.analysis.passes.answer import PixelAnswer
from rsp_lab.analysis.passes.pair import with_sides
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.shapes import step_digits
from rsp_lab.summary import Rows, Summarised
from rsp_lab.text import plain_table, rounded, signed, signed_fixed, significant

Pixel = tuple[int, int]
_CELLS = 5


@dataclass(frozen=True)
class PixelGaze(Summarised):
    """Where one relation looks from the cell under a pixel; offsets are (down, right) in input pixels.

    Attributes:
        step: e.g. ``"step54"``.
        cell: (y, x) on the low level.
        gaze: where position alone would look, see :func:`rsp_lab.analysis.relation_weights.gaze.gaze_arrow`.
        offset: where the weights look on average.
        reach: root mean square distance of the weights from the cell, in input pixels.
    """

    step: str
    cell: tuple[int, int]
    gaze: tuple[float, float]
    offset: tuple[float, float]
    reach: float

    def to_dict(self) -> dict[str, Any]:
        pixels = {"gaze_pixels": self.gaze, "offset_pixels": self.offset, "reach_pixels": self.reach}
        return {"step": self.step, "cell": list(self.cell), **rounded(pixels, 2)}


@dataclass(frozen=True, eq=False)
class PixelAccount(Summarised):
    """One model at one pixel.

    Attributes:
        name: of the model.
        answer: its prediction, runner-up and margin.
        ledger: of the class over the rival.
        rejection: of the same; None for a model without relations.
        gaze: one a relation, highest step first; empty for a model without relations.
        foreign: whether the model is none of ours, so that nothing is known of what it selects.
    """

    name: str
    answer: PixelAnswer
    ledger: ContextLedger
    rejection: RejectionMap | None
    gaze: tuple[PixelGaze, ...]
    foreign: bool = False

    def _summary(self) -> tuple[str, Rows]:
        return f"PixelAccount of {self.name}", [
            ("answer", self.answer),
            ("ledger", self.ledger),
            ("rejection", self.rejection),
            *(
                (f"gaze at {one.step}", f"{signed_fixed(one.gaze[0], 1)} down, {signed_fixed(one.gaze[1], 1)} right")
                for one in self.gaze
            ),
        ]

    def to_dict(self) -> dict[str, Any]:
        return {
            "model": self.name,
            "answer": self.answer.to_dict(),
            "ledger": self.ledger.to_dict(),
            "rejection": None if self.rejection is None else self.rejection.to_dict(),
            "gaze": [gaze.to_dict() for gaze in self.gaze],
        }


@dataclass(frozen=True, eq=False)
class Explanation(Summarised):
    """Two models on one decision.

    Attributes:
        image: RGB.
        target: the pixel, the class and its rival.
        left, right: the models' accounts.
        chosen: how class and rival were chosen, in words.
    """

    image: UInt8[Tensor, "3 y x"]
    target: PixelTarget
    left: PixelAccount
    right: PixelAccount
    chosen: str

    @property
    def pixel(self) -> Pixel:
        """(y, x)."""
        return self.target.y, self.target.x

    @property
    def accounts(self) -> tuple[PixelAccount, PixelAccount]:
        """Left, right."""
        return self.left, self.right

    @property
    def difference(self) -> LedgerDifference:
        """Right minus left."""
        return ledger_difference(self.right.ledger, self.left.ledger)

    def sentence(self) -> str:
        """What a colleague would say, with numbers from the ledgers."""
        left, right, gap = self.left.ledger, self.right.ledger, widest_gap(self.difference)
        end = SAME if gap is None else f"What sets them apart most is {gap.name}: {gap.right} and {gap.left}."
        return (
            f"At y {self.target.y}, x {self.target.x}, {self.right.name} says {self.right.answer.label} and "
            f"{self.left.name} {self.left.answer.label}: {self.target.class_name} over {self.target.rival} is "
            f"{signed(right.total)} and {signed(left.total)} logits. {end}"
        )

    def text(self) -> str:
        """The whole story as plain text; every number is in logits unless its unit is printed."""
        return "\n\n".join(
            [
                f"{self.sentence()}\nClass and rival: {self.chosen}.",
                _answers(self.accounts),
                _levels(self),
                *(_cells(account) for account in self.accounts),
                *(_selection(account) for account in self.accounts),
            ]
        )

    def _summary(self) -> tuple[str, Rows]:
        apart = self.difference
        levels = [
            (
                apart.level_name(x),
                "  ".join(signed_fixed(one.ledger.sums.get(x, 0.0), 3) for one in (self.left, self.right)),
            )
            for x in apart.levels
        ]
        return f"Explanation of {self.target.describe()}", [
            ("models", ", ".join(with_sides((self.left.name, self.right.name)))),
            ("says", f"{self.left.answer.label} (left), {self.right.answer.label} (right)"),
            *reversed(levels),
            ("bias", f"{signed_fixed(self.left.ledger.bias, 3)}  {signed_fixed(self.right.ledger.bias, 3)}"),
            ("total", f"{signed_fixed(self.left.ledger.total, 3)}  {signed_fixed(self.right.ledger.total, 3)}"),
        ]

    def to_dict(self) -> dict[str, Any]:
        apart = self.difference
        levels = {str(x): value for x, value in apart.sums.items()}
        return {
            "sentence": self.sentence(),
            "image_size": list(self.left.ledger.image_size),
            "pixel": list(self.pixel),
            "class": self.target.class_name,
            "rival": self.target.rival,
            "chosen": self.chosen,
            "unit": "logits",
            "left": self.left.to_dict(),
            "right": self.right.to_dict(),
            "right_minus_left": rounded({"total": apart.total, "bias": apart.bias, "levels": levels}),
        }


SAME = "Every level adds the same to both."
"""Where there is no :func:`widest_gap`."""


class Gap(NamedTuple):
    """A part of two ledgers in words: a level or the bias, and its logits in either."""

    name: str
    right: str
    left: str


def widest_gap(apart: LedgerDifference) -> Gap | None:
    """What brings most of a difference of two ledgers, right minus left; None where every part reads alike in both."""
    right, left = apart.a, apart.b
    parts = {apart.level_name(x): (right.sums.get(x, 0.0), left.sums.get(x, 0.0)) for x in apart.levels}
    parts[BIAS] = right.bias, left.bias
    way = 1 if apart.total >= 0 else -1
    gaps = [(way * (ours - theirs), Gap(name, signed(ours), signed(theirs))) for name, (ours, theirs) in parts.items()]
    unlike = [one for one in gaps if one[1].right != one[1].left]
    return max(unlike, key=lambda one: one[0])[1] if unlike else None


def largest_part(ledger: ContextLedger) -> tuple[str, float]:
    """The level with the largest sum, or the bias, by name and in logits."""
    parts = {**{ledger.level_name(x): value for x, value in ledger.sums.items()}, BIAS: ledger.bias}
    return max(parts.items(), key=lambda part: abs(part[1]))


def _answers(accounts: Sequence[PixelAccount]) -> str:
    rows = [("at the pixel", "says", "runner-up", "by, logits")]
    rows += [(a.name, a.answer.label, a.answer.runner_up, significant(a.answer.margin)) for a in accounts]
    return plain_table(rows)


def _levels(told: Explanation) -> str:
    left, right, apart = told.left.ledger, told.right.ledger, told.difference
    head = f"{told.target.class_name} over {told.target.rival}, logits"
    rows: list[tuple[str, ...]] = [(head, told.left.name, told.right.name, "right minus left")]
    for x in reversed(apart.levels):
        values = (left.sums.get(x), right.sums.get(x), apart.sums[x])
        rows.append((apart.level_name(x), *(signed_fixed(value) for value in values)))
    rows.append(("bias", *map(signed_fixed, (left.bias, right.bias, apart.bias))))
    rows.append(("= margin", *map(signed_fixed, (left.total, right.total, apart.total))))
    rows.append(("residual", significant(left.residual, 1), significant(right.residual, 1), ""))
    return plain_table(rows)


def _cells(account: PixelAccount) -> str:
    rows = [(f"strongest cells, {account.name}", "cell y, x", "pixels y", "pixels x", "logits")]
    for cell in account.ledger.strongest(_CELLS):
        top, left, bottom, right = cell.box
        spans = f"{top + 0.5:.0f} to {bottom - 0.5:.0f}", f"{left + 0.5:.0f} to {right - 0.5:.0f}"
        rows.append((account.ledger.level_name(cell.level), f"{cell.y}, {cell.x}", *spans, signed_fixed(cell.value)))
    return plain_table(rows)


def _selection(account: PixelAccount) -> str:
    if account.foreign:
        return f"{account.name} has no relations: where its attention looks, if it has any, rl.record_attention says."
    if account.rejection is None:
        return f"{account.name} passes all context down: it refuses nothing and has no gaze."
    head = ("taken", "refused", "added", "gaze down, right px", "weights down, right px", "reach px")
    rows: list[tuple[str, ...]] = [(f"selection, {account.name}, logits", *head)]
    for step, gaze in zip(account.rejection.steps, account.gaze, strict=True):
        sums = map(signed_fixed, (float(step.taken.sum()), step.refused, step.added))
        places = (f"{signed_fixed(down, 0)}, {signed_fixed(right, 0)}" for down, right in (gaze.gaze, gaze.offset))
        rows.append((f"step {step_digits(step.step)}", *sums, *places, f"{gaze.reach:.0f}"))
    return f"{plain_table(rows)}\nresidual of what was refused {significant(account.rejection.residual, 1)}"
