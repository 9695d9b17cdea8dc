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

from rsp_lab.files import FileError
from rsp_lab.models import weights
from rsp_lab.models.config_json import config_to_json
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
        data = config_to_json(config)
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

    with pytest.raises(WeightsError, match=r"is damaged or no weights file: .*Download or export it again"):
        weights.load(path)


@pytest.mark.parametrize("kept", [4, 100, 0.5, -1])
def test_truncated_file(kept: float, file: Path) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[: int(kept * len(whole)) if isinstance(kept, float) else kept])

    with pytest.raises(WeightsError, match="is damaged or no weights file"):
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


@pytest.mark.usefixtures("unchecked")
def test_configuration_no_model_can_be_built_from(foreign: Callable[..., Path]) -> None:
    """Each number is within its bounds, and yet they do not fit each other."""
    with pytest.raises(WeightsError, match=r"no model can be built from its configuration .*divisible by d = 7"):
        weights.load(foreign(lambda d: d["head"]["fusions"][0].update(reduction=7)))


def _window(**changes: Any) -> Callable[[Any], Any]:
    return lambda d: d["head"]["fusions"][0]["window"].update(changes)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (_window(dilation=10**9), r"Window.dilation is 1000000000, expected 1 to 64\."),
        (_window(kernel_size=1001), r"Window.kernel_size is 1001, expected 1 to 31\."),
        (_window(kernel_size="7"), r"Window.kernel_size is '7', expected an integer\."),
        (_window(kernel_size=7.0), r"Window.kernel_size is 7.0, expected an integer\."),
        (_window(kernel_size=True), r"Window.kernel_size is True, expected an integer\."),
        (_window(kernel_size=10**400), r"the integer 10000000\.\.\. of 401 digits is beyond 64 bits"),
        (lambda d: d["pyramid"].update(channels="wide"), r"PyramidConfig.channels is 'wide', expected an integer"),
        (lambda d: d["pyramid"].update(channels=-4), r"PyramidConfig.channels is -4, expected 1 to 2048"),
        (lambda d: d["pyramid"].update(channels=10**6), r"PyramidConfig.channels is 1000000, expected 1 to 2048"),
        (lambda d: d["pyramid"].update(encoder=None), r"PyramidConfig.encoder is None, expected"),
        (lambda d: d["pyramid"].update(encoder="vgg"), r"encoder must be one of tiny, .* or timm/NAME .*got 'vgg'"),
        (lambda d: d["pyramid"].update(encoder="timm/"), r"encoder must be one of tiny, .*got 'timm/'"),
        (lambda d: d["pyramid"].update(encoder="timm/" + "x" * 100), r"PyramidConfig.encoder is 105 letters, expected"),
        (lambda d: d["pyramid"].update(mean=[0.5, 0.5]), r"PyramidConfig.mean is .*expected a list of 3 x a number"),
        (lambda d: d["pyramid"].update(mean=["a", 0, 0]), r"PyramidConfig.mean is .*expected a list of 3 x a number"),
        (lambda d: d["pyramid"].update(mean=None), r"PyramidConfig.mean is None, expected a list of 3 x a number"),
        (lambda d: d["pyramid"].update(mean=[0, 0, 11]), r"mean must be three numbers from -10 to 10, .*got"),
        (lambda d: d["pyramid"].update(std=[0.5, 0.5, 0]), r"std must be three numbers from 0.001 to 100, .*got"),
        (lambda d: d["pyramid"].update(std=[True, 1, 1]), r"PyramidConfig.std is .*expected a list of 3 x a number"),
        (lambda d: d["pyramid"].update(frozen_batch_norm="no"), r"frozen_batch_norm is 'no', expected true or false"),
        (lambda d: d["head"].update(channels=0), r"TopDownConfig.channels is 0, expected 1 to 2048"),
        (lambda d: d["head"].update(channels=10**9), r"TopDownConfig.channels is 1000000000, expected 1 to 2048"),
        (lambda d: d["head"].update(norm=["group"]), r"TopDownConfig.norm is \('group',\), expected one of"),
        (
            lambda d: d["head"].update(fusions=d["head"]["fusions"] * 9),
            r"TopDownConfig.fusions is 27 of them, expected",
        ),
        (lambda d: d["head"].update(fusions=7), r"TopDownConfig.fusions is 7, expected a list of"),
        (lambda d: d["head"].update(fusions=[d["pyramid"]]), r"TopDownConfig.fusions is .*expected a list of"),
        (lambda d: d["head"]["fusions"][0].update(reduction=0), r"RelationConfig.reduction is 0, expected 1 to"),
        (
            lambda d: d.update(class_names=[1, 2, 3, 4, 5]),
            r"SegmenterConfig.class_names is .*expected a list of a text",
        ),
        (lambda d: d.update(class_names="road"), r"SegmenterConfig.class_names is 'road', expected a list of"),
        (lambda d: d.update(class_names=["road", "a\nb"]), r"class_names holds 'a\\nb', expected names"),
        (lambda d: d.update(class_names=["road", " "]), r"class_names holds ' ', expected names"),
        (
            lambda d: d.update(class_names=["road", "x" * 1000]),
            r"class_names holds 'xx.*, expected names of at most 100",
        ),
        (
            lambda d: d.update(class_names=[str(i) for i in range(10**4)]),
            r"class_names is 10000 of them, expected 1 to",
        ),
        (lambda d: d.update(label_table=None), r"SegmenterConfig.label_table is None, expected a text"),
        (lambda d: d.update(pyramid=None), r"SegmenterConfig.pyramid is None, expected a PyramidConfig"),
        (lambda d: d.update(pyramid=d["head"]), r"SegmenterConfig.pyramid is .*expected a PyramidConfig"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_a_configuration_is_checked_whole_before_a_model_is_built(
    edit: Callable[[Any], Any], words: str, foreign: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "Segmenter", lambda *_: pytest.fail("nothing is built"))

    with pytest.raises(
        WeightsError, match=rf"foreign.safetensors: unusable header: .*{words}.* Export it again"
    ) as error:
        weights.load(foreign(edit))

    assert "\n" not in str(error.value)


@pytest.mark.parametrize("config", [None, [], 7, "model", {}, {"kind": None}])
def test_a_configuration_of_another_kind(config: Any, foreign: Callable[..., Path]) -> None:
    with pytest.raises(WeightsError, match=r"the header describes a|unknown configuration"):
        weights.read_header(foreign(config=config))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ([], "metadata is list, expected an object"),
        (None, "metadata is NoneType, expected an object"),
        ({"data": ["camvid"]}, "metadata has data .*expected a text"),
        ({"validation": 7}, "metadata has validation '7', expected an object"),
        ({"seed": "0"}, "metadata has seed '0', expected an integer"),
    ],
)
def test_metadata_of_another_type(metadata: Any, words: str, foreign: Callable[..., Path], model: Segmenter) -> None:
    path = foreign(metadata=metadata)

    with pytest.raises(WeightsError, match=words):
        weights.read_header(path)
    with pytest.raises(WeightsError, match=f"cannot save .*{words}.* Change it before saving"):
        weights.save(model, path, metadata)


