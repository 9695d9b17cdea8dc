"""One pair of readings of the arena in one model: every method, every measure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from torch import Tensor

from rsp_lab.analysis.arena.methods import RANDOM, ArenaMethod, MethodMap, Question, method_map, noise, refusal
from rsp_lab.analysis.arena.on_levels import level_scores
from rsp_lab.analysis.arena.result import PairOutcome
from rsp_lab.analysis.attribution.interface import Method
from rsp_lab.analysis.faithfulness.at_input import input_curves
from rsp_lab.analysis.faithfulness.curves import random_order
from rsp_lab.analysis.faithfulness.in_head import cell_order, frozen_curves, live_curves
from rsp_lab.analysis.faithfulness.randomisation import PARTS, randomised, rank_correlation
from rsp_lab.analysis.ledger.change import FrozenPair
from rsp_lab.analysis.ledger.ledger import ContextLedger, context_ledger
from rsp_lab.analysis.scenes.known_answer import area_share, follow, known_answer, scene_target
from rsp_lab.analysis.targets.target import target_value
from rsp_lab.data.scenes.scene import Ambiguity, Scene, draw_scene_pair
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject

Maps = Mapping[str, MethodMap]
_DRAWS = 1000
"""Apart by this much, random draws of two readings never meet."""


@dataclass(frozen=True)
class PairPlace:
    """One pair of readings of the arena.

    Attributes:
        case, distance, seed: of the pair; no two pairs have one seed.
        size: (y, x) in pixels.
        randomised: whether parameters are drawn anew as well.
    """

    case: str
    distance: int
    seed: int
    size: tuple[int, int]
    randomised: bool


def pair_outcome(
    name: str,
    model: Segmenter | Subject,
    place: PairPlace,
    methods: Sequence[Method],
    *,
    reference: str = "blur",
    seeds: int = 3,
    input_steps: int = 4,
) -> PairOutcome:
    """Both readings of one pair in one model.

    The known answer and levels are measured on both readings; deletion, insertion and randomisation on reading 0 of
    even seeds and on reading 1 of odd ones. Methods that have no answer are left out; where no ledger adds up, nothing
    is measured inside the head or by level.

    Args:
        name: of the model.
        model: in eval mode.
        place: which pair.
        methods: with their settings; the random control is always among them.
        reference: what "absent" means in a photograph.
        seeds: random orders and maps a decision.
        input_steps: of deletion and insertion at the input.
    """
    scenes = draw_scene_pair(place.seed, *place.size, case=place.case, distance=place.distance)
    questions = [_question(model, s, _DRAWS * (2 * place.seed + r), reference) for r, s in enumerate(scenes)]
    left_out = {m.name: why for m in methods if (why := next(filter(None, (refusal(m, q) for q in questions)), ""))}
    methods = [method for method in methods if method.name not in left_out]
    maps = [{method.name: method_map(method, question) for method in methods} for question in questions]
    ambiguities = [scene.ambiguities[0] for scene in scenes]
    dear = place.seed % 2
    values: dict[str, dict[str, float]] = {method.name: {} for method in methods}
    parts = [
        _known(questions, maps, ambiguities, seeds),
        _at_the_input(questions[dear], maps[dear], seeds, input_steps),
    ]
    residual = None
    if not any(question.frozen.refused for question in questions):
        books = [context_ledger(q.frozen, q.frozen.image, q.target) for q in questions]
        residual = max(book.residual for book in books)
        parts += [_in_the_head(questions[dear], books[dear], maps[dear], seeds), _on_levels(questions, maps)]
    if place.randomised:
        parts.append(_randomised(scenes[dear], place.seed, questions[dear], maps[dear]))
    for part in parts:
        for method, measured in part.items():
            values[method] |= {measure: value for measure, value in measured.items() if math.isfinite(value)}
    margins = [target_value(q.frozen.logits[0], q.target, q.frozen.image_size, q.frozen.class_names) for q in questions]
    return PairOutcome(
        model=name,
        case=place.case,
        distance=place.distance,
        seed=place.seed,
        margins=(margins[0], margins[1]),
        uniform=area_share(ambiguities[0].cue),
        residual=residual,
        values=values,
        left_out=left_out,
    )


def _question(model: Segmenter | Subject, scene: Scene, seed: int, reference: str) -> Question:
    target = scene_target(scene.ambiguities[0], model.class_names)
    return Question.of(model, scene.image, target, reference=reference, seed=seed)


def _known(
    questions: Sequence[Question], maps: Sequence[Maps], where: Sequence[Ambiguity], seeds: int
) -> dict[str, dict[str, float]]:
    """Mean over the readings; of the random map, over its seeds too."""
    table = {}
    for name, own_map in maps[0].items():
        draws: list[list[Tensor]] = [[reading[name].pixels for reading in maps]]
        if name == RANDOM.name:
            draws = [[noise(q.frozen.image_size, q.seed + i) for q in questions] for i in range(seeds)]
        measured: dict[str, list[float]] = {}
        for own, other in draws:
            for values, ambiguity in zip((own, other), where, strict=True):
                for measure, value in known_answer(values, ambiguity).items():
                    measured.setdefault(measure, []).append(value)
            turned = follow(own, other, where[0].cue, signed=own_map.method.signed)
            if turned is not None:
                measured.setdefault("follow", []).append(turned)
        table[name] = {measure: fmean(values) for measure, values in measured.items()}
    return table


def _on_levels(questions: Sequence[Question], maps: Sequence[Maps]) -> dict[str, dict[str, float]]:
    """Of methods that tell levels apart."""
    (change,) = FrozenPair(*(question.frozen for question in questions)).ledgers([questions[1].target])
    return {
        name: level_scores(own, maps[1][name], change, signed=own.method.signed)
        for name, own in maps[0].items()
        if own.method.level == "relation" or (isinstance(own.method, ArenaMethod) and own.method.by_level)
    }


def _in_the_head(question: Question, book: ContextLedger, maps: Maps, seeds: int) -> dict[str, dict[str, float]]:
    cells = sum(values.numel() for values in book.maps.values())
    table = {}
    for method, map_ in maps.items():
        orders = [cell_order(map_.cells, question.seed)]
        if method == RANDOM.name:
            # A projection would put large cells first, which is not random.
            orders = [random_order(cells, question.seed + i) for i in range(seeds)]
        frozen = [frozen_curves(book, order) for order in orders]
        live = [live_curves(question.frozen, book, order) for order in orders]
        table[method] = {
            f"{head}_{part}": fmean(getattr(curve, part) for curve in curves)
            for head, curves in (("frozen", frozen), ("live", live))
            for part in ("score", "fall", "rise")
        }
    return table


def _at_the_input(question: Question, maps: Maps, seeds: int, steps: int) -> dict[str, dict[str, float]]:
    asked = {(method, 0): found.pixels for method, found in maps.items()}
    size = question.frozen.image_size
    asked |= {(RANDOM.name, i): noise(size, question.seed + i) for i in range(seeds)}
    found = input_curves(
        question.model,
        question.image,
        question.target,
        {f"{method} {i}": values for (method, i), values in asked.items()},
        reference=question.reference,
        steps=steps,
        seed=question.seed,
        # Random maps take part like the others: this control deletes and inserts in mirrored orders, whose gap is 0.
        random_seeds=1,
    )
    curves = {key: found[f"{key[0]} {key[1]}"].curves for key in asked}
    seen = [value for own in curves.values() for value in (*own.deletion, *own.insertion)]
    scale = max(seen) - min(seen)
    if not scale > 0:
        return {}
    table: dict[str, dict[str, float]] = {}
    for method in maps:
        own = [curve for (name, _), curve in curves.items() if name == method]
        table[method] = {
            "input_score": fmean(curve.gap for curve in own) / scale,
            "input_fall": fmean(curve.deletion[0] - curve.deletion_area for curve in own) / scale,
            "input_rise": fmean(curve.insertion_area - curve.insertion[0] for curve in own) / scale,
        }
    return table


def _randomised(scene: Scene, seed: int, question: Question, maps: Maps) -> dict[str, dict[str, float]]:
    table: dict[str, dict[str, float]] = {method: {} for method in maps}
    for part in PARTS:
        fresh = randomised(question.model, part, seed, image=question.image)
        other = _question(fresh, scene, question.seed + _DRAWS // 2, question.reference)
        for name, before in maps.items():
            if refusal(before.method, other):
                continue
            after = method_map(before.method, other)
            table[name][f"same_{part}"] = rank_correlation(before.pixels, after.pixels)
    return table
