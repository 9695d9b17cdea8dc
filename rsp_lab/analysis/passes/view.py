"""One model's side of a comparison: one forward pass with everything that will be looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from rsp_lab.analysis.ledger.explainable import check_affine
from rsp_lab.analysis.passes.captured import CapturedPass, capture_pass
from rsp_lab.analysis.passes.flow import ContextFlow, context_flow
from rsp_lab.analysis.passes.residuals import context_residuals
from rsp_lab.analysis.relation_weights.key_query import KeyQuery, key_query
from rsp_lab.capture.record import Record
from rsp_lab.data.labels import IGNORE_INDEX
from rsp_lab.models.segmenter import Segmenter, labels_from_logits
from rsp_lab.models.stepless import stepless_as_subject
from rsp_lab.models.subject import Subject
from rsp_lab.relations.precision import full_precision
from rsp_lab.rgb import ImageLike
from rsp_lab.summary import Summarised


@dataclass(frozen=True, eq=False)
class ModelView(Summarised):
    """One model on one image.

    Attributes:
        name: of the model.
        labels: (y, x) train ids at image size.
        flow: the steps above level 3; none of a subject.
        looked: the captured pass.
        key_queries: one a relation, highest step first; empty for a model that only sums.
        residuals: by step, how far the context recomputed from captured query, key and value is off.
    """

    name: str
    labels: np.ndarray
    flow: ContextFlow
    looked: CapturedPass
    key_queries: tuple[KeyQuery, ...]
    residuals: dict[str, float]

    @property
    def record(self) -> Record:
        """The captured tensors."""
        return self.looked.record


def check_viewable(model: object) -> None:
    """Raises ValueError unless it is a subject, or a model of ours with a step above level 3 or with Semantic FPN's
    head, see :func:`~rsp_lab.models.stepless.stepless_as_subject`; and for more classes than a label map has."""
    form = stepless_as_subject(model) if isinstance(model, Segmenter) else model
    if not isinstance(form, Subject):
        check_top_down(form)
    assert isinstance(form, Segmenter | Subject)
    if len(form.class_names) > IGNORE_INDEX:
        raise ValueError(
            f"{form.name} has {len(form.class_names)} classes, and a label map tells {IGNORE_INDEX} apart, as its "
            f"number {IGNORE_INDEX} means that nothing is known: ask for one decision instead, by rl.context_ledger."
        )


def check_top_down(model: object) -> None:
    """Raises ValueError unless it is a model of ours with a step above level 3."""
    check_affine(model)
    assert isinstance(model, Segmenter)
    if not model.steps:
        raise ValueError(f"{model.name} has no top-down steps to show: compare models with a top-down head.")
    if len(model.steps) < 2:
        raise ValueError(
            f"{model.name} has the step from level 3 to 2 alone, and what is shown are those above it: give its head "
            "three levels or more. Ledgers, rl.context_ledger among them, take it as it is."
        )


def view_model(model: Segmenter | Subject, image: ImageLike) -> ModelView:
    """One forward pass of a top-down model, or of any network, on an RGB image.

    Args:
        model: in eval mode, float32 or float64; with Semantic FPN's head it is viewed as a network of any make.
        image: RGB, uint8 or float in [0, 1]; see :mod:`rsp_lab.rgb`.

    Raises:
        ValueError: if the model has no step above level 3 or too many classes, or for an image that is none.
    """
    check_viewable(model)
    looked = capture_pass(model, image)
    model, record = looked.model, looked.record
    residuals: dict[str, float] = {}
    if isinstance(model, Segmenter):
        with full_precision(looked.image.device):
            residuals = context_residuals(model, record)
    labels = labels_from_logits(record["logits"], record.image_size).to(torch.uint8).cpu().numpy()
    flow = context_flow(record) if isinstance(model, Segmenter) else ContextFlow({}, record.image_size)
    pairs = tuple(key_query(s.name, s.query, s.key) for s in flow if s.query is not None and s.key is not None)
    return ModelView(model.name, labels, flow, looked, pairs, residuals)
