"""Networks that a function of a reader's file makes: kept in weights files, which run no code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from rsp_lab.models import weights
from rsp_lab.models.adapt import adapt
from rsp_lab.models.functions import FunctionConfig, called, file_functions, made_network
from rsp_lab.models.subject import Subject
from tests.kit.networks import noise_image

pytestmark = pytest.mark.usefixtures("one_thread", "unchecked_module")
TEXT = """
from torch import nn
import rsp_lab as rl
import rsp_lab.models.presets as presets
from rsp_lab import adapt

def net():
    layers = nn.Sequential(nn.Conv2d(3, 4, 4, 4), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 1))
    return adapt(layers, class_names=("a", "b"), cut=("2",))

def wider():
    return adapt(nn.Conv2d(3, 2, 3), class_names=("a", "b"), cut=("",))

def ours():
    return rl.Segmenter(presets.tiny_baseline(("a", "b")))

def nothing():
    return 7

def fails():
    raise RuntimeError("no weights")

def with_arguments(size):
    return size

def _private():
    return None
"""
CLASSES = ("a", "b")
IMAGE = noise_image((8, 12))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(TEXT)
    return path


def test_functions_without_arguments_count(file: Path) -> None:
    assert list(file_functions(file)) == ["net", "wider", "ours", "nothing", "fails"]
    assert called(f"{file}:nothing") == 7


def test_what_cannot_be_called_is_said(file: Path) -> None:
    for name, words in (
        (f"{file}:missing", "has no function 'missing' without arguments. Functions in it: net, wider"),
        (f"{file}:fails", "fails of .* failed: RuntimeError: no weights"),
        ("absent.py:net", r"there is no file absent\.py"),
    ):
        with pytest.raises(ValueError, match=words):
            called(name)
    with pytest.raises(ValueError, match=r"nothing of .* answers a int, expected a network"):
        made_network(f"{file}:nothing")


@pytest.fixture
def neighbours(tmp_path: Path) -> Iterator[list[Path]]:
    """Two versions of one project: files of the same names, in folders of their own."""
    files = []
    for version, kernel in (("one", 1), ("two", 3)):
        package = tmp_path / version / "neighbour"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "layers.py").write_text(f"from torch.nn import Conv2d\ndef layer(): return Conv2d(3, 2, {kernel})\n")
        (package.parent / "alone.py").write_text("from neighbour.layers import layer\n")
        files.append(package.parent / "models.py")
        files[-1].write_text(
            "from alone import layer\n\ndef net():\n    return layer()\n\n"
            "def late():\n    from neighbour import layers\n    import later\n    return layers.layer()\n"
        )
        (package.parent / "later.py").touch()
    path, modules = list(sys.path), set(sys.modules)
    yield files
    assert sys.path == path
    for name in set(sys.modules) - modules:
        if name.partition(".")[0] in ("alone", "later", "neighbour"):
            del sys.modules[name]


def test_a_file_finds_what_lies_beside_it_and_not_what_lies_beside_another(neighbours: list[Path]) -> None:
    for function in ("net", "late"):
        for file, kernel in zip((*neighbours, *neighbours), (1, 3, 1, 3), strict=True):
            made = made_network(f"{file}:{function}")
            assert isinstance(made, nn.Conv2d)
            assert made.kernel_size == (kernel, kernel)


def test_threads_find_a_file_that_has_run_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "slow.py"
    file.write_text("import time\ntime.sleep(0.3)\n\ndef answer():\n    return 7\n")
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(called, [f"{file}:answer"] * 3)) == [7, 7, 7]


@pytest.mark.parametrize(
    ("error", "raised", "words"),
    [("SystemExit(3)", ValueError, "cannot be run: SystemExit: 3"), ("KeyboardInterrupt", KeyboardInterrupt, None)],
)
def test_a_file_that_ran_in_part_is_not_found_again(
    tmp_path: Path, error: str, raised: type[BaseException], words: str | None
) -> None:
    file = tmp_path / "ends.py"
    file.write_text(f"def answer():\n    return 7\n\nraise {error}\n")
    for _ in range(2):
        with pytest.raises(raised, match=words):
            called(f"{file}:answer")
    file.write_text("import sys\n\ndef answer():\n    sys.exit(2)\n")
    with pytest.raises(ValueError, match=r"answer of .* failed: SystemExit: 2"):
        called(f"{file}:answer")


def test_a_network_is_made_anew_from_the_seed(file: Path) -> None:
    config = FunctionConfig(f"{file}:net", CLASSES, "mine")
    made = []
    for _ in range(2):
        torch.manual_seed(3)
        made.append(config.build(name="own"))
    assert made[0] is not made[1]
    assert all(torch.equal(a, b) for a, b in zip(made[0].parameters(), made[1].parameters(), strict=True))
    assert (made[0].name, made[0].label_table, made[0].config) == ("own", "mine", config)


@torch.no_grad()
def test_its_weights_need_the_network_and_run_no_code(file: Path, tmp_path: Path) -> None:
    config, path = FunctionConfig(f"{file}:net", CLASSES), tmp_path / "kept.safetensors"
    model = config.build().eval()
    weights.save(model, path, {}, torch.float32)
    before = set(sys.modules)

    assert weights.read_header(path)[0] == config
    file.write_text("raise SystemExit('this file was run')")
    with pytest.raises(weights.WeightsError, match=r"made by .*mine\.py:net, and a weights file runs no code"):
        weights.load(path)
    assert not {name for name in set(sys.modules) - before if name.startswith("rsp_lab_models_")}

    file.write_text(TEXT)
    other = made_network(f"{file}:net")
    found = weights.load(path, other)
    assert found is other
    assert isinstance(found, Subject)
    assert (found.name, found.config, found.training) == ("kept", config, False)
    assert torch.equal(found(noise_image((8, 12))), model(noise_image((8, 12))))
    with pytest.raises(weights.WeightsError, match="tensors do not fit the configuration"):
        weights.load(path, made_network(f"{file}:wider"))
    with pytest.raises(weights.WeightsError, match="describes its whole network: give none"):
        weights.load("scenes-rsp4-tiny", other)


def test_tied_weights_are_kept_in_any_precision(tmp_path: Path) -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
            self.last.weight = self.first.weight

        def forward(self, x: Tensor) -> Tensor:
            return self.last(self.first(x))

    names = ("a", "b", "c")
    config = FunctionConfig("mine.py:tied", names)
    for dtype in (torch.float32, torch.float16):
        model = config.fitted(adapt(Tied().to(dtype).float().eval(), class_names=names, cut="first"))
        weights.save(model, tmp_path / "tied.safetensors", {}, dtype)
        again = adapt(Tied().eval(), class_names=names, cut="first")
        assert torch.equal(weights.load(tmp_path / "tied.safetensors", again)(IMAGE), model(IMAGE))


def test_what_is_no_network_of_these_classes_is_refused(file: Path) -> None:
    config = FunctionConfig(f"{file}:net", CLASSES)
    with pytest.raises(ValueError, match="of the classes a, b, expected a, c"):
        replace(config, class_names=("a", "c")).build()
    with pytest.raises(ValueError, match="makes a model of rsp_lab: give its configuration"):
        replace(config, function=f"{file}:ours").build()
    with pytest.raises(ValueError, match="leave encoder_weights at scratch"):
        config.build(pretrained=True)
    with pytest.raises(ValueError, match=r"must be FILE\.py:function"):
        FunctionConfig("net", CLASSES)
