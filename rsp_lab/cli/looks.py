"""Commands that look at one image with two models."""

from __future__ import annotations

import json as json_module
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro

from rsp_lab._version import __version__
from rsp_lab.analysis import compare as comparison
from rsp_lab.analysis import explain as explanation
from rsp_lab.cli import words
from rsp_lab.cli.output import say, whole_folder
from rsp_lab.data import images
from rsp_lab.data.labels import table_for
from rsp_lab.figures.caption import caption
from rsp_lab.figures.comparison import draw_all
from rsp_lab.figures.ledger import draw_ledger
from rsp_lab.figures.style import save
from rsp_lab.models import weights

_LARGE_PIXELS = 2_000_000


def compare(
    image: words.Image,
    out: words.Out,
    *,
    left: words.Model = "camvid-baseline",
    right: words.Model = "camvid-rsp4",
    pixel: tuple[int, int] | None = None,
    channel: int | None = None,
) -> None:
    """Two models side by side on one photograph: predictions, context flow, key and query, relation weights.

    Writes predictions, context_flow, key_query and relation_grids as PNG and PDF, captions.txt and summary.json.

    Args:
        pixel: row and column to look at; default: inside the largest disagreement.
        channel: to show in the context flow; default: by class selectivity, the rule is written to summary.json.
    """
    began = time.perf_counter()
    picture = images.read_image(image)
    pair, names = (weights.load(left), weights.load(right)), (left, right)
    comparison.check_request(picture, pair, names, pixel=pixel, channel=channel)
    height, width = picture.shape[-2:]
    with whole_folder(out) as folder:
        if height * width > _LARGE_PIXELS:
            say(f"{height} x {width} pixels: {comparison.expected_cost(picture, pair, names)}")
        say(f"running {left} and {right} on {height} x {width} pixels")
        result = comparison.compare(picture, pair, names, pixel=pixel, channel=channel)
        say("drawing")
        figures = draw_all(result, table_for(result.class_names, pair[1].config.label_table))
        for name, figure in figures.items():
            for suffix in words.FORMATS:
                save(figure, folder / f"{name}.{suffix}")
        captions = "\n\n".join(f"{name}: {caption(result, name)}" for name in figures)
        (folder / "captions.txt").write_text(captions + "\n", encoding="utf-8")
        summary = {"image": image.name, "rsp_lab": __version__, "torch": torch.__version__, **result.to_dict()}
        (folder / "summary.json").write_text(json_module.dumps(summary, indent=1) + "\n", encoding="utf-8")
    print(result.sentence())
    say(f"wrote {out} in {time.perf_counter() - began:.1f} s")


def explain(
    image: words.Image,
    *,
    pixel: tuple[int, int],
    class_: Annotated[str | None, tyro.conf.arg(name="class")] = None,
    rival: str | None = None,
    left: words.Model = "camvid-baseline",
    right: words.Model = "camvid-rsp4",
    out: Annotated[Path | None, tyro.conf.arg(aliases=("-o",), metavar="DIR")] = None,
    json: words.Json = False,
) -> None:
    """The story of one pixel in two models: what each level and cell adds to the decision, what was refused, the gaze.

    Args:
        pixel: row and column.
        class_: whose logit; default: what the right model says.
        rival: class it is held against; default: what the left model says, or else the right model's runner-up.
        out: folder for explain.png, explain.pdf and explain.json; made if missing. Default: nothing is written.
    """
    picture, pair = images.read_image(image), (weights.load(left), weights.load(right))
    about: dict[str, Any] = {"pixel": pixel, "class_name": class_, "rival": rival}
    explanation.check_explainable(picture, pair, (left, right), **about)
    with nullcontext() if out is None else whole_folder(out) as folder:
        told = explanation.explain(picture, pair, (left, right), **about)
        facts = {"image": image.name, "rsp_lab": __version__, "torch": torch.__version__, **told.to_dict()}
        if folder is not None:
            figure = draw_ledger(told)
            for suffix in words.FORMATS:
                save(figure, folder / f"explain.{suffix}")
            (folder / "explain.json").write_text(json_module.dumps(facts, indent=1) + "\n", encoding="utf-8")
    print(json_module.dumps(facts, indent=1) if json else told.text())
