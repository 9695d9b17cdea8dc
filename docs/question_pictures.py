"""Draws the pictures of the question pages again: ``python docs/question_pictures.py [NAME ...]`` in the checkout.

All are about one decision: drawn scene 12 is of the case person or rider, a barrier hides all but the upper body, and
both models read it right.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from matplotlib.figure import Figure
from PIL import Image

import rsp_lab as rl
from rsp_lab.figures import save
from rsp_lab.figures.results.attribution import MethodRow
from rsp_lab.figures.results.change import NamedChange

IMAGES = Path(__file__).parent / "images"
SEED, SIZE, PIXEL = 12, (256, 512), (134, 421)
TARGET = rl.PixelTarget(*PIXEL, "rider", "person")
WIDTH = 1100
"""Of a picture, pixels."""


def keep(figure: Figure, name: str) -> None:
    """Writes a figure at the width of a page of the site."""
    with TemporaryDirectory() as folder:
        picture = Image.open(save(figure, Path(folder, "figure.png"))).convert("RGB")
    height = round(picture.height * WIDTH / picture.width)
    picture.resize((WIDTH, height), Image.Resampling.LANCZOS).save(IMAGES / f"question_{name}.jpg", quality=88)


def pair() -> tuple[rl.Segmenter, rl.Segmenter]:
    return rl.load("scenes-baseline"), rl.load("scenes-rsp4")


def draw(name: str) -> Figure:
    """The figure of that name for both models, or for RSP-4 alone where one is enough."""
    image, models = rl.scenes.draw_scene(SEED, *SIZE).image, pair()
    shown = models[1] if name == "relation_grids" else models
    return rl.figures.draw_figure(shown, image, name, rl.PixelTarget(*PIXEL)).figure


def draw_attribution() -> Figure:
    """Occlusion in both models."""
    image, models = rl.scenes.draw_scene(SEED, *SIZE).image, pair()
    maps = tuple(rl.attribute(model, image, TARGET, "occlusion") for model in models)
    return rl.figures.draw_attribution(image, [MethodRow(tuple(model.name for model in models), maps)])


def draw_change() -> Figure:
    """What the other reading's cue brings, in both models."""
    before, after = rl.scenes.draw_scene_pair(SEED, *SIZE)
    changes = [NamedChange(one.name, rl.change_ledger(one, before.image, after.image, TARGET)) for one in pair()]
    return rl.figures.draw_change(before.image, after.image, changes)


PICTURES: dict[str, Callable[[], Figure]] = {
    "relation_grids": lambda: draw("relation_grids"),
    "decision_flow": lambda: draw("decision_flow"),
    "ledger": lambda: draw("ledger"),
    "flips": lambda: draw("flips"),
    "attribution": draw_attribution,
    "change": draw_change,
}

if __name__ == "__main__":
    for asked in sys.argv[1:] or PICTURES:
        keep(PICTURES[asked](), asked)
