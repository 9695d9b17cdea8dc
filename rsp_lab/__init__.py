"""rsp_lab: a workbench for looking inside cross-scale context aggregation in semantic segmentation.

The names are there at once, and what is behind one of them is imported when it is first used: ``import rsp_lab`` does
not wait for torch. To add a name, write it in the three lists below; ``tests/house/test_public_names.py`` holds that
they agree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsp_lab._version import __version__

if TYPE_CHECKING:
    from rsp_lab import attribution, figures, film, regions, scenes, surgery
    from rsp_lab.analysis.arena.result import ArenaResult
    from rsp_lab.analysis.arena.run import ArenaSettings, run_arena
    from rsp_lab.analysis.attribution.attribute import Attribution, attribute
    from rsp_lab.analysis.attribution.erase import erase
    from rsp_lab.analysis.attribution.level_pixels import LevelPixels, level_pixels
    from rsp_lab.analysis.comparison.compare import Comparison, compare
    from rsp_lab.analysis.comparison.context_paths import ContextPaths, context_paths
    from rsp_lab.analysis.comparison.explain import explain
    from rsp_lab.analysis.comparison.explanation import Explanation
    from rsp_lab.analysis.comparison.flips import FlipStories, flip_stories
    from rsp_lab.analysis.comparison.flow_picture import FlowPicture, flow_picture
    from rsp_lab.analysis.comparison.pixel_view import PixelView, view_pixel
    from rsp_lab.analysis.faithfulness.at_input import Faithfulness, input_curves
    from rsp_lab.analysis.ledger.attention_gain import AttentionGain, attention_gain
    from rsp_lab.analysis.ledger.change import ChangeLedger, FrozenPair, change_ledger, change_ledgers
    from rsp_lab.analysis.ledger.decision_flow import DecisionFlow, decision_flow
    from rsp_lab.analysis.ledger.difference import LedgerDifference, ledger_difference
    from rsp_lab.analysis.ledger.freeze import freeze
    from rsp_lab.analysis.ledger.frozen_head import FrozenHead
    from rsp_lab.analysis.ledger.frozen_pass import FrozenPass
    from rsp_lab.analysis.ledger.frozen_subject import FrozenSubject
    from rsp_lab.analysis.ledger.ledger import ContextLedger, context_ledger
    from rsp_lab.analysis.ledger.levels import LevelLedger, level_ledger
    from rsp_lab.analysis.ledger.residual import LedgerError
    from rsp_lab.analysis.ledger.selection import (
        RejectionMap,
        SelectionGain,
        rejection_map,
        selection_gain,
    )
    from rsp_lab.analysis.ledger.subject_check import SubjectCheck, check
    from rsp_lab.analysis.ledger.zones import ZoneContributions, zone_contributions
    from rsp_lab.analysis.panoptic.changes import PanopticComparison, compare_segments
    from rsp_lab.analysis.panoptic.segmentation import PanopticPass, panoptic
    from rsp_lab.analysis.panoptic.segments import SegmentStory, explain_segment
    from rsp_lab.analysis.passes.flow import ContextFlow, StepFlow, context_flow
    from rsp_lab.analysis.passes.residuals import context_residuals
    from rsp_lab.analysis.receptive_field.reach import (
        EffectiveField,
        LookingDistance,
        context_reach,
        effective_field,
        looking_distance,
    )
    from rsp_lab.analysis.relation_weights.complementarity import Complementarity, complementarity
    from rsp_lab.analysis.relation_weights.gaze import StepGaze, gaze_steps
    from rsp_lab.analysis.relation_weights.grids import RelationGrid, relation_grids
    from rsp_lab.analysis.surgery.operate import SurgeryResult, edited_weights, operate, predicted_change
    from rsp_lab.analysis.targets.target import PixelTarget, RegionTarget
    from rsp_lab.analysis.trade.matrix import TradeMatrix
    from rsp_lab.analysis.trade.run import trade_matrix
    from rsp_lab.attention.edits import edited_attention, uniform_attention
    from rsp_lab.attention.layers import AttentionLook, AttentionRecord
    from rsp_lab.attention.record import record_attention
    from rsp_lab.capture.capture import run_with_capture
    from rsp_lab.capture.hooks import hooks
    from rsp_lab.capture.record import Record
    from rsp_lab.data.images import read_image
    from rsp_lab.explorer.widget import explore
    from rsp_lab.frozen.rules import FrozenError
    from rsp_lab.models.adapt import adapt
    from rsp_lab.models.inspection.structure import HeadStructure, head_structure
    from rsp_lab.models.panoptic.config import PanopticConfig
    from rsp_lab.models.panoptic.segmenter import PanopticSegmenter
    from rsp_lab.models.segmenter import Segmenter, SegmenterConfig
    from rsp_lab.models.subject import Subject
    from rsp_lab.models.weights import load
else:
    from importlib import import_module

    _NAMES_IN = {
        "rsp_lab.analysis.arena.result": ("ArenaResult",),
        "rsp_lab.analysis.arena.run": ("ArenaSettings", "run_arena"),
        "rsp_lab.analysis.attribution.attribute": ("Attribution", "attribute"),
        "rsp_lab.analysis.attribution.erase": ("erase",),
        "rsp_lab.analysis.attribution.level_pixels": ("LevelPixels", "level_pixels"),
        "rsp_lab.analysis.comparison.compare": ("Comparison", "compare"),
        "rsp_lab.analysis.comparison.context_paths": ("ContextPaths", "context_paths"),
        "rsp_lab.analysis.comparison.explain": ("explain",),
        "rsp_lab.analysis.comparison.explanation": ("Explanation",),
        "rsp_lab.analysis.comparison.flips": ("FlipStories", "flip_stories"),
        "rsp_lab.analysis.comparison.flow_picture": ("FlowPicture", "flow_picture"),
        "rsp_lab.analysis.comparison.pixel_view": ("PixelView", "view_pixel"),
        "rsp_lab.analysis.faithfulness.at_input": ("Faithfulness", "input_curves"),
        "rsp_lab.analysis.ledger.attention_gain": ("AttentionGain", "attention_gain"),
        "rsp_lab.analysis.ledger.change": ("ChangeLedger", "FrozenPair", "change_ledger", "change_ledgers"),
        "rsp_lab.analysis.ledger.decision_flow": ("DecisionFlow", "decision_flow"),
        "rsp_lab.analysis.ledger.difference": ("LedgerDifference", "ledger_difference"),
        "rsp_lab.analysis.ledger.freeze": ("freeze",),
        "rsp_lab.analysis.ledger.frozen_head": ("FrozenHead",),
        "rsp_lab.analysis.ledger.frozen_pass": ("FrozenPass",),
        "rsp_lab.analysis.ledger.frozen_subject": ("FrozenSubject",),
        "rsp_lab.analysis.ledger.subject_check": ("SubjectCheck", "check"),
        "rsp_lab.frozen.rules": ("FrozenError",),
        "rsp_lab.models.adapt": ("adapt",),
        "rsp_lab.models.subject": ("Subject",),
        "rsp_lab.analysis.ledger.ledger": ("ContextLedger", "context_ledger"),
        "rsp_lab.analysis.ledger.residual": ("LedgerError",),
        "rsp_lab.analysis.ledger.levels": ("LevelLedger", "level_ledger"),
        "rsp_lab.analysis.ledger.selection": ("RejectionMap", "SelectionGain", "rejection_map", "selection_gain"),
        "rsp_lab.analysis.ledger.zones": ("ZoneContributions", "zone_contributions"),
        "rsp_lab.analysis.panoptic.changes": ("PanopticComparison", "compare_segments"),
        "rsp_lab.analysis.panoptic.segmentation": ("PanopticPass", "panoptic"),
        "rsp_lab.analysis.panoptic.segments": ("SegmentStory", "explain_segment"),
        "rsp_lab.analysis.passes.flow": ("ContextFlow", "StepFlow", "context_flow"),
        "rsp_lab.analysis.passes.residuals": ("context_residuals",),
        "rsp_lab.analysis.receptive_field.reach": (
            "EffectiveField",
            "LookingDistance",
            "context_reach",
            "effective_field",
            "looking_distance",
        ),
        "rsp_lab.analysis.relation_weights.complementarity": ("Complementarity", "complementarity"),
        "rsp_lab.analysis.relation_weights.gaze": ("StepGaze", "gaze_steps"),
        "rsp_lab.analysis.relation_weights.grids": ("RelationGrid", "relation_grids"),
        "rsp_lab.analysis.surgery.operate": ("SurgeryResult", "edited_weights", "operate", "predicted_change"),
        "rsp_lab.analysis.targets.target": ("PixelTarget", "RegionTarget"),
        "rsp_lab.analysis.trade.matrix": ("TradeMatrix",),
        "rsp_lab.analysis.trade.run": ("trade_matrix",),
        "rsp_lab.attention.edits": ("edited_attention", "uniform_attention"),
        "rsp_lab.attention.layers": ("AttentionLook", "AttentionRecord"),
        "rsp_lab.attention.record": ("record_attention",),
        "rsp_lab.capture.capture": ("run_with_capture",),
        "rsp_lab.capture.hooks": ("hooks",),
        "rsp_lab.capture.record": ("Record",),
        "rsp_lab.data.images": ("read_image",),
        "rsp_lab.explorer.widget": ("explore",),
        "rsp_lab.models.inspection.structure": ("HeadStructure", "head_structure"),
        "rsp_lab.models.panoptic.config": ("PanopticConfig",),
        "rsp_lab.models.panoptic.segmenter": ("PanopticSegmenter",),
        "rsp_lab.models.segmenter": ("Segmenter", "SegmenterConfig"),
        "rsp_lab.models.weights": ("load",),
    }
    _MODULE_OF = {name: module for module, names in _NAMES_IN.items() for name in names}
    # Names that stand for whole modules.
    _MODULES = {
        "attribution": "rsp_lab.attribution",
        "figures": "rsp_lab.figures",
        "film": "rsp_lab.film",
        "regions": "rsp_lab.regions",
        "scenes": "rsp_lab.scenes",
        "surgery": "rsp_lab.surgery",
    }

    def __getattr__(name: str) -> object:
        if name in _MODULE_OF:
            value = getattr(import_module(_MODULE_OF[name]), name)
        elif name in _MODULES:
            value = import_module(_MODULES[name])
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return list(__all__)


__all__ = [
    "ArenaResult",
    "ArenaSettings",
    "AttentionGain",
    "AttentionLook",
    "AttentionRecord",
    "Attribution",
    "ChangeLedger",
    "Comparison",
    "Complementarity",
    "ContextFlow",
    "ContextLedger",
    "ContextPaths",
    "DecisionFlow",
    "EffectiveField",
    "Explanation",
    "Faithfulness",
    "FlipStories",
    "FlowPicture",
    "FrozenError",
    "FrozenHead",
    "FrozenPair",
    "FrozenPass",
    "FrozenSubject",
    "HeadStructure",
    "LedgerDifference",
    "LedgerError",
    "LevelLedger",
    "LevelPixels",
    "LookingDistance",
    "PanopticComparison",
    "PanopticConfig",
    "PanopticPass",
    "PanopticSegmenter",
    "PixelTarget",
    "PixelView",
    "Record",
    "RegionTarget",
    "RejectionMap",
    "RelationGrid",
    "SegmentStory",
    "Segmenter",
    "SegmenterConfig",
    "SelectionGain",
    "StepFlow",
    "StepGaze",
    "Subject",
    "SubjectCheck",
    "SurgeryResult",
    "TradeMatrix",
    "ZoneContributions",
    "__version__",
    "adapt",
    "attention_gain",
    "attribute",
    "attribution",
    "change_ledger",
    "change_ledgers",
    "check",
    "compare",
    "compare_segments",
    "complementarity",
    "context_flow",
    "context_ledger",
    "context_paths",
    "context_reach",
    "context_residuals",
    "decision_flow",
    "edited_attention",
    "edited_weights",
    "effective_field",
    "erase",
    "explain",
    "explain_segment",
    "explore",
    "figures",
    "film",
    "flip_stories",
    "flow_picture",
    "freeze",
    "gaze_steps",
    "head_structure",
    "hooks",
    "input_curves",
    "ledger_difference",
    "level_ledger",
    "level_pixels",
    "load",
    "looking_distance",
    "operate",
    "panoptic",
    "predicted_change",
    "read_image",
    "record_attention",
    "regions",
    "rejection_map",
    "relation_grids",
    "run_arena",
    "run_with_capture",
    "scenes",
    "selection_gain",
    "surgery",
    "trade_matrix",
    "uniform_attention",
    "view_pixel",
    "zone_contributions",
]
