"""``rsp-lab bench``: what is fast and small, measured side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import tyro

from rsp_lab.cli.output import Json, print_rows, say
from rsp_lab.devices import DEVICE_HELP, resolve_device

Measure = Annotated[
    Literal["relation", "capture", "forward", "analysis", "foreign", "engine", "size", "start"], tyro.conf.Positional
]

Device = Annotated[str, tyro.conf.arg(metavar="DEVICE", help=DEVICE_HELP)]


def bench(what: Measure, *, json: Json = False, threads: int | None = None, device: Device = "auto") -> None:
    """Measures speed and memory side by side in one run.

    Args:
        what: relation: its paths against unfolding; capture: with all steps captured against plain; forward: RSP-4
            against its baseline on ResNet-50; analysis: ledgers and the trade matrix against plain work of the same
            model; foreign: ledgers of networks of other libraries against plain passes of them; engine: ledgers of our
            models by their own frozen head and by the engine for any network; size: what looking into RSP-4 on
            ResNet-50 takes from 256 x 512 to 1024 x 2048 pixels; start: importing the library and printing help
            against importing torch, in fresh processes.
        threads: of torch; default: torch's own choice.
    """
    if threads is not None and threads < 1:
        raise ValueError(f"--threads must be at least 1, got {threads}.")
    if what == "start":
        from rsp_lab.bench.start import bench_start

        print_rows(bench_start(report=say), json)
        return
    place = resolve_device(device, float64=True)
    from rsp_lab.bench import analysis, capture, engine, foreign, forward, relation, sides, size

    runs: dict[str, Callable[..., list[dict[str, Any]]]] = {
        "relation": relation.bench_relation,
        "capture": capture.bench_capture,
        "forward": forward.bench_forward,
        "analysis": analysis.bench_analysis,
        "foreign": foreign.bench_foreign,
        "engine": engine.bench_engine,
        "size": size.bench_size,
    }
    with sides.threads(threads):
        print_rows(runs[what](device=place, report=say), json)
