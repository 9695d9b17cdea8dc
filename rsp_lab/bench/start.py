"""How long the library and the command line take to start, beside ``import torch``."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from rsp_lab.interruption import signals_wait

Report = Callable[[str], None]

PROGRAMS = {
    "torch": ("-c", "import torch"),
    "import": ("-c", "import rsp_lab"),
    "names": ("-c", "from rsp_lab import *"),
    "help": ("-m", "rsp_lab", "--help"),
}
"""Arguments of Python for each figure."""


def bench_start(*, rounds: int = 7, report: Report = lambda _: None) -> list[dict[str, Any]]:
    """The library and the command line beside ``import torch``, each started in fresh processes.

    One object with seconds: ``torch_s`` of ``import torch``; ``import_s`` of ``import rsp_lab``, which leaves what is
    behind a name until it is used; ``names_s`` of the import with all public names used; ``help_s`` of ``rsp-lab
    --help``: medians over ``rounds``, in each of which every process has its turn. ``import_ratio``, ``names_ratio``
    and ``help_ratio`` are over ``torch_s``. A first round, which fills the file system's caches, does not count.
    """
    seconds: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for number in range(rounds + 1):
        report(f"start, round {number} of {rounds}" if number else "start, a round to fill caches")
        for name, words in PROGRAMS.items():
            took = _seconds_of(words)
            if number:
                seconds[name].append(took)
    medians = {name: median(values) for name, values in seconds.items()}
    ratios = {f"{name}_ratio": round(medians[name] / medians["torch"], 3) for name in PROGRAMS if name != "torch"}
    return [{**{f"{name}_s": round(value, 3) for name, value in medians.items()}, **ratios}]


def _seconds_of(words: tuple[str, ...]) -> float:
    began = time.perf_counter()
    with signals_wait():
        process = subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL)
    try:
        code = process.wait()
    finally:
        process.kill()
    if code:
        raise RuntimeError(f"a process of the bench ended with the exit code {code}; its error stands above.")
    return time.perf_counter() - began
