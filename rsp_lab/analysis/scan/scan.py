"""A scan: rates over all images of a data set, and the strongest decisions of each kind as cards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from jaxtyping import Bool

from rsp_lab.analysis.comparison.flips import BIAS, ITSELF, RANK_RULE, TIPPING_RULE
from rsp_lab.analysis.scan.masks import text_mask
from rsp_lab.analysis.scenes.sources import CUE, DECOYS, ELSEWHERE, REGION
from rsp_lab.summary import Rows, Summarised
from rsp_lab.text import percent, significant

Kind = Literal["disagreement", "turned"]
Right = Literal["left", "right", "both", "neither"]
KINDS: tuple[Kind, ...] = get_args(Kind)
RIGHTS: tuple[Right, ...] = get_args(Right)
FORMAT = "rsp_lab.scan/1"
EACH, MOST = 8, 60
KIND_RULES: Mapping[Kind, str] = {
    "disagreement": (
        "a connected region in which the two models name different classes, one class each; of a drawn scene in the "
        "one reading that its seed decides, as both are alike nearly everywhere"
    ),
    "turned": (
        "a drawn scene whose two readings are equal outside the cue, and whose region a model calls another class in "
        "the one than in the other: the sign of its margin between the two classes, mean over the region, differs"
    ),
}
RIGHT_RULES: Mapping[Kind, str] = {
    "disagreement": (
        "right is who says the class that most of the region's labelled pixels have; not known where fewer than half "
        "of its pixels are labelled"
    ),
    "turned": "right is who prefers the region's own class in both readings, and so follows the cue",
}
CONTEXT_RULE = (
    "share of what sets the models apart (of a disagreement: the difference of their ledgers) or of what the change "
    "brought (of a turned decision: the change ledger of the model that is told) that does not come from cells with "
    "some of the region under them; what steps brought by looking elsewhere counts as context, the bias does not. "
    "Cells that touch the region count as the region, although they have seen more: context is rather under- than "
    "overstated. The share may lie beyond 0 and 1, since contributions have signs"
)
SCORE_RULE = (
    f"of a disagreement: {RANK_RULE}. Of a turned decision: pixels times the mean of both models' margins of the "
    "region's own class over the other reading's, averaged over the region and both readings; in logits times pixels"
)
PLACE_RULE = (
    "first what both models can be judged on, which is where the truth is known and one of them is right at least, "
    "then the others. Of each part first the strongest of every kind, verdict and pair of classes, then the second "
    "strongest of each, and so on; the highest score first"
)
KEPT_RULE = (
    f"of every kind, verdict and pair of classes the {EACH} highest scores, and of these the first {MOST} of each kind "
    "and verdict, in the order of the cards; rates are over all"
)
LEVEL_RULE = (
    f"of a disagreement: {TIPPING_RULE}. Of a turned decision: the entry with the largest part in the change, among "
    "level x part of the scene and the looking of each step"
)
LOOKING = "looking elsewhere"
"""How the source of a turned decision begins where a step, or all gates, brought the largest part."""
USED = 0.5
"""Of :data:`CONTEXT_RULE`: from this share on, the context decides."""


class SceneReading(NamedTuple):
    """Which drawn scene a picture is."""

    case: str
    seed: int
    reading: int


@dataclass(frozen=True)
class Verdicts:
    """How many decisions there are, by who is right; see :data:`RIGHT_RULES`.

    Attributes:
        unknown: where the truth is not known.
    """

    left: int = 0
    right: int = 0
    both: int = 0
    neither: int = 0
    unknown: int = 0

    @property
    def total(self) -> int:
        return self.left + self.right + self.both + self.neither + self.unknown

    def plus(self, right: Right | None) -> Verdicts:
        """With one more."""
        return self + Verdicts(**{right or "unknown": 1})

    def __add__(self, other: Verdicts) -> Verdicts:
        return Verdicts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def sentence(self, names: tuple[str, str], kind: Kind) -> str:
        """The rates in words, over all decisions."""
        left, right = names
        if kind == "turned" and self.both == self.total:
            return f"Both models follow the cue in all {self.total:,} drawn scenes."
        if kind == "turned":
            neither = f", neither in {self.neither:,}" if self.neither else ""
            return (
                f"In {self.both:,} of {self.total:,} drawn scenes both models follow the cue; only {right} does in "
                f"{self.right:,}, only {left} in {self.left:,}{neither}."
            )
        if self.total == self.unknown:
            return f"{right} and {left} part in {self.total:,} regions; without labels nobody can say which is right."
        others = [f"; neither is right in {self.neither:,}"] if self.neither else []
        others += [f"; the truth is not known in {self.unknown:,}"] if self.unknown else []
        return (
            f"{right} is right and {left} wrong in {self.right:,} of {self.total:,} regions; the reverse in "
            f"{self.left:,}{''.join(others)}."
        )


@dataclass(frozen=True)
class ScanRate:
    """How many decisions of one kind and pair of classes there are in all images.

    Attributes:
        left_class, right_class: of a disagreement what either model says; of a turned decision the region's class in
            the first and the second reading.
    """

    kind: Kind
    left_class: str
    right_class: str
    verdicts: Verdicts


@dataclass(frozen=True)
class ScanCard(Summarised):
    """One decision worth a look.

    Attributes:
        rank: place by :data:`PLACE_RULE`, from 1; 0 before it is known.
        kind: by :data:`KIND_RULES`.
        names: of the left and the right model.
        sample: name of the image.
        scene: which drawn scene it is; None for a photograph. Of the two readings of a turned decision it is the one
            in which the smaller of the two models' margins is smaller.
        box: (top, left, bottom, right) of the region in pixels, bottom and right exclusive.
        mask: which pixels of the box are the region's, see :mod:`rsp_lab.analysis.scan.masks`.
        pixel: (y, x), the innermost of the region.
        pixels: of the region.
        left_class, right_class: what either model calls the region, or most of it.
        truth: the region's true class; None where it is not known.
        alternative: of a turned decision, its class in the other reading; None of a disagreement.
        right: who is right, by :data:`RIGHT_RULES`.
        level, level_name: where the largest part comes from, by :data:`LEVEL_RULE`; None where it has no level, as the
            bias.
        source: what lies there.
        part: that entry, in logits; of a disagreement right minus left.
        whole: what it is part of, in logits: the difference of the ledgers, or the change of the margin.
        context_used: by :data:`CONTEXT_RULE`.
        margins: of left and right, mean over the region, in logits: of a disagreement each model's own class over the
            other's; of a turned decision the region's class over the alternative, in this reading.
        changes: of a turned decision, by how many logits either margin is higher in this reading than in the other.
        score: by :data:`SCORE_RULE`.
        residual: the largest of the ledgers behind it.
    """

    rank: int
    kind: Kind
    names: tuple[str, str]
    sample: str
    scene: SceneReading | None
    box: tuple[int, int, int, int]
    mask: str
    pixel: tuple[int, int]
    pixels: int
    left_class: str
    right_class: str
    truth: str | None
    alternative: str | None
    right: Right | None
    level: int | None
    level_name: str
    source: str
    part: float
    whole: float
    context_used: float
    margins: tuple[float, float]
    changes: tuple[float, float] | None
    score: float
    residual: float

    @property
    def classes(self) -> tuple[str, str]:
        """The two classes that the decision is between, the one that is explained first."""
        if self.kind == "turned" and self.truth is not None and self.alternative is not None:
            return self.truth, self.alternative
        return self.right_class, self.left_class

    @property
    def inside(self) -> Bool[np.ndarray, "y x"]:
        """Which pixels of the box are the region's.

        Raises:
            ValueError: if :attr:`mask` is none of this box.
        """
        top, left, bottom, right = self.box
        return text_mask(self.mask, (bottom - top, right - left))

    @property
    def judged(self) -> bool:
        """Whether the truth is known and one of the models is right at least."""
        return self.right in ("left", "right", "both")

    @property
    def used(self) -> bool:
        """Whether context decides: at least :data:`USED` of it by :data:`CONTEXT_RULE`."""
        return self.context_used >= USED

    @property
    def told(self) -> int:
        """Whose change is told of a turned decision: 1 for the right model, 0 for the left one."""
        return 0 if self.right == "left" else 1

    def sentence(self) -> str:
        """The decision in words; every number is a ledger's."""
        return f"{self.verdict()} {self.reason()}"

    def verdict(self) -> str:
        """What the models say, and who is right."""
        return self._turned() if self.kind == "turned" else self._disagreement()

    def _disagreement(self) -> str:
        left, right = self.names
        judged = {
            "right": f"; {right} is right",
            "left": f"; {left} is right",
            "neither": f"; both are wrong, it is {self.truth}",
        }
        return f"{right} says {self.right_class}, {left} says {self.left_class}{judged.get(self.right or '', '')}."

    def _turned(self) -> str:
        left, right = self.names
        follows = {
            "both": "both models follow it",
            "right": f"{right} follows it, {left} does not",
            "left": f"{left} follows it, {right} does not",
        }
        verdict = follows.get(self.right or "", "neither model follows it both ways")
        return f"The cue makes this region {self.truth} instead of {self.alternative}: {verdict}."

    def reason(self) -> str:
        """What made the difference, by :data:`LEVEL_RULE` and :data:`CONTEXT_RULE`."""
        between = f"by which the cue moves {self.names[self.told]}" if self.kind == "turned" else "between them"
        place = _source_words(self.source) + (f" on {self.level_name}" if self.level_name else "")
        return (
            f"Of the {significant(self.whole)} logits {between}, the largest part, {significant(self.part)}, comes "
            f"from {place}; {self._beyond()}."
        )

    def _beyond(self) -> str:
        """How much comes from beyond the region, by :data:`CONTEXT_RULE`; the rest of it can have the other sign."""
        share = self.context_used
        if share > 1:
            return "context from beyond the region adds more than all of them, and the rest works against it"
        if share < 0:
            return "context from beyond the region, on balance, works against them"
        return f"{percent(share, 0) if share else 'none'} of them come from beyond the region"

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; the models' names are the scan's."""
        return {name: value for name, value in asdict(self).items() if name not in ("names", "rank")}

    def _summary(self) -> tuple[str, Rows]:
        return f"ScanCard {self.rank}: {self.sample}, pixel {self.pixel}", [("", self.sentence())]


def _source_words(source: str) -> str:
    words = {
        CUE: "cells on the cue",
        DECOYS: "cells on decoys",
        ELSEWHERE: "cells elsewhere",
        **dict.fromkeys((ITSELF, REGION), "the region’s own cells"),
    }
    return words.get(source, source if source == BIAS or source.startswith(LOOKING) else f"{source} cells")


@dataclass(frozen=True, eq=False)
class Scan(Summarised):
    """What a data set holds that is worth a look.

    Attributes:
        names: of the left and the right model.
        digests: of the models' weights, :func:`rsp_lab.files.digest` of their files.
        data, split: of the images, as :func:`~rsp_lab.data.sources.open_split` knows them.
        least: pixels of the smallest region that counts.
        images: how many pictures were searched for disagreements; of a drawn scene it is one of its readings.
        cards: by rank.
        rates: over all images.
        residual: the largest of the ledgers that were looked at for cards.
        version: of the program.
    """

    names: tuple[str, str]
    digests: tuple[str, str]
    data: str
    split: str
    least: int
    images: int
    cards: tuple[ScanCard, ...]
    rates: tuple[ScanRate, ...]
    residual: float
    version: str

    def rate(self, kind: Kind, pair: frozenset[str] | None = None) -> Verdicts:
        """All decisions of a kind by who is right, or those between two classes, whichever model says which."""
        chosen = (r for r in self.rates if r.kind == kind and pair in (None, frozenset((r.left_class, r.right_class))))
        return sum((rate.verdicts for rate in chosen), Verdicts())

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Those that there are."""
        return tuple(kind for kind in KINDS if self.rate(kind).total)

    def sentences(self) -> list[str]:
        """The rates in words, one sentence for each kind."""
        return [self.rate(kind).sentence(self.names, kind) for kind in self.kinds]

    def _summary(self) -> tuple[str, Rows]:
        title = f"Scan of {self.data} {self.split}: {self.images} images, {len(self.cards)} cards"
        return title, [
            *((kind, self.rate(kind).sentence(self.names, kind)) for kind in self.kinds),
            *((f"card {card.rank}", card.sentence()) for card in self.cards[:6]),
        ]

    def to_dict(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "rsp_lab": self.version,
            "models": list(self.names),
            "digests": list(self.digests),
            "data": self.data,
            "split": self.split,
            "least_pixels": self.least,
            "images": self.images,
            "unit": "logits",
            "rules": {
                "kind": dict(KIND_RULES),
                "right": dict(RIGHT_RULES),
                "context_used": CONTEXT_RULE,
                "level": LEVEL_RULE,
                "score": SCORE_RULE,
                "place": PLACE_RULE,
                "kept": KEPT_RULE,
            },
            "residual": self.residual,
            "rates": rates_dict(self.rates),
            "cards": [card.to_dict() for card in self.cards],
        }


def rates_dict(rates: Iterable[ScanRate]) -> list[dict[str, Any]]:
    """JSON-able: one flat object for each kind and pair of classes."""
    return [
        {"kind": r.kind, "left_class": r.left_class, "right_class": r.right_class, **asdict(r.verdicts)} for r in rates
    ]
