"""Does a map notice that the model forgot what it learnt? Parameters drawn anew, and the maps compared by rank.

A map that stays what it was describes the image or the architecture, not the model (Adebayo et al.: Sanity checks for
saliency maps, NeurIPS 2018). Either the head alone is drawn anew, or all parameters at once; nothing is cascaded.
"""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rsp_lab.analysis.ledger.frozen_subject import FrozenSubject
from rsp_lab.devices import seeded
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject
from rsp_lab.rgb import ImageLike

ModelT = TypeVar("ModelT", bound=Segmenter | Subject)
PARTS = ("head", "model")
POOLED = 8
RANK_RULE = (
    f"Spearman's correlation, over blocks of {POOLED} x {POOLED} pixels, of the signed map before and after; 1: the "
    "map did not notice"
)


def randomised(model: ModelT, part: str, seed: int, *, image: ImageLike | None = None) -> ModelT:
    """A copy of a model whose head, or all of it, is as it would start training; in eval mode.

    Of a network of another make every module of torch that knows how it starts (``reset_parameters``) starts anew, and
    parameters of other modules are drawn from a normal distribution of the mean and spread that they had. Its head is
    what its logits depend on once the maps of its cut are given.

    Args:
        model: it is left as found.
        part: one of :data:`PARTS`. With ``"model"`` the running statistics of batch norms start anew too; of a network
            of another make, with ``"head"`` also those of its head.
        seed: of the initialisation; the global generator is left where it was.
        image: on which the head of a network of another make is found; see :mod:`rsp_lab.rgb`.

    Raises:
        ValueError: for another part, or the head of a network of another make without an image.
        FrozenError: for a cut that does not fit the network.
    """
    if part not in PARTS:
        raise ValueError(f"part must be one of {', '.join(PARTS)}, got {part!r}.")
    changed = copy.deepcopy(model)
    changed.eval()
    with seeded(seed, {parameter.device for parameter in changed.parameters()}):
        _draw_part(changed, part, image)
    return changed


def _draw_part(model: Segmenter | Subject, part: str, image: ImageLike | None) -> None:
    if isinstance(model, Subject):
        _draw_anew(model.network, None if part == "model" else _head(model, image))
        return
    fresh = Segmenter(model.config)
    whole, other = (model, fresh) if part == "model" else (model.head, fresh.head)
    whole.load_state_dict(other.state_dict())


def _head(subject: Subject, image: ImageLike | None) -> frozenset[str]:
    """Modules whose own parameters the logits depend on once the maps of the cut are given, by path."""
    if image is None:
        raise ValueError(f"the head of {subject.name} is found on an image: give one.")
    return FrozenSubject.of(subject, image).network.modules_behind


def _draw_anew(network: nn.Module, paths: frozenset[str] | None) -> None:
    """The modules of these paths, or all."""
    for path, module in network.named_modules():
        if paths is not None and path not in paths:
            continue
        reset = getattr(module, "reset_parameters", None) or getattr(module, "_reset_parameters", None)
        if callable(reset):
            reset()
            continue
        for parameter in module.parameters(recurse=False):
            if parameter.is_floating_point():
                with torch.no_grad():
                    spread, mean = torch.std_mean(parameter, correction=0)
                    parameter.normal_().mul_(spread).add_(mean)


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
