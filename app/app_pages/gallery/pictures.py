"""What a card looks like: a part of its image with the region outlined, and what either model says in its colours."""

from __future__ import annotations

import numpy as np

from app.app_pages.gallery.places import image_key, photograph_of
from app.charts.close_look import Box, outlined_part, window_around
from app.charts.on_image import picture_uri
from app.shell.text import escape
from app.store.models import Photograph
from app.store.results import results
from rsp_lab.analysis.scan.scan import Scan, ScanCard
from rsp_lab.palette import OUTLINE_COLOURS

WIDE, SHAPE = 480, 0.625
"""Width of a picture in pixels, and its height over its width."""
_AROUND = 1.2
# A part of the image that is smaller shows no context.
_LEAST_SHARE = 0.55


def picture(scan: Scan, card: ScanCard) -> str:
    """The address of a card's picture, kept.

    Raises:
        ValueError: if its image is not there; the message says what is missing.
    """
    key = ("gallery picture", image_key(scan, card), card.kind, card.box, card.mask)
    return results().get(key, lambda: _drawn(photograph_of(scan, card), card))


def _drawn(shown: Photograph, card: ScanCard) -> str:
    mask = np.zeros(shown.size, dtype=bool)
    top, left, bottom, right = card.box
    mask[top:bottom, left:right] = card.inside
    outlined = {OUTLINE_COLOURS["region"]: mask}
    box = card.box
    if card.kind == "turned" and shown.scene is not None:
        cue = shown.scene.ambiguities[0].cue.numpy()
        outlined = {OUTLINE_COLOURS["cue"]: cue, **outlined}
        box = _box_of(mask | cue)
    least = _LEAST_SHARE * shown.size[0]
    window = window_around(box, shown.size, around=_AROUND if box == card.box else 0.3, least=least, shape=SHAPE)
    return picture_uri(outlined_part(shown.sample.image, outlined, window, WIDE), "JPEG")


def _box_of(mask: np.ndarray) -> Box:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def picture_html(scan: Scan, card: ScanCard) -> str:
    """The picture as an element, or what is missing for it."""
    try:
        source = picture(scan, card)
    except ValueError as problem:
        text = str(problem)
        return f'<div class="rsp-missing"><p>{escape(text[:1].upper() + text[1:])}</p></div>'
    words = "the cue and the region it decides" if card.kind == "turned" else "the region where the two models part"
    return (
        f'<img class="rsp-card-picture" src="{source}" alt="{escape(card.sample)}: {words}, outlined" loading="lazy">'
    )


def labels_html(card: ScanCard, colours: dict[str, str]) -> str:
    """What left and right call the region, what it is, and who is right; in words, each class beside its colour."""
    good = {"left": (True, False), "right": (False, True), "both": (True, True), "neither": (False, False)}
    marks = ["", ""] if card.right is None else ["✓" if one else "✗" for one in good[card.right]]
    rows = [
        (name, class_name, mark)
        for name, class_name, mark in zip(card.names, (card.left_class, card.right_class), marks, strict=True)
    ]
    rows.append(("true label", card.truth or "not known", ""))
    return '<dl class="rsp-says">' + "".join(_row(*row, colours) for row in rows) + "</dl>"


def _row(who: str, class_name: str, mark: str, colours: dict[str, str]) -> str:
    colour = colours.get(class_name)
    chip = f'<i style="background:{colour}"></i>' if colour else ""
    verdict = f' <b aria-label="{"right" if mark == "✓" else "wrong"}">{mark}</b>' if mark else ""
    return f"<dt>{escape(who)}</dt><dd>{chip}{escape(class_name)}{verdict}</dd>"
