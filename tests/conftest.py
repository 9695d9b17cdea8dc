"""What every test shares: a fixed number of threads, fixed seeds, and the things a machine may lack."""

from __future__ import annotations

import ctypes
import gc
import os
import random
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Read by torch when it is loaded: what waits for another thread sleeps, and leaves the core to the worker beside it.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Runs are compared bit for bit, which only a CPU repeats: "auto" finds no GPU, here and in processes that are started.
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import jaxtyping
import numpy as np
import pytest
import torch
from jaxtyping import jaxtyped

from tests.kit.repeated_draws import remember_draws

if TYPE_CHECKING:
    from rsp_lab.data.sample import Sample

_LONG = (
    "app/browser/",
    "data/scenes/test_proof",
    "docs/test_pages",
    "house/test_lint",
    "notebooks/",
    "test_public_images",
    "trainers/reports/test_shipped",
    "trainers/test_faults",
)
_MAIN = sys.modules["__main__"]
_ROOT = Path(__file__).parents[1]
_CHECKER = "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))"


def shaped_modules() -> list[str]:
    """Modules of rsp_lab with shapes in their signatures.

    Signatures of the others are checked by mypy alone: what draws scenes calls its small functions a million times.
    """
    shaped = [path for path in sorted((_ROOT / "rsp_lab").rglob("*.py")) if "from jaxtyping import" in path.read_text()]
    return [".".join(path.relative_to(_ROOT).with_suffix("").parts).removesuffix(".__init__") for path in shaped]


def _says_shapes(function: Callable[..., object]) -> bool:
    """Whether a signature speaks of tensors or arrays; annotations are text, as in all of our modules."""
    return any(re.search(r"Tensor|ndarray|LayerWeights", str(said)) for said in function.__annotations__.values())


def _checked_where_it_says_shapes(**options: Any) -> Callable[[Any], Any]:
    """jaxtyping's decorator for classes and for functions with shapes. Small properties and methods beside them are
    called far more often, and what their signatures say mypy knows as well. A function within another one would be
    decorated, which takes milliseconds, at each call of the other."""
    checked = jaxtyped(**options)

    def decorate(item: Any) -> Any:
        plain = "<locals>" in item.__qualname__ or not (isinstance(item, type) or _says_shapes(item))
        return item if plain else checked(item)

    return decorate


# Before anything imports rsp_lab: shapes in signatures are assertions while the tests run; as for mypy, an int will do
# for a float. The oldest dependencies are tried without it.
if find_spec("beartype"):
    jaxtyping.install_import_hook(shaped_modules(), _CHECKER)
    jaxtyping.jaxtyped = _checked_where_it_says_shapes
# As early, since rsp_lab knows torch's initialisers by what they are when it is imported.
remember_draws()

from tests.kit.repeated_scenes import remember_scenes  # noqa: E402 - it imports rsp_lab

remember_scenes()


def _keep_memory() -> None:
    """glibc hands large arrays back to the system and asks for them anew, which clears each page each time: a third of
    what the system itself does for the tests."""
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "gnu_get_libc_version"):
        trim_threshold, top_pad, mmap_threshold = -1, -2, -3
        library.mallopt(trim_threshold, 1_000_000_000)
        library.mallopt(top_pad, 64_000_000)
        library.mallopt(mmap_threshold, 32_000_000)


def pytest_configure() -> None:
    """Workers side by side have a thread each, and so has what they start; a single process has two.

    A shell's background jobs ignore SIGINT, and so would every program of theirs that a test interrupts.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Millions of objects of libraries stay to the end: looking through all of them, as often as usual, takes a seventh
    # of the time. What a test leaves behind is young and found all the same.
    gc.set_threshold(10_000, 20, 20)
    _keep_memory()
    beside = "PYTEST_XDIST_WORKER" in os.environ
    torch.set_num_threads(1 if beside else 2)
    if beside:
        os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long come first, so that no worker is left alone with one at the end."""
    items.sort(key=lambda item: not any(part in item.nodeid for part in _LONG))


@pytest.fixture(autouse=True)
def _own_main() -> Iterator[None]:
    """A simulated run of a Streamlit script leaves it behind as the main module, which spawned processes then run."""
    yield
    sys.modules["__main__"] = _MAIN


@pytest.fixture(autouse=True)
def _fixed_seeds() -> None:
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - libraries under test may draw from the global generator
    # Not torch.manual_seed, which keeps the stack of its caller for a GPU that is not there yet.
    torch.default_generator.manual_seed(0)


@pytest.fixture(scope="session")
def street() -> Callable[[int, int, int], Sample]:
    """``street(seed, height, width)``: a drawn street with CamVid's classes, every pixel labelled."""
    from tests.kit.streets import draw_street

    return draw_street


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
    from app.tools.chromium import find_chromium, no_chromium

    found = find_chromium()
    if found is None:
        pytest.skip(no_chromium())
    return found


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """For maps so small that handing them to a second thread costs more than it saves."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def forked_python() -> Iterator[None]:
    """A module whose processes are forked with torch imported, whoever starts them, with whatever words.

    Where a new interpreter matters, a test keeps ``sys.executable`` as it was when its file was imported.
    """
    from tests.kit.forked_python import forked_processes

    with forked_processes():
        yield


@contextmanager
def _shapes_unchecked() -> Iterator[None]:
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture
def unchecked() -> Iterator[None]:
    """Shapes in signatures are no assertions while this is in force, as for a user who installed the package."""
    with _shapes_unchecked():
        yield


@pytest.fixture(scope="module")
def unchecked_module() -> Iterator[None]:
    """The same for a whole module; for what draws hundreds of scenes, which the assertions slow down fivefold."""
    with _shapes_unchecked():
        yield
