"""What is explained as a function of images, which every method that perturbs or differentiates a photograph calls."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rsp_lab.analysis.ledger.explainable import check_finite_logits, explainable_input
from rsp_lab.analysis.targets.target import Target, cell_weights, check_fit, resolved_target
from rsp_lab.frozen.wrappers import uncompiled, unwrapped
from rsp_lab.models.segmenter import CoarseSegmenter, Segmenter, labels_from_logits
from rsp_lab.models.subject import Subject
from rsp_lab.relations.precision import full_precision
from rsp_lab.rgb import ImageLike

PIXELS_AT_ONCE = 1 << 20
"""Perturbed images go through the network together up to this many pixels, and at least one at a time."""


@contextmanager
def target_function(
    model: nn.Module,
    image: ImageLike,
    target: Target,
    class_names: Sequence[str] | None = None,
    report: Callable[[float], None] | None = None,
) -> Iterator[TargetFunction]:
    """The target around one image, in full precision and with gradients, whatever modes the caller is in.

    Wrappers (``torch.compile``, ``DataParallel``, ``DistributedDataParallel``, ``AveragedModel``) are taken off, and
    what is compiled inside the network runs uncompiled: hooks on the parts of a compiled network are passed over
    without a word, or stay in it for ever.

    Args:
        model: see :class:`TargetFunction`; in eval mode, float32 or float64.
        image: see :mod:`rsp_lab.rgb`; a copy is brought to the model's dtype and device.
        target: a class or rival that it leaves open is what the model predicts on the image.
        class_names: in the order of the logits; default: a segmenter's own.
        report: see :class:`TargetFunction`.

    Raises:
        ValueError: for a model, an image or a target that cannot be explained.
    """
    network = unwrapped(model)
    photograph = explainable_input(network, image)
    names = class_names_of(network, class_names)
    with full_precision(photograph.device, grad=True), uncompiled(network):
        yield TargetFunction(network, target, photograph, names, report)


@runtime_checkable
class Described(Protocol):
    """What is explained, in words, and where it is."""

    @property
    def centre(self) -> tuple[float, float]:
        """(y, x) in pixels."""
        ...

    def describe(self) -> str:
        """A noun phrase."""
        ...


class ImageFunction(ABC):
    """A number of each image of a batch, (b, 3, y, x) to (b,) in float64; differentiable.

    Args:
        model: whose number it is; methods that look inside look there.
        image: that is explained, RGB in [0, 1], of the model's dtype and device.
        class_names: of :meth:`predicted_labels`.
        report: called after each forward pass with the share of :attr:`expected` that is done.
    """

    def __init__(
        self,
        model: nn.Module,
        image: Float[Tensor, "1 3 y x"],
        class_names: Sequence[str],
        report: Callable[[float], None] | None = None,
    ) -> None:
        self.model, self.image = model, image
        self.size = (image.shape[-2], image.shape[-1])
        self.class_names = tuple(class_names)
        self.passes = 0
        """Images that went through the network so far."""
        self.expected: int | None = None
        """Images that will have gone through it in the end; nothing is reported while it is None."""
        self._report = report

    @property
    @abstractmethod
    def target(self) -> Described:
        """What is explained."""

    @property
    @abstractmethod
    def target_value(self) -> float:
        """Its value on the image itself."""

    @abstractmethod
    def predicted_labels(self) -> Int[Tensor, "y x"]:
        """The class predicted for each pixel of the image."""

    @abstractmethod
    def __call__(self, images: Float[Tensor, "b 3 y x"]) -> Float[Tensor, " b"]:
        """The value on each image.

        Raises:
            ValueError: if gradients are wanted that the network does not give.
        """

    def count(self, images: int) -> None:
        """To be called after each forward pass."""
        self.passes += images
        if self._report is not None and self.expected is not None:
            self._report(min(1.0, self.passes / self.expected))


class TargetFunction(ImageFunction):
    """The target's value on each image of a batch.

    It is :func:`~rsp_lab.analysis.targets.target.target_value` with the resizing moved to the weights, so that logits
    at image size are never made. Each pass gets a copy of the images of its own: a foreign network may write into
    what it is given, as one does that normalises in place.

    Args:
        model: a segmenter, or any network that answers logits (b, class, v, u) at any resolution, or a mapping that
            has them under ``"out"``.
        target: a class or rival that it leaves open is what the model predicts on the image.
        image: see :class:`ImageFunction`.
        class_names: in the order of the logits.
        report: see :class:`ImageFunction`.

    Raises:
        ValueError: for a target that does not fit the image or the classes.
    """

    def __init__(
        self,
        model: nn.Module,
        target: Target,
        image: Float[Tensor, "1 3 y x"],
        class_names: Sequence[str],
        report: Callable[[float], None] | None = None,
    ) -> None:
        super().__init__(model, image, class_names, report)
        self._network: Callable[[Tensor], Any] = model.answer if isinstance(model, Subject) else model
        if isinstance(model, Segmenter):
            self._network = CoarseSegmenter(model, check_range=False)
        check_fit(target, self.size, self.class_names)
        self._target = target
        self._place = torch.zeros(0, 0)

    @cached_property
    def target(self) -> Target:
        """The target with what it leaves open filled in, for which the image itself goes through the network."""
        if self._target.resolved:
            return self._target
        return resolved_target(self._target, self.image_logits[0], self.size, self.class_names)

    @cached_property
    def _direction(self) -> tuple[Int[Tensor, " used"], Float[Tensor, " used"]]:
        """Places of the target's classes in the order of the logits, and their signs."""
        direction = self.target.direction(self.class_names)
        used = direction.nonzero()[:, 0]
        return used, direction[used]

    @cached_property
    def image_logits(self) -> Float[Tensor, "1 class v u"]:
        """The network's answer to the image itself, from one pass without a graph.

        Raises:
            ValueError: as :meth:`logits`, or if a logit is not finite.
        """
        with torch.no_grad():
            # A network may hand out a buffer of its own, into which the next pass writes.
            logits = self.logits(self.image).clone()
        check_finite_logits(logits, str(getattr(self.model, "name", type(self.model).__name__)))
        return logits

    @property
    def target_value(self) -> float:
        """The target's value on the image itself."""
        return float(self.value(self.image_logits))

    def predicted_labels(self) -> Int[Tensor, "y x"]:
        """The class predicted for each pixel of the image."""
        return labels_from_logits(self.image_logits, self.size)

    def logits(self, images: Float[Tensor, "b 3 y x"]) -> Float[Tensor, "b class v u"]:
        """The network's answer, a segmenter's at stride 4.

        Raises:
            ValueError: if that is not one map of logits for each class.
        """
        answer = self._network(images.clone())
        if isinstance(answer, Mapping):
            answer = answer.get("out")
        if not isinstance(answer, Tensor) or answer.ndim != 4:
            what = f"shape {tuple(answer.shape)}" if isinstance(answer, Tensor) else type(answer).__name__
            raise ValueError(
                f"the model must answer logits with the axes b class y x, got {what}: wrap it in a module that does."
            )
        if answer.shape[1] != len(self.class_names):
            raise ValueError(
                f"the model answers {answer.shape[1]} classes, class_names has {len(self.class_names)}: name each of "
                "them, in the order of the logits."
            )
        self.count(len(images))
        return answer

    def value(self, logits: Float[Tensor, "b class v u"]) -> Float[Tensor, " b"]:
        """The target's value, of logits at any resolution."""
        cells = (logits.shape[-2], logits.shape[-1])
        if self._place.shape != cells:
            self._place = cell_weights(self.target, self.size, cells, logits.dtype).double()
        used, signs, place = (x.to(logits.device) for x in (*self._direction, self._place))
        return torch.einsum("bcvu,c,vu->b", logits[:, used].double(), signs, place)

    def __call__(self, images: Float[Tensor, "b 3 y x"]) -> Float[Tensor, " b"]:
        """The target's value on each image.

        Raises:
            ValueError: as :meth:`logits`, or if gradients are wanted that the network does not give.
        """
        values = self.value(self.logits(images))
        if images.requires_grad and torch.is_grad_enabled() and not values.requires_grad:
            raise ValueError(
                "the model's answer has no gradient with respect to the image, as under torch.no_grad or after "
                "detach: let gradients through, or take a method that only replaces pixels, such as 'occlusion'."
            )
        return values


def images_at_once(image: Float[Tensor, "1 3 y x"]) -> int:
    """How many perturbed copies of an image go through the network together, by :data:`PIXELS_AT_ONCE`."""
    return max(1, PIXELS_AT_ONCE // (image.shape[-2] * image.shape[-1]))


def class_names_of(model: nn.Module, class_names: Sequence[str] | None) -> tuple[str, ...]:
    """Names in the order of the logits: those given, else the model's own; raises ValueError where there are none."""
    if class_names is not None:
        return tuple(class_names)
    if isinstance(model, Segmenter | Subject):
        return model.class_names
    raise ValueError(
        f"a {type(model).__name__} does not name its classes: give class_names in the order of its logits."
    )
