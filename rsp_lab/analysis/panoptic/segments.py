"""Why a segment is what it is: what decided it exactly, what overruled that in the merge, and what it would have been.

Stuff is decided by the semantic branch, whose margins have exact ledgers. Whether stuff or a thing is there is decided
by the merge: an instance that is kept takes its pixels whatever the semantic branch says, and its margin over things
only says what would be there otherwise. The class of a thing comes from its region's features by fully connected
layers: attribution, never a ledger.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor

from rsp_lab.analysis.attribution.attribute import Attribution
from rsp_lab.analysis.attribution.interface import AttributionMethod
from rsp_lab.analysis.attribution.mass import ZONE_RULE, zone_shares
from rsp_lab.analysis.ledger.ledger import ContextLedger, context_ledger
from rsp_lab.analysis.panoptic.fates import InstanceFate, StuffFate
from rsp_lab.analysis.panoptic.merge import Merged
from rsp_lab.analysis.panoptic.places import Place, place_at
from rsp_lab.analysis.panoptic.score import SCORE_RULE, attribute_score
from rsp_lab.analysis.panoptic.segmentation import PanopticPass
from rsp_lab.analysis.passes.answer import PixelAnswer, pixel_answer
from rsp_lab.analysis.targets.target import RegionTarget, cell_weights
from rsp_lab.data.panoptic.categories import THINGS
from rsp_lab.shapes import checked_pixel
from rsp_lab.summary import Rows, Summarised
from rsp_lab.text import percent, rounded, signed_fixed, significant

_TAKERS = 3
_CLAIMS = 3


@dataclass(frozen=True)
class Claim:
    """A detection whose mask lies on the pixels in question.

    Attributes:
        fate: its record.
        pixels: of them that its mask covers.
    """

    fate: InstanceFate
    pixels: int

    def to_dict(self) -> dict[str, Any]:
        return {
            "rank": self.fate.rank,
            "title": self.fate.title,
            "pixels": self.pixels,
            "segment": self.fate.segment,
            "dropped": self.fate.dropped,
        }


@dataclass(frozen=True, eq=False)
class SegmentStory(Summarised):
    """Why one segment, or void, is what it is in one model.

    Attributes:
        name: of the model.
        place: what is explained.
        merged: the segmentation that it is part of.
        here: what the semantic branch says at the pixel that was asked about.
        pixel: that pixel, (y, x).
        shares: share of its pixels by what the semantic map calls them, the largest first.
        ledgers: of the semantic branch's class of it, over the strongest other kind of stuff, and of stuff over things
            as well; each a mean margin over its pixels, exactly.
        claims: detections whose masks lie on its pixels, its own left out, most pixels first.
        attribution: of a thing's class; None of others, or where it was not asked for.
    """

    name: str
    place: Place
    merged: Merged
    here: PixelAnswer
    pixel: tuple[int, int]
    shares: dict[str, float]
    ledgers: tuple[ContextLedger, ...]
    claims: tuple[Claim, ...]
    attribution: Attribution | None = None

    @property
    def residual(self) -> float:
        """The largest of the ledgers'."""
        return max((ledger.residual for ledger in self.ledgers), default=0.0)

    @property
    def own_share(self) -> float | None:
        """Share of the attribution's positive mass on the segment's own pixels; None without any."""
        shares = None if self.attribution is None else zone_shares(self.attribution.values, {"own": self.place.mask})
        return None if shares is None else shares["own"]

    def sentence(self) -> str:
        """Why it is what it is, in words, with its numbers."""
        words = {"stuff": self._stuff, "thing": self._thing, "void": self._void}[self.place.kind]()
        return " ".join(words)

    def margins(self) -> str:
        """The mean margins over its pixels, e.g. ``"road over sidewalk by 3.1 logits, over things by 2.2"``."""
        if not self.ledgers:
            return f"{self.place.class_name} has no rival among these classes"
        parts = [f"over {ledger.target.rival} by {significant(ledger.total)}" for ledger in self.ledgers]
        return f"{self.place.class_name} {parts[0]} logits{''.join(f', {part}' for part in parts[1:])}"

    def _stuff(self) -> list[str]:
        fate = self.place.fate
        assert isinstance(fate, StuffFate)
        words = [
            f"{self.place.title}, {fate.left:,} px: the semantic branch says {self.margins()}, as a mean over them."
        ]
        taken = fate.area - fate.left
        if taken:
            words.append(f"Instances took {taken:,} more px that it calls {fate.name}: {self._segments(fate.lost)}.")
        return words

    def _thing(self) -> list[str]:
        fate = self.place.fate
        assert isinstance(fate, InstanceFate)
        kept = f"keeps {fate.kept:,} of the {fate.area:,} px of its mask"
        if fate.lost:
            kept += f" ({self._segments(fate.lost)} came before)"
        of = f"rank {fate.rank} of {len(self.merged.instances)} by score"
        first, share = next(iter(self.shares.items()))
        words = [
            f"{self.place.title}: {of}, it {kept}.",
            f"The semantic branch calls {percent(share, 0)} of these pixels {first} ({self.margins()}); a detection "
            "that is kept overrules it.",
        ]
        own = self.own_share
        if self.attribution is not None and own is not None:
            words.append(
                f"Of what speaks for {fate.name} by {self.attribution.title}, {percent(own, 0)} lies on its own pixels."
            )
        return words

    def _void(self) -> list[str]:
        fate, rule = self.place.fate, self.merged.rule
        assert isinstance(fate, StuffFate)
        if fate.dropped == "area":
            words = [
                f"Void that would have been {fate.name}: {fate.left:,} px of it are left, and the merge drops what has "
                f"fewer than {rule.stuff_area:,}.",
                f"The semantic branch says {self.margins()}, as a mean over them.",
            ]
            if fate.lost:
                words.insert(1, f"Instances took {fate.area - fate.left:,} px of it: {self._segments(fate.lost)}.")
            return words
        words = [f"Void: the semantic branch says things on these {self.place.area:,} px ({self.margins()}),"]
        if not self.claims:
            return [*words, "and no detection covers any of them."]
        best = self.claims[0]
        dropped = f"{best.fate.title} covers {best.pixels:,} of them and was dropped: {self.why(best)}"
        return [*words, f"and no detection that was kept has them; {dropped}."]

    def record(self) -> tuple[str, ...]:
        """The merge record in lines: how its pixels add up, the bound it was held to, and who else claims them."""
        fate, rule = self.place.fate, self.merged.rule
        if isinstance(fate, InstanceFate):
            lines = [f"All {fate.area:,} px of its mask are its own."]
            if fate.lost:
                lost = f"{fate.area - fate.kept:,} lost ({self._segments(fate.lost)})"
                lines = [f"Its mask, {fate.area:,} px, is {fate.kept:,} kept and {lost}."]
            lines.append(
                f"Instances before it had {percent(fate.taken, 0)} of its mask; above {percent(rule.overlap, 0)} it "
                f"would have been dropped, and below a score of {percent(rule.score, 0)}."
            )
        else:
            taken = fate.area - fate.left
            lines = [
                f"The semantic map has {fate.area:,} px of {fate.name}: {fate.left:,} left and {taken:,} taken by "
                f"instances{f' ({self._segments(fate.lost)})' if taken else ''}."
            ]
            if fate.label:
                dropped = "would have been" if self.place.kind == "stuff" else "is"
                lines.append(f"With fewer than {rule.stuff_area:,} px left it {dropped} dropped.")
        for claim in self.claims[:_CLAIMS]:
            became = f"was dropped: {self.why(claim)}" if claim.fate.dropped else "came later"
            lines.append(f"{claim.fate.title} claims {claim.pixels:,} px of these, and {became}.")
        more = len(self.claims) - _CLAIMS
        if more > 0:
            lines.append(f"{more} more {'detection claims' if more == 1 else 'detections claim'} some.")
        return tuple(lines)

    def why(self, claim: Claim) -> str:
        """Why a detection was dropped, in words; empty for one that was kept."""
        fate, rule = claim.fate, self.merged.rule
        if fate.dropped == "score":
            return f"its score is below {percent(rule.score, 0)}"
        if fate.dropped == "overlap":
            return f"instances before it had taken {percent(fate.taken, 0)} of it, more than {percent(rule.overlap, 0)}"
        return "no pixel of it was left" if fate.dropped == "empty" else ""

    def _segments(self, pixels: dict[int, int]) -> str:
        """Segments with pixels, most first, e.g. ``"car 91 % 810 px, person 55 % 12 px"``."""
        parts = [f"{self.merged.title(segment)} {count:,} px" for segment, count in list(pixels.items())[:_TAKERS]]
        more = len(pixels) - len(parts)
        return ", ".join(parts) + (f" and {more} more" if more else "")

    def _summary(self) -> tuple[str, Rows]:
        shares = ", ".join(f"{name} {percent(share, 0)}" for name, share in self.shares.items())
        return f"SegmentStory of {self.place.title} in {self.name}", [
            ("why", self.sentence()),
            ("semantic branch", shares),
            *((f"over {ledger.target.rival}", signed_fixed(ledger.total, 4)) for ledger in self.ledgers),
            ("residual", f"{self.residual:.1g}"),
        ]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "model": self.name,
            "kind": self.place.kind,
            "title": self.place.title,
            "segment": self.place.segment,
            "pixels": self.place.area,
            "pixel": list(self.pixel),
            "sentence": self.sentence(),
            "semantic_branch": {
                "at_pixel": self.here.to_dict(),
                "shares": rounded(self.shares, 4),
                "ledgers": [ledger.to_dict() for ledger in self.ledgers],
            },
            "merge": self.place.fate.to_dict(),
            "record": list(self.record()),
            "claims": [claim.to_dict() for claim in self.claims],
            "attribution": None
            if self.attribution is None
            else {
                "explained": SCORE_RULE,
                "share_on_own_pixels": rounded(self.own_share, 4),
                "share_rule": ZONE_RULE,
                **self.attribution.to_dict(),
            },
        }


