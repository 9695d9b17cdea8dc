"""Weights files: what is refused and how it is said, and that a failed save harms nothing."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from rsp_lab.models import weights
from rsp_lab.models.segmenter import Segmenter, SegmenterConfig
from rsp_lab.models.weights import WeightsError

Named = Callable[[str], SegmenterConfig]


@pytest.fixture
def config(named: Named) -> SegmenterConfig:
    return named("rsp2")


@pytest.fixture
def model(config: SegmenterConfig, build: Callable[..., Segmenter]) -> Segmenter:
    return build(config)


@pytest.fixture
def file(model: Segmenter, tmp_path: Path) -> Path:
    path = tmp_path / "good.safetensors"
    weights.save(model, path, {"seed": 1})
    return path


@pytest.fixture
def foreign(config: SegmenterConfig, tmp_path: Path) -> Callable[..., Path]:
    """A safetensors file of one tensor with a header of one's own."""

    def write(edit: Callable[[Any], Any] = lambda data: data, raw: str | None = None, **facts: Any) -> Path:
        path = tmp_path / "foreign.safetensors"
        data = weights.config_to_json(config)
        edit(data)
        written = json.dumps({"format": weights.FORMAT, "config": data, "metadata": {}} | facts)
        save_file({"a": torch.zeros(1)}, path, {"rsp_lab": written if raw is None else raw} if raw != "" else {})
        return path

    return write


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"nowhere.safetensors' is neither a shipped model nor a file.* Shipped: "):
        weights.load(tmp_path / "nowhere.safetensors")


def test_folder(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="is a folder"):
        weights.load(tmp_path)


def test_a_near_miss_is_helped(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "shipped", lambda: {"tiny-rsp4": file})

    assert weights.resolve("tiny-rsp4") == file
    with pytest.raises(WeightsError, match=r"Did you mean 'tiny-rsp4'\? Shipped: tiny-rsp4\."):
        weights.resolve("tiny-rps4")


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff" * 64, b"PK\x03\x04" + b"\0" * 60])
def test_corrupt_file(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "corrupt.safetensors"
    path.write_bytes(content)

    with pytest.raises(WeightsError, match=r"not a readable safetensors file .*Download or export it again"):
        weights.load(path)


@pytest.mark.parametrize("kept", [4, 100, 0.5, -1])
def test_truncated_file(kept: float, file: Path) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[: int(kept * len(whole)) if isinstance(kept, float) else kept])

    with pytest.raises(WeightsError, match="not a readable safetensors file"):
        weights.load(file)


def test_foreign_safetensors(foreign: Callable[..., Path]) -> None:
    with pytest.raises(WeightsError, match=r"a safetensors file, but not of rsp_lab.*Use a file written by"):
        weights.load(foreign(raw=""))


@pytest.mark.parametrize("version", ["", "rsp_lab/999"])
def test_wrong_format_version(version: str, foreign: Callable[..., Path]) -> None:
    with pytest.raises(WeightsError, match=r"this version reads 'rsp_lab/1'"):
        weights.read_header(foreign(format=version))


@pytest.mark.parametrize(
    "edit",
    [
        lambda d: d.update(kind="Transformer"),
        lambda d: d.update(kind=["Segmenter"]),
        lambda d: d.update(surprise=1),
        lambda d: d.pop("class_names"),
        lambda d: d["head"]["fusions"][0]["window"].update(kernel_size=4),
        lambda d: d["head"]["fusions"][0]["window"].update(kernel_size="7"),
        lambda d: d.update(head={"kind": "SumConfig"}),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_unusable_configuration(edit: Callable[[Any], Any], foreign: Callable[..., Path]) -> None:
    with pytest.raises(WeightsError, match=r"unusable header: .*Export it again"):
        weights.load(foreign(edit))


@pytest.mark.parametrize("text", ["{", "[1"])
def test_header_that_is_no_json(text: str, foreign: Callable[..., Path]) -> None:
    with pytest.raises(WeightsError, match="unusable header"):
        weights.read_header(foreign(raw=text))


def test_header_of_something_else(foreign: Callable[..., Path]) -> None:
    window = {"kind": "Window", "kernel_size": 3, "dilation": 1}

    with pytest.raises(WeightsError, match="the header describes a Window, not a whole model"):
        weights.read_header(foreign(config=window))


@pytest.mark.parametrize("channels", ["wide", -4])
@pytest.mark.usefixtures("unchecked")
def test_configuration_no_model_can_be_built_from(channels: Any, foreign: Callable[..., Path]) -> None:
    with pytest.raises(WeightsError, match="no model can be built from its configuration"):
        weights.load(foreign(lambda d: d["pyramid"].update(channels=channels)))


def test_tensors_that_do_not_fit(model: Segmenter, file: Path, tmp_path: Path) -> None:
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    state["stranger"] = torch.zeros(3)
    del state["head.classifier.bias"]
    state["head.classifier.weight"] = torch.zeros(2, 64, 1, 1)
    facts = {"format": weights.FORMAT, "config": weights.config_to_json(model.config), "metadata": {}}
    path = tmp_path / "mixed.safetensors"
    save_file(state, path, {"rsp_lab": json.dumps(facts)})

    with pytest.raises(WeightsError) as caught:
        weights.load(path)

    assert "1 missing (head.classifier.bias)" in str(caught.value)
    assert "1 unknown (stranger)" in str(caught.value)
    assert "head.classifier.weight is (2, 64, 1, 1) instead of (5, 64, 1, 1)" in str(caught.value)


def test_a_long_list_of_problems_is_cut(foreign: Callable[..., Path]) -> None:
    with pytest.raises(WeightsError, match=r"\d+ missing \(\S+, \S+, \S+, \.\.\.\); 1 unknown \(a\)"):
        weights.load(foreign())


@pytest.mark.parametrize("suffix", [".pth", ".pt"])
def test_load_refuses_pth(suffix: str, model: Segmenter, tmp_path: Path) -> None:
    path = tmp_path / f"model{suffix}"
    torch.save(model.state_dict(), path)

    with pytest.raises(WeightsError, match=r"holds no configuration. Load it with load_pth\(path, config\)"):
        weights.load(path)


@torch.no_grad()
def test_load_pth(model: Segmenter, config: SegmenterConfig, tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    torch.save(model.state_dict(), path)
    loaded = weights.load_pth(path, config)
    image = torch.rand(1, 3, 37, 41)

    assert not loaded.training
    assert torch.equal(loaded(image), model(image))


class Payload:
    """Unpickling this makes a file."""

    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.victim),)


@pytest.mark.parametrize("write", ["torch", "pickle"])
def test_load_pth_runs_no_code(write: str, config: SegmenterConfig, tmp_path: Path) -> None:
    path, victim = tmp_path / "evil.pth", tmp_path / "victim"
    content = {"weight": torch.zeros(1), "payload": Payload(victim)}
    if write == "torch":
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content, protocol=2))

    with pytest.raises(WeightsError, match="not a plain PyTorch state dict"):
        weights.load_pth(path, config)
    assert not victim.exists()


