"""Several processes under torchrun."""

from __future__ import annotations

import signal

import pytest
from torch.distributed import run

from tests.kit.forked_python import python

_HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


def torchrun(*words: str, processes: int = 2) -> None:
    """Runs ``torchrun WORDS`` by its launcher inside this process; it and the processes have torch already.

    Raises:
        torch.distributed.elastic.multiprocessing.errors.ChildFailedError: if a process fails.
    """
    before = {number: signal.getsignal(number) for number in _HANDLED}
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PYTHON_EXEC", python())
            run.main(["--standalone", "--nproc-per-node", str(processes), *words])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