def explain_segment(
    seen: PanopticPass,
    pixel: tuple[int, int],
    *,
    method: str | AttributionMethod | None = "integrated_gradients",
    report: Callable[[float], None] | None = None,
) -> SegmentStory:
    """Why the segment at a pixel is what it is.

    Args:
        seen: the model on the image.
        pixel: (y, x).
        method: by which the class of a thing is attributed to pixels, see
            :func:`~rsp_lab.analysis.panoptic.score.attribute_score`; None leaves that out.
        report: called with the share of the attribution that is done.

    Raises:
        ValueError: if the pixel lies outside the image, or for a method that does not fit.
        LedgerError: if a ledger does not add up.
    """
    pixel = checked_pixel(pixel, seen.image_size)
    place = place_at(seen.merged, pixel)
    labels = seen.merged.labels[place.mask].bincount(minlength=len(seen.model.class_names)).double() / place.area
    ranked = [int(label) for label in labels.argsort(descending=True, stable=True) if labels[label]]
    attribution = None
    if isinstance(place.fate, InstanceFate) and method is not None:
        attribution = attribute_score(seen, place.fate.rank, method, report=report)
    frozen = seen.frozen
    return SegmentStory(
        seen.name,
        place,
        seen.merged,
        pixel_answer(frozen.logits, pixel, seen.image_size, seen.model.class_names),
        pixel,
        {seen.model.class_names[label]: float(labels[label]) for label in ranked},
        tuple(context_ledger(frozen, frozen.image, target) for target in segment_targets(seen, place)),
        _claims(seen.merged, place),
        attribution,
    )


