"""The story of one pixel in two models: what each says, what each level and cell adds, what was refused, the gaze."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jaxtyping import UInt8
from torch import Tensor

from rsp_lab.analysis.compare import check_comparable
from rsp_lab.analysis.frozen import FrozenHead
from rsp_lab.analysis.gaze import explain_weights
from rsp_lab.analysis.grids import check_pixel
from rsp_lab.analysis.ledger import ContextLedger, ledger_of
from rsp_lab.analysis.ledger_difference import LedgerDifference, ledger_difference
from rsp_lab.analysis.selection import RejectionMap, rejection_map_of
from rsp_lab.analysis.targets import PixelTarget, class_index
from rsp_lab.analysis.view import PixelAnswer
from rsp_lab.models.segmenter import Segmenter, logits_at
from rsp_lab.shapes import pixel_to_cell

Pixel = tuple[int, int]
_CELLS = 5


@dataclass(frozen=True)
class PixelGaze:
    """Where one relation looks from the cell under a pixel; offsets are (down, right) in input pixels.

    Attributes:
        step: e.g. ``"step54"``.
        cell: (y, x) on the low level.
        gaze: where position alone would look, see :func:`rsp_lab.analysis.gaze.gaze_arrow`.
        offset: where the weights look on average.
        reach: root mean square distance of the weights from the cell, in input pixels.
    """

    step: str
    cell: tuple[int, int]
    gaze: tuple[float, float]
    offset: tuple[float, float]
    reach: float

    def to_dict(self) -> dict[str, Any]:
        places = {"gaze_pixels": self.gaze, "offset_pixels": self.offset}
        rounded = {name: [round(v, 2) for v in place] for name, place in places.items()}
        return {"step": self.step, "cell": list(self.cell), **rounded, "reach_pixels": round(self.reach, 2)}


@dataclass(frozen=True, eq=False)
class PixelAccount:
    """One model at one pixel.

    Attributes:
        name: of the model.
        answer: its prediction, runner-up and margin.
        ledger: of the class over the rival.
        rejection: of the same; None for a model without relations.
        gaze: one a relation, highest step first; empty for a model without relations.
    """

    name: str
    answer: PixelAnswer
    ledger: ContextLedger
    rejection: RejectionMap | None
    gaze: tuple[PixelGaze, ...]

    def to_dict(self) -> dict[str, Any]:
        return {
            "model": self.name,
            "answer": self.answer.to_dict(),
            "ledger": self.ledger.to_dict(),
            "rejection": None if self.rejection is None else self.rejection.to_dict(),
            "gaze": [gaze.to_dict() for gaze in self.gaze],
        }


@dataclass(frozen=True, eq=False)
class Explanation:
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
        left, right, apart = self.left.ledger, self.right.ledger, self.difference
        level = max(apart.levels, key=lambda x: apart.sums[x] if apart.logit >= 0 else -apart.sums[x])
        return (
            f"At y {self.target.y}, x {self.target.x}, {self.right.name} says {self.right.answer.label} and "
            f"{self.left.name} {self.left.answer.label}: {self.target.class_name} over {self.target.rival} is "
            f"{right.logit:+.3g} and {left.logit:+.3g} logits. What sets them apart most is level {level}: "
            f"{right.sums.get(level, 0.0):+.3g} and {left.sums.get(level, 0.0):+.3g}."
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

    def to_dict(self) -> dict[str, Any]:
        apart = self.difference
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
            "right_minus_left": {
                "logit": round(apart.logit, 6),
                "bias": round(apart.bias, 6),
                "levels": {str(x): round(value, 6) for x, value in apart.sums.items()},
            },
        }


def explain(
    image: UInt8[Tensor, "3 y x"],
    models: tuple[Segmenter, Segmenter],
    names: tuple[str, str],
    pixel: Pixel,
    *,
    class_name: str | None = None,
    rival: str | None = None,
) -> Explanation:
    """The story of one pixel of an RGB image in a left and a right model: two forward passes each.

    Args:
        image: RGB.
        models: left and right, in eval mode.
        names: of the models.
        pixel: (y, x).
        class_name: whose logit; default: what the right model predicts at the pixel.
        rival: class whose logit is subtracted; default: what the left model predicts, or where that is the class
            itself, the right model's highest other class.

    Raises:
        ValueError: for models of different classes, a class that does not exist, or a pixel outside the image.
        LedgerError: if a ledger does not add up.
    """
    check_explainable(image, models, names, pixel, class_name=class_name, rival=rival)
    given = image[None].float() / 255
    heads = [FrozenHead.of(model, given) for model in models]
    answers = [_answer(head, pixel) for head in heads]
    target, chosen = _target(pixel, answers, names, class_name, rival)
    left, right = (
        PixelAccount(
            name,
            answer,
            ledger_of(head, target),
            rejection=rejection_map_of(head, target) if head.steps else None,
            gaze=_gaze(model, given, pixel),
        )
        for name, answer, head, model in zip(names, answers, heads, models, strict=True)
    )
    return Explanation(image, target, left, right, chosen)


def check_explainable(
    image: UInt8[Tensor, "3 y x"],
    models: tuple[Segmenter, Segmenter],
    names: tuple[str, str],
    pixel: Pixel,
    *,
    class_name: str | None = None,
    rival: str | None = None,
) -> None:
    """Raises ValueError for what :func:`explain` would refuse, before anything is computed."""
    check_comparable(models, names)
    check_pixel(pixel, (image.shape[-2], image.shape[-1]))
    for name in (class_name, rival):
        if name is not None:
            class_index(name, models[0].config.class_names)
    if len(models[0].config.class_names) < 2:
        raise ValueError("the models have one class only: there is no second one to compare with.")
    PixelTarget(*pixel, class_name, rival)


def _answer(head: FrozenHead, pixel: Pixel) -> PixelAnswer:
    here = logits_at(head.logits, pixel, head.image_size).double().cpu()
    logits = dict(zip(head.class_names, here.tolist(), strict=True))
    first, second = sorted(logits, key=lambda name: -logits[name])[:2]
    return PixelAnswer(first, second, logits[first] - logits[second], logits)


def _target(
    pixel: Pixel, answers: Sequence[PixelAnswer], names: tuple[str, str], class_name: str | None, rival: str | None
) -> tuple[PixelTarget, str]:
    left, right = answers
    ways = [(right.label, f"what {names[1]} says"), (right.runner_up, f"the runner-up of {names[1]}")]
    how = "given"
    if class_name is None:
        class_name, how = next(way for way in ways if way[0] != rival)
    against = "given"
    if rival is None:
        rival, against = next(way for way in [(left.label, f"what {names[0]} says"), *ways] if way[0] != class_name)
    return PixelTarget(*pixel, class_name, rival), f"{class_name} ({how}) over {rival} ({against})"


def _gaze(model: Segmenter, image: Tensor, pixel: Pixel) -> tuple[PixelGaze, ...]:
    found = []
    for step in explain_weights(model, image):
        height, width = step.gaze.shape[-2:]
        y = pixel_to_cell(pixel[0], height, step.image_size[0])
        x = pixel_to_cell(pixel[1], width, step.image_size[1])
        readings = step.readings["full"]
        (down, right), (offset_down, offset_right) = (v[:, y, x].tolist() for v in (step.arrow, readings.offset))
        reach = float(readings.reach[y, x])
        found.append(PixelGaze(step.step, (y, x), (down, right), (offset_down, offset_right), reach))
    return tuple(found)


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their content, the first to the left and the others to the right."""
    wide = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ("  ".join([row[0].ljust(wide[0]), *map(str.rjust, row[1:], wide[1:])]) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _signed(value: float) -> str:
    return f"{value:+.2f}" if abs(value) >= 0.005 else "0.00"


def _answers(accounts: Sequence[PixelAccount]) -> str:
    rows = [("at the pixel", "says", "runner-up", "by, logits")]
    rows += [(a.name, a.answer.label, a.answer.runner_up, f"{a.answer.margin:.3g}") for a in accounts]
    return _table(rows)


def _levels(told: Explanation) -> str:
    left, right, apart = told.left.ledger, told.right.ledger, told.difference
    head = f"{told.target.class_name} over {told.target.rival}, logits"
    rows: list[tuple[str, ...]] = [(head, told.left.name, told.right.name, "right minus left")]
    for x in reversed(apart.levels):
        values = (left.sums.get(x), right.sums.get(x), apart.sums[x])
        rows.append((f"level {x}", *("-" if value is None else _signed(value) for value in values)))
    rows.append(("bias", *map(_signed, (left.bias, right.bias, apart.bias))))
    rows.append(("= logit", *map(_signed, (left.logit, right.logit, apart.logit))))
    rows.append(("residual", f"{left.residual:.1g}", f"{right.residual:.1g}", ""))
    return _table(rows)


def _cells(account: PixelAccount) -> str:
    rows = [(f"strongest cells, {account.name}", "cell y, x", "pixels y", "pixels x", "logits")]
    for cell in account.ledger.strongest(_CELLS):
        top, left, bottom, right = cell.box
        spans = f"{top + 0.5:.0f} to {bottom - 0.5:.0f}", f"{left + 0.5:.0f} to {right - 0.5:.0f}"
        rows.append((f"level {cell.level}", f"{cell.y}, {cell.x}", *spans, _signed(cell.value)))
    return _table(rows)


def _selection(account: PixelAccount) -> str:
    if account.rejection is None:
        return f"{account.name} passes all context down: it refuses nothing and has no gaze."
    head = ("taken", "refused", "added", "gaze down, right px", "weights down, right px", "reach px")
    rows: list[tuple[str, ...]] = [(f"selection, {account.name}, logits", *head)]
    for step, look in zip(account.rejection.steps, account.gaze, strict=True):
        sums = map(_signed, (float(step.taken.sum()), step.refused, step.added))
        places = (f"{down:+.0f}, {right:+.0f}" for down, right in (look.gaze, look.offset))
        rows.append((f"step {step.step.removeprefix('step')}", *sums, *places, f"{look.reach:.0f}"))
    return f"{_table(rows)}\nresidual of what was refused {account.rejection.residual:.1g}"
