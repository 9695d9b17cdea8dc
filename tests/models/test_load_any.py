"""A model by what a reader types; a file that makes none is refused by what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from rsp_lab.files import FileError
from rsp_lab.models import load_any as module
from rsp_lab.models import weights
from rsp_lab.models.load_any import check_panoptic, load_any, load_panoptic, load_whole, model_file
from rsp_lab.models.panoptic.segmenter import PanopticSegmenter
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject
from tests.kit import panoptic as kit

HEAD = """
import beside
import torch
from torch import nn
import rsp_lab as rl
from rsp_lab import adapt

def net():
    network = nn.Sequential(nn.Conv2d(3, 4, 4, 4), nn.ReLU(), nn.Conv2d(4, 2, 1)).eval()
    return rl.adapt(network, class_names=("a", "b"), cut=("1",), name="other")

def ours():
    return rl.load("camvid-rsp4")

def unnamed():
    return nn.Conv2d(3, 2, 1).eval()

def training():
    return nn.Conv2d(3, 2, 1)

def panoptic():
    from tests.kit.panoptic import panoptic_network
    return panoptic_network()

def nothing():
    return 7

def fails():
    raise RuntimeError("no weights")

def with_arguments(size):
    return size

def _private():
    return None
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "beside.py").write_text("")
    path = tmp_path / "mine.py"
    path.write_text(HEAD)
    return path


def test_a_function_is_a_model_of_its_name(file: Path) -> None:
    model = load_any(f"{file}:net")
    assert isinstance(model, Subject)
    assert (model.name, model.class_names) == ("net", ("a", "b"))
    assert isinstance(load_any(f"{file}:ours"), Segmenter)
    assert isinstance(load_any("camvid-rsp4"), Segmenter)


def test_a_file_is_read_again_when_it_changes(file: Path) -> None:
    before = load_any(f"{file}:net")
    file.write_text(HEAD.replace('("a", "b")', '("c", "d")'))
    assert load_any(f"{file}:net").class_names == ("c", "d") != before.class_names


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("other", r"no function 'other' without arguments\. Functions in it: net, ours"),
        ("with_arguments", "no function 'with_arguments' without arguments"),
        ("adapt", "no function 'adapt'"),
        ("unnamed", "does not name its classes"),
        ("training", r"training mode: call eval\(\)"),
        ("nothing", r"answers a int, expected a network"),
        ("fails", "fails of .* failed: RuntimeError: no weights"),
    ],
)
def test_what_makes_no_model_is_said(file: Path, name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_any(f"{file}:{name}")


def test_a_file_that_is_missing_or_cannot_be_run_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="there is no file"):
        model_file(f"{tmp_path}/none.py:net")
    broken = tmp_path / "broken.py"
    broken.write_text("import no_such_module_at_all")
    with pytest.raises(ValueError, match=r"broken\.py cannot be run: ModuleNotFoundError"):
        load_any(f"{broken}:net")


def test_a_panoptic_model_is_taken_whole_or_by_its_semantic_branch(file: Path, tmp_path: Path) -> None:
    saved = tmp_path / "panoptic.safetensors"
    weights.save(kit.panoptic_network(), saved, {})
    for name in (saved, f"{file}:panoptic"):
        whole = load_panoptic(name)
        assert isinstance(whole, PanopticSegmenter)
        assert isinstance(load_whole(name), PanopticSegmenter)
        assert isinstance(load_any(name), Segmenter)
        assert whole.name == "panoptic"


def test_a_model_without_an_instance_branch_is_told_which_have_one(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "shipped_panoptic", lambda: ("one", "other"))
    with pytest.raises(ValueError, match=r"net has no instance branch, .* take a panoptic model, e.g. one, other\."):
        load_panoptic(f"{file}:net")
    monkeypatch.setattr(module, "shipped_panoptic", lambda: ())
    with pytest.raises(ValueError, match=r"take a panoptic model\.$"):
        check_panoptic(load_any(f"{file}:net"))
