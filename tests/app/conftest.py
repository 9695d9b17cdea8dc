"""A folder in CamVid's layout, pictures in memory, and a browser."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect
from streamlit.components.v2 import manifest_scanner

from app.store import models
from app.tools.screenshots import TIMEOUT_MS
from rsp_lab.data.sample import Sample
from tests.kit.chromium import running_chromium


@pytest.fixture(scope="session", autouse=True)
def _packages_searched_once() -> Iterator[None]:
    """Each run of a simulated page has Streamlit read the metadata of all installed packages for components of theirs,
    which takes most of its time; it finds the same each time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


@pytest.fixture
def small_scenes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scenes are drawn at a quarter of their pixels, for tests to which their size is all the same."""
    monkeypatch.setattr(models, "SIZE", models.SMALL)


@pytest.fixture
def upload_png(street: Callable[[int, int, int], Sample]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(street(1, 96, 128).image.permute(1, 2, 0).numpy()).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def small_camvid(tmp_path: Path, street: Callable[[int, int, int], Sample]) -> Path:
    """Two images a split, of drawn streets."""
    for split in ("train", "val"):
        for folder in (split, f"{split}annot"):
            (tmp_path / folder).mkdir()
        for seed in (1, 2):
            sample = street(seed, 96, 128)
            assert sample.label is not None
            Image.fromarray(sample.image.permute(1, 2, 0).numpy()).save(tmp_path / split / f"{split}_{seed}.png")
            Image.fromarray(sample.label.numpy()).save(tmp_path / f"{split}annot" / f"{split}_{seed}.png")
    return tmp_path


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """A Chromium with an expectation's patience for a slow machine."""
    expect.set_options(timeout=TIMEOUT_MS)
    with running_chromium(chromium) as started:
        yield started