@pytest.mark.parametrize("raw", ["null", "[]", "7", "[" * 10_000, '{"a":' * 10_000])
def test_a_header_of_another_kind(raw: str, foreign: Callable[..., Path]) -> None:
    with pytest.raises(WeightsError, match=r"unusable header: (is|nested)"):
        weights.read_header(foreign(raw=raw))


def test_promises_of_tensors_cost_nothing(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Segmenter
) -> None:
    """A sparse file of 2 GB that holds what its header promises, which is not what its configuration needs."""
    with file.open("rb") as whole:
        header = json.loads(whole.read(int.from_bytes(whole.read(8), "little")))
    name, size = "head.classifier.weight", 2 * 10**9
    entries = {
        "__metadata__": header["__metadata__"],
        name: {"dtype": "F16", "shape": [10**9], "data_offsets": [0, size]},
    }
    text = json.dumps(entries).encode()
    path = tmp_path / "promises.safetensors"
    with path.open("wb") as sparse:
        sparse.write(len(text).to_bytes(8, "little") + text)
        sparse.truncate(8 + len(text) + size)
    monkeypatch.setattr(weights, "safe_open", lambda *_: pytest.fail("no tensor is read"))

    with pytest.raises(WeightsError, match=r"head\.classifier\.weight is \(1000000000,\) instead of \(5, 64, 1, 1\)"):
        weights.load(path)


def test_weights_that_are_not_finite_are_refused(model: Segmenter, file: Path, tmp_path: Path) -> None:
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    state["head.classifier.bias"][1] = float("nan")
    facts = {"format": weights.FORMAT, "config": config_to_json(model.config), "metadata": {}}
    save_file(state, tmp_path / "nan.safetensors", {"rsp_lab": json.dumps(facts)})

    with pytest.raises(WeightsError, match=r"nan.safetensors: head.classifier.bias: 1 of 5 values are not finite"):
        weights.load(tmp_path / "nan.safetensors")
    with pytest.raises(WeightsError, match=r"head.classifier.bias: 1 of 5 values are not finite"):
        weights.save(model, file, {})


