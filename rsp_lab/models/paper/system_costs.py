"""Table II: what whole networks cost, counted where a network is at hand, beside the print."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Literal

from torch import nn

from rsp_lab.models.heads import HeadConfig
from rsp_lab.models.inspection.cost import PAPER_CLASSES, PAPER_INPUT, SystemCost, system_cost
from rsp_lab.models.paper import systems
from rsp_lab.models.presets import resnet_fpn, rsp4_d, semantic_fpn
from rsp_lab.models.segmenter import Segmenter

Kind = Literal["measured", "reconstructed", "cited"]

SYSTEM_NOTES = (
    "FLOPs: multiply-adds (10^12) of convolutions, linear layers, matrix products and relations of the whole network "
    "at 1024 x 2048 pixels and 19 classes, followed on meta tensors; memory: elements (10^9) that these give out, not "
    "bytes",
    "measured: the network of a kept library, or ours; reconstructed: a head rebuilt here from its paper on a kept "
    "encoder; cited: as printed, no kept library has this network",
)


@dataclass(frozen=True)
class SystemRow:
    """One row of Table II.

    Attributes:
        model, backbone: as printed.
        kind: where our cost comes from; see :data:`SYSTEM_NOTES`.
        miou_paper: in per cent, as printed.
        tmacs, gigas: counted; None where the row is cited or a package is missing.
        tmacs_paper, gigas_paper: as printed.
        note: what was counted, or which package is missing; else empty.
    """

    model: str
    backbone: str
    kind: Kind
    miou_paper: str
    tmacs: float | None
    tmacs_paper: str
    gigas: float | None
    gigas_paper: str
    note: str

    @property
    def row(self) -> str:
        """The row's key: model and backbone."""
        return f"{self.model.partition(' [')[0]}, {self.backbone}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data; numbers of the paper as numbers."""
        return {
            "table": "II",
            "row": self.row,
            "kind": self.kind,
            "tmacs": self.tmacs,
            "tmacs_paper": float(self.tmacs_paper),
            "activations_g": self.gigas,
            "activations_g_paper": float(self.gigas_paper),
            "miou_paper": float(self.miou_paper),
            "note": self.note,
        }


@dataclass(frozen=True)
class _System:
    """How a row's network is built, and at which size it is counted; ``build`` None: cited."""

    model: str
    backbone: str
    printed: tuple[str, str, str]
    kind: Kind = "cited"
    note: str = ""
    build: Callable[[], nn.Module] | None = None
    size: tuple[int, int] = PAPER_INPUT


def _ours(encoder: str, head: HeadConfig) -> nn.Module:
    names = tuple(f"class {number}" for number in range(PAPER_CLASSES))
    return Segmenter(resnet_fpn(encoder, head, names))


_SYSTEMS = (
    _System(
        "Semantic FPN [12]",
        "ResNet-101-FPN",
        ("77.7", "0.5", "0.8"),
        "measured",
        "our Semantic FPN head on torchvision's ResNet-101",
        lambda: _ours("resnet101", semantic_fpn()),
    ),
    _System(
        "DeeplabV3 [1]",
        "ResNet-101-D8",
        ("77.8", "1.9", "1.9"),
        "measured",
        "torchvision's deeplabv3_resnet101, output stride 8 as printed, without its auxiliary classifier; its atrous "
        "rates are 12, 24, 36, and its ASPP has 256 channels",
        partial(systems.deeplab_v3, PAPER_CLASSES),
    ),
    _System("PSANet101 [32]", "ResNet-101-D8", ("77.9", "2.0", "2.0")),
    _System(
        "SETR-PUP [33]",
        "T-Large",
        ("79.3", "1.0", "2.7"),
        "reconstructed",
        "four convolutions and doublings rebuilt on timm's ViT-L/16, counted on a crop of 768 x 768, at which alone "
        "the print comes out; a whole image would cost 6.2 T",
        partial(systems.ProgressiveTransformer, PAPER_CLASSES),
        systems.SETR_CROP,
    ),
    _System("Mapillary [30]", "WideResNet-38-D8", ("79.4", "4.3", "1.7")),
    _System(
        "DeeplabV3+ [4]",
        "X-71-D16",
        ("79.6", "0.5", "1.9"),
        "measured",
        "DeepLabV3+ of segmentation_models_pytorch on timm's Xception-71, output stride 16 as printed",
        partial(systems.deeplab_v3_plus, PAPER_CLASSES),
    ),
    _System(
        "OCR [6]",
        "HRNetV2",
        ("80.8", "1.3", "1.4"),
        "reconstructed",
        "the head of object context rebuilt on timm's HRNetV2-W48, with a 1 x 1 convolution in its auxiliary branch",
        partial(systems.ObjectContextNetwork, PAPER_CLASSES),
    ),
    _System(
        "RSP-4-D",
        "ResNet-101-FPN",
        ("78.5", "0.5", "0.8"),
        "measured",
        "our RSP-4-D on torchvision's ResNet-101",
        lambda: _ours("resnet101", rsp4_d()),
    ),
    _System(
        "RSP-4-D",
        "ResNeXt-101-FPN",
        ("79.5", "0.8", "1.4"),
        "measured",
        "our RSP-4-D on torchvision's ResNeXt-101 64x4d; the paper does not say which ResNeXt-101",
        lambda: _ours("resnext101_64x4d", rsp4_d()),
    ),
)

SYSTEMS = len(_SYSTEMS)
"""Rows of Table II."""


def system_costs(report: Callable[[int, int], None] = lambda done, count: None) -> tuple[SystemRow, ...]:
    """The rows of Table II; networks are built and followed on meta tensors, once a process.

    Args:
        report: called with the rows that are done, and their number.
    """
    rows = []
    for done, system in enumerate(_SYSTEMS, start=1):
        miou, tera, giga = system.printed
        cost, note = _counted(system)
        tmacs, gigas = (None, None) if cost is None else (round(cost.tmacs, 4), round(cost.gigas, 4))
        rows.append(SystemRow(system.model, system.backbone, system.kind, miou, tmacs, tera, gigas, giga, note))
        report(done, SYSTEMS)
    return tuple(rows)


@lru_cache(maxsize=16)
def _counted(system: _System) -> tuple[SystemCost | None, str]:
    """The cost and the row's note, which says so where a package is missing."""
    if system.build is None:
        return None, system.note
    try:
        return system_cost(system.build, system.size), system.note
    except ImportError as error:
        return None, f"{system.note}; not counted: {error}"
