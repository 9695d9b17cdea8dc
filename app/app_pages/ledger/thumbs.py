"""Every level of a ledger at once: small maps as pictures, which the browser shows without drawing them."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from torch import Tensor

from app.app_pages.ledger.maps import Ground
from app.app_pages.ledger.readings import Panel
from app.charts.level_rows import level_colour, tidy
from app.charts.negative_hatch import hatch_uri
from app.charts.on_image import picture_uri
from app.charts.signed_cells import TINY, nonzero_part
from app.charts.small_pictures import cell_picture
from app.shell.text import escape


def thumbs_html(panel: Panel, ends: Mapping[int, float], ground: Ground, words: Mapping[int, str]) -> str:
    """Every level of one panel, coarse to fine, three in a row; each level has a scale that both models share.

    The page's picker says what lies under the cursor, and selects the pixel that is clicked.
    """
    # With its stride a level's name has a line of its own.
    parted = any(" " in name.partition(" ")[2] for name in words.values())
    thumbs = "".join(
        _thumb(panel, level, ends[level], ground, words[level], parted=parted) for level in sorted(ends, reverse=True)
    )
    # One photograph for all.
    return f'<div class="rsp-thumbs" style="--photograph:url({ground.small})">{thumbs}</div>'


def _thumb(panel: Panel, level: int, end: float, ground: Ground, words: str, *, parted: bool) -> str:
    reach = f", ±{end:.2g}" if end > TINY else ""
    name, total = words.partition(" ")[2], tidy(panel.sums[level]) if level in panel.sums else "–"
    title = f"{escape(name)}{'<br>' if parted else '  '}{escape(f'{total}{reach}')}"
    rows, columns = ground.size
    values = panel.maps.get(level)
    drawn = "" if values is None or not bool((values != 0).any()) else _cells(values, ground.size, end)
    y, x = (100 * (at + 0.5) / side for at, side in zip(ground.pixel, ground.size, strict=True))
    return (
        f'<div><p><i style="background:{level_colour(level)}"></i>{title}</p>'
        f'<div data-pick="{rows},{columns}" style="aspect-ratio:{columns}/{rows}">{drawn}'
        f'<b style="left:{x:.3f}%;top:{y:.3f}%"></b></div></div>'
    )


def _cells(values: Tensor, size: tuple[int, int], end: float) -> str:
    """The map as a picture of one dot a cell, and its numbers for the cursor."""
    cells = values.detach().cpu().double().numpy()
    picture = cell_picture(cells, end)
    top, left, part = nonzero_part(cells)
    numbers = base64.b64encode(part.astype("<f4").tobytes()).decode()
    shape = ",".join(map(str, (*cells.shape, top, left, *part.shape)))
    hatch = hatch_uri(cells, size, end)
    return f'<img alt="" data-shape="{shape}" data-values="{numbers}" src="{picture_uri(picture)}">' + (
        f'<img alt="" src="{hatch}">' if hatch else ""
    )
