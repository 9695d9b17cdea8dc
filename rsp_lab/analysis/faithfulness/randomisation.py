"""Does a map notice that the model forgot what it learnt? Parameters drawn anew, and the maps compared by rank.

A map that stays what it was describes the image or the architecture, not the model (Adebayo et al.: Sanity checks for
saliency maps, NeurIPS 2018). Either the head alone is drawn anew, or all parameters at once; nothing is cascaded.
"""

from __future__ import annotations

import copy

import torch
from jaxtyping import Float
from torch import Tensor

from rsp_lab.models.segmenter import Segmenter

PARTS = ("head", "model")
POOLED = 8
RANK_RULE = (
    f"Spearman's correlation, over blocks of {POOLED} x {POOLED} pixels, of the signed map before and after; 1: the "
    "map did not notice"
)


def randomised(model: Segmenter, part: str, seed: int) -> Segmenter:
    """A copy of a model whose head, or all of it, is as it would start training; in eval mode.

    Args:
        model: it is left as found.
        part: one of :data:`PARTS`. With ``"model"`` the running statistics of batch norms start anew too.
        seed: of the initialisation; the global generator is left where it was.

    Raises:
        ValueError: for another part.
    """
    if part not in PARTS:
        raise ValueError(f"part must be one of {', '.join(PARTS)}, got {part!r}.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh = Segmenter(model.config)
    anchor = next(model.parameters())
    fresh = fresh.eval().to(device=anchor.device, dtype=anchor.dtype)
    if part == "model":
        return fresh
    changed = copy.deepcopy(model)
    changed.head.load_state_dict(fresh.head.state_dict())
    return changed.eval()


def rank_correlation(before: Float[Tensor, "y x"], after: Float[Tensor, "y x"]) -> float:
    """By :data:`RANK_RULE`; nan where one of the maps is the same everywhere."""
    from scipy.stats import rankdata

    a, b = (torch.from_numpy(rankdata(_pooled(values).numpy())) for values in (before, after))
    a, b = a - a.mean(), b - b.mean()
    norm = float(a.norm() * b.norm())
    return float(a @ b) / norm if norm > 0 else float("nan")


def _pooled(values: Tensor) -> Tensor:
    pool = torch.nn.functional.avg_pool2d
    return pool(values.double()[None, None], POOLED, ceil_mode=True, count_include_pad=False).flatten()
