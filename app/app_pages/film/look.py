"""Where the steps look at a state, on the film's picture: one self-contained drawing."""

from __future__ import annotations

import base64

from app.charts.on_image import picture_uri
from app.shell.text import escape
from app.store.results import results
from rsp_lab.analysis.film.film import Film
from rsp_lab.files import digest
from rsp_lab.palette import LEVEL_COLOURS, LEVEL_DASHES
from rsp_lab.shapes import step_digits, step_levels
from rsp_lab.text import significant


def look_html(film: Film, place: int) -> str:
    """Each step's centre as a dot and its spread as a circle; the ring is the pixel."""
    height, width = film.image_size
    ground = results().get(("film ground", digest(film.image)), lambda: _ground(film))
    unit = width / 480
    marks = []
    for one in film.states[place].gaze:
        level = step_levels(one.step)[0]
        colour, (y, x) = LEVEL_COLOURS[level], one.centre
        dash = " ".join(f"{2 * unit * part:.2f}" for part in LEVEL_DASHES[level])
        circle = f'cx="{x + 0.5:.2f}" cy="{y + 0.5:.2f}"'
        for stroke, wide, dashes in (("#fff", 4.2, ""), (colour, 2.4, f' stroke-dasharray="{dash}"' if dash else "")):
            line = f'fill="none" stroke="{stroke}" stroke-width="{wide * unit:.2f}"{dashes}'
            marks.append(f'<circle {circle} r="{one.spread:.2f}" {line}/>')
        marks.append(
            f'<circle {circle} r="{5.5 * unit:.2f}" fill="{colour}" stroke="#fff" stroke-width="{1.6 * unit:.2f}"/>'
        )
    y, x = film.pixel
    for stroke, wide in (("#fff", 4.4), ("#111", 1.8)):
        marks.append(
            f'<circle cx="{x + 0.5}" cy="{y + 0.5}" r="{6 * unit:.2f}" fill="none" stroke="{stroke}" '
            f'stroke-width="{wide * unit:.2f}"/>'
        )
    drawing = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"><image href="{ground}" '
        f'width="{width}" height="{height}"/>{"".join(marks)}</svg>'
    )
    source = f"data:image/svg+xml;base64,{base64.b64encode(drawing.encode()).decode()}"
    return (
        f'<img class="rsp-photo rsp-film-look" style="--shape:{width / height:.4f}" src="{source}" '
        f'alt="{escape(look_words(film, place))}">'
    )


def look_words(film: Film, place: int) -> str:
    """The same in words."""
    y, x = film.pixel
    steps = [
        f"step {step_digits(one.step)} {significant(one.distance)} px from its cell, spread {significant(one.spread)}"
        for one in film.states[place].gaze
    ]
    return f"{film.image_name}, the pixel y {y}, x {x}; where it looks: {'; '.join(steps) or 'no step selects'}."


def _ground(film: Film) -> str:
    return picture_uri(film.image.permute(1, 2, 0).numpy(), "JPEG")
