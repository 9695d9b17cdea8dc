"""What a decision is made of in one or two models: level by level as bars, and cell by cell on the photograph."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from rsp_lab.analysis.comparison.explanation import PixelAccount
from rsp_lab.analysis.ledger.difference import ledger_difference
from rsp_lab.analysis.ledger.extent import Box, contributing_box
from rsp_lab.figures.drawing.bars import BarRow, draw_signed_bars
from rsp_lab.figures.drawing.captions import image_words, model_words
from rsp_lab.figures.drawing.level_maps import draw_level_maps, draw_level_scale
from rsp_lab.figures.drawing.panels import (
    Scale,
    mark_pixel,
    rgb,
    shared_scale,
    show_picture,
    sides,
)
from rsp_lab.figures.drawing.sheet import Sheet, fill, fit, shorten
from rsp_lab.figures.style import (
    DOUBLE,
    FAINT,
    INK,
    QUIET,
    SMALL,
    level_colour,
    level_dash,
    plot_style,
)
from rsp_lab.rgb import ImageLike
from rsp_lab.shapes import level_names
from rsp_lab.text import signed_column, significant

_MARGIN = 0.08
_GAP = 0.08
_PHOTO = 3.2
_TALLEST = 2.6
_PANEL_TALLEST = 1.5


def _note(accounts: Sequence[PixelAccount]) -> str:
    """What the maps are: of Q maps in models of ours, of the cut's in networks of another make."""
    kinds = sorted({"map of the cut" if account.foreign else "Q map" for account in accounts})
    return (
        f"Maps: contribution of each cell of the level's {' or '.join(kinds)}, laid over the detail of the photograph "
        "that its frame above shows (no frame: all of it); outside the detail no cell has 0.1 % of the level's largest "
        "contribution. Where nothing is coloured, the value is 0; what is clearly below it is hatched."
    )


def _held(accounts: Sequence[PixelAccount]) -> str:
    """What the numbers are exact for."""
    ours, others = ([a.name for a in accounts if a.foreign == foreign] for foreign in (False, True))
    if not others:
        return (
            "Bars and maps are exact for relation weights as they are; why they and the Q maps are so is not explained."
        )
    parts = [("relation weights", ours)] if ours else []
    held = ", ".join(f"{what} ({' and '.join(names)})" for what, names in [*parts, ("all gates", others)])
    return f"Bars and maps are exact for what is held: {held}; why it and the maps are so is not explained."


def draw_ledger(image: ImageLike, accounts: Sequence[PixelAccount], *, width: float = DOUBLE) -> Figure:
    """The photograph with the pixel, the levels of one or two models as bars, and one map a level and model.

    Maps have diverging scales centred on 0, in logits, one per level for all models, because cells of a fine level add
    much less than those of a coarse one; the end stands below each map. Levels go from coarse to fine.

    Args:
        image: RGB of all accounts, uint8 or float in [0, 1]; see :mod:`rsp_lab.rgb`.
        accounts: of one or two models on one target, left to right, e.g. ``explanation.accounts``.
        width: inches, ``DOUBLE``, or ``SINGLE``, in which the bars stand below the photograph.
    """
    with plot_style():
        sheet, narrow = Sheet(width), width < DOUBLE - 1
        ledgers = [account.ledger for account in accounts]
        levels = sorted({level for ledger in ledgers for level in ledger.levels}, reverse=True)
        scales = {
            level: shared_scale([one.maps[level].numpy() for one in ledgers if level in one.maps]) for level in levels
        }
        size, centre = ledgers[0].image_size, ledgers[0].target.centre
        boxes = {
            level: contributing_box([one.maps[level] for one in ledgers if level in one.maps], size, centre)
            for level in levels
        }
        names = level_names(levels, *(one.strides for one in ledgers))
        high, wide = fit(size, _PHOTO, _TALLEST if not narrow else 1.25)
        photo = sheet.axes(_MARGIN, _MARGIN, wide, high, label="photo")
        _draw_photo(photo, image, accounts, boxes)
        if narrow:
            top = _draw_levels(sheet, accounts, names, _MARGIN, _MARGIN + high + 0.08, 1.5)
        else:
            bars = _draw_levels(sheet, accounts, names, _MARGIN + wide + 0.2, _MARGIN, max(high, 1.9))
            top = max(_MARGIN + high, bars)
        top += 0.1
        for side, account in zip(sides(len(accounts)), accounts, strict=True):
            top = _draw_maps(sheet, image, side, account, names, boxes, scales, top) + 0.1
        bar = sheet.axes(_MARGIN, top, min(2.0, 0.4 * width), 0.08, label="scale")
        draw_level_scale(bar, 1, number=lambda end: f"{'−' if end < 0 else '+'}end")
        words = "logits per cell; one scale per level, ± its end below each map"
        start = _MARGIN + min(2.0, 0.4 * width) + 0.1
        words = fill(words, width - _MARGIN - start, SMALL)
        top += max(0.28, sheet.text(start, top - 0.03, words, size=SMALL))
        # A column has room for the residuals; what maps and bars are stands in the caption.
        words = _residuals(accounts) if narrow else f"{_note(accounts)} {_held(accounts)} {_residuals(accounts)}"
        words = fill(words, width - 2 * _MARGIN, SMALL)
        top += sheet.text(_MARGIN, top, words, size=SMALL, color=QUIET)
        return sheet.finish(top + _MARGIN)


