"""A folder in CamVid's layout, and pictures in memory."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from rsp_lab.data.scenes import draw_scene


def png(height: int, width: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(draw_scene(1, height, width).image.permute(1, 2, 0).numpy()).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def upload_png() -> bytes:
    return png(96, 128)


@pytest.fixture
def small_camvid(tmp_path: Path) -> Path:
    """Two images a split, of scenes."""
    for split in ("train", "val"):
        for folder in (split, f"{split}annot"):
            (tmp_path / folder).mkdir()
        for seed in (1, 2):
            sample = draw_scene(seed, 96, 128)
            assert sample.label is not None
            Image.fromarray(sample.image.permute(1, 2, 0).numpy()).save(tmp_path / split / f"{split}_{seed}.png")
            Image.fromarray(sample.label.numpy()).save(tmp_path / f"{split}annot" / f"{split}_{seed}.png")
    return tmp_path
