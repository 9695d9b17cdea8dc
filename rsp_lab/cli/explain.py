"""``rsp-lab explain``: the story of one pixel in two models."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import torch
import tyro

from rsp_lab._version import __version__
from rsp_lab.analysis.comparison import explain as explanation
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.cli import arguments
from rsp_lab.data import images
from rsp_lab.figures.results.ledger import draw_ledger
from rsp_lab.figures.style import save
from rsp_lab.files import to_json, whole_folder, write_json
from rsp_lab.models import weights


def explain(
    image: arguments.Image,
    *,
    pixel: tuple[int, int],
    class_: Annotated[str | None, tyro.conf.arg(name="class")] = None,
    rival: str | None = None,
    left: arguments.Model = "camvid-baseline",
    right: arguments.Model = "camvid-rsp4",
    out: Annotated[Path | None, tyro.conf.arg(aliases=("-o",), metavar="DIR")] = None,
    json: arguments.Json = False,
) -> None:
    """The story of one pixel in two models: what each level and cell adds to the decision, what was refused, the gaze.

    Args:
        pixel: row and column.
        class_: whose logit; default: what the right model says.
        rival: class it is held against; default: what the left model says, or else the right model's runner-up.
        out: folder for explain.png, explain.pdf and explain.json; made if missing. Default: nothing is written.
    """
    picture, pair = images.read_image(image), (weights.load(left), weights.load(right))
    read = image, weights.resolve(left), weights.resolve(right)
    with nullcontext() if out is None else whole_folder(out, protect=read) as folder:
        told = explanation.explain(*pair, picture, PixelTarget(*pixel, class_, rival))
        facts = {"image": image.name, "rsp_lab": __version__, "torch": torch.__version__, **told.to_dict()}
        if folder is not None:
            figure = draw_ledger(told.image, told.accounts)
            for suffix in arguments.FORMATS:
                save(figure, folder / f"explain.{suffix}")
            write_json(folder / "explain.json", facts)
    print(to_json(facts) if json else told.text())
