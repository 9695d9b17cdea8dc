"""Maps against the known answer: on a drawn scene the cue decides, decoys look like it, the region cannot tell.

The two readings of a scene have equal pixels outside the cue. So whatever changes in the model's answer from one to
the other is the cue's doing, and a map that is true of a model that uses the cue must find it there.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rsp_lab.analysis.attribution.mass import zone_shares
from rsp_lab.analysis.targets.target import RegionTarget
from rsp_lab.data.labels import CITYSCAPES
from rsp_lab.data.scenes.scene import Ambiguity
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject

KNOWN_RULES: Mapping[str, str] = {
    "cue_share": "share of the map's positive mass that lies on the cue; a uniform map gets its share of the area",
    "decoy_share": "the same on the decoys",
    "region_share": "the same on the region itself",
    "cue_lift": "cue_share over what a uniform map gets",
    "cue_preference": "positive mass a pixel on the cue, over the sum of that on the cue and that on the decoys; one "
    "half: no preference",
    "pointing": "share of the map's highest pixels that lie in the cue; they are many where cells are coarse",
    "pointing_context": "the same among the pixels outside the region",
}


def check_scene_classes(model: Segmenter | Subject) -> None:
    """Raises ValueError for a model that does not answer the drawn scenes' classes, in their order."""
    if model.class_names != tuple(CITYSCAPES.classes):
        raise ValueError(f"{model.name} does not know the classes of the drawn scenes: take weights trained on them.")


def scene_target(ambiguity: Ambiguity, class_names: tuple[str, ...]) -> RegionTarget:
    """The class that the region has over the one it has in the other reading, mean over the region."""
    names = (class_names[ambiguity.class_id], class_names[ambiguity.alternative_id])
    return RegionTarget(ambiguity.region, *names, name="ambiguous region")


def known_answer(values: Float[Tensor, "y x"], ambiguity: Ambiguity) -> dict[str, float]:
    """By :data:`KNOWN_RULES`; what is not defined, as for a map without positive mass, is left out.

    Args:
        values: supportive where positive, for :func:`scene_target`.
        ambiguity: of the scene.
    """
    decoys = torch.stack(ambiguity.decoys).any(0)
    zones = {"cue": ambiguity.cue, "decoy": decoys, "region": ambiguity.region}
    shares = zone_shares(values, zones)
    if shares is None:
        return {}
    found = {f"{name}_share": share for name, share in shares.items() if zones[name].any()}
    found["cue_lift"] = found["cue_share"] / area_share(ambiguity.cue)
    if decoys.any():
        on_cue, on_decoys = shares["cue"] / int(ambiguity.cue.sum()), shares["decoy"] / int(decoys.sum())
        if on_cue + on_decoys > 0:
            found["cue_preference"] = on_cue / (on_cue + on_decoys)
    found["pointing"] = _pointing(values, ambiguity.cue, torch.ones_like(ambiguity.cue))
    found["pointing_context"] = _pointing(values, ambiguity.cue, ~ambiguity.region)
    return found


def area_share(zone: Bool[Tensor, "y x"]) -> float:
    """Share of the image's pixels."""
    return float(zone.double().mean())


FOLLOW_RULE = (
    "for one target, half the fall of the cue's signed share of the map's absolute mass when the cue is swapped for "
    "the other reading's; 1: all of the map lies on the cue and turns with it, 0: the map does not follow"
)


def follow(
    own: Float[Tensor, "y x"], other: Float[Tensor, "y x"], cue: Bool[Tensor, "y x"], *, signed: bool
) -> float | None:
    """By :data:`FOLLOW_RULE`; None where a map is 0 everywhere.

    Args:
        own: of one reading, for its own :func:`scene_target`.
        other: of the other reading, for its own, which is the same target with the opposite sign.
        cue: of both.
        signed: whether the method's map changes sign with the target.
    """
    shares = []
    for values in (own, other):
        total = float(values.double().abs().sum())
        if not total > 0:
            return None
        shares.append(float(values.double()[cue].sum()) / total)
    return (shares[0] + shares[1]) / 2 if signed else (shares[0] - shares[1]) / 2


def _pointing(values: Tensor, zone: Tensor, among: Tensor) -> float:
    # Not-quite-equal sums of footprints must not decide which pixel of one cell is the highest.
    highest = float(values[among].max())
    peak = among & (values >= highest - 1e-9 * abs(highest))
    return float(zone[peak].double().mean())
