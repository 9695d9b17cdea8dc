"""Which of our runs answers to each row of the paper's Tables I, IV and VI; scores stand in rsp_lab.models.paper."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PrintedRow:
    """One row of the paper and our runs of it.

    Attributes:
        table: Roman number.
        row: its key, as in :func:`rsp_lab.models.paper.printed.printed_miou`.
        recipe: our recipe of the same run on Cityscapes.
        head: the head of our study on small scenes that has the same structure; empty if there is none.
    """

    table: str
    row: str
    recipe: str
    head: str = ""


PRINTED = (
    PrintedRow("I", "Baseline, ResNet-50-FPN", "cityscapes_baseline_r50", "baseline"),
    PrintedRow("I", "RSP-2, ResNet-50-FPN", "cityscapes_rsp2_r50", "rsp2"),
    PrintedRow("I", "RSP-4, ResNet-50-FPN", "cityscapes_rsp4_r50", "rsp4"),
    PrintedRow("I", "Baseline, ResNet-101-FPN", "cityscapes_baseline_r101"),
    PrintedRow("I", "RSP-2-D, ResNet-101-FPN", "cityscapes_rsp2d_r101"),
    PrintedRow("I", "RSP-4-D, ResNet-101-FPN", "cityscapes_rsp4d_r101"),
    PrintedRow("I", "Semantic FPN, ResNet-50-FPN", "cityscapes_semantic_fpn_r50"),
    PrintedRow("I", "Semantic FPN, ResNet-101-FPN", "cityscapes_semantic_fpn_r101"),
    PrintedRow("IV", "Baseline", "cityscapes_baseline_r50", "baseline"),
    PrintedRow("IV", "+ RSP x1 (54)", "cityscapes_rsp1_54_r50"),
    PrintedRow("IV", "+ RSP x1 (43)", "cityscapes_rsp1_43_r50"),
    PrintedRow("IV", "+ RSP x2 (54, 43)", "cityscapes_rsp2_r50", "rsp2"),
    PrintedRow("IV", "+ SELF x2", "cityscapes_self2_r50", "self2"),
    PrintedRow("IV", "+ CONTEXT x2", "cityscapes_context2_r50", "context2"),
    PrintedRow("VI", "Baseline", "cityscapes_baseline_r50", "baseline"),
    PrintedRow("VI", "+ Q6, Q7", "cityscapes_baseline_q67_r50", "baseline_q67"),
    PrintedRow("VI", "+ RSP x1 (43)", "cityscapes_rsp4_43_r50"),
    PrintedRow("VI", "+ RSP x1 (76)", "cityscapes_rsp4_76_r50"),
    PrintedRow("VI", "+ RSP x2 (54, 43)", "cityscapes_rsp4_54_43_r50"),
    PrintedRow("VI", "+ RSP x2 (76, 65)", "cityscapes_rsp4_76_65_r50"),
    PrintedRow("VI", "+ RSP x3 (65, 54, 43)", "cityscapes_rsp4_65_54_43_r50"),
    PrintedRow("VI", "+ RSP x3 (76, 65, 54)", "cityscapes_rsp4_76_65_54_r50"),
    PrintedRow("VI", "+ RSP x4 (76, 65, 54, 43)", "cityscapes_rsp4_r50", "rsp4"),
)
