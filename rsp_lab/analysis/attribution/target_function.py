"""A target as a function of images: what every method that perturbs a photograph, or differentiates by it, asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rsp_lab.analysis.targets.target import Target, cell_weights
from rsp_lab.models.segmenter import CoarseSegmenter, Segmenter

PIXELS_AT_ONCE = 1 << 20
"""Perturbed images go through the network together up to this many pixels, and at least one at a time."""


class TargetFunction:
    """The target's value on each image of a batch, (b, 3, y, x) to (b,) in float64; differentiable.

    It is :func:`~rsp_lab.analysis.targets.target.target_value` with the resizing moved to the weights, so that logits
    at image size are never made.

    Args:
        model: a segmenter, or any network that answers logits (b, class, v, u) at any resolution, or a mapping that
            has them under ``"out"``.
        target: with its class named.
        size: (y, x) of the images.
        class_names: in the order of the logits.
        report: called after each forward pass with the share of :attr:`expected` that is done.

    Raises:
        ValueError: for a target that does not fit the size or the classes.
    """

    def __init__(
        self,
        model: nn.Module,
        target: Target,
        size: tuple[int, int],
        class_names: Sequence[str],
        report: Callable[[float], None] | None = None,
    ) -> None:
        self.model, self.target, self.size = model, target, size
        self.class_names = tuple(class_names)
        self.passes = 0
        """Images that went through the network so far."""
        self.expected = 1
        """Images that will have gone through it in the end."""
        self._network = CoarseSegmenter(model) if isinstance(model, Segmenter) else _WithOwnInput(model)
        self._report = report
        target.check(size)
        # What is made in inference mode can take no part in a gradient.
        with torch.inference_mode(False):
            direction = target.direction(class_names)
            self._used = direction.nonzero()[:, 0]
            self._signs = direction[self._used]
            self._place = torch.zeros(0, 0)

    def logits(self, images: Float[Tensor, "b 3 y x"]) -> Float[Tensor, "b class v u"]:
        """What the network answers, a segmenter at stride 4.

        Raises:
            ValueError: if that is not one map of logits for each class.
        """
        found = self._network(images)
        if isinstance(found, Mapping):
            found = found.get("out")
        if not isinstance(found, Tensor) or found.ndim != 4:
            what = f"shape {tuple(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
            raise ValueError(
                f"the model must answer logits with the axes b class y x, got {what}: wrap it in a module that does."
            )
        if found.shape[1] != len(self.class_names):
            raise ValueError(
                f"the model answers {found.shape[1]} classes, class_names has {len(self.class_names)}: name each of "
                "them, in the order of the logits."
            )
        self.passes += len(images)
        if self._report is not None:
            self._report(min(1.0, self.passes / self.expected))
        return found

    def value(self, logits: Float[Tensor, "b class v u"]) -> Float[Tensor, " b"]:
        """The target's value, of logits at any resolution."""
        cells = (logits.shape[-2], logits.shape[-1])
        if self._place.shape != cells:
            self._place = cell_weights(self.target, self.size, cells, logits.dtype).double()
        used, signs, place = (x.to(logits.device) for x in (self._used, self._signs, self._place))
        return torch.einsum("bcvu,c,vu->b", logits[:, used].double(), signs, place)

    def __call__(self, images: Float[Tensor, "b 3 y x"]) -> Float[Tensor, " b"]:
        return self.value(self.logits(images))


class _WithOwnInput(nn.Module):
    """A foreign network on a copy of its input, into which it may write: some normalise their input in place."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Float[Tensor, "b 3 y x"]) -> Any:
        return self.network(images.clone())


def images_at_once(image: Float[Tensor, "1 3 y x"]) -> int:
    """How many perturbed copies of an image go through the network together, by :data:`PIXELS_AT_ONCE`."""
    return max(1, PIXELS_AT_ONCE // (image.shape[-2] * image.shape[-1]))


def class_names_of(model: nn.Module, class_names: Sequence[str] | None) -> tuple[str, ...]:
    """Names in the order of the logits: those given, else a segmenter's own; raises ValueError where there are none."""
    if class_names is not None:
        return tuple(class_names)
    if isinstance(model, Segmenter):
        return model.config.class_names
    raise ValueError(
        f"a {type(model).__name__} does not name its classes: give class_names in the order of its logits."
    )
