"""``rsp-lab models``: the weights that come with the package."""

from __future__ import annotations

from rsp_lab.analysis.scenes.rates import rates_in
from rsp_lab.cli.output import Json, print_rows
from rsp_lab.models import weights
from rsp_lab.models.fusion import FusionConfig
from rsp_lab.models.heads import TopDownConfig
from rsp_lab.models.panoptic.config import PanopticConfig
from rsp_lab.models.segmenter import SegmenterConfig
from rsp_lab.models.whole import SemanticConfig


def models(*, json: Json = False) -> None:
    """The weights that come with the package."""
    rows = []
    for name, path in weights.shipped().items():
        whole, metadata = weights.read_header(path)
        config = whole.semantic
        rows.append(
            {
                "name": name,
                "task": "panoptic" if isinstance(whole, PanopticConfig) else "semantic",
                "encoder": config.encoder,
                "steps": " ".join(type(f).__name__.removesuffix("Config") for f in _fusions(config)),
                "classes": len(config.class_names),
                "things": len(whole.things) if isinstance(whole, PanopticConfig) else None,
                "val_miou": metadata.get("validation", {}).get("miou"),
                "regions": ", ".join(f"{case} {rate}" for case, rate in rates_in(metadata).items()) or None,
                "data": metadata.get("data"),
                "terms": metadata.get("terms"),
                "megabytes": round(path.stat().st_size / 1e6, 2),
            }
        )
    if not rows:
        raise ValueError("no weights come with this installation; train some with `python -m trainers`.")
    print_rows(rows, json)


def _fusions(config: SemanticConfig) -> tuple[FusionConfig, ...]:
    head = config.head if isinstance(config, SegmenterConfig) else None
    return head.fusions if isinstance(head, TopDownConfig) else ()
