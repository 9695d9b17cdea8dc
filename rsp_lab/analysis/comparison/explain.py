"""The story of one pixel in two models: what each says, what each level and cell adds, what was refused, the gaze."""

from __future__ import annotations

from collections.abc import Sequence

from rsp_lab.analysis.comparison.compare import telling_pixel
from rsp_lab.analysis.comparison.disagreement import disagreements
from rsp_lab.analysis.comparison.explanation import Explanation, Pixel, PixelAccount, PixelGaze
from rsp_lab.analysis.ledger.frozen_pass import FrozenPass
from rsp_lab.analysis.ledger.ledger import context_ledger
from rsp_lab.analysis.ledger.selection import rejection_map
from rsp_lab.analysis.passes.answer import PixelAnswer, pixel_answer
from rsp_lab.analysis.passes.captured import CapturedPass, capture_pass
from rsp_lab.analysis.passes.pair import check_comparable, pair_names
from rsp_lab.analysis.relation_weights.gaze import StepGaze
from rsp_lab.analysis.targets.target import PixelTarget, check_fit
from rsp_lab.models.segmenter import Segmenter, labels_from_logits
from rsp_lab.models.subject import Subject
from rsp_lab.rgb import ImageLike, rgb_pixels


def explain(
    left: Segmenter | Subject | CapturedPass,
    right: Segmenter | Subject | CapturedPass,
    image: ImageLike,
    target: PixelTarget | None = None,
) -> Explanation:
    """The story of one pixel in a left and a right model: one forward pass each.

    Args:
        left, right: models of the same classes, in eval mode. Captured passes on this image save the forward passes.
        image: RGB, uint8 or float in [0, 1]; see :mod:`rsp_lab.rgb`.
        target: pixel, class and rival. By default the pixel is the innermost one of the models' largest disagreement,
            else the image's centre; the class is what the right model predicts there, and the rival what the left model
            predicts, or where that is the class itself, the right model's strongest other class.

    Raises:
        ValueError: for models of different classes, an image that is none, a class that does not exist, a pixel outside
            the image, or a captured pass on another image.
        LedgerError: if a ledger does not add up.
    """
    check_explainable(left, right, image, target)
    names = pair_names(left, right)
    passes = [capture_pass(model, image) for model in (left, right)]
    heads = [one.frozen for one in passes]
    if target is None:
        target = PixelTarget(*_telling_pixel(heads))
    pixel = target.y, target.x
    answers = [pixel_answer(head.logits, pixel, head.image_size, head.class_names) for head in heads]
    target, chosen = decision_target(pixel, answers, names, target.class_name, target.rival)
    ours, theirs = (pixel_account(one, name, target) for one, name in zip(passes, names, strict=True))
    return Explanation(rgb_pixels(image), target, ours, theirs, chosen)


def _telling_pixel(heads: Sequence[FrozenPass]) -> Pixel:
    size, names = heads[0].image_size, heads[0].class_names
    left, right = (labels_from_logits(head.logits, size).cpu().numpy() for head in heads)
    pixel, _ = telling_pixel(disagreements(left, right, names, most=1), size)
    return pixel


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
        rejection=rejection_map(one.head, head.image, target) if one.gaze else None,
        gaze=_gaze(one.gaze, pixel),
        foreign=one.held is not None,
    )


def check_explainable(
    left: Segmenter | Subject | CapturedPass,
    right: Segmenter | Subject | CapturedPass,
    image: ImageLike,
    target: PixelTarget | None = None,
) -> None:
    """Raises ValueError for what :func:`explain` would refuse, before anything is computed."""
    check_comparable(left, right)
    pixels = rgb_pixels(image)
    asked = PixelTarget(0, 0) if target is None else target
    check_decision(asked, (pixels.shape[-2], pixels.shape[-1]), left.class_names)


def check_decision(target: PixelTarget, size: tuple[int, int], class_names: Sequence[str]) -> None:
    """Raises ValueError unless it is one pixel of an image of ``size`` (y, x), and a class against another one."""
    if len(class_names) < 2:
        raise ValueError(
            f"a decision sets a class against a rival, and {class_names[0]!r} is the model's only class: take "
            f"rl.context_ledger with PixelTarget(y, x, {class_names[0]!r}, plain_logit=True)."
        )
    check_fit(target, size, class_names, one_pixel=True)
    if target.plain_logit:
        raise ValueError("a decision sets a class against a rival: leave out plain_logit.")


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
