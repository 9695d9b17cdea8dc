"""What a payload holds of one top-down step: weights, content scores and gaze of every cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rsp_lab.analysis.passes.flow import StepFlow
from rsp_lab.analysis.passes.view import ModelView
from rsp_lab.explorer.blocks import Blocks
from rsp_lab.explorer.quantise import quantise, quantise_scores
from rsp_lab.models.fusion import AverageFusion, TopDownStep
from rsp_lab.models.relation import relation_modules
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject
from rsp_lab.relations.relate import gaze
from rsp_lab.relations.window import relative_offsets, window_mask
from rsp_lab.shapes import Window


def pack_steps(
    blocks: Blocks, side: str, model: Segmenter | Subject, view: ModelView, bits: Mapping[str, Mapping[str, int]]
) -> list[dict[str, Any]]:
    """Every step of one model, highest first, as the header lists it; its numbers go to ``blocks``.

    Args:
        bits: by step, see :func:`rsp_lab.explorer.quantise.planned_bits`.
    """
    windows, averages = _relation_windows(model), _average_windows(model)
    packed = []
    for step in view.flow:
        facts = _plain_facts(step, view)
        if step.name in windows and step.weights is not None:
            facts |= _relation_facts(blocks, side, step, model, view, bits[step.name])
        elif step.name in averages:
            facts |= {"window": _described(averages[step.name]), "uniform": True}
        packed.append(facts)
    return packed


def window_positions(model: Segmenter | Subject, view: ModelView) -> dict[str, int]:
    """Cells times window positions of every relation of one model, by step."""
    windows = _relation_windows(model)
    cells = {step.name: step.fused.shape[-2] * step.fused.shape[-1] for step in view.flow}
    return {name: cells[name] * window.positions for name, window in windows.items() if name in cells}


def entropies(weights: Float[Tensor, "wy wx y x"], window: Window) -> Float[np.ndarray, "y x"]:
    """Entropy of every cell (:attr:`rsp_lab.analysis.relation_weights.grids.RelationGrid.entropy`), not quantised."""
    height, width = weights.shape[-2:]
    inside = window_mask(height, width, window).flatten(0, 1)
    shares = weights.detach().cpu().double().flatten(0, 1)
    bits = -torch.special.xlogy(shares, shares).sum(0)
    relative = bits / inside.sum(0).clamp_min(2).log()
    defined = ((shares.sum(0) - 1).abs() <= 1e-2) & (shares >= 0).all(0)
    values: np.ndarray = torch.where(defined, relative, torch.nan).numpy().astype("<f4")
    return values


def _relation_windows(model: Segmenter | Subject) -> dict[str, Window]:
    return {name: module.config.window for name, module in relation_modules(model).items()}


def _average_windows(model: Segmenter | Subject) -> dict[str, Window]:
    """Windows of the steps that pass down the plain average: all positions on the map weigh the same."""
    steps = [module for module in model.modules() if isinstance(module, TopDownStep)]
    return {step.name: step.fusion.window for step in steps if isinstance(step.fusion, AverageFusion)}


def _described(window: Window) -> dict[str, int]:
    return {"kernel_size": window.kernel_size, "dilation": window.dilation}


def _plain_facts(step: StepFlow, view: ModelView) -> dict[str, Any]:
    """A step without relation has neither window nor weights; ``above`` is the map that it upsamples from."""
    above = {s.low: s.fused for s in view.flow}.get(step.high)
    return {
        "name": step.name,
        "high": step.high,
        "low": step.low,
        "cells": list(step.fused.shape[-2:]),
        "above": list((above if above is not None else view.record[f"q{step.high}"]).shape[-2:]),
        "window": None,
        "uniform": False,
    }


def _relation_facts(
    blocks: Blocks, side: str, step: StepFlow, model: Segmenter | Subject, view: ModelView, bits: Mapping[str, int]
) -> dict[str, Any]:
    module, name = relation_modules(model)[step.name], f"{side}.{step.name}"
    window = module.config.window
    assert step.weights is not None
    weights = quantise(step.weights, bits["weights"])
    own = step.weights[window.half, window.half].detach()
    facts = {
        "window": _described(window),
        "normalisation": module.config.normalisation,
        "bits": {"weights": weights.bits, "content": bits["content"]},
        "weights": blocks.add_array(f"{name}.weights", weights.values, weights.bits),
        "scale": blocks.add_array(f"{name}.scale", weights.scale),
        "entropy": blocks.add_array(f"{name}.entropy", entropies(step.weights, window)),
        "own": blocks.add_array(f"{name}.own", own.cpu().numpy().astype("<f4")),
    }
    slope, content = _taken_apart(step.name, window, module.plane.detach(), view)
    inside = window_mask(content.shape[-2], content.shape[-1], window)
    scores = quantise_scores(content, inside, bits["content"])
    return facts | {
        "gaze": blocks.add_array(f"{name}.gaze", slope.cpu().numpy().astype("<f4")),
        "content": blocks.add_array(f"{name}.content", scores.values, scores.bits),
        "content_low": blocks.add_array(f"{name}.content_low", scores.low),
        "content_scale": blocks.add_array(f"{name}.content_scale", scores.scale),
    }


def _taken_apart(
    step: str, window: Window, plane: Tensor, view: ModelView
) -> tuple[Float[Tensor, "2 y x"], Float[Tensor, "wy wx y x"]]:
    """The gaze, and the content scores: captured scores less the plane that the gaze gives, as in
    :mod:`rsp_lab.analysis.relation_weights.gaze`; what is off the map is meaningless."""
    query, scores = view.record[f"{step}.query"].detach(), view.record[f"{step}.scores"].detach()
    slope = gaze(query, plane)[0]
    r = relative_offsets(window, dtype=slope.dtype, device=slope.device)[:, None, None]
    rows, columns = r * slope[0], r * slope[1]
    return slope, scores[0] - (rows[:, None] + columns[None, :])