@pytest.mark.parametrize(
    "content", [[torch.zeros(1)], {"epoch": 3}, {1: torch.zeros(1), "a": torch.zeros(1)}, torch.zeros(1)]
)
def test_load_pth_wants_a_state_dict(content: Any, config: SegmenterConfig, tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save(content, path)

    with pytest.raises(WeightsError, match="expected a state dict of tensors"):
        weights.load_pth(path, config)


def test_load_pth_of_another_model(config: SegmenterConfig, named: Named, tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save(Segmenter(named("baseline")).state_dict(), path)

    with pytest.raises(WeightsError, match=r"tensors do not fit the configuration: \d+ missing \(head.steps"):
        weights.load_pth(path, config)


def test_load_pth_of_nothing(config: SegmenterConfig, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="No such file"):
        weights.load_pth(tmp_path / "nowhere.pth", config)


@pytest.mark.parametrize("where", ["writing", "renaming"])
def test_a_failed_save_leaves_the_old_file(
    where: str, model: Segmenter, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = file.read_bytes()

    original = Path.write_bytes

    def half_written(path: Path, data: bytes) -> int:
        original(path, data[: len(data) // 2])
        raise OSError("disk full")

    def broken(*_: Any) -> None:
        raise KeyboardInterrupt

    if where == "writing":
        monkeypatch.setattr(Path, "write_bytes", half_written)
    else:
        monkeypatch.setattr(os, "replace", broken)

    with pytest.raises((OSError, KeyboardInterrupt)):
        weights.save(model, file, {"seed": 2})

    assert file.read_bytes() == before
    assert os.listdir(file.parent) == [file.name]


def test_metadata_that_is_no_json_leaves_the_old_file(model: Segmenter, file: Path) -> None:
    before = file.read_bytes()

    with pytest.raises(TypeError):
        weights.save(model, file, {"when": object()})

    assert file.read_bytes() == before
    assert os.listdir(file.parent) == [file.name]


def test_a_save_replaces_the_old_file(model: Segmenter, file: Path) -> None:
    weights.save(model, file, {"seed": 2})

    assert weights.read_header(file)[1] == {"seed": 2}
    assert os.listdir(file.parent) == [file.name]


def test_others_may_read_the_file_as_any_other(file: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()

    assert file.stat().st_mode == plain.stat().st_mode


def test_values_beyond_float16_are_refused(model: Segmenter, file: Path) -> None:
    before = file.read_bytes()
    model.get_buffer("pyramid.encoder.stem.1.running_var").fill_(1e6)

    with pytest.raises(ValueError, match=r"running_var: values up to 1e\+06 do not fit torch.float16. Save with dtype"):
        weights.save(model, file, {})
    assert file.read_bytes() == before
    weights.save(model, file, {}, torch.float32)
    assert weights.load(file).get_buffer("pyramid.encoder.stem.1.running_var").max() == 1e6


def test_shipped_names_are_files_that_load() -> None:
    for name, path in weights.shipped().items():
        assert weights.resolve(name) == path
        assert weights.load(name).config == weights.read_header(name)[0]