def segment_targets(seen: PanopticPass, place: Place) -> tuple[RegionTarget, ...]:
    """What is asked of the semantic branch: its class over the strongest other stuff there, and stuff over things."""
    names, name = seen.model.class_names, place.class_name
    means = _mean_logits(seen, place)
    stuff = [other for other in names if other not in (name, THINGS)]
    rivals = sorted(stuff, key=lambda other: -means[names.index(other)])[:1]
    if name != THINGS:
        rivals.append(THINGS)
    return tuple(RegionTarget(place.mask, name, rival, name=place.title) for rival in rivals)


def _mean_logits(seen: PanopticPass, place: Place) -> Float[Tensor, " class"]:
    logits = seen.frozen.logits[0].double().cpu()
    weights = cell_weights(RegionTarget(place.mask), seen.image_size, (logits.shape[-2], logits.shape[-1]))
    return (logits * weights).sum((1, 2))


def _claims(merged: Merged, place: Place) -> tuple[Claim, ...]:
    own = place.fate.rank if isinstance(place.fate, InstanceFate) else 0
    found = []
    for fate, mask in zip(merged.instances, merged.detections.masks, strict=True):
        pixels = int((mask & place.mask).sum())
        if pixels and fate.rank != own:
            found.append(Claim(fate, pixels))
    return tuple(sorted(found, key=lambda claim: (-claim.pixels, claim.fate.rank)))
