"""The step about what would be if the context were not there: another picture where there is one, else an edit."""

from __future__ import annotations

import pandas as pd
from torch import Tensor

from app.app_pages.story import pictures
from app.app_pages.story.chapter import Chapter, Way
from app.charts.bar_rows import Bar, Row, rows_html
from app.charts.change_rows import change_ends, change_rows
from app.charts.level_rows import level_colour, tidy
from app.charts.on_image import picture_uri
from app.charts.small_pictures import Layer, picture_html
from app.shell import analyses, changes
from app.shell.heading import Heading
from app.shell.region_target import margin_words
from app.shell.selection import SIDES, Selection
from rsp_lab.analysis.surgery.knock_out import KNOCK_OUT_RULE, LevelKnockOuts
from rsp_lab.text import percent, signed


def without_context(selection: Selection, heading: Heading) -> Chapter:
    """Of a drawn scene the other cue, whose account is exact; of a photograph each level taken away, which is an edit.

    Raises:
        ValueError, LedgerError, FrozenError: where it cannot be worked out.
    """
    if selection.shown.scene is not None:
        return other_cue(selection, heading)
    return without_levels(selection, heading)


def work_out(selection: Selection, side: int) -> None:
    """One model's part of :func:`without_context`, which finds it kept.

    Raises:
        ValueError, LedgerError, FrozenError: where it cannot be worked out.
    """
    if selection.shown.scene is not None:
        changes.change_ledger(selection, side, changes.other_reading(selection))
    else:
        analyses.knock_outs(selection, side)


def other_cue(selection: Selection, heading: Heading) -> Chapter:
    """The same scene with the other cue."""
    picture = changes.other_reading(selection)
    ledgers = changes.change_ledgers(selection, heading, picture)
    names = {level: selection.level_name(level) for found in ledgers for level in found.levels}
    ends = change_ends(ledgers, names)
    said = [
        f"from {signed(found.before)} to {signed(found.after)} logits in {name}"
        for name, found in reversed(list(zip(selection.names, ledgers, strict=True)))
    ]
    turned = [name for name, found in zip(selection.names, ledgers, strict=True) if found.before * found.after < 0]
    last = {0: "no model changes its mind", 2: "both models change their minds"}.get(
        len(turned), f"only {''.join(turned)} changes its mind"
    )
    bars = [
        pictures.figure_html(f"{name} ({side})", rows_html(change_rows(found, names), ends, "logits"))
        for side, name, found in zip(SIDES, selection.names, ledgers, strict=True)
    ]
    residual = max(found.residual for found in ledgers)
    rows = {
        f"{side}: {name}": {
            "before": signed(found.before),
            "after": signed(found.after),
            "by content": signed(sum(found.content.values())),
            "by looking elsewhere": signed(sum(found.looking.values())) if found.looking else "–",
        }
        for side, name, found in zip(SIDES, selection.names, ledgers, strict=True)
    }
    return Chapter(
        "context",
        f"With the other cue in the same place {margin_words(selection.target)} goes "
        f"{' and '.join(dict.fromkeys(said))}: {last}.",
        _before_and_after(selection, picture) + pictures.columns_html(bars),
        "Exact: both pictures are drawn and seen by the models, and content and looking add up to the change of each "
        f"model's own margin, off by at most {residual:.0e} of it.",
        {"Logits": pd.DataFrame(rows).T.rename_axis("model")},
        (Way("change", "Change"), Way("surgery", "Surgery")),
        ("content (change ledger)", "looking (change ledger)"),
    )


def _before_and_after(selection: Selection, after: Tensor) -> str:
    size, pixel, ground = selection.shown.size, selection.result.pixel, pictures.PHOTOGRAPH
    other = Layer(picture_uri(after.permute(1, 2, 0).numpy(), "JPEG"))
    shown = {"before: this reading": [], "after: the other cue": [other]}
    return pictures.columns_html(
        pictures.figure_html(title, picture_html(size, ground, layers, pixel, title)) for title, layers in shown.items()
    )


def without_levels(selection: Selection, heading: Heading) -> Chapter:
    """Each level taken away alone, in the running network."""
    found = []
    for side, name in enumerate(selection.names):
        with heading.spinner(f"{name} runs without each level"):
            found.append(analyses.knock_outs(selection, side))
    said = [_loses(selection, one) for one in reversed(found)]
    ends = _ends(found)
    bars = [
        pictures.figure_html(f"{name} ({side})", rows_html(_rows(selection, one), ends, "logits"))
        for side, name, one in zip(SIDES, selection.names, found, strict=True)
    ]
    return Chapter(
        "context",
        " ".join(dict.fromkeys(said)),
        pictures.columns_html(bars),
        f"Change of {margin_words(selection.target)} without a level. An edit, and no photograph: {KNOCK_OUT_RULE}.",
        {"": _table(selection, found)},
        (Way("surgery", "Surgery"), Way("change", "Change")),
    )


def _loses(selection: Selection, found: LevelKnockOuts) -> str:
    sign = -1 if found.value < 0 else 1
    level = min(found.levels, key=lambda x: sign * found.levels[x].live)
    after = found.value + found.levels[level].live
    head = f"Without {selection.level_name(level)} the margin in {found.name} goes from {signed(found.value)} to"
    turned = ": it changes its mind" if after * found.value < 0 else ""
    most = "" if sign * found.levels[level].live < 0 else ", and no level that is taken away lowers it"
    return f"{head} {signed(after)} logits{turned}{most}."


def _ends(found: list[LevelKnockOuts]) -> tuple[float, float]:
    values = [0.0, *(one.live for each in found for one in each.levels.values())]
    room = 0.06 * (max(values) - min(values)) or 1.0
    return min(values) - room, max(values) + room


def _rows(selection: Selection, found: LevelKnockOuts) -> list[Row]:
    rows = []
    for level, one in reversed(found.levels.items()):
        name = f"without {selection.level_name(level)}"
        bar = Bar(0.0, one.live, level_colour(level), f"{name}: {signed(one.live, 4)} logits")
        rows.append(Row(name, (bar,), tidy(one.live)))
    return rows


def _table(selection: Selection, found: list[LevelKnockOuts]) -> pd.DataFrame:
    rows = [
        {
            "without": f"{selection.level_name(level)}, {side}",
            "live": signed(one.live),
            "all else held": signed(one.held),
            "reaction": signed(one.reaction),
            "labels changed": percent(one.labels_changed),
        }
        for side, each in zip(SIDES, found, strict=True)
        for level, one in reversed(each.levels.items())
    ]
    return pd.DataFrame(rows).set_index("without")
