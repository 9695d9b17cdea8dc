"""How long a page takes from a click to its new view, in the server's part: ``python -m app.tools.measure_pages``.

Runs the pages as Streamlit does, without a browser: a new pixel, and all that the page computes and sends for it. What
the browser needs to draw comes on top. Times are of a quiet machine or of nothing.
"""

from __future__ import annotations

import cProfile
import io
import os
import pstats
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import tyro
from streamlit.testing.v1 import AppTest

from app.app_pages.pages import PAGES
from app.shell.text import as_read

PROFILE = cProfile.Profile()


@dataclass(frozen=True)
class Measure:
    """What is measured.

    Attributes:
        page: address of a page about the shared selection, e.g. ``key-query``.
        query: the view, as ``name=value`` pairs, e.g. ``source=CamVid ledger_target=border``.
        clicks: how many new pixels.
        threads: of torch; 0 leaves them.
        profile: also print where the time of the clicks went.
    """

    page: str = "ledger"
    query: tuple[str, ...] = ()
    clicks: int = 20
    threads: int = 2
    profile: bool = False


def _script() -> None:
    import os

    from app.app_pages.pages import PAGES
    from app.shell import frame
    from app.tools import measure_pages

    draw = {path: draw for _, path, draw in PAGES}[os.environ["RSP_LAB_MEASURED_PAGE"]]
    # Streamlit runs a script in a thread of its own, which a profile from outside does not see.
    profile = measure_pages.PROFILE
    if os.environ.get("RSP_LAB_MEASURED_PROFILE"):
        profile.enable()
    try:
        selected = frame.draw_frame()
        if selected is not None:
            draw(*selected)
    finally:
        profile.disable()


def measure(what: Measure) -> dict[str, float]:
    """Seconds of the first view and of the clicks, and what the charts of a click amount to at most.

    Raises:
        ValueError: for an unknown page, or a query that the page shows as an error.
    """
    addresses = [path for _, path, _ in PAGES]
    if what.page not in addresses:
        raise ValueError(f"{what.page!r} is no page about a selection; expected one of {', '.join(addresses)}.")
    if what.threads:
        torch.set_num_threads(what.threads)
    os.environ["RSP_LAB_MEASURED_PAGE"] = what.page
    os.environ["RSP_LAB_MEASURED_PROFILE"] = "yes" if what.profile else ""
    page = AppTest.from_function(_script, default_timeout=600)
    for pair in what.query:
        name, _, value = pair.partition("=")
        page.query_params[name] = value
    first = _timed(lambda: page.run())
    PROFILE.clear()
    for problem in (*page.exception, *page.error):
        raise ValueError(as_read(problem.value))
    height, width = (int(page.number_input(key=f"typed_{axis}").max or 0) + 1 for axis in "yx")
    draw = np.random.default_rng(0)
    seconds, sent, cpu = [], 0, time.process_time()
    for _ in range(what.clicks):
        page.query_params["pixel"] = f"{draw.integers(height)},{draw.integers(width)}"
        seconds.append(_timed(lambda: page.run()))
        sent = max(sent, sum(len(chart.proto.SerializeToString()) for chart in page.get("plotly_chart")))
    cpu = (time.process_time() - cpu) / what.clicks
    if what.profile:
        text = io.StringIO()
        pstats.Stats(PROFILE, stream=text).sort_stats("cumulative").print_stats(60)
        print(text.getvalue())
    return {
        "rows": height,
        "columns": width,
        "first_view_s": first,
        "click_cpu_s": cpu,
        "click_median_s": statistics.median(seconds),
        "click_largest_s": max(seconds),
        "charts_kilobytes": sent / 1e3,
    }


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    asked = tyro.cli(Measure)
    try:
        found = measure(asked)
    except ValueError as problem:
        raise SystemExit(str(problem)) from None
    print(
        f"{asked.page} at {found['rows']:.0f} x {found['columns']:.0f}: first view {found['first_view_s']:.2f} s, "
        f"a click {found['click_median_s']:.2f} s (median of {asked.clicks}; largest {found['click_largest_s']:.2f} s; "
        f"{found['click_cpu_s']:.2f} s of processor time, all threads), "
        f"charts of at most {found['charts_kilobytes']:.0f} kB"
    )


if __name__ == "__main__":
    # The script that Streamlit runs imports this file by name: there must be one profile.
    from app.tools import measure_pages

    measure_pages.main()
