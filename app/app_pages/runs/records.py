"""The results that come with the program: records of finished runs in ``docs/runs``, each with its seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import streamlit as st

from app.app_pages.runs.charts import COLOURS
from app.charts.chart import Chart
from app.charts.theme import plain_chart
from app.shell.text import escape
from app.store.stamps import Stamp, stamp
from rsp_lab.files import FileError, read_json
from rsp_lab.text import percent, spread

ROOT = Path(__file__).parents[3] / "docs" / "runs"
"""Where a checkout has them; the workbench runs from one."""
_BYTES = 8_000_000


@dataclass(frozen=True)
class Record:
    """One finished run, scored once on the validation set.

    Attributes:
        recipe: its name.
        miou, pixel_accuracy: from 0 to 1.
        pq: of all categories; NaN of a network that does not tell things apart.
        images: how many were scored.
        parameters: of the whole network.
    """

    recipe: str
    seed: int
    data: str
    updates: int
    miou: float
    pixel_accuracy: float
    pq: float
    images: int
    parameters: int


def record_groups(root: Path = ROOT) -> dict[str, tuple[Record, ...]]:
    """The records of each folder by recipe and seed, those of one data set together; the largest group first.

    Scores on two data sets have no measure in common: a folder with both makes two groups. Files that are no records
    are left out, and outside a checkout there are none at all.
    """
    found = {}
    for folder in sorted(root.glob("*/")):
        paths = sorted(folder.glob("*.json"))
        records = _read(tuple(map(str, paths)), *map(stamp, paths))
        sets = sorted({one.data for one in records})
        for data in sets:
            name = folder.name if len(sets) == 1 else f"{folder.name}, {data}"
            found[name] = tuple(one for one in records if one.data == data)
    return dict(sorted(found.items(), key=lambda group: -len(group[1])))


@st.cache_data(max_entries=8, show_spinner=False)
def _read(paths: tuple[str, ...], *changed: Stamp) -> tuple[Record, ...]:
    found = []
    for path in paths:
        try:
            found.append(_record(Path(path)))
        except (FileError, KeyError, TypeError, ValueError):
            continue
    return tuple(sorted(found, key=lambda one: (one.recipe, one.seed)))


def _record(path: Path) -> Record:
    kept = read_json(path, "record of a run", most=_BYTES)
    header = kept["header"]
    scores = header["validation"]
    panoptic = scores.get("panoptic")
    return Record(
        str(header["recipe"]),
        int(header["seed"]),
        str(header["data"]),
        int(header["budget"]["updates"]),
        float(scores["miou"]),
        float(scores["pixel_accuracy"]),
        float(panoptic["all"]["pq"]) if isinstance(panoptic, dict) else math.nan,
        int(scores["images"]),
        int(kept["parameters"]),
    )


def by_recipe(records: Sequence[Record]) -> dict[str, tuple[Record, ...]]:
    """Records of one recipe together."""
    return {
        name: tuple(one for one in records if one.recipe == name) for name in dict.fromkeys(r.recipe for r in records)
    }


def sentence(records: Sequence[Record]) -> tuple[str, str]:
    """Which recipe scores best, by the median over its seeds, and how far that can be trusted."""
    together = by_recipe(records)
    score = _pq if _tells_things_apart(records) else _miou
    name = "PQ" if score is _pq else "mIoU"
    ranked = sorted(together, key=lambda recipe: -median(map(score, together[recipe])))
    values = {recipe: [score(one) for one in together[recipe]] for recipe in ranked}
    first = ranked[0]
    says = f"Of {len(ranked)} recipes {first} has the highest median {name}, {spread(values[first])} %"
    if len(ranked) > 1:
        says += f", ahead of {ranked[1]}, {spread(values[ranked[1]])} %"
        apart = min(values[first]) > max(values[ranked[1]])
        says += "" if apart else "; their seeds overlap"
    images = sorted({one.images for one in records})
    note = f"Median (minimum to maximum) over seeds, on {' or '.join(map(str, images))} validation images."
    return f"{says}.", f"{note} Differences within seeds, intervals and what was expected stand in docs/results.md."


def _miou(record: Record) -> float:
    return record.miou


def _pq(record: Record) -> float:
    return record.pq


def _tells_things_apart(records: Sequence[Record]) -> bool:
    return any(math.isfinite(one.pq) for one in records)


def rows(records: Sequence[Record]) -> list[dict[str, str]]:
    """A row for each recipe."""
    panoptic = _tells_things_apart(records)
    found = []
    for recipe, together in by_recipe(records).items():
        # What came first, then what was trained: a narrow window has room for the first columns.
        scores = {"PQ, %": spread([one.pq for one in together])} if panoptic else {}
        found.append(
            {
                "recipe": recipe,
                **scores,
                "mIoU, %": spread([one.miou for one in together]),
                "pixel accuracy, %": percent(median(one.pixel_accuracy for one in together), 1, unit=False),
                "seeds": ", ".join(str(one.seed) for one in together),
                "data": together[0].data,
                "updates": f"{together[0].updates:,}",
                "parameters, millions": f"{together[0].parameters / 1e6:.2f}",
            }
        )
    return found


def scores_chart(records: Sequence[Record]) -> Chart:
    """Every run's score as a dot, a row for each recipe, and the median as a line."""
    panoptic = _tells_things_apart(records)
    score, name = (_pq, "PQ on val, %") if panoptic else (_miou, "mIoU on val, %")
    together = by_recipe(records)
    chart = Chart()
    for place, (recipe, own) in enumerate(reversed(together.items())):
        values = [100 * score(one) for one in own]
        middle = median(values)
        chart.add(
            {
                "type": "scatter",
                "x": [middle, middle],
                "y": [place - 0.3, place + 0.3],
                "mode": "lines",
                "line": {"color": COLOURS[0], "width": 3},
                "hovertemplate": f"median {middle:.1f} %<extra></extra>",
            }
        )
        chart.add(
            {
                "type": "scatter",
                "x": values,
                "y": [place] * len(values),
                "mode": "markers",
                "marker": {"color": COLOURS[0], "size": 9, "opacity": 0.6, "line": {"width": 1, "color": "#FFFFFF"}},
                "customdata": [[escape(recipe), one.seed] for one in own],
                "hovertemplate": "%{customdata[0]}, seed %{customdata[1]}: %{x:.1f} %<extra></extra>",
            }
        )
    names = [escape(recipe) for recipe in reversed(together)]
    grid = {"gridcolor": "rgba(128,128,128,0.18)", "zeroline": False, "fixedrange": True}
    chart.update_x(title={"text": name, "standoff": 6}, **grid)
    chart.update_y(tickvals=list(range(len(names))), ticktext=names, ticksuffix="  ", **grid)
    return plain_chart(chart, 90 + 34 * len(names), showlegend=False, margin={"l": 8, "r": 8, "t": 8, "b": 8})
