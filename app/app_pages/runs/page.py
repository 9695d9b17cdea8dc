"""Runs: curves and tables of run folders, several laid over each other, and in what their settings differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.app_pages.runs import charts, records
from app.app_pages.runs.logs import TRAINING, Curve, RunError, RunFacts, differences, read_run, sentence
from app.charts.theme import draw as draw_chart
from app.shell.terms import draw_terms
from app.shell.text import draw_sentence, draw_table, escape
from app.store.results import results
from app.store.run_folders import CONFIG, LOG, run_folders, runs_root
from app.store.stamps import stamp
from rsp_lab.files import readable_name
from rsp_lab.text import percent, points

KEY = "runs"
_UNITS = {"loss": "mean over the updates between two lines", "lr": "", "images_per_s": ""}

MEASURES = """
- **Loss**: as logged, the mean over the updates since the line before; cross entropy in nats unless the run's settings
  weigh or choose pixels, which makes losses of such runs incomparable.
- **mIoU**: mean over the classes of intersection over union on the whole validation set; a class that neither occurs
  nor is predicted is left out. **Best** is the maximum over a run's evaluations: chosen on the very images that it is
  measured on, it is rather too high, and the more so the more evaluations there are.
- **PQ**: panoptic quality over all categories, of networks that tell things apart; **best** is then its maximum.
- **Images/s**: as logged, evaluations left out; it says as much about the machine as about the network.
- Curves longer than 3,000 points are drawn as means of neighbouring points.
"""


def draw() -> None:
    top = st.container()
    notices = st.container()
    root = runs_root()
    folders = run_folders(root)
    if not folders:
        if not draw_records(top):
            draw_sentence(top, "There is no run to look at yet.")
        st.info(
            f"Runs of your own are shown here: folders with a {LOG} below {escape(readable_name(root))}. Make one with "
            "`make train RECIPE=scenes_tiny_rsp4`, which needs no data, or set RSP_LAB_RUNS to the folder that holds "
            "yours and start the workbench again."
        )
        return
    names = tuple(folders)
    for name in _settle(names):
        notices.warning(escape(f"There is no run folder {name[:60]!r} (any more). Choose another one below."))
    chosen = _choose(names)
    runs = []
    for name in chosen:
        try:
            runs.append(_facts(name))
        except RunError as problem:
            notices.error(escape(str(problem)))
    for text in (text for run in runs for text in run.problems):
        notices.warning(escape(text))
    if not runs:
        draw_sentence(top, "No run is chosen." if not chosen else "The chosen runs cannot be shown.")
        st.info(f"Choose up to {charts.MOST} runs above; the newest stand first.")
        return
    draw_sentence(top, *sentence(runs))
    _draw_curves(runs)
    _draw_scores(runs)
    _draw_classes(runs)
    _draw_settings(runs)
    draw_records()


def draw_records(top: DeltaGenerator | None = None) -> bool:
    """The results that come with the program, and with ``top`` its sentence there; False where there are none."""
    groups = records.record_groups()
    if not groups:
        return False
    st.markdown("##### Results that come with the program")
    names = tuple(groups)
    chosen = st.segmented_control(
        "Records", names, default=names[0], required=True, key="runs_records", bind="query-params", format_func=escape
    )
    found = groups[chosen if chosen in groups else names[0]]
    if top is None:
        st.markdown(escape(records.sentence(found)[0]))
    else:
        draw_sentence(top, *records.sentence(found))
    draw_chart(records.scores_chart(found), "runs-records")
    draw_table(pd.DataFrame(records.rows(found)).set_index("recipe"))
    draw_terms("mIoU", "PQ, SQ, RQ")
    if top is None:
        st.caption(escape(records.sentence(found)[1]))
    return True


def _settle(names: Sequence[str]) -> list[str]:
    """Takes out of link and selection what is not there, and returns it."""
    asked = dict.fromkeys([*st.query_params.get_all(KEY), *(st.session_state.get(KEY) or ())])
    gone = [name for name in asked if name not in names]
    if gone and KEY in st.session_state:
        st.session_state[KEY] = [name for name in st.session_state[KEY] if name in names]
    return gone


def _choose(names: Sequence[str]) -> list[str]:
    first, second = st.columns([6, 1], vertical_alignment="bottom")
    chosen = first.multiselect(
        "Runs",
        names,
        default=list(names[:2]),
        key=KEY,
        bind="query-params",
        max_selections=charts.MOST,
    )
    second.button("Read again", width="stretch", help="Reads what the runs have logged since.")
    return list(chosen)


def _facts(name: str) -> RunFacts:
    """A run, read again only after its files changed.

    Raises:
        RunError: if it cannot be read.
    """
    folder = run_folders(runs_root()).get(name)
    if folder is None:
        raise RunError(f"{name}: the run folder is not there any more. Choose another run.")
    changed = tuple(stamp(folder / part) for part in (LOG, CONFIG))
    return results().get(("run", str(folder), changed), lambda: read_run(name, folder))


def _draw_curves(runs: Sequence[RunFacts]) -> None:
    st.html(charts.legend(runs))
    first, second = st.columns(2), st.columns(2)
    miou = [Curve(tuple(e.step for e in run.evaluations), tuple(100 * e.miou for e in run.evaluations)) for run in runs]
    with first[0]:
        draw_chart(charts.curve_chart(runs, miou, "mIoU on val", "%", points=True), "runs-miou")
    for place, key in zip((first[1], *second), TRAINING, strict=True):
        with place:
            curves = [run.curves[key] for run in runs]
            draw_chart(charts.curve_chart(runs, curves, TRAINING[key], log=key == "loss"), f"runs-{key}")
    if any(run.tells_things_apart for run in runs):
        quality = [
            Curve(tuple(e.step for e in run.evaluations), tuple(100 * e.pq for e in run.evaluations)) for run in runs
        ]
        draw_chart(charts.curve_chart(runs, quality, "PQ on val", "%", points=True), "runs-pq")
    _draw_parts(runs)
    with st.popover("What these measures are"):
        st.markdown(MEASURES)


def _draw_parts(runs: Sequence[RunFacts]) -> None:
    names = list(dict.fromkeys(name for run in runs for name in run.parts))
    if not names:
        return
    st.markdown("##### Parts of the loss")
    for row in range(0, len(names), 3):
        for place, name in zip(st.columns(3), names[row : row + 3], strict=False):
            with place:
                curves = [run.parts.get(name, Curve((), ())) for run in runs]
                draw_chart(charts.curve_chart(runs, curves, name.replace("_", " "), log=True), f"runs-part-{name}")
    st.caption(
        "Each before its weight: the loss is loss.instances times box class, box and mask, plus both of rpn, plus "
        "loss.semantic times semantic; the weights are among the settings."
    )


def _draw_scores(runs: Sequence[RunFacts]) -> None:
    st.markdown("##### The runs")
    rows = []
    for run in runs:
        best, last = run.best, run.evaluations[-1] if run.evaluations else None
        speed = [v for v in run.curves["images_per_s"].values if v == v]
        planned = f" of {run.planned:,}" if run.planned else ""
        rows.append(
            {
                "run": run.name,
                "updates": f"{run.updates:,}{planned}",
                "best mIoU, %": percent(best.miou, 1, unit=False) if best else "–",
                "after": f"{best.step:,}" if best else "–",
                "PQ at best, %": percent(best.pq, 1, unit=False) if best else "–",
                "last mIoU, %": percent(last.miou, 1, unit=False) if last else "–",
                "pixel accuracy at best, %": percent(best.pixel_accuracy, 1, unit=False) if best else "–",
                "evaluations": f"{len(run.evaluations):,}",
                "images/s, median": f"{pd.Series(speed).median():.3g}" if speed else "–",
            }
        )
    if not any(run.tells_things_apart for run in runs):
        rows = [{key: value for key, value in row.items() if key != "PQ at best, %"} for row in rows]
    st.dataframe(pd.DataFrame(rows).set_index("run"))


def _draw_classes(runs: Sequence[RunFacts]) -> None:
    scored = [(run, run.best) for run in runs if run.best is not None and run.best.iou]
    if not scored:
        return
    st.markdown("##### IoU of each class, %")
    classes = dict.fromkeys(name for _, best in scored if best for name in best.iou)
    columns = {run.name: [best.iou.get(name) for name in classes] for run, best in scored if best}
    words = {name: [percent(share, 1, unit=False) for share in own] for name, own in columns.items()}
    if len(scored) == 2:
        first, second = (run.name for run, _ in scored)
        pairs = zip(columns[first], columns[second], strict=True)
        words[f"{second} minus {first}"] = [_gap(a, b) for a, b in pairs]
    table = pd.DataFrame(words, index=pd.Index(list(classes), name="class"))
    right = {name: st.column_config.TextColumn(alignment="right") for name in words}
    st.dataframe(table, height="content", width="content", column_config=right)
    st.caption("At each run's best evaluation; – for a class that neither occurs in the labels nor is predicted.")


def _draw_settings(runs: Sequence[RunFacts]) -> None:
    st.markdown("##### Settings")
    known = [run for run in runs if run.config]
    if not known:
        st.caption("No settings are known.")
        return
    if len(known) > 1:
        apart = differences(known)
        if apart:
            st.dataframe(_settings({name: list(row) for name, row in apart.items()}, known), height="content")
        st.caption(
            f"{len(apart)} of {len(dict.fromkeys(n for run in known for n in run.config))} settings differ."
            if apart
            else "All settings are the same."
        )
    for run in known:
        with st.expander(f"All settings of {escape(run.name)}"):
            st.dataframe(_settings({name: [value] for name, value in run.config.items()}, [run]))


def _settings(rows: dict[str, list[Any]], runs: Sequence[RunFacts]) -> pd.DataFrame:
    words = [["–" if value is None else str(value) for value in row] for row in rows.values()]
    return pd.DataFrame(words, index=pd.Index(list(rows), name="setting"), columns=[run.name for run in runs])


def _gap(first: float | None, second: float | None) -> str:
    """Second minus first in percentage points."""
    return points(None if first is None or second is None else second - first)
