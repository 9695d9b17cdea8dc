"""By what way the cues of drawn scenes reach the regions that they decide: change ledgers over many pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from rsp_lab.analysis.ledger.change import ChangeLedger, FrozenPair
from rsp_lab.analysis.ledger.freeze import freeze
from rsp_lab.analysis.scenes.known_answer import check_scene_classes, scene_target
from rsp_lab.data.scenes.scene import Scene
from rsp_lab.intervals import Estimate
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject
from rsp_lab.summary import Rows, Summarised


@dataclass(frozen=True, eq=False)
class SceneChanges(Summarised):
    """How one model's decisions about the regions of one case change with their cues.

    Attributes:
        model: its name.
        case: of the scenes.
        change: of the margin of the second reading's class over the first's, from the first reading to the second.
        content: mean absolute content by level, lowest first.
        looking: mean absolute looking by step, highest first; empty for heads that only sum. Of a network of another
            make that of all its gates together, under ``"gates"``.
        looking_share: mean of the ledgers' :attr:`~rsp_lab.analysis.ledger.change.ChangeLedger.looking_share`.
        residual: the largest of all pairs.
    """

    model: str
    case: str
    change: Estimate
    content: dict[int, Estimate]
    looking: dict[str, Estimate]
    looking_share: Estimate
    residual: float

    @classmethod
    def of(cls, model: str, case: str, ledgers: Sequence[ChangeLedger]) -> SceneChanges:
        """The means over ledgers of one model and case.

        Raises:
            ValueError: without a ledger.
        """
        if not ledgers:
            raise ValueError(f"there is no ledger of the case {case!r}: give at least one pair of scenes.")
        first = ledgers[0]
        return cls(
            model=model,
            case=case,
            change=Estimate.of([one.total for one in ledgers]),
            content={x: Estimate.of([abs(one.content[x]) for one in ledgers]) for x in first.levels},
            looking={s: Estimate.of([abs(one.looking[s]) for one in ledgers]) for s in first.looking},
            looking_share=Estimate.of([one.looking_share for one in ledgers]),
            residual=max(one.residual for one in ledgers),
        )

    def _summary(self) -> tuple[str, Rows]:
        return f"SceneChanges: {self.model} on {self.change.count} pairs of {self.case}", [
            ("change", self.change),
            ("content", ", ".join(f"level {x} {one.mean:.3f}" for x, one in reversed(self.content.items()))),
            ("looking", ", ".join(f"{step} {one.mean:.3f}" for step, one in self.looking.items()) or "none: it sums"),
            ("looking's share", self.looking_share),
            ("residual", self.residual),
        ]

    def to_dict(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "case": self.case,
            "unit": "logits",
            "pairs": self.change.count,
            "change": self.change.to_dict(),
            "content": {str(x): one.to_dict() for x, one in self.content.items()},
            "looking": {step: one.to_dict() for step, one in self.looking.items()},
            "looking_share": self.looking_share.to_dict(),
            "residual": self.residual,
        }


def scene_changes(
    model: Segmenter | Subject, pairs: Iterable[tuple[Scene, Scene]], report: Callable[[int], None] = lambda _: None
) -> tuple[SceneChanges, ...]:
    """The change ledgers of pairs of readings, each about the scene's own region, by case.

    Args:
        model: of any make, of Cityscapes' classes, in eval mode; it is left as it was found.
        pairs: both readings of each scene, e.g. of :func:`~rsp_lab.data.scenes.scene.draw_scene_pair`.
        report: called with the number of pairs done.

    Raises:
        ValueError: for a model of other classes, or without a pair.
        LedgerError: if the parts of a ledger do not add up.
        FrozenError: the same of a network of another make, by the name of the operation.
    """
    check_scene_classes(model)
    found: list[tuple[str, ChangeLedger]] = []
    for number, (first, second) in enumerate(pairs, start=1):
        target = scene_target(second.ambiguities[0], model.class_names)
        heads = (freeze(model, one.image) for one in (first, second))
        found.append((second.ambiguities[0].case, FrozenPair(*heads).ledgers([target])[0]))
        report(number)
    if not found:
        raise ValueError("there is no pair of scenes: give at least one.")
    ordered = sorted(found, key=lambda one: one[0])
    groups = ((case, [ledger for _, ledger in group]) for case, group in groupby(ordered, key=lambda one: one[0]))
    return tuple(SceneChanges.of(model.name, case, ledgers) for case, ledgers in groups)