def ledger_caption(accounts: Sequence[PixelAccount], image_name: str = "") -> str:
    """The caption of :func:`draw_ledger`, as plain text."""
    target = accounts[0].ledger.target
    y, x = _pixel(accounts[0])
    values = "; ".join(f"{signed_column(account.ledger.total)} logits in {account.name}" for account in accounts)
    return " ".join(
        [
            f"Context {'ledger' if len(accounts) == 1 else 'ledgers'} of {model_words([a.name for a in accounts])}:",
            f"{target.describe()}; {values}.",
            f"{_note(accounts)} {_held(accounts)}",
            f"Ring: pixel y {y}, x {x}.",
            image_words(accounts[0].ledger.image_size, image_name),
        ]
    )


def _pixel(account: PixelAccount) -> tuple[int, int]:
    y, x = account.ledger.target.centre
    return round(y), round(x)


def _residuals(accounts: Sequence[PixelAccount]) -> str:
    parts = " and ".join(f"{account.ledger.residual:.1g} ({account.name})" for account in accounts)
    whose = "the models' own logits" if len(accounts) > 1 else "the model's own logit"
    return f"Sums differ from {whose} by a relative {parts}."


def _draw_photo(axes: Axes, image: ImageLike, accounts: Sequence[PixelAccount], boxes: dict[int, Box]) -> None:
    show_picture(axes, rgb(image))
    for level, (top, left, bottom, right) in boxes.items():
        if bottom - top >= accounts[0].ledger.image_size[0]:
            continue
        for name, style in (
            ("casing", {"edgecolor": "white", "linewidth": 2.0}),
            ("detail", {"edgecolor": level_colour(level), "linewidth": 1.1, "linestyle": level_dash(level)}),
        ):
            edge = Rectangle((left, top), right - left, bottom - top, fill=False, clip_on=False, zorder=3)
            edge.set(gid=f"level {level} {name}", **style)
            axes.add_artist(edge)
    mark_pixel(axes, _pixel(accounts[0]))


def _draw_levels(
    sheet: Sheet, accounts: Sequence[PixelAccount], names: dict[int, str], left: float, top: float, height: float
) -> float:
    """Bars and numbers beside or below the photograph; returns where they end."""
    ledgers, target, marks = [account.ledger for account in accounts], accounts[0].ledger.target, "□■"
    rows = [BarRow(name, level_colour(x), [ledger.sums.get(x) for ledger in ledgers]) for x, name in names.items()]
    rows.append(BarRow("bias", FAINT, [ledger.bias for ledger in ledgers]))
    rows.append(BarRow("total", INK, [ledger.total for ledger in ledgers]))
    heads = [""]
    if len(ledgers) == 2:
        apart = ledger_difference(ledgers[1], ledgers[0])
        heads = [*marks, "■ − □"]
        for row, gap in zip(rows, [*(apart.sums[x] for x in names), apart.bias, apart.total], strict=True):
            row.values.append(gap)
    room, bottom = sheet.width - _MARGIN - left, top + height
    top += sheet.text(left, top, fill(target.describe() + ", logits", room, bold=True), weight="bold")
    for mark, account in zip(marks if len(accounts) == 2 else "■", accounts, strict=True):
        top += sheet.text(left, top, shorten(f"{mark} {account.name}", room, SMALL), size=SMALL)
    return draw_signed_bars(sheet, rows, heads, len(accounts), left, top, bottom - top)


def _draw_maps(
    sheet: Sheet,
    image: ImageLike,
    side: str,
    account: PixelAccount,
    names: dict[int, str],
    boxes: dict[int, Box],
    scales: dict[int, Scale],
    top: float,
) -> float:
    ledger, room = account.ledger, sheet.width - 2 * _MARGIN
    what = f": {ledger.target.describe()}" if sheet.width > DOUBLE - 1 else ""
    head = f"{account.name}{what}, {signed_column(ledger.total)} logits"
    top += sheet.text(_MARGIN, top, shorten(head, room, bold=True), weight="bold")
    says = f"says {account.answer.label}, {significant(account.answer.margin)} logits over {account.answer.runner_up}"
    top += sheet.text(_MARGIN, top, shorten(says, room, SMALL), size=SMALL, color=QUIET) + 0.03
    pixel = _pixel(account)
    return draw_level_maps(
        sheet,
        rgb(image),
        side,
        ledger.maps,
        names,
        boxes,
        scales,
        top,
        tallest=_PANEL_TALLEST,
        mark=lambda axes: mark_pixel(axes, pixel, size=3.5),
    )
