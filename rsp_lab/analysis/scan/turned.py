"""Decisions that a change of the context turned: the two readings of a drawn scene, whose region has equal pixels."""

from __future__ import annotations

from functools import partial

import torch

from rsp_lab.analysis.comparison.disagreement import innermost
from rsp_lab.analysis.ledger.change import ChangeLedger, FrozenPair, player_level
from rsp_lab.analysis.ledger.footprint import FOOTPRINT_RULE, sum_away_from, table_by_kind
from rsp_lab.analysis.ledger.frozen_pass import FrozenPass
from rsp_lab.analysis.ledger.frozen_subject import GATES
from rsp_lab.analysis.scan.disagreements import Found
from rsp_lab.analysis.scan.masks import mask_text
from rsp_lab.analysis.scan.scan import LOOKING, Right, ScanCard, SceneReading
from rsp_lab.analysis.scenes.known_answer import scene_target
from rsp_lab.analysis.scenes.sources import PARTS, part_map
from rsp_lab.analysis.targets.target import RegionTarget, target_value
from rsp_lab.data.scenes.scene import Scene
from rsp_lab.models.segmenter import labels_from_logits
from rsp_lab.shapes import step_digits
from rsp_lab.text import rounded

Heads = tuple[FrozenPass, FrozenPass]


def found_turn(heads: tuple[Heads, Heads], scenes: tuple[Scene, Scene], names: tuple[str, str]) -> Found:
    """The decision about a scene's region, which is to turn with the cue; a card only where a model's does.

    Args:
        heads: frozen passes of the left and the right model, each on reading 0 and 1.
        scenes: both readings, of which the models know the classes.
        names: of the models.
    """
    target = scene_target(scenes[1].ambiguities[0], heads[0][0].class_names)
    # Of the second reading's class over the first's: one that follows the cue is below 0 before and above after.
    values = [[target_value(h.logits[0], target, h.image_size, h.class_names) for h in pair] for pair in heads]
    follows = tuple(before < 0 < after for before, after in values)
    turned = any((before > 0) != (after > 0) for before, after in values)
    verdicts: dict[tuple[bool, ...], Right] = {(True, True): "both", (True, False): "left", (False, True): "right"}
    right = verdicts.get(follows, "neither")
    score = rounded(target.pixels * sum(after - before for before, after in values) / 4, 2)
    tell = partial(_told, heads, scenes, names, target, values, right, score) if turned else None
    return Found("turned", str(target.rival), str(target.class_name), right, score, tell)


def _told(
    heads: tuple[Heads, Heads],
    scenes: tuple[Scene, Scene],
    names: tuple[str, str],
    target: RegionTarget,
    values: list[list[float]],
    right: Right,
    score: float,
) -> ScanCard:
    # From reading 0 to 1 the margin of the second class rises by as much as that of the first does on the way back.
    shown = 0 if min(-before for before, _ in values) <= min(after for _, after in values) else 1
    ambiguity, scene = scenes[shown].ambiguities[0], scenes[shown]
    told = 0 if right == "left" else 1
    ledger = FrozenPair(*heads[told]).ledgers([target])[0]
    level, name, source, part = _largest(ledger, scene)
    beyond = sum_away_from(ambiguity.region, ledger.maps) + sum(ledger.looking.values())
    rows, columns = ambiguity.region.any(1).nonzero(), ambiguity.region.any(0).nonzero()
    box = int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
    classes = heads[0][0].class_names
    says = []
    for pair in heads:
        labels = labels_from_logits(pair[shown].logits, pair[shown].image_size).cpu()
        says.append(classes[int(torch.bincount(labels[ambiguity.region].long()).argmax())])
    changes = [after - before for before, after in values]
    margins = [pair[1] if shown else -pair[0] for pair in values]
    return ScanCard(
        rank=0,
        kind="turned",
        names=names,
        sample=scene.name,
        scene=SceneReading(ambiguity.case, scene.seed, scene.reading),
        box=box,
        mask=mask_text(ambiguity.region[box[0] : box[2], box[1] : box[3]].numpy()),
        pixel=innermost(ambiguity.region.numpy()),
        pixels=target.pixels,
        left_class=says[0],
        right_class=says[1],
        truth=classes[ambiguity.class_id],
        alternative=classes[ambiguity.alternative_id],
        right=right,
        level=level,
        level_name=name,
        source=source,
        part=rounded(part, 3),
        whole=rounded(ledger.total, 3),
        context_used=rounded(beyond / ledger.total, 3) if ledger.total else 0.0,
        margins=(rounded(margins[0], 3), rounded(margins[1], 3)),
        changes=(rounded(changes[0], 3), rounded(changes[1], 3)),
        score=score,
        residual=float(f"{ledger.residual:.1e}"),
    )


def _largest(ledger: ChangeLedger, scene: Scene) -> tuple[int | None, str, str, float]:
    """Level, its name, source and logits of the largest entry, by :data:`rsp_lab.analysis.scan.scan.LEVEL_RULE`: of the
    sign of the change, which is below 0 where a model turns against the cue."""
    table = table_by_kind(
        ledger.maps, part_map(scene), PARTS, ledger.image_size, f"part of the drawn scene; {FOOTPRINT_RULE}"
    )
    entries: list[tuple[int | None, str, str, float]] = [
        (level, ledger.level_name(level), part, table[level, part]) for level in table.levels for part in PARTS
    ]
    for player, value in ledger.looking.items():
        where = "" if player == GATES else f" in step {step_digits(player)}"
        entries.append((player_level(player), "", f"{LOOKING}{where}", value))
    way = -1 if ledger.total < 0 else 1
    return max(entries, key=lambda entry: way * entry[3])
