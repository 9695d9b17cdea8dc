"""``rsp-lab residuals``: how exactly ledgers add up."""

from __future__ import annotations

from typing import Annotated

import torch
import tyro

from rsp_lab.analysis.passes.residuals import ledger_residuals
from rsp_lab.cli import arguments
from rsp_lab.cli.output import Json, print_rows, say
from rsp_lab.data.sources import SOURCES, open_split
from rsp_lab.models import weights
from rsp_lab.models.load_any import load_any

COLUMNS = {
    "dtype": "computed in",
    "median": "median over pixels",
    "largest": "largest over pixels",
    "largest_of_levels": "largest over levels",
    "tolerance": "allowed",
}
"""Heads of the table by the names of the facts; residuals are shares of the largest part of a ledger."""
_DTYPES = {"float32": torch.float32, "float64": torch.float64}


def residuals(
    data: Annotated[str, tyro.conf.Positional, tyro.conf.arg(help=f"one of {', '.join(SOURCES)}")],
    *,
    models: tuple[str, ...] = (),
    split: str = "val",
    pixels: int = 100,
    seed: int = 0,
    device: arguments.Device = "auto",
    json: Json = False,
) -> None:
    """How exactly the ledgers of random pixels add up, in both precisions; fails where one does not.

    Args:
        models: shipped names, paths or FILE.py:function; default: the shipped ones that were trained on this data set,
            but for the small ones of the tests.
        split: of the data set.
        pixels: in all, ten an image.
        seed: of images and pixels.
    """
    if pixels < 1:
        raise ValueError(f"--pixels must be at least 1, got {pixels}.")
    arguments.checked_seed(seed)
    samples = open_split(data, split, labels="unread")
    known = {name: path for name, path in weights.shipped().items() if not name.endswith(weights.TINY)}
    names = models or tuple(name for name, path in known.items() if _trained_on(path) == data)
    if not names:
        raise ValueError(f"no shipped weights were trained on {data}: name weights with --models.")
    rows = []
    for name in names:
        model = load_any(name, device)
        for dtype in _DTYPES.values():
            say(f"residuals of {name}, {str(dtype).removeprefix('torch.')}")
            found = ledger_residuals(model, samples, pixels=pixels, dtype=dtype, seed=seed).to_dict()
            rows.append({"model": name, "data": data, **found})
    if not json:
        rows = [
            {COLUMNS.get(k, k): f"{v:.2g}" if isinstance(v, float) else v for k, v in row.items() if "rule" not in k}
            for row in rows
        ]
    print_rows(rows, json)


def _trained_on(path: object) -> str:
    return str(weights.read_header(str(path))[1].get("data", ""))
