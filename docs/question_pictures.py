"""Draws the pictures of these pages again: ``python docs/question_pictures.py [NAME ...]`` in the checkout.

All are about one decision: drawn scene 12 is of the case person or rider, a barrier hides all but the upper body, and
both models read it right. ``training`` draws the shipped film of a training, and ``thumbnails`` cuts the small
pictures of the README and the landing page out of the others.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle
from PIL import Image

import rsp_lab as rl
from rsp_lab.analysis.film.film_file import read_film, shipped_films
from rsp_lab.figures import save
from rsp_lab.figures.drawing.panels import lightened, mark_pixel, rgb, show_picture
from rsp_lab.figures.drawing.sheet import Sheet, fill, fit
from rsp_lab.figures.film_video import save_gif
from rsp_lab.figures.results.attribution import MethodRow
from rsp_lab.figures.results.change import NamedChange
from rsp_lab.figures.results.film import draw_film
from rsp_lab.figures.results.film_frame import film_frames, film_seconds
from rsp_lab.figures.style import DOUBLE, INK, QUIET, SMALL, level_colour, level_dash, plot_style
from rsp_lab.models import presets
from rsp_lab.palette import FOR
from rsp_lab.shapes import step_levels
from rsp_lab.text import signed, signed_column

IMAGES = Path(__file__).parent / "images"
SEED, SIZE, PIXEL = 12, (256, 512), (134, 421)
TARGET = rl.PixelTarget(*PIXEL, "rider", "person")
WIDTH = 1100
"""Of a picture, pixels."""
TRAINING_DPI = 150
"""Of the figure of a training."""
SMALL_SIZE = 480, 270
"""Of a thumbnail, (width, height) in pixels."""
MARGIN = 0.05


def keep(figure: Figure, name: str) -> None:
    """Writes a figure at the width of a page of the site."""
    with TemporaryDirectory() as folder:
        picture = Image.open(save(figure, Path(folder, "figure.png"))).convert("RGB")
    height = round(picture.height * WIDTH / picture.width)
    picture.resize((WIDTH, height), Image.Resampling.LANCZOS).save(IMAGES / f"question_{name}.jpg", quality=88)


@cache
def pair() -> tuple[rl.Segmenter, rl.Segmenter]:
    return rl.load("scenes-baseline"), rl.load("scenes-rsp4")


@cache
def scene() -> rl.scenes.Scene:
    return rl.scenes.draw_scene(SEED, *SIZE)


def draw(name: str) -> Figure:
    """The figure of that name for both models, or for RSP-4 alone where one is enough."""
    shown = pair()[1] if name == "relation_grids" else pair()
    return rl.figures.draw_figure(shown, scene().image, name, rl.PixelTarget(*PIXEL)).figure


def draw_attribution() -> Figure:
    """Occlusion in both models."""
    maps = tuple(rl.attribute(model, scene().image, TARGET, "occlusion") for model in pair())
    return rl.figures.draw_attribution(scene().image, [MethodRow(tuple(model.name for model in pair()), maps)])


def draw_change() -> Figure:
    """What the other reading's cue brings, in both models."""
    before, after = rl.scenes.draw_scene_pair(SEED, *SIZE)
    changes = [NamedChange(one.name, rl.change_ledger(one, before.image, after.image, TARGET)) for one in pair()]
    return rl.figures.draw_change(before.image, after.image, changes)


