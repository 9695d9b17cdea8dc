"""What a model and an image must be for an answer to be explained, and how images are told apart."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rsp_lab.files import digest
from rsp_lab.models.heads import Head
from rsp_lab.models.panoptic.segmenter import PanopticSegmenter
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject
from rsp_lab.rgb import ImageLike, one_image

TOLERANCES = {torch.float32: 1e-5, torch.float64: 1e-10}
"""Largest relative residual that rounding explains, by the model's dtype."""


def check_finite_logits(logits: Tensor, name: str) -> None:
    """Raises ValueError for an answer that says nothing, of which labels and sums would be made without a word."""
    if not bool(logits.isfinite().all()):
        raise ValueError(
            f"{name} answers with values that are not finite (NaN or infinity): its weights are damaged or too large. "
            "Take the weights of an earlier step, or train it anew with a lower learning rate."
        )


def check_affine(model: object) -> None:
    """Raises ValueError unless it is a model of ours, with a head that is known to be affine in its Q maps."""
    _check_one_branch(model)
    if isinstance(model, Subject):
        raise ValueError(
            f"this needs a Segmenter, a model of rsp_lab, for what only its head has, and {model.name} is a network of "
            "another make: of it ask rl.context_ledger for the places of its maps, rl.attribute for pixels of the "
            "image, and rl.attention_gain for what its attention adds."
        )
    if not isinstance(model, Segmenter):
        raise ValueError(
            f"this needs a Segmenter, a model of rsp_lab whose head is known to be affine in its Q maps, got a "
            f"{type(model).__name__}: for other networks use rl.adapt and its ledgers, hooks, attribute."
        )
    if not isinstance(model.head, Head):
        raise ValueError(f"a head of kind {type(model.head).__name__} is not known to be affine in its Q maps.")


def _check_one_branch(model: object) -> None:
    if isinstance(model, PanopticSegmenter):
        raise ValueError(
            f"{model.name} is a panoptic model, and this is about one branch of it: pass model.semantic, whose logits "
            "are its own."
        )


def check_evaluating(model: nn.Module) -> None:
    """Raises ValueError if any part of a model is in training mode."""
    if any(module.training for module in model.modules()):
        raise ValueError("the model is in training mode, where a forward pass changes it: call model.eval() first.")


def explainable_input(model: nn.Module, image: ImageLike) -> Float[Tensor, "1 3 y x"]:
    """One image in the model's dtype, on its device and in memory of its own, for a pass that is to be explained.

    Raises:
        ValueError: for a model in training mode, of a dtype that is too coarse or with two branches, or what is no
            image (:func:`rsp_lab.rgb.one_image`).
    """
    _check_one_branch(model)
    anchor = next((p.detach() for p in model.parameters() if p.is_floating_point()), None)
    if anchor is not None and anchor.dtype not in TOLERANCES:
        raise ValueError(
            f"the model computes in {anchor.dtype}, too coarse for sums and differences: use model.float() or "
            "model.double()."
        )
    check_evaluating(model)
    return one_image(image) if anchor is None else one_image(image, dtype=anchor.dtype, device=anchor.device)


def image_digest(image: Tensor) -> str:
    """A digest of the values in float32, so that a model in double precision sees the same image."""
    return digest(image.detach().float())
