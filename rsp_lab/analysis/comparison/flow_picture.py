"""The one picture of a decision: how it came down through the levels of one or two models, to one pixel or region."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from jaxtyping import Integer, UInt8
from torch import Tensor

from rsp_lab.analysis.comparison.explain import check_decision, decision_target
from rsp_lab.analysis.comparison.explanation import SAME, largest_part, widest_gap
from rsp_lab.analysis.comparison.flips import BIAS
from rsp_lab.analysis.ledger.decision_flow import MOST, SHARE, DecisionFlow, decision_flow
from rsp_lab.analysis.ledger.difference import ledger_difference
from rsp_lab.analysis.passes.answer import PixelAnswer, pixel_answer
from rsp_lab.analysis.passes.captured import CapturedPass, capture_pass
from rsp_lab.analysis.passes.pair import check_same_classes, pair_names
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.data.labels import IGNORE_INDEX, checked_labels
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject
from rsp_lab.rgb import ImageLike, rgb_pixels
from rsp_lab.summary import Rows, Summarised
from rsp_lab.text import rounded, signed, signed_fixed

Shown = Segmenter | Subject | CapturedPass


def verdict_words(label: str, truth: str | None, *, tell: bool = False) -> str:
    """Behind what a model says, whether it is so, e.g. ``" (correct)"``; empty where the truth is not known.

    Not "right", which is the side of a model. ``tell`` names the truth behind what is wrong.
    """
    if truth is None or label == truth:
        return "" if truth is None else " (correct)"
    return f" (wrong, it is {truth})" if tell else " (wrong)"


@dataclass(frozen=True, eq=False)
class FlowPicture(Summarised):
    """One decision in one or two models, as flows on one scale.

    Attributes:
        image: RGB.
        target: the pixel, the class and its rival.
        chosen: how class and rival were chosen, in words.
        flows: one per model, left to right; cells that stand alone pass one threshold in all of them.
        answers: what each model says at the pixel.
        truth: class that the image's labels give the pixel; None where it is not known.
    """

    image: UInt8[Tensor, "3 y x"]
    target: PixelTarget
    chosen: str
    flows: tuple[DecisionFlow, ...]
    answers: tuple[PixelAnswer, ...]
    truth: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Of the models, left to right."""
        return tuple(flow.name for flow in self.flows)

    @property
    def pixel(self) -> tuple[int, int]:
        """(y, x)."""
        return self.target.y, self.target.x

    @property
    def image_size(self) -> tuple[int, int]:
        """(y, x) in pixels."""
        return self.image.shape[-2], self.image.shape[-1]

    @property
    def levels(self) -> tuple[int, ...]:
        """Levels of any of the models, highest first."""
        return tuple(sorted({level for flow in self.flows for level in flow.nodes}, reverse=True))

    @property
    def residual(self) -> float:
        """The largest of the flows'."""
        return max(flow.residual for flow in self.flows)

    def merged(self, most: int, least: float = 0.0) -> FlowPicture:
        """The same with fewer cells standing alone, see :meth:`DecisionFlow.merged`."""
        return replace(self, flows=tuple(flow.merged(most, least) for flow in self.flows))

    def says(self, side: int) -> str:
        """What a model says, and whether it is correct where the truth is known, e.g. ``"says bus (correct)"``."""
        label = self.answers[side].label
        return f"says {label}{verdict_words(label, self.truth)}"

    def sentence(self) -> str:
        """What a colleague would say, with numbers from the flows."""
        y, x = self.pixel
        where = f"At y {y}, x {x}" + (f" (truth: {self.truth})" if self.truth is not None else "")
        order = list(reversed(range(len(self.flows))))
        says = " and ".join(f"{self.names[i]} {self.says(i)}" for i in order)
        totals = " and ".join(signed(self.flows[i].total) for i in order)
        words = [f"{where}, {says}: {self.target.class_name} over {self.target.rival} is {totals} logits."]
        if all(flow.chain for flow in self.flows):
            brought = " and ".join(signed(self.flows[i].brought(self.flows[i].chain[-1])) for i in order)
            lowest = self.flows[-1].level_name(self.flows[-1].chain[-1])
            words.append(f"Context from above {lowest} brings {brought} of it.")
        return " ".join([*words, self._strongest()])

    def exact(self) -> str:
        """What the numbers are exact for, with the residual, in words."""
        held = dict.fromkeys("gates" if flow.ledger.strides else "relation weights" for flow in self.flows)
        words = f"Exact for the {' and '.join(held)} as they are; largest relative residual {self.residual:.1g}."
        if any(flow.direct for flow in self.flows):
            words += " Without known steps each level goes straight to the pixel."
        return words

    def _strongest(self) -> str:
        ledgers = [flow.ledger for flow in self.flows]
        if len(ledgers) == 1:
            name, value = largest_part(ledgers[0])
            return f"The largest part, {signed(value)}, is that of {name}."
        gap = widest_gap(ledger_difference(ledgers[1], ledgers[0]))
        if gap is None:
            return SAME
        part = BIAS if gap.name == BIAS else f"added on {gap.name}"
        return f"What sets the two apart most is {part}: {gap.right} and {gap.left}."

    def _summary(self) -> tuple[str, Rows]:
        return f"FlowPicture of {' and '.join(self.names)}: {self.target.describe()}", [
            ("truth", self.truth or "not known"),
            *(
                (flow.name, f"{self.says(side)}; {signed_fixed(flow.total, 4)} logits")
                for side, flow in enumerate(self.flows)
            ),
            ("residual", self.residual),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data; every model with its rule and residuals."""
        return {
            "sentence": self.sentence(),
            "unit": "logits",
            "image_size": list(self.image_size),
            "pixel": list(self.pixel),
            "class": self.target.class_name,
            "rival": self.target.rival,
            "chosen": self.chosen,
            "truth": self.truth,
            "models": [
                {**flow.to_dict(), "answer": answer.to_dict()}
                for flow, answer in zip(self.flows, self.answers, strict=True)
            ],
            "residual": rounded(self.residual, 12),
        }


def flow_picture(
    models: Shown | Sequence[Shown],
    image: ImageLike,
    target: PixelTarget | None = None,
    *,
    labels: Integer[Tensor, "y x"] | None = None,
    share: float = SHARE,
    most: int = MOST,
) -> FlowPicture:
    """How a decision comes down through the levels of one or two models, one forward pass each.

    Args:
        models: one, or left and right, of the same classes, in eval mode. Captured passes on this image save the
            forward passes.
        image: RGB, uint8 or float in [0, 1]; see :mod:`rsp_lab.rgb`.
        target: pixel, class and rival; by default the image's centre, the class that the last model predicts there, and
            as rival what the first one predicts, or where that is the class itself, the last model's runner-up.
        labels: (y, x) train ids of the image, where they are known.
        share, most: see :func:`~rsp_lab.analysis.ledger.decision_flow.decision_flow`; the threshold is common to both
            models.

    Raises:
        ValueError: for another number of models, models of different classes, a target or labels that do not fit.
        LedgerError: if the parts of a decision do not add up.
    """
    sides = tuple(models) if isinstance(models, Sequence) else (models,)
    if len(sides) not in (1, 2):
        raise ValueError(f"got {len(sides)} models: give one, or a left and a right one.")
    if len(sides) == 2:
        check_same_classes(*sides)
    names = pair_names(*sides) if len(sides) == 2 else (sides[0].name,)
    passes = [capture_pass(side, image) for side in sides]
    pixels = rgb_pixels(image)
    size, class_names = (pixels.shape[-2], pixels.shape[-1]), passes[0].class_names
    asked = PixelTarget(size[0] // 2, size[1] // 2) if target is None else target
    check_decision(asked, size, class_names)
    pixel = asked.y, asked.x
    answers = tuple(pixel_answer(one.record["logits"], pixel, size, class_names) for one in passes)
    resolved, chosen = decision_target(
        pixel, (answers[0], answers[-1]), (names[0], names[-1]), asked.class_name, asked.rival
    )
    flows = [
        decision_flow(one.frozen, one.image, resolved, share=0, most=most, name=name)
        for one, name in zip(passes, names, strict=True)
    ]
    least = share * max(flow.largest for flow in flows)
    truth = None if labels is None else _truth(labels, class_names, size, pixel)
    return FlowPicture(pixels, resolved, chosen, tuple(flow.merged(most, least) for flow in flows), answers, truth)


def _truth(labels: Tensor, class_names: tuple[str, ...], size: tuple[int, int], pixel: tuple[int, int]) -> str | None:
    found = int(checked_labels(labels, class_names, size)[pixel])
    return None if found == IGNORE_INDEX else class_names[found]
