"""Ledgers of networks of other libraries against plain passes of the same network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import Any

import torch
from torch import nn

from rsp_lab.analysis.ledger.freeze import freeze
from rsp_lab.analysis.ledger.ledger import context_ledger
from rsp_lab.analysis.ledger.levels import level_ledger
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.bench.sides import CLASS_NAMES, CPU, Report, side_by_side
from rsp_lab.models.adapt import adapt
from rsp_lab.models.subject import Subject

SIZE = (128, 256)
_DECODERS = ("FPN", "UPerNet", "Segformer", "DeepLabV3", "DeepLabV3Plus", "Unet", "PSPNet", "MAnet", "Linknet")


def bench_foreign(
    *, rounds: int = 3, device: torch.device = CPU, report: Report = lambda _: None
) -> list[dict[str, Any]]:
    """What a ledger costs beside a plain pass, on untrained networks of three libraries at 128 x 256 pixels.

    Objects with ``network``; ``forward_ms``, a plain pass; ``ledger_ms``, one pixel's ledger from the image;
    ``further_ms``, that of a further pixel on the same frozen pass; ``level_ledger_ms``, all pixels and classes on the
    same frozen pass; ``residual`` of the ledger; ``bias_share``, what no level explains; ``gate_mb``. For a bar,
    ``ledger_ms`` is held to ``4 * forward_ms``, ``further_ms`` to ``2 * forward_ms``.

    Raises:
        ImportError: where the extra ``foreign`` is not installed.
    """
    rows = []
    for name, build in networks().items():
        report(f"foreign, {name}")
        torch.manual_seed(0)
        rows.append({"network": name, **foreign_case(build().to(device), SIZE, rounds)})
    return rows


def networks() -> dict[str, Callable[[], Subject]]:
    """The networks by name; each is built when it is called."""
    try:
        smp, transformers = (import_module(name) for name in ("segmentation_models_pytorch", "transformers"))
    except ImportError as error:
        raise ImportError(f"{error.name} is not installed: pip install {str(error.name).replace('_', '-')}.") from error
    from torchvision.models import segmentation

    classes, labels = len(CLASS_NAMES), dict(enumerate(CLASS_NAMES))
    segformer = transformers.SegformerConfig(id2label=labels)
    stages = ["stage1", "stage2", "stage3", "stage4"]
    swin = transformers.SwinConfig(embed_dim=48, depths=[2, 2, 2, 2], num_heads=[2, 4, 8, 16], out_features=stages)
    upernet = transformers.UperNetConfig(
        backbone_config=swin, hidden_size=128, use_auxiliary_head=False, id2label=labels
    )
    built: dict[str, Callable[[], nn.Module]] = {
        f"smp {name}, ResNet-18": partial(getattr(smp, name), "resnet18", encoder_weights=None, classes=classes)
        for name in _DECODERS
    }
    built |= {
        "Hugging Face SegFormer-B0": partial(transformers.SegformerForSemanticSegmentation, segformer),
        "Hugging Face UPerNet, Swin": partial(transformers.UperNetForSemanticSegmentation, upernet),
        "torchvision LRASPP": partial(
            segmentation.lraspp_mobilenet_v3_large, weights=None, weights_backbone=None, num_classes=classes
        ),
        "torchvision DeepLabV3, MobileNetV3": partial(
            segmentation.deeplabv3_mobilenet_v3_large, weights=None, weights_backbone=None, num_classes=classes
        ),
    }
    return {name: partial(_adapted, build) for name, build in built.items()}


def _adapted(build: Callable[[], nn.Module]) -> Subject:
    found = adapt(build().eval(), class_names=CLASS_NAMES)
    assert isinstance(found, Subject)
    return found


def foreign_case(subject: Subject, size: tuple[int, int], rounds: int) -> dict[str, Any]:
    """One row of :func:`bench_foreign` for a subject on an image of a size, without its name."""
    image = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0)).to(subject.mean.device)
    names: Sequence[str] = subject.class_names
    target = PixelTarget(size[0] // 2, size[1] // 3, names[1], names[2])
    frozen = freeze(subject, image)
    further = context_ledger(frozen, image, target)

    def forward() -> None:
        with torch.no_grad():
            subject(image)

    times = side_by_side(
        {
            "forward": forward,
            "ledger": partial(context_ledger, subject, image, target),
            "further": partial(context_ledger, frozen, frozen.image, target),
            "level_ledger": partial(level_ledger, frozen, frozen.image),
        },
        rounds,
    )
    return {
        "height": size[0],
        "width": size[1],
        **{f"{name}_ms": value for name, value in times.items()},
        "residual": further.residual,
        "bias_share": round(frozen.bias_share, 4),
        "gate_mb": round(frozen.network.tape.size / 1e6, 1),
    }
