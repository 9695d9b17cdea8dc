"""The story of one pixel in two models: what each says, what each level and cell adds, what was refused, the gaze."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import UInt8
from torch import Tensor

from rsp_lab.analysis.comparison.compare import check_comparable
from rsp_lab.analysis.comparison.explanation import Explanation, Pixel, PixelAccount, PixelGaze
from rsp_lab.analysis.ledger.ledger import context_ledger
from rsp_lab.analysis.ledger.selection import rejection_map
from rsp_lab.analysis.passes.answer import PixelAnswer, pixel_answer
from rsp_lab.analysis.passes.captured import CapturedPass, capture_pass
from rsp_lab.analysis.relation_weights.gaze import StepGaze
from rsp_lab.analysis.targets.target import PixelTarget, class_index
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.shapes import check_pixel


def explain(
    image: UInt8[Tensor, "3 y x"],
    models: tuple[Segmenter | CapturedPass, Segmenter | CapturedPass],
    names: tuple[str, str],
    pixel: Pixel,
    *,
    class_name: str | None = None,
    rival: str | None = None,
) -> Explanation:
    """The story of one pixel of an RGB image in a left and a right model: one forward pass each.

    Args:
        image: RGB.
        models: left and right, in eval mode. Captured passes on this image save the forward passes.
        names: of the models.
        pixel: (y, x).
        class_name: whose logit; default: what the right model predicts at the pixel.
        rival: class whose logit is subtracted; default: what the left model predicts, or where that is the class
            itself, the right model's highest other class.

    Raises:
        ValueError: for models of different classes, a class that does not exist, a pixel outside the image, or a
            captured pass on another image.
        LedgerError: if a ledger does not add up.
    """
    check_explainable(image, models, names, pixel, class_name=class_name, rival=rival)
    passes = [capture_pass(model, image[None].float() / 255) for model in models]
    heads = [one.frozen for one in passes]
    answers = [pixel_answer(head.logits, pixel, head.image_size, head.class_names) for head in heads]
    target, chosen = decision_target(pixel, answers, names, class_name, rival)
    left, right = (pixel_account(one, name, target) for one, name in zip(passes, names, strict=True))
    return Explanation(image, target, left, right, chosen)


def pixel_account(one: CapturedPass, name: str, target: PixelTarget) -> PixelAccount:
    """One model's account of a decision, from its captured pass.

    Args:
        one: of the model.
        name: of the model.
        target: what it leaves open is filled in with what the model predicts.

    Raises:
        ValueError: for a target that does not fit.
        LedgerError: if a ledger does not add up.
    """
    head = one.frozen
    target = head.resolved(target)
    pixel = target.y, target.x
    return PixelAccount(
        name,
        pixel_answer(head.logits, pixel, head.image_size, head.class_names),
        context_ledger(head, head.image, target),
        rejection=rejection_map(head, head.image, target) if head.steps else None,
        gaze=_gaze(one.gaze, pixel),
    )


def check_explainable(
    image: UInt8[Tensor, "3 y x"],
    models: Sequence[Segmenter | CapturedPass],
    names: tuple[str, str],
    pixel: Pixel,
    *,
    class_name: str | None = None,
    rival: str | None = None,
) -> None:
    """Raises ValueError for what :func:`explain` would refuse, before anything is computed."""
    check_comparable(models, names)
    check_pixel(pixel, (image.shape[-2], image.shape[-1]))
    for name in (class_name, rival):
        if name is not None:
            class_index(name, models[0].class_names)
    if len(models[0].class_names) < 2:
        raise ValueError("the models have one class only: there is no second one to compare with.")
    PixelTarget(*pixel, class_name, rival)


def decision_target(
    pixel: Pixel, answers: Sequence[PixelAnswer], names: tuple[str, str], class_name: str | None, rival: str | None
) -> tuple[PixelTarget, str]:
    """What is asked at a pixel, and how it was chosen, in words; None is filled in as :func:`explain` says."""
    left, right = answers
    ways = [(right.label, f"what {names[1]} says"), (right.runner_up, f"the runner-up of {names[1]}")]
    how = "given"
    if class_name is None:
        class_name, how = next(way for way in ways if way[0] != rival)
    against = "given"
    if rival is None:
        rival, against = next(way for way in [(left.label, f"what {names[0]} says"), *ways] if way[0] != class_name)
    return PixelTarget(*pixel, class_name, rival), f"{class_name} ({how}) over {rival} ({against})"


def _gaze(steps: Sequence[StepGaze], pixel: Pixel) -> tuple[PixelGaze, ...]:
    found = []
    for step in steps:
        y, x = step.cell_at(pixel)
        readings = step.readings["full"]
        (down, right), (offset_down, offset_right) = (v[:, y, x].tolist() for v in (step.arrow, readings.offset))
        reach = float(readings.reach[y, x])
        found.append(PixelGaze(step.step, (y, x), (down, right), (offset_down, offset_right), reach))
    return tuple(found)
