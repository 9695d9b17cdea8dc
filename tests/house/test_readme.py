"""The README's example runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from PIL import Image

from rsp_lab.data.scenes.scene import draw_scene

README = Path(__file__).parents[2] / "README.md"


def test_the_python_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(draw_scene(3).image.permute(1, 2, 0).numpy()).save(tmp_path / "street.png")
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    names: dict[str, object] = {}
    exec(example, names)

    assert len([line for line in example.splitlines() if line]) == 5
    grids = names["where"]
    assert [grid.step for grid in grids] == ["step76", "step65", "step54", "step43"]  # type: ignore[attr-defined]
    logits = names["logits"]
    assert isinstance(logits, torch.Tensor)
    assert logits.shape == (1, 11, 256, 512)


def test_linked_files_exist() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README.read_text()):
        assert (README.parent / target).exists(), target
