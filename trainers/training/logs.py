"""The log of a run: one JSON object a line, a progress bar for people, and what it ran on."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from tqdm import tqdm

from rsp_lab._version import __version__
from rsp_lab.bench.sides import peak_bytes
from rsp_lab.files import FileError, check_target, parse_json, to_json, write_atomic, write_json
from rsp_lab.models.run_state import CheckpointError
from trainers.config.run import RunConfig
from trainers.training import distributed
from trainers.training.losses import TOTAL
from trainers.training.task import Scores

MACHINE_KEYS = ("images_per_s", "data_s", "eta_s", "val_s", "memory_mb")
"""What a line of the log says about the machine; all else repeats bit for bit."""

LOG = "log.jsonl"
CONFIG = "config.json"


def git_state() -> dict[str, str | bool] | None:
    """Commit of the checkout that runs, and whether its files differ from it; None outside a checkout."""
    try:
        commit, changes = (
            subprocess.run(
                ("git", *command), cwd=Path(__file__).parent, capture_output=True, text=True, check=True, timeout=20
            ).stdout.strip()
            for command in (("rev-parse", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": commit, "changed": bool(changes)}


def memory_mb(device: torch.device) -> int | None:
    """Peak memory so far: of the GPU, or of this process on a CPU; None where the system does not say."""
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated(device) / 2**20)
    peak = peak_bytes()
    return None if peak is None else round(peak / 2**20)


def versions() -> dict[str, str]:
    """Versions of what a result depends on."""
    found = {"rsp_lab": __version__, "python": platform.python_version()}
    for package in ("torch", "torchvision", "numpy", "pillow"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found


class RunLog:
    """Writes ``config.json`` and ``log.jsonl`` of a run and tells a person how it goes.

    Lines of updates after ``start`` are dropped first: a run that was interrupted there repeats those updates. A
    terminal gets a progress bar, anything else plain lines.
    """

    def __init__(self, run: Path, config: RunConfig, start: int) -> None:
        self.config = config
        description = {
            "config": config.to_dict(),
            "versions": versions(),
            "git": git_state(),
            "processes": distributed.size(),
        }
        write_json(run / CONFIG, description, indent=2)
        self._keep_until(run / LOG, start)
        self._path = run / LOG
        self._file = self._path.open("a", encoding="utf-8")
        self._board = _tensorboard(run, start) if config.tensorboard else None
        self._bar = tqdm(total=config.steps, initial=start, desc=config.name, disable=not sys.stderr.isatty())
        self._start = self._last = start
        self._started = self._last_time = time.perf_counter()
        self._data_seconds = 0.0
        self._idle_seconds = 0.0

    def __enter__(self) -> RunLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # what could not be written was said when it was
            self._file.close()
        self._bar.close()
        if self._board is not None:
            self._board.close()

    def waited(self, seconds: float) -> None:
        """Counts time that an update waited for its data."""
        self._data_seconds += seconds

    def training(self, step: int, losses: Mapping[str, float], learning_rate: float) -> None:
        """One line about the updates since the last one; ``losses`` are their means, by name."""
        now = time.perf_counter()
        seconds, steps = max(now - self._last_time - self._idle_seconds, 1e-9), step - self._last
        parts = {name: value for name, value in losses.items() if name != TOTAL}
        left = (now - self._started) / max(step - self._start, 1) * (self.config.steps - step)
        record = {
            "step": step,
            "loss": losses[TOTAL],
            **({"losses": parts} if parts else {}),
            "lr": learning_rate,
            "images_per_s": round(steps * self.config.batch_size / seconds, 2),
            "data_s": round(self._data_seconds / max(steps, 1), 4),
            "eta_s": round(left),
            "memory_mb": memory_mb(self.config.torch_device),
        }
        self._write(record)
        shown = {name: f"{value:.3f}" for name, value in losses.items()}
        self._bar.set_postfix(shown | {"lr": f"{learning_rate:.1e}"})
        self._bar.update(step - self._bar.n)
        if self._bar.disable:
            apart = f" ({', '.join(f'{name} {value:.4f}' for name, value in parts.items())})" if parts else ""
            self.say(
                f"step {step}/{self.config.steps}  loss {losses[TOTAL]:.4f}{apart}  lr {learning_rate:.2e}  "
                f"{record['images_per_s']} images/s  data {record['data_s']} s  {left / 60:.0f} min left"
            )
        self._last, self._last_time, self._data_seconds, self._idle_seconds = step, now, 0.0, 0.0

    def validation(self, step: int, scores: Scores, seconds: float) -> None:
        """One line about an evaluation that took ``seconds``."""
        self._idle_seconds += seconds
        self._write({"step": step, "val": scores.to_dict(), "val_s": round(seconds, 1)})
        self.say(f"step {step}/{self.config.steps}  val {scores.headline()}  ({seconds:.0f} s)")

    def say(self, line: str) -> None:
        """A line for the person who watches, beside the progress bar."""
        tqdm.write(line, file=sys.stderr)
        sys.stderr.flush()

    def _write(self, record: dict[str, Any]) -> None:
        try:
            self._file.write(to_json(record, indent=None) + "\n")
            self._file.flush()
        except OSError as error:
            raise CheckpointError(f"{self._path}: cannot be written ({error.strerror}). Free some space.") from error
        if self._board is not None:
            for name, value in _flat(record):
                self._board.add_scalar(name, value, record["step"])

    @staticmethod
    def _keep_until(path: Path, start: int) -> None:
        if not os.path.lexists(path):
            return
        check_target(path)
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        kept = [line for line in lines if _step(line) <= start] if start else []
        write_atomic(path, "".join(line + "\n" for line in kept))


class SilentLog:
    """The log of all processes but the first."""

    def __enter__(self) -> SilentLog:
        return self

    def __exit__(self, *_: object) -> None: ...

    def waited(self, seconds: float) -> None: ...

    def training(self, step: int, losses: Mapping[str, float], learning_rate: float) -> None: ...

    def validation(self, step: int, scores: Scores, seconds: float) -> None: ...

    def say(self, line: str) -> None: ...


def open_log(run: Path, config: RunConfig, start: int) -> RunLog | SilentLog:
    """The log of this process."""
    return SilentLog() if distributed.rank() else RunLog(run, config, start)


def _tensorboard(run: Path, start: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter  # heavy and optional
    except ImportError as error:
        raise ValueError("--tensorboard needs the package tensorboard. Install it: pip install tensorboard.") from error
    return SummaryWriter(str(run / "tensorboard"), purge_step=start + 1)


def _flat(record: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    for name, value in record.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}/")
        elif isinstance(value, int | float) and name != "step":
            yield f"{prefix}{name}", value


def _step(line: str) -> float:
    try:
        step = parse_json(line, LOG).get("step")
    except FileError:  # a line that a crash cut short
        return float("inf")
    return step if type(step) is int else float("inf")
