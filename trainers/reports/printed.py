"""The mIoU columns of the paper's Tables I, IV and VI, and which of our runs answers to each row."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PrintedRow:
    """One row as the paper prints it (Cityscapes val, mIoU in percent).

    Attributes:
        table: Roman number.
        row: the paper's label and backbone or steps.
        miou: as printed.
        spread: standard deviation of 5 runs, where printed.
        recipe: our recipe of the same run on Cityscapes.
        head: the head of our study on small scenes that has the same structure; empty if there is none.
    """

    table: str
    row: str
    miou: float
    recipe: str
    head: str = ""
    spread: float | None = None


PRINTED = (
    PrintedRow("I", "Baseline, ResNet-50-FPN", 74.8, "cityscapes_baseline_r50", "baseline"),
    PrintedRow("I", "RSP-2, ResNet-50-FPN", 76.1, "cityscapes_rsp2_r50", "rsp2", 0.2),
    PrintedRow("I", "RSP-4, ResNet-50-FPN", 77.5, "cityscapes_rsp4_r50", "rsp4", 0.2),
    PrintedRow("I", "Baseline, ResNet-101-FPN", 76.7, "cityscapes_baseline_r101"),
    PrintedRow("I", "RSP-2-D, ResNet-101-FPN", 77.9, "cityscapes_rsp2d_r101", spread=0.2),
    PrintedRow("I", "RSP-4-D, ResNet-101-FPN", 78.5, "cityscapes_rsp4d_r101", spread=0.2),
    PrintedRow("I", "Semantic FPN, ResNet-50-FPN", 75.8, "cityscapes_semantic_fpn_r50"),
    PrintedRow("I", "Semantic FPN, ResNet-101-FPN", 77.7, "cityscapes_semantic_fpn_r101"),
    PrintedRow("IV", "Baseline", 74.8, "cityscapes_baseline_r50", "baseline"),
    PrintedRow("IV", "+ RSP x1 (54)", 75.2, "cityscapes_rsp1_54_r50"),
    PrintedRow("IV", "+ RSP x1 (43)", 75.6, "cityscapes_rsp1_43_r50"),
    PrintedRow("IV", "+ RSP x2 (54, 43)", 76.1, "cityscapes_rsp2_r50", "rsp2"),
    PrintedRow("IV", "+ SELF x2", 75.5, "cityscapes_self2_r50", "self2"),
    PrintedRow("IV", "+ CONTEXT x2", 75.2, "cityscapes_context2_r50", "context2"),
    PrintedRow("VI", "Baseline", 74.8, "cityscapes_baseline_r50", "baseline"),
    PrintedRow("VI", "+ Q6, Q7", 76.0, "cityscapes_baseline_q67_r50", "baseline_q67"),
    PrintedRow("VI", "+ RSP x1 (43)", 76.3, "cityscapes_rsp4_43_r50"),
    PrintedRow("VI", "+ RSP x1 (76)", 76.2, "cityscapes_rsp4_76_r50"),
    PrintedRow("VI", "+ RSP x2 (54, 43)", 76.4, "cityscapes_rsp4_54_43_r50"),
    PrintedRow("VI", "+ RSP x2 (76, 65)", 76.9, "cityscapes_rsp4_76_65_r50"),
    PrintedRow("VI", "+ RSP x3 (65, 54, 43)", 77.1, "cityscapes_rsp4_65_54_43_r50"),
    PrintedRow("VI", "+ RSP x3 (76, 65, 54)", 77.2, "cityscapes_rsp4_76_65_54_r50"),
    PrintedRow("VI", "+ RSP x4 (76, 65, 54, 43)", 77.5, "cityscapes_rsp4_r50", "rsp4"),
)
