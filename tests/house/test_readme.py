"""The README's example runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from PIL import Image

from rsp_lab.data.scenes.scene import draw_scene

README = Path(__file__).parents[2] / "README.md"


def ran(number: int, folder: Path, monkeypatch: pytest.MonkeyPatch, **given: object) -> dict[str, object]:
    """The names of an example after it ran beside a photograph; each has five lines."""
    Image.fromarray(draw_scene(3).image.permute(1, 2, 0).numpy()).save(folder / "street.png")
    monkeypatch.chdir(folder)
    examples = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert [len([line for line in example.splitlines() if line]) for example in examples] == [5, 5]
    names = dict(given)
    exec(examples[number], names)
    return names


def test_a_network_of_ones_own_takes_five_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    smp = pytest.importorskip("segmentation_models_pytorch", reason="the extra foreign is not installed")
    ran(0, tmp_path, monkeypatch, my_network=smp.FPN("resnet18", encoder_weights=None, classes=3))
    said = capsys.readouterr().out
    assert "FPN: its ledgers are exact" in said
    assert "ContextLedger" in said


def test_the_python_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ran(1, tmp_path, monkeypatch)
    grids = names["where"]
    assert [grid.step for grid in grids] == ["step76", "step65", "step54", "step43"]  # type: ignore[attr-defined]
    logits = names["logits"]
    assert isinstance(logits, torch.Tensor)
    assert logits.shape == (1, 11, 256, 512)


def test_linked_files_exist() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README.read_text()):
        assert (README.parent / target).exists(), target
