"""The level ledger on the page: which level decides each place of the image, and what a level gives there."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import streamlit as st
import torch
import torch.nn.functional as F
from torch import Tensor

from app.app_pages.ledger.bars import level_legend
from app.app_pages.ledger.maps import Ground, map_chart, scale_html
from app.app_pages.ledger.readings import Column
from app.charts.bar_rows import Bar, Row, rows_html
from app.charts.chart import Chart
from app.charts.level_rows import level_colour
from app.charts.on_image import mark_pixel, picture_chart, picture_uri
from app.charts.signed_cells import FINEST, scale_of
from app.charts.theme import draw as draw_chart
from app.shell import analyses
from app.shell.selection import Selection
from app.shell.text import draw_head
from rsp_lab.analysis.ledger.levels import LevelLedger
from rsp_lab.text import signed

DECIDING = "deciding"
Ledgers = tuple[LevelLedger, LevelLedger]


def ledgers_of(selection: Selection) -> Ledgers:
    """Of both passes."""
    return analyses.level_ledger(selection, 0), analyses.level_ledger(selection, 1)


def levels_of(ledgers: Ledgers) -> tuple[int, ...]:
    """Levels that either model reads, coarse to fine."""
    return tuple(sorted({*ledgers[0].levels, *ledgers[1].levels}, reverse=True))


def sentence(selection: Selection, ledgers: Ledgers) -> str:
    """Which level decides most of the image in each model."""
    says = []
    for name, found in reversed(list(zip(selection.names, ledgers, strict=True))):
        ranked = sorted(found.deciding_shares().items(), key=lambda item: -item[1])[:2]
        first, *rest = (f"{selection.level_name(level)}, on {100 * share:.0f} %" for level, share in ranked)
        says.append(f"most of this image is decided in {name} by {first}{''.join(f', then by {one}' for one in rest)}")
    said = "; ".join(dict.fromkeys(says))
    return f"{said[0].upper()}{said[1:]}."


def places(size: tuple[int, int]) -> tuple[int, int]:
    """Cells (v, u) of :data:`FINEST` x :data:`FINEST` pixels, in which both models are shown."""
    return -(-size[0] // FINEST), -(-size[1] // FINEST)


def margin_of(found: LevelLedger, level: int, selection: Selection) -> Tensor:
    """What a level gives to class over rival at every place, (v, u); 0 for a level that the model lacks.

    Logits of other places are brought to these: finer ones by their mean, coarser ones as logits are resized.
    """
    target, cells = selection.target, places(found.image_size)
    if level not in found.levels:
        return torch.zeros(cells, dtype=torch.float64)
    values = found.contribution(str(target.class_name), target.rival)[found.levels.index(level)].double().cpu()
    finer = values.shape[0] > cells[0]
    options = {"mode": "area"} if finer else {"mode": "bilinear", "align_corners": False}
    return F.interpolate(values[None, None], cells, **options)[0, 0] if values.shape != cells else values


def deciding_of(found: LevelLedger) -> Tensor:
    """The deciding level at every place, (v, u): that of the logits nearest to its centre."""
    deciding = found.deciding_level().cpu()
    return F.interpolate(deciding[None, None].double(), places(found.image_size), mode="nearest-exact")[0, 0].long()


def draw_whole(selection: Selection, ground: Ground, chosen: str) -> None:
    """Both models and their difference, and the share of the image that each level decides."""
    ledgers = ledgers_of(selection)
    names = {level: selection.level_name(level) for level in levels_of(ledgers)}
    if chosen == DECIDING:
        deciding = [deciding_of(found) for found in ledgers]
        shown = [_deciding_chart(one, ground, names) for one in deciding]
        apart = (deciding[1] - deciding[0]).double()
        end = max(1.0, float(apart.abs().max()))
        shown.append(map_chart(apart, ground, end, "levels", None, None))
        scale = scale_html(
            end, end, "levels", "right minus left: red where a coarser level decides on the right", ground
        )
    else:
        values = [margin_of(found, int(chosen), selection) for found in ledgers]
        maps = [*values, values[1] - values[0]]
        end, most = scale_of(maps)
        shown = [map_chart(one, ground, end, "logits", int(chosen), None) for one in maps]
        target = selection.target
        words = (
            f"what {names[int(chosen)]} gives to {target.class_name} over {target.rival} at every place of {FINEST} x "
            f"{FINEST} pixels"
        )
        scale = scale_html(end, most, "logits", words, ground)
    for side, name, chart, place in zip(Column, (*selection.names, ""), shown, st.columns(3), strict=True):
        with place:
            draw_head(name or side, side)
            draw_chart(chart, f"ledger-whole-{side}")
    st.html(f"{level_legend(names) if chosen == DECIDING else ''}{scale}")
    _draw_shares(ledgers, names)


def _deciding_chart(deciding: Tensor, ground: Ground, names: Mapping[int, str]) -> Chart:
    picture = np.zeros((*deciding.shape, 4), np.uint8)
    for level in deciding.unique().tolist():
        shade = level_colour(level)
        picture[(deciding == level).numpy()] = (*(int(shade[i : i + 2], 16) for i in (1, 3, 5)), 175)
    chart = picture_chart(
        ground.size, *filter(None, (ground.photograph, picture_uri(picture), ground.outline)), width=395
    )
    height, width = deciding.shape
    # Invisible: they answer the cursor.
    for level in deciding.unique().tolist():
        chart.add(
            {
                "type": "heatmap",
                "z": np.where(deciding.numpy() == level, np.float32(level), np.float32(np.nan)),
                "x0": ground.size[1] / width / 2 - 0.5,
                "dx": ground.size[1] / width,
                "y0": ground.size[0] / height / 2 - 0.5,
                "dy": ground.size[0] / height,
                "opacity": 0,
                "showscale": False,
                "hoverongaps": False,
                "hovertemplate": f"{names[level]} decides<br>around pixel y %{{y:.0f}}, x %{{x:.0f}}<extra></extra>",
            }
        )
    mark_pixel(chart, ground.pixel)
    return chart


def _draw_shares(ledgers: Ledgers, names: Mapping[int, str]) -> None:
    """Share of the places that each level decides; the difference in points."""
    levels, both = levels_of(ledgers), [found.deciding_shares() for found in ledgers]
    columns = [[100 * one.get(level, 0.0) for level in levels] for one in both]
    columns.append([right - left for left, right in zip(*columns, strict=True)])
    st.markdown("##### Share of the image that each level decides")
    end = 1.05 * max(abs(value) for column in columns for value in column)
    for side, values, place in zip(Column, columns, st.columns(3), strict=True):
        with place:
            points = side == Column.DIFFERENCE
            rows, ends = _share_rows(levels, values, names, points=points), (-end if points else 0.0, end)
            st.html(rows_html(rows, ends, "points" if points else "% of the image"))
    residuals = " and ".join(f"{found.residual:.1g} ({side})" for found, side in zip(ledgers, Column, strict=False))
    st.caption(
        "A level decides where it gives most to the first class over the second. Bias and levels add up to every logit "
        f"at the model’s own places: relative residual at most {residuals}."
    )


def _share_rows(
    levels: tuple[int, ...], values: list[float], names: Mapping[int, str], *, points: bool
) -> tuple[Row, ...]:
    texts = [signed(value) if points else f"{value:.3g} %" for value in values]
    unit = " points" if points else ""
    return tuple(
        Row(names[level], (Bar(0.0, value, level_colour(level), f"{names[level]}: {text}{unit}"),), text)
        for level, value, text in zip(levels, values, texts, strict=True)
    )
