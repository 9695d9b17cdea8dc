"""The workbench that all browser tests share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from app.tools.serving import running_workbench
from tests.kit.forked_python import forked_processes
from tests.kit.runs import write_run


@pytest.fixture(scope="package")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a workbench of its own, with two runs and no data set."""
    root = tmp_path_factory.mktemp("runs")
    for name in ("one", "a-run-whose-name-is-longer-than-a-telephone-is-wide"):
        write_run(root, name)
    environment = {"OMP_NUM_THREADS": "1", "CAMVID_ROOT": "", "CITYSCAPES_ROOT": "", "RSP_LAB_RUNS": str(root)}
    with ExitStack() as open_ones:
        # It outlives this file's tests; processes of others are not forked.
        with forked_processes():
            address = open_ones.enter_context(running_workbench(environment))
        yield address
