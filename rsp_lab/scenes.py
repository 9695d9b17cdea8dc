"""Drawn street scenes, as ``rl.scenes``: the pixels that decide an ambiguous region are known before a model answers.

A scene holds a region that cannot tell by itself which of two classes it is, a cue that decides, and decoys that look
like the cue. Its two readings have equal pixels but for the cue::

    first, second = rl.scenes.draw_scene_pair(7, 256, 512)
    answers = rl.scenes.region_answers(model, [first, second])             # which reading the model prefers in each
    target = rl.scenes.scene_target(first.ambiguities[0], model.class_names)
    ledger = rl.context_ledger(model, first.image, target)
    sources = rl.scenes.scene_sources(ledger, first)                       # how much came from cue, decoys, the region

:class:`Difficulty` makes scenes harder, by decoys, other figures, and what is hidden of cue and region.
:class:`SceneSplit` is a data set of such scenes; :func:`known_answer` scores any map against the known pixels.
"""

from __future__ import annotations

from rsp_lab.analysis.scenes.answers import (
    RegionAnswer,
    accuracy,
    region_answer,
    region_answers,
    region_iou,
    sweep,
    sweep_distances,
)
from rsp_lab.analysis.scenes.changes import SceneChanges, scene_changes
from rsp_lab.analysis.scenes.known_answer import follow, known_answer, scene_target
from rsp_lab.analysis.scenes.rates import ReadingRate, reading_rates
from rsp_lab.analysis.scenes.sources import SceneSources, part_map, scene_sources
from rsp_lab.data.scenes.dataset import SceneSplit
from rsp_lab.data.scenes.difficulty import Difficulty
from rsp_lab.data.scenes.scene import CASES, Ambiguity, Scene, draw_scene, draw_scene_pair, max_distance

__all__ = [
    "CASES",
    "Ambiguity",
    "Difficulty",
    "ReadingRate",
    "RegionAnswer",
    "Scene",
    "SceneChanges",
    "SceneSources",
    "SceneSplit",
    "accuracy",
    "draw_scene",
    "draw_scene_pair",
    "follow",
    "known_answer",
    "max_distance",
    "part_map",
    "reading_rates",
    "region_answer",
    "region_answers",
    "region_iou",
    "scene_changes",
    "scene_sources",
    "scene_target",
    "sweep",
    "sweep_distances",
]
