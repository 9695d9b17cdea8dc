"""How much of a decision comes from cells on what was planted: the cue that decides, the decoys that do not.

The answer is known beforehand: only the cue's pixels differ between the readings of a scene. Beside each part stands
its share of the image, which is what contributions that fall anywhere alike would have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Int64
from torch import Tensor

from rsp_lab.analysis.ledger.footprint import FOOTPRINT_RULE, LevelTable, table_by_kind
from rsp_lab.analysis.ledger.ledger import ContextLedger
from rsp_lab.data.scenes.scene import Scene
from rsp_lab.summary import Summarised
from rsp_lab.text import rounded

PARTS = REGION, CUE, DECOYS, ELSEWHERE = "region", "cue", "decoys", "elsewhere"
SHARE_RULE = f"sum of |contribution| of the pixels of a part over that of all pixels; {FOOTPRINT_RULE}"


@dataclass(frozen=True, eq=False)
class SceneSources(Summarised):
    """A ledger split over the parts of a drawn scene.

    Attributes:
        table: signed contributions by level and part, in logits; all of them and the bias add up to the logit.
        magnitudes: by part, by :data:`SHARE_RULE`; they sum to 1, or are all 0 where nothing contributes.
        areas: by part, the share of the image's pixels: the control.
    """

    table: LevelTable
    magnitudes: dict[str, float]
    areas: dict[str, float]

    @property
    def sums(self) -> dict[str, float]:
        """Signed contribution of each part, in logits."""
        return dict(zip(self.table.columns, self.table.values.sum(0).tolist(), strict=True))

    def to_dict(self) -> dict[str, Any]:
        return {
            "unit": "logits",
            "share_rule": SHARE_RULE,
            "parts": {
                name: {
                    "logits": rounded(self.sums[name]),
                    "magnitude_share": rounded(self.magnitudes[name], 4),
                    "area_share": rounded(self.areas[name], 4),
                }
                for name in self.table.columns
            },
            "by_level": self.table.to_dict(),
        }


def scene_sources(ledger: ContextLedger, scene: Scene, number: int = 0) -> SceneSources:
    """Where a decision on a drawn scene comes from.

    Args:
        ledger: of any target on the scene's picture.
        scene: as it was planted.
        number: which of its ambiguities.

    Raises:
        ValueError: for a ledger of a picture of another size.
    """
    kinds = part_map(scene, number)
    size = kinds.shape[0], kinds.shape[1]
    if ledger.image_size != size:
        raise ValueError(
            f"the ledger is of a picture of {ledger.image_size}, the scene is {size}: take the same scene."
        )
    table = table_by_kind(ledger.maps, kinds, PARTS, size, f"part of the drawn scene; {FOOTPRINT_RULE}")
    sizes = {level: values.abs() for level, values in ledger.maps.items()}
    found = table_by_kind(sizes, kinds, PARTS, size, SHARE_RULE).values.sum(0)
    magnitudes = (found / found.sum() if found.sum() > 0 else found).tolist()
    areas = (torch.bincount(kinds.flatten(), minlength=len(PARTS)).double() / kinds.numel()).tolist()
    return SceneSources(table, dict(zip(PARTS, magnitudes, strict=True)), dict(zip(PARTS, areas, strict=True)))


def part_map(scene: Scene, number: int = 0) -> Int64[Tensor, "y x"]:
    """Place in :data:`PARTS` of each pixel; where masks overlap: region before cue before decoys."""
    ambiguity = scene.ambiguities[number]
    kinds = torch.full(ambiguity.region.shape, PARTS.index(ELSEWHERE))
    for name, masks in ((DECOYS, ambiguity.decoys), (CUE, (ambiguity.cue,)), (REGION, (ambiguity.region,))):
        for mask in masks:
            kinds[mask] = PARTS.index(name)
    return kinds
