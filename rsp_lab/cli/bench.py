"""Commands that measure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rsp_lab import bench as measurements
from rsp_lab.cli import arguments
from rsp_lab.cli.output import print_rows, say


def bench(what: arguments.Measure, *, json: arguments.Json = False, threads: int | None = None) -> None:
    """Measures speed and memory side by side in one run: relation, capture, whole forward passes, or analysis.

    Args:
        what: relation: fast path against unfolding; capture: with all steps captured against plain; forward: RSP-4
            against its baseline on ResNet-50; analysis: ledgers and the trade matrix against plain work of the same
            model.
        threads: of torch; default: torch's own choice.
    """
    if threads is not None and threads < 1:
        raise ValueError(f"--threads must be at least 1, got {threads}.")
    runs: dict[str, Callable[..., list[dict[str, Any]]]] = {
        "relation": measurements.bench_relation,
        "capture": measurements.bench_capture,
        "forward": measurements.bench_forward,
        "analysis": measurements.bench_analysis,
    }
    with measurements.threads(threads):
        print_rows(runs[what](report=say), json)
