"""The next two steps: what each level added to the decision, and what was refused."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from app.app_pages.story import pictures
from app.app_pages.story.chapter import Chapter, Way
from app.charts.bar_rows import rows_html
from app.charts.level_rows import level_ends, level_parts, level_rows, tidy
from app.charts.signed_cells import in_fine_cells, scale_of
from app.charts.small_pictures import Layer
from app.shell import analyses, scenes
from app.shell.region_target import cells_words, known_labels, label_map, margin_words
from app.shell.selection import SIDES, Selection
from app.store.results import results
from rsp_lab.analysis.ledger.footprint import on_pixels
from rsp_lab.analysis.ledger.ledger import ContextLedger
from rsp_lab.analysis.ledger.selection import RejectionMap
from rsp_lab.shapes import step_digits, step_levels
from rsp_lab.text import signed

Ledgers = tuple[ContextLedger, ContextLedger]


def ledgers_of(selection: Selection) -> Ledgers:
    """Of both models, left and right."""
    return analyses.ledger(selection, 0, selection.target), analyses.ledger(selection, 1, selection.target)


def told(selection: Selection, side: int) -> None:
    """One model's part of both steps, which find it kept.

    Raises:
        LedgerError, FrozenError: where it cannot be worked out.
    """
    analyses.ledger(selection, side, selection.target)
    analyses.rejection(selection, side, selection.target)


def adding(selection: Selection) -> Chapter:
    """What did each level add?"""
    ledgers = ledgers_of(selection)
    said = [_adds(selection, ledgers[side], side) for side in (1, 0)]
    size = selection.shown.size
    maps = [in_fine_cells(sum(on_pixels(values, size) for values in found.maps.values())) for found in ledgers]  # type: ignore[arg-type]
    end, most = scale_of(maps)
    edges = _planted(selection)
    layers = tuple([*pictures.cell_layers(values, end, size), *edges] for values in maps)
    shown = pictures.pair_html(selection, (layers[0], layers[1]), pictures.GREY, "what each place gives")
    names = {level: selection.level_name(level) for found in ledgers for level in found.levels}
    accounts = [(level_parts(found.sums, found.bias, names), found.total) for found in ledgers]
    ends = level_ends(accounts)
    bars = [
        pictures.figure_html("", rows_html(level_rows(parts, total, "= margin"), ends, "logits"))
        for parts, total in accounts
    ]
    residual = max(found.residual for found in ledgers)
    beyond = f", the largest is ±{most:.2g}" if most > 1.05 * end else ""
    return Chapter(
        "adding",
        _sentences(said),
        shown + pictures.columns_html(bars),
        f"In the maps red speaks for {selection.target.class_name}, blue and hatched for "
        f"{selection.target.rival or 'what is against it'}; full colour "
        f"at {end:.2g} logits per 4 x 4 px{beyond}, the same left and right. Exact: levels and bias add up to each "
        f"model's own margin, off by at most {residual:.0e} of it; relation weights are held.",
        {"": _level_table(selection, ledgers)},
        (Way("ledger", "Ledger"),),
        ("contribution of a cell", "residual"),
    )


def _adds(selection: Selection, found: ContextLedger, side: int) -> str:
    sign = -1 if found.total < 0 else 1
    level = max(found.sums, key=lambda x: sign * found.sums[x])
    what = margin_words(selection.target)
    head = f"In {selection.names[side]} {what} is {signed(found.total)} logits"
    if sign * found.sums[level] <= 0:
        return f"{head}, by the bias alone: no level adds to it"
    source = _source(selection, found, side, level, sign)
    origin = (
        ""
        if source is None
        else f", {signed(source[1])} of it from {cells_words(selection, known_labels(selection), source[0])}"
    )
    return f"{head}, and {selection.level_name(level)} adds most to that, {signed(found.sums[level])}{origin}"


def _source(selection: Selection, found: ContextLedger, side: int, level: int, sign: int) -> tuple[str, float] | None:
    key = selection.key(("story sources", side), target=found.target)
    table = results().get(key, lambda: found.by_class(label_map(selection, known_labels(selection))))
    row = table.values[table.levels.index(level)]
    best = int((sign * row).argmax())
    value = float(row[best])
    return (table.columns[best], value) if sign * value > 0 else None


def _planted(selection: Selection) -> list[Layer]:
    scene = selection.shown.scene
    return [] if scene is None else pictures.edge_layer(dict(scenes.outlined(scene)))


def _sentences(parts: Sequence[str]) -> str:
    """Clauses as one sentence each, said once where both models are one."""
    return " ".join(f"{part}." for part in dict.fromkeys(parts))


def _level_table(selection: Selection, ledgers: Ledgers) -> pd.DataFrame:
    levels = sorted({level for found in ledgers for level in found.levels}, reverse=True)
    rows: dict[str, dict[str, str]] = {}
    for side, name, found in zip(SIDES, selection.names, ledgers, strict=True):
        values = {**{selection.level_name(x): found.sums.get(x) for x in levels}, "bias": found.bias}
        for part, value in {**values, "= margin": found.total}.items():
            rows.setdefault(part, {})[f"{side}: {name}, logits"] = signed(value)
    return pd.DataFrame(rows).T.rename_axis("part")


def refusing(selection: Selection) -> Chapter:
    """What was refused?"""
    found = [analyses.rejection(selection, side, selection.target) for side in range(2)]
    said = [_refuses(selection, found[side], side) for side in (1, 0)]
    steps = [None if one is None else max(one.steps, key=lambda step: abs(step.refused)) for one in found]
    shown = [step.values for step in steps if step is not None]
    end, _ = scale_of(shown)
    edges = _planted(selection)
    size = selection.shown.size
    layers = tuple([*([] if step is None else pictures.cell_layers(step.values, end, size)), *edges] for step in steps)
    picture = pictures.pair_html(selection, (layers[0], layers[1]), pictures.GREY, "what was refused and what added")
    numbers = {"": _refusal_table(selection, found)} if shown else {}
    residual = max((one.residual for one in found if one is not None), default=0.0)
    exact = (
        f"Red: context for {selection.target.class_name} that was refused; blue and hatched: taken from elsewhere "
        f"instead; full colour at {end:.2g} logits a cell. Exact for that step alone, everything else held "
        f"(residual {residual:.0e})."
    )
    return Chapter(
        "refusing",
        _sentences(said),
        picture if shown else "",
        exact if shown else "A sum passes everything down: there is nothing that it could refuse.",
        numbers,
        (Way("ledger", "Ledger", {"ledger_reading": "rejection"}), Way("relations", "Relations")) if shown else (),
        ("refused, added",),
    )


def _refuses(selection: Selection, found: RejectionMap | None, side: int) -> str:
    name, target = selection.names[side], selection.target
    if found is None:
        if selection.foreign[side]:
            return f"{name} has no top-down steps, so it is not known what it refuses"
        return f"{name} refuses nothing: it passes all context down"
    step = max(found.steps, key=lambda one: abs(one.refused))
    whole = "lower" if step.total < 0 else "higher"
    took = tidy(-step.added).removeprefix("+")
    return (
        f"At step {step_digits(step.step)} {name} refused context worth {tidy(step.refused).removeprefix('+')} logits "
        f"for {target.class_name} that lay at its own place, and took {'nothing' if took == '0' else f'{took} logits'} "
        f"from elsewhere instead: had the step passed everything down, the margin would be "
        f"{tidy(abs(step.total)).removeprefix('+')} logits {whole}"
    )


def _refusal_table(selection: Selection, found: Sequence[RejectionMap | None]) -> pd.DataFrame:
    rows = []
    for side, one in enumerate(found):
        for step in () if one is None else one.steps:
            rows.append(
                {
                    "step": f"{step_digits(step.step)} {SIDES[side]}",
                    "from": selection.level_name(step_levels(step.step)[0]),
                    "taken, logits": tidy(float(step.taken.sum())),
                    "refused": tidy(step.refused),
                    "added": tidy(step.added),
                    "passing all down would change": tidy(step.total),
                }
            )
    return pd.DataFrame(rows).set_index("step")