def draw_refused() -> Figure:
    """What each step of RSP-4 took, beside what the baseline's rule would have passed down at the same cells."""
    steps = rl.rejection_map(pair()[1], scene().image, TARGET).steps
    with plot_style():
        sheet = Sheet(DOUBLE)
        top, tall, left = MARGIN + 0.2, 0.36, 0.75
        axes = sheet.axes(left, top, DOUBLE - left - 2.15, tall * len(steps), label="bars")
        for column, words in enumerate(("own position", "taken", "refused", "added")):
            sheet.text(DOUBLE - 1.62 + 0.51 * column, MARGIN, words, size=SMALL, color=QUIET, ha="right")
        for number, step in enumerate(steps):
            colour, middle = level_colour(step_levels(step.step)[0]), top + (number + 0.5) * tall
            passed, taken = float(step.passed.sum()), float(step.taken.sum())
            axes.barh(number - 0.18, passed, 0.3, facecolor="none", edgecolor=colour, linewidth=1.2)
            axes.barh(number + 0.18, taken, 0.3, color=colour)
            sheet.text(MARGIN, middle, f"RSP-{step.step[-2:]}", size=SMALL, va="center")
            for column, value in enumerate((passed, taken, step.refused, -step.added)):
                place = DOUBLE - 1.62 + 0.51 * column
                sheet.text(place, middle, signed_column(value), size=SMALL, va="center", ha="right")
        axes.axvline(0, color=QUIET, linewidth=0.6)
        axes.set(ylim=(len(steps) - 0.5, -0.5), yticks=[])
        for side in ("left", "right", "top"):
            axes.spines[side].set_visible(False)
        bottom = top + tall * len(steps) + 0.25
        words = (
            "Logits of rider over person in scenes-rsp4. Hollow: what each cell's own position would have passed down, "
            "as a sum does. Filled: what the relation took from its window. Refused and added are the two signs of the "
            "difference, summed over cells apart."
        )
        bottom += sheet.text(MARGIN, bottom, fill(words, DOUBLE - 2 * MARGIN, SMALL), size=SMALL, color=QUIET)
        return sheet.finish(bottom + MARGIN)


def draw_how_far() -> Figure:
    """The three answers to how far a pixel looks, on the photograph, for both models."""
    heads = presets.baseline_q67(), presets.rsp4()
    with plot_style():
        sheet = Sheet(DOUBLE)
        gap = 0.12
        high, wide = fit(SIZE, (DOUBLE - 2 * MARGIN - gap) / 2, 3)
        for number, (model, head) in enumerate(zip(pair(), heads, strict=True)):
            left = MARGIN + number * (wide + gap)
            sheet.text(left, MARGIN, model.name, weight="bold")
            axes = sheet.axes(left, MARGIN + 0.17, wide, high, label=model.name)
            show_picture(axes, lightened(rgb(scene().image)))
            for level, reach in rl.context_reach(head).items():
                corner = (PIXEL[1] - reach.pixels / 2, PIXEL[0] - reach.pixels / 2)
                square = Rectangle(corner, reach.pixels, reach.pixels, fill=False, linewidth=1.3)
                square.set(edgecolor=level_colour(level), linestyle=level_dash(level))
                if level > 2:
                    axes.add_patch(square)
            ledger = rl.context_ledger(model, scene().image, TARGET)
            looking = rl.looking_distance(ledger.maps, PIXEL, SIZE).distance
            field = rl.effective_field(model, scene().image, PIXEL).radius(0.5)
            for radius, colour, dash in ((field, INK, "dotted"), (looking, FOR, "solid")):
                circle = Circle((PIXEL[1], PIXEL[0]), radius, fill=False, edgecolor=colour, linestyle=dash)
                circle.set_linewidth(2)
                axes.add_patch(circle)
            mark_pixel(axes, PIXEL, 4)
            words = f"looking distance {looking:.0f} px (solid), half of the gradient within {field:.0f} px (dotted)"
            sheet.text(left, MARGIN + 0.21 + high, words, size=SMALL)
        bottom = MARGIN + 0.21 + high + 0.2
        words = (
            "Squares: what one pixel can draw on, level by level, 7 outermost, as far as it lies on the picture; a "
            "square's sides are 24, 48, 96, 192 and 384 px in the baseline, 24, 96, 256, 576 and 1152 px in RSP-4."
        )
        bottom += sheet.text(MARGIN, bottom, fill(words, DOUBLE - 2 * MARGIN, SMALL), size=SMALL, color=QUIET)
        return sheet.finish(bottom + MARGIN)


