"""``rsp-lab compare``: two models side by side on one photograph."""

from __future__ import annotations

import time

import torch

from rsp_lab._version import __version__
from rsp_lab.analysis.comparison import compare as comparison
from rsp_lab.cli import arguments
from rsp_lab.cli.output import say
from rsp_lab.data import images
from rsp_lab.figures.catalogue import FigureInput, figure_kind
from rsp_lab.figures.style import save
from rsp_lab.files import whole_folder, write_atomic, write_json
from rsp_lab.models import weights

FIGURES = ("predictions", "context_flow", "key_query", "relation_grids")
"""Of the catalogue; what the models do not have is not written."""
_LARGE_PIXELS = 2_000_000


def compare(
    image: arguments.Image,
    out: arguments.Out,
    *,
    left: arguments.Model = "camvid-baseline",
    right: arguments.Model = "camvid-rsp4",
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
    pair = weights.load(left), weights.load(right)
    comparison.check_request(*pair, picture, pixel=pixel, channel=channel)
    height, width = picture.shape[-2:]
    with whole_folder(out, protect=(image, *map(weights.resolve, (left, right)))) as folder:
        if height * width > _LARGE_PIXELS:
            say(f"{height} x {width} pixels: {comparison.expected_cost(*pair, picture)}")
        say(f"running {left} and {right} on {height} x {width} pixels")
        result = comparison.compare(*pair, picture, pixel=pixel, channel=channel)
        say("drawing")
        given = FigureInput(pair, picture, image.name, known=result)
        drawn = {name: figure_kind(name).draw(given) for name in FIGURES if figure_kind(name).refusal(given) is None}
        for name, figure in drawn.items():
            for suffix in arguments.FORMATS:
                save(figure.figure, folder / f"{name}.{suffix}")
        captions = "\n\n".join(f"{name}: {figure.caption}" for name, figure in drawn.items())
        write_atomic(folder / "captions.txt", captions + "\n")
        summary = {"image": image.name, "rsp_lab": __version__, "torch": torch.__version__, **result.to_dict()}
        write_json(folder / "summary.json", summary)
    print(result.sentence())
    say(f"wrote {out} in {time.perf_counter() - began:.1f} s")
