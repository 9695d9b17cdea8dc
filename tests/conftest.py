"""What every test shares: a fixed number of threads, fixed seeds, and the things a machine may lack."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import jaxtyping
import numpy as np
import pytest
import torch

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")


def pytest_configure() -> None:
    torch.set_num_threads(2)


@pytest.fixture(autouse=True)
def _fixed_seeds() -> None:
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - libraries under test may draw from the global generator
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def camvid_root() -> Path:
    """Folder with CamVid's train, trainannot, val and valannot."""
    root = os.environ.get("CAMVID_ROOT")
    if not root:
        pytest.skip("CAMVID_ROOT is not set: it names the folder with CamVid's train/ and val/")
    if not Path(root, "val").is_dir():
        pytest.fail(f"CAMVID_ROOT is {root}, which has no folder val/; name the folder that holds train/ and val/")
    return Path(root)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium on PATH, for Playwright's ``executable_path``."""
    found = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if found is None:
        pytest.skip(f"no Chromium on PATH (looked for {', '.join(CHROMIUM_NAMES)})")
    return found


@pytest.fixture
def unchecked() -> Iterator[None]:
    """Shapes in signatures are no assertions while this is in force, as for a user who installed the package."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