class Average(torch.nn.Module):
    """A moving average as common libraries make it."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.ema_model = model


@pytest.mark.parametrize(
    "wrap",
    [
        torch.nn.DataParallel,
        torch.compile,
        torch.optim.swa_utils.AveragedModel,
        Average,
        lambda model: torch.nn.DataParallel(torch.compile(model)),
    ],
)
@torch.no_grad()
def test_wrappers_are_taken_off_before_saving(wrap: Callable[..., Any], model: Segmenter, tmp_path: Path) -> None:
    image = torch.rand(1, 3, 37, 41)

    weights.save(wrap(model), tmp_path / "x.safetensors", {}, torch.float32)

    assert torch.equal(weights.load(tmp_path / "x.safetensors")(image), model(image))


def test_a_compiled_part_is_saved_under_its_own_name(model: Segmenter, tmp_path: Path) -> None:
    expected = model.state_dict().keys()
    model.head = torch.compile(model.head)
    assert model.state_dict().keys() != expected

    weights.save(model, tmp_path / "x.safetensors", {})

    assert weights.load(tmp_path / "x.safetensors").state_dict().keys() == expected


def test_what_could_not_be_read_again_is_refused_at_saving(model: Segmenter, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    with pytest.raises(WeightsError, match=r"cannot save a Linear: a weights file holds a Segmenter or a Panoptic"):
        weights.save(torch.nn.Linear(1, 1), path, {})
    with pytest.raises(WeightsError, match="cannot save a Sequential"):
        weights.save(torch.nn.Sequential(model), path, {})
    torch.nn.utils.parametrizations.weight_norm(model.head.classifier)
    with pytest.raises(WeightsError, match=r"do not fit the configuration: 1 missing \(head.classifier.weight\)"):
        weights.save(model, path, {})
    assert not path.exists()


@pytest.mark.parametrize(
    ("wrap", "words"),
    [
        (torch.nn.DataParallel, r"the prefix module\. of a wrapper"),
        (torch.compile, r"the prefix _orig_mod\. of a wrapper"),
        (torch.optim.swa_utils.AveragedModel, r"the prefix module\. of a wrapper"),
        (lambda model: torch.compile(torch.nn.DataParallel(model)), r"_orig_mod\. and module\."),
    ],
)
@torch.no_grad()
def test_prefixes_of_wrappers_are_named_and_taken_off(
    wrap: Callable[..., Any], words: str, model: Segmenter, config: SegmenterConfig, tmp_path: Path
) -> None:
    path, image = tmp_path / "model.pth", torch.rand(1, 3, 37, 41)
    torch.save(wrap(model).state_dict(), path)

    with pytest.warns(UserWarning, match=rf"model.pth: its names have .*{words}"):
        loaded = weights.load_pth(path, config)

    assert torch.equal(loaded(image), model(image))


@pytest.mark.parametrize("read", ["load", "read_header", "load_pth"])
def test_endless_input_is_refused(read: str, config: SegmenterConfig, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", Path("/dev/zero")):
        with pytest.raises(WeightsError, match=r"may never end|is neither a shipped model nor a file"):
            getattr(weights, read)(path, *([config] if read == "load_pth" else []))


def test_weights_are_not_written_over_a_pipe(model: Segmenter, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")

    with pytest.raises(FileError, match="is a pipe, and nothing is written over that"):
        weights.save(model, tmp_path / "fifo", {})


def test_tensors_that_do_not_fit(model: Segmenter, file: Path, tmp_path: Path) -> None:
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    state["stranger"] = torch.zeros(3)
    del state["head.classifier.bias"]
    state["head.classifier.weight"] = torch.zeros(2, 64, 1, 1)
    facts = {"format": weights.FORMAT, "config": config_to_json(model.config), "metadata": {}}
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
    with pytest.raises(WeightsError, match="there is no such file"):
        weights.load_pth(tmp_path / "nowhere.pth", config)


@pytest.mark.parametrize("where", ["writing", "renaming"])
def test_a_failed_save_leaves_the_old_file(
    where: str, model: Segmenter, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = file.read_bytes()

    def full(_: int) -> None:
        raise OSError("disk full")

    def broken(*_: Any) -> None:
        raise KeyboardInterrupt

    if where == "writing":
        monkeypatch.setattr(os, "fsync", full)
    else:
        monkeypatch.setattr(os, "replace", broken)

    with pytest.raises((FileError, KeyboardInterrupt)):
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


def test_a_python_file_without_its_function_names_those_that_it_has(tmp_path: Path) -> None:
    """It was called damaged, and was to be downloaded again."""
    file = tmp_path / "mine.py"
    file.write_text("raise SystemExit\ndef one(): ...\ndef two(x=1, *, y=2): ...\ndef no(x): ...\ndef _own(): ...\n")
    with pytest.raises(WeightsError, match=r"mine.py is a Python file: .* It has one, two\.$"):
        weights.load(file)
    file.write_text("def broken(")
    with pytest.raises(WeightsError, match=r"as FILE.py:function. It has none without arguments\.$"):
        weights.load(file)
