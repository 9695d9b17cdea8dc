"""The frozen pass of a model of any kind on an image."""

from __future__ import annotations

from typing import overload

from torch import nn

from rsp_lab.analysis.ledger.explainable import check_affine, explainable_input
from rsp_lab.analysis.ledger.frozen_head import FrozenHead
from rsp_lab.analysis.ledger.frozen_pass import FrozenPass
from rsp_lab.analysis.ledger.frozen_subject import FrozenSubject
from rsp_lab.analysis.targets.target import TargetT, check_fit
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.stepless import stepless_as_subject
from rsp_lab.models.subject import Subject
from rsp_lab.rgb import ImageLike


@overload
def freeze(model: FrozenHead, image: ImageLike) -> FrozenHead: ...
@overload
def freeze(model: Subject | FrozenSubject, image: ImageLike) -> FrozenSubject: ...
@overload
def freeze(model: Segmenter | Subject | FrozenPass, image: ImageLike) -> FrozenPass: ...
def freeze(model: Segmenter | Subject | FrozenPass, image: ImageLike) -> FrozenPass:
    """A model on an image with everything held that is not affine: one forward pass, of which any number of answers.

    Args:
        model: one of ours, or a subject (:func:`~rsp_lab.models.adapt.adapt`), in eval mode; it is left as it was
            found. With Semantic FPN's head it is held as a subject is, see
            :func:`~rsp_lab.models.stepless.stepless_as_subject`. A frozen pass of this very image is returned as it is.
        image: see :mod:`rsp_lab.rgb`.

    Raises:
        ValueError: for a model in training mode or of another dtype, an image that it refuses, or a frozen pass of
            another image.
        FrozenError: for a subject that cannot be held.
    """
    if isinstance(model, FrozenPass):
        model.check_image(image)
        return model
    model = stepless_as_subject(model)
    if isinstance(model, Subject):
        return FrozenSubject.of(model, image)
    return FrozenHead.of(model, image)


def frozen_source(model: Segmenter | Subject) -> nn.Module:
    """The module of a model that is held: :attr:`FrozenPass.source` of its frozen passes."""
    model = stepless_as_subject(model)
    return model.network if isinstance(model, Subject) else model.head


def check_freezable(model: object) -> None:
    """Raises ValueError unless :func:`freeze` takes models of this kind."""
    if not isinstance(model, Subject | FrozenPass):
        check_affine(model)


def check_runnable(model: object) -> None:
    """Raises ValueError unless any image can go through it: for what :func:`freeze` refuses, and for a frozen pass."""
    if isinstance(model, FrozenPass):
        raise ValueError(
            f"got a frozen pass of {model.name} in the place of the model, through which another image has to go: pass "
            "the model itself first, and its frozen pass in the place of the image that it is of."
        )
    check_freezable(model)


@overload
def frozen_for(model: FrozenHead, image: ImageLike, target: TargetT) -> tuple[FrozenHead, TargetT]: ...
@overload
def frozen_for(
    model: Segmenter | Subject | FrozenPass, image: ImageLike, target: TargetT
) -> tuple[FrozenPass, TargetT]: ...
def frozen_for(
    model: Segmenter | Subject | FrozenPass, image: ImageLike, target: TargetT
) -> tuple[FrozenPass, TargetT]:
    """:func:`freeze`, and the target with what it leaves open filled in; nothing runs for one that does not fit.

    Raises:
        ValueError: for a target that does not fit the image or the classes, or what :func:`freeze` refuses.
    """
    if isinstance(model, FrozenPass):
        model.check_image(image)
        return model, model.resolved(target)
    check_freezable(model)
    given = explainable_input(model, image)
    check_fit(target, (given.shape[-2], given.shape[-1]), model.class_names)
    frozen = freeze(model, given)
    return frozen, frozen.resolved(target)
