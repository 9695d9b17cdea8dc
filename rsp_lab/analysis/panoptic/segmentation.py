"""A panoptic model on one image: both branches, and what they are merged into."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from jaxtyping import Float
from torch import Tensor

from rsp_lab.analysis.ledger.explainable import check_finite_logits, explainable_input
from rsp_lab.analysis.ledger.frozen_head import FrozenHead
from rsp_lab.analysis.panoptic.merge import Merged, MergeRule, merge
from rsp_lab.data.panoptic.categories import PanopticTable, panoptic_table_for
from rsp_lab.models.load_any import check_panoptic
from rsp_lab.models.panoptic.config import PanopticConfig
from rsp_lab.models.panoptic.segmenter import PanopticOutput, PanopticSegmenter
from rsp_lab.relations.precision import full_precision
from rsp_lab.rgb import ImageLike
from rsp_lab.summary import Rows, Summarised


@dataclass(frozen=True, eq=False)
class PanopticPass(Summarised):
    """A panoptic model on one image.

    It refers to the model's own parameters: it is good until they change.

    Attributes:
        model: in eval mode.
        image: RGB in [0, 1], in the model's dtype.
        output: of both branches.
        merged: the segmentation, and the record of how it came about.
        held: the frozen head of its semantic branch on this image, where it is there already.
    """

    model: PanopticSegmenter
    image: Float[Tensor, "1 3 y x"]
    output: PanopticOutput
    merged: Merged
    held: FrozenHead | None = None

    @property
    def name(self) -> str:
        """Of the model."""
        return self.model.name

    @property
    def image_size(self) -> tuple[int, int]:
        """(y, x) in pixels."""
        return self.merged.size

    @cached_property
    def frozen(self) -> FrozenHead:
        """The head of the semantic branch with its relation weights held, if need be from a second pass of it."""
        return FrozenHead.of(self.model.semantic if self.held is None else self.held, self.image)

    def merged_by(self, rule: MergeRule) -> PanopticPass:
        """The same pass merged by other bounds."""
        merged = self.merged
        return replace(self, merged=merge(merged.labels, merged.detections, merged.table, rule))

    def _summary(self) -> tuple[str, Rows]:
        y, x = self.image_size
        title, rows = self.merged._summary()
        return f"{title} of {self.name} on an image of {y} x {x} pixels", rows


def table_of(config: PanopticConfig) -> PanopticTable:
    """Ids, names and colours of a panoptic model's things and stuff."""
    return panoptic_table_for(config.things, config.stuff, config.table)


def panoptic(
    model: PanopticSegmenter, image: ImageLike, rule: MergeRule | None = None, *, held: FrozenHead | None = None
) -> PanopticPass:
    """One forward pass of a panoptic model in full precision, merged.

    Args:
        model: in eval mode, float32 or float64; it is left as it was found.
        image: RGB, uint8 or float in [0, 1]; see :mod:`rsp_lab.rgb`.
        rule: the bounds of the merge; :meth:`~rsp_lab.analysis.panoptic.merge.MergeRule.standard` if None.
        held: the frozen head of the semantic branch on this very image, if it is there already; it saves a pass where
            segments are explained.

    Raises:
        ValueError: for a model in training mode or of another dtype, or whose logits are not finite, an image that it
            refuses, or a frozen head of another one.
    """
    check_panoptic(model)
    given = explainable_input(model.semantic, image)
    if held is not None:
        held.check_image(given)
    with full_precision(given.device):
        output = model(given)
    check_finite_logits(output.logits, model.name)
    found = output.detections
    fields = {name: getattr(found, name).cpu() for name in ("boxes", "scores", "classes", "masks")}
    output = replace(output, detections=replace(found, **fields))
    merged = merge(output.labels(), output.detections, table_of(model.config), rule)
    return PanopticPass(model, given, output, merged, held)
