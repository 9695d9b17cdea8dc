"""A workbench of its own as a process, for what looks at it from outside: tests, pictures, measurements."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_PATIENCE_S = 600


@dataclass(frozen=True)
class Serving:
    """A running workbench: its address, and its process."""

    address: str
    pid: int


@contextmanager
def served(environment: Mapping[str, str] | None = None, folder: Path = ROOT) -> Iterator[Serving]:
    """A workbench on a free port; it is ended with the block, and only it.

    Args:
        environment: what it gets beside this process's own.
        folder: that it is started from.

    Raises:
        RuntimeError: if it ends or does not answer.
    """
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "app"]
    options = {
        "server.port": str(port),
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "server.showEmailPrompt": "false",
    }
    command += [part for name, value in options.items() for part in (f"--{name}", value)]
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))
    environment = {**os.environ, "PYTHONPATH": paths, **(environment or {})}
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
        with ended(process):
            address = f"http://localhost:{port}"
            _wait_until_healthy(process, address)
            yield Serving(address, process.pid)


@contextmanager
def ended(process: subprocess.Popen[bytes], patience: float = 20) -> Iterator[None]:
    """A process that does not outlive the block: asked to stop, and killed where it does not."""
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def running_workbench(environment: Mapping[str, str] | None = None, folder: Path = ROOT) -> Iterator[str]:
    """The address alone of what :func:`served` starts."""
    with served(environment, folder) as serving:
        yield serving.address


def _wait_until_healthy(process: subprocess.Popen[bytes], address: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the workbench ended with code {process.returncode}: run `make app` to see why.")
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the workbench did not answer in time: run `make app` to see why.")