def draw_what_if() -> Figure:
    """The margin as it is, without each level, and with equal weights at each step."""
    model, image = pair()[1], scene().image
    before = rl.operate(model, image, rl.surgery.as_context("step54"), target=TARGET).before.target_value
    without = rl.surgery.knock_out_levels(model, image, TARGET).levels
    rows = [("as it is", before, level_colour(2))]
    rows += [(f"without level {level}", before + one.live, level_colour(level)) for level, one in without.items()]
    for step in ("step76", "step65", "step54", "step43"):
        edited = rl.operate(model, image, rl.surgery.as_context(step), target=TARGET)
        rows.append((f"equal weights at RSP-{step[-2:]}", edited.after.target_value, level_colour(int(step[-2]))))
    with plot_style():
        sheet = Sheet(DOUBLE)
        tall = 0.2 * len(rows)
        axes = sheet.axes(1.6, MARGIN + 0.05, DOUBLE - 2.3, tall, label="bars")
        for number, (name, value, colour) in enumerate(rows):
            axes.barh(number, value, 0.6, color=colour if number else INK)
            middle = MARGIN + 0.05 + (number + 0.5) * tall / len(rows)
            sheet.text(MARGIN, middle, name, size=SMALL, va="center")
            sheet.text(DOUBLE - 0.1, middle, signed(value), size=SMALL, va="center", ha="right")
        axes.axvline(0, color=QUIET, linewidth=0.6)
        axes.axvline(before, color=QUIET, linewidth=0.6, linestyle="dotted")
        axes.set(ylim=(len(rows) - 0.5, -0.5), yticks=[])
        for side in ("left", "right", "top"):
            axes.spines[side].set_visible(False)
        bottom = MARGIN + 0.3 + tall
        words = "margin of rider over person in scenes-rsp4, logits; dotted: as it is. Below 0 the answer is person."
        bottom += sheet.text(1.6, bottom, words, size=SMALL, color=QUIET)
        return sheet.finish(bottom + MARGIN)


PICTURES: dict[str, Callable[[], Figure]] = {
    "relation_grids": lambda: draw("relation_grids"),
    "decision_flow": lambda: draw("decision_flow"),
    "ledger": lambda: draw("ledger"),
    "flips": lambda: draw("flips"),
    "gaze": lambda: draw("gaze"),
    "key_query": lambda: draw("key_query"),
    "attribution": draw_attribution,
    "change": draw_change,
    "refused": draw_refused,
    "how_far": draw_how_far,
    "what_if": draw_what_if,
}

# Of a thumbnail: the picture, and the part that is shown: left, top, right and bottom as shares of its sides.
CUTS: dict[str, tuple[str, float, float, float, float]] = {
    "worth_a_look": ("workbench-gallery.png", 0.02, 0.268, 0.74, 0.698),
    "relation_grids": ("question_relation_grids.jpg", 0.49, 0.12, 1, 0.87),
    "ledger": ("question_ledger.jpg", 0.47, 0, 1, 0.4),
    "decision_flow": ("question_decision_flow.jpg", 0.6, 0.545, 0.97, 0.87),
    "refused": ("question_refused.jpg", 0, 0.08, 0.71, 0.83),
    "what_if": ("question_what_if.jpg", 0, 0, 1, 0.9),
    "change": ("question_change.jpg", 0.33, 0, 1, 0.51),
    "flips": ("question_flips.jpg", 0, 0.315, 0.49, 0.45),
    "trade": ("trade_camvid.png", 0, 0.02, 0.55, 0.52),
    "how_far": ("question_how_far.jpg", 0.5, 0, 1, 0.77),
    "attribution": ("question_attribution.jpg", 0.5, 0.45, 1, 0.83),
    "training": ("training_film.png", 0.34, 0, 1, 0.39),
    "segments": ("segments.jpg", 0, 0.43, 0.51, 0.84),
}


def draw_training() -> None:
    """The film of ``scenes-rsp4``, as an animation and as a figure."""
    film = read_film(shipped_films()["scenes-rsp4"])
    frames = list(film_frames(film))
    save_gif(frames, IMAGES / "training_film.gif", film_seconds(len(frames)))
    save(draw_film(film), IMAGES / "training_film.png", dpi=TRAINING_DPI)


def cut_thumbnails() -> None:
    for name, (source, *sides) in CUTS.items():
        picture = Image.open(IMAGES / source).convert("RGB")
        left, top, right, bottom = sides
        wide, high = picture.size
        part = picture.crop((round(left * wide), round(top * high), round(right * wide), round(bottom * high)))
        part.thumbnail(SMALL_SIZE, Image.Resampling.LANCZOS)
        ground = Image.new("RGB", SMALL_SIZE, "white")
        ground.paste(part, ((SMALL_SIZE[0] - part.width) // 2, (SMALL_SIZE[1] - part.height) // 2))
        ground.save(IMAGES / f"small_{name}.jpg", quality=85)


if __name__ == "__main__":
    for asked in sys.argv[1:] or (*PICTURES, "training", "thumbnails"):
        if asked == "thumbnails":
            cut_thumbnails()
        elif asked == "training":
            draw_training()
        else:
            keep(PICTURES[asked](), asked)
