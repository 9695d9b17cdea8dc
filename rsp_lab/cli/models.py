"""``rsp-lab models``: the weights that come with the package."""

from __future__ import annotations

from rsp_lab.analysis.scenes.rates import rates_in
from rsp_lab.cli.output import Json, print_rows
from rsp_lab.models import weights


def models(*, json: Json = False) -> None:
    """The weights that come with the package."""
    rows = []
    for name, path in weights.shipped().items():
        config, metadata = weights.read_header(path)
        rows.append(
            {
                "name": name,
                "encoder": config.pyramid.encoder,
                "steps": " ".join(type(f).__name__.removesuffix("Config") for f in getattr(config.head, "fusions", ())),
                "classes": len(config.class_names),
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
