"""Heads of every kind, for tests that hold whatever the head."""

from __future__ import annotations

from dataclasses import replace

from rsp_lab.models import presets
from rsp_lab.models.heads import TopDownConfig
from rsp_lab.models.relation import RelationConfig
from rsp_lab.shapes import Window

PLAIN_HEADS: dict[str, TopDownConfig] = {
    "baseline_q67": presets.baseline_q67(),
    "rsp2": presets.rsp2(),
    "rsp4": presets.rsp4(),
    "rsp4_d": presets.rsp4_d(),
    "self2": presets.self2(),
    "context2": presets.context2(),
}
"""As the paper has them."""
TOP_DOWN_HEADS: dict[str, TopDownConfig] = PLAIN_HEADS | {
    "rsp4 unnormalised": presets.rsp4(RelationConfig(Window(5), 4, "none")),
    "rsp2 without norm": replace(presets.rsp2(), norm="none"),
}
