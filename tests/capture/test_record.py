from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from rsp_lab.capture.capture import run_with_capture
from rsp_lab.capture.record import Entry, NotCapturedError, Record
from rsp_lab.files import FileError


@pytest.fixture
def record() -> Record:
    base = torch.arange(6.0).view(1, 2, 3)
    entries = {
        "z.scores": Entry(base, ("b", "y", "x"), 4),
        "z.weights": Entry(base.transpose(1, 2), ("b", "x", "y"), 8),
        "half": Entry(torch.tensor([1.5, -2.0], dtype=torch.float16), ("c",)),
        "brain": Entry(torch.tensor([3.0], dtype=torch.bfloat16), ("c",), 2),
        "labels": Entry(torch.tensor([[1, -1]]), ("y", "x"), 1),
        "mask": Entry(torch.tensor(True), ()),
        "empty": Entry(torch.zeros(0, 5, dtype=torch.float64).requires_grad_(), ("n", "c")),
        "a.wide": Entry(torch.ones(1, 1).expand(2, 3), ("y", "x"), 16),
    }
    return Record(entries, (64, 96), {"image": "scène", "ids": [1, 2.5, None], "nested": {"k": True}})


def test_mapping(record):
    assert list(record)[:2] == ["z.scores", "z.weights"]
    assert len(record) == 8
    assert "half" in record
    assert "nothing" not in record
    assert record.get("nothing") is None
    assert record.axes("z.weights") == ("b", "x", "y")
    assert record.stride("z.weights") == 8
    assert record.stride("half") is None
    assert record.image_size == (64, 96)
    assert record == record
    assert record != Record({})


def test_a_missing_name_is_a_key_error_with_close_names_and_the_remedy(record):
    for look_up in (record.__getitem__, record.axes, record.stride, record.select):
        with pytest.raises(KeyError) as caught:
            look_up("z.weigths")
        assert isinstance(caught.value, NotCapturedError)
        message = str(caught.value)
        assert message.startswith(
            "'z.weigths' was not captured; capture it with run_with_capture(..., taps='z.weigths')"
        )
        assert "Did you mean 'z.weights'" in message
        assert "z.scores, z.weights, half" in message


def test_select_by_names_and_globs_keeps_order_size_and_meta(record):
    chosen = record.select("a.*", "z.weights", "z.*")
    assert list(chosen) == ["z.scores", "z.weights", "a.wide"]
    assert chosen.image_size == (64, 96)
    assert chosen.meta == record.meta
    chosen.meta["more"] = 1
    assert "more" not in record.meta


def test_to_converts_floating_tensors_only(record):
    other = record.to("meta", dtype=torch.float16)
    assert other["z.scores"].dtype == torch.float16
    assert other["labels"].dtype == torch.int64
    assert {tensor.device.type for tensor in other.values()} == {"meta"}
    assert other.stride("z.weights") == 8
    assert record.to("cpu")["z.scores"] is record["z.scores"]
    assert record["z.scores"].dtype == torch.float32


def test_repr_is_a_table(record):
    assert repr(record.select("z.*", "half")) == (
        "Record of 3 tensors, image 64 x 96 (y, x)\n"
        "  name       axes   shape      stride  dtype\n"
        "  z.scores   b y x  1 x 2 x 3  4       float32\n"
        "  z.weights  b x y  1 x 3 x 2  8       float32\n"
        "  half       c      2          -       float16"
    )
    assert repr(Record({})) == "Record of 0 tensors"


def test_no_image_size():
    with pytest.raises(ValueError, match="no image size"):
        _ = Record({}).image_size


def test_each_axis_is_named_once():
    with pytest.raises(ValueError, match=r"3 axes \(c y x\) for a tensor of shape \(2, 2\)"):
        Entry(torch.ones(2, 2), ("c", "y", "x"))


def test_save_and_load_bring_everything_back(record, tmp_path):
    path = tmp_path / "record.safetensors"
    record.save(path)
    loaded = Record.load(path)
    assert list(loaded) == list(record)
    for name in record:
        assert loaded[name].dtype == record[name].dtype
        assert torch.equal(loaded[name], record[name])
        assert (loaded.axes(name), loaded.stride(name)) == (record.axes(name), record.stride(name))
    assert loaded.image_size == (64, 96)
    assert loaded.meta == record.meta
    assert os.listdir(tmp_path) == ["record.safetensors"]
    assert load_file(path).keys() == set(record), "any safetensors reader can open it"


def test_a_captured_record_comes_back(toy, image, tmp_path):
    _, record = run_with_capture(toy, image, detach=False)
    record.save(tmp_path / "r")
    loaded = Record.load(str(tmp_path / "r"))
    assert repr(loaded) == repr(record)
    assert torch.equal(loaded["logits"], record["logits"])


def test_an_empty_record_without_image_comes_back(tmp_path):
    Record({}).save(tmp_path / "r")
    assert len(Record.load(tmp_path / "r")) == 0


def test_saving_replaces_only_when_all_is_written(record, tmp_path, monkeypatch):
    path = tmp_path / "r"
    record.save(path)
    before = path.read_bytes()

    def broken(*args):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", broken)
    with pytest.raises(FileError, match=r"r: cannot be written \(disk full\)"):
        Record({}).save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["r"]


def test_saved_files_have_the_usual_permissions(record, tmp_path):
    (tmp_path / "usual").touch()
    record.save(tmp_path / "r")
    assert (tmp_path / "r").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.parametrize("meta", [{"a": {1, 2}}, {"a": (1, 2)}, {"a": {1: 2}}, {"a": float("nan")}])
def test_meta_that_json_would_change_is_refused(meta, tmp_path):
    with pytest.raises(ValueError, match=r"record\.meta"):
        Record({}, None, meta).save(tmp_path / "r")
    assert os.listdir(tmp_path) == []


def test_tensors_that_cannot_be_stored_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"'s' has layout torch.sparse_coo.*to_dense"):
        Record({"s": Entry(torch.eye(2).to_sparse(), ("y", "x"))}).save(tmp_path / "r")
    with pytest.raises(ValueError, match=r"safetensors cannot store one of torch\.complex128"):
        Record({"c": Entry(torch.ones(2, dtype=torch.complex128), ("c",))}).save(tmp_path / "r")


def test_missing_folder_and_missing_file(record, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*nowhere\. Create it"):
        record.save(tmp_path / "nowhere" / "r")
    with pytest.raises(FileNotFoundError, match="there is no record at"):
        Record.load(tmp_path / "r")


@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: b"not a record", lambda data: data[:-4]])
def test_damaged_files_are_refused(record, tmp_path, damage):
    path = tmp_path / "r"
    record.save(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"r is damaged or no record: .*Capture again"):
        Record.load(path)


GOOD = {"entries": [{"name": "w", "axes": ["c"], "stride": None}], "image_size": None, "meta": {}}


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, "a safetensors file but no record.*perhaps it holds a model's weights"),
        ({"format": "pt"}, "format 'pt', expected 'rsp_lab.record'"),
        ({"format": "rsp_lab.record", "version": "2"}, "is a record of version 2; this rsp_lab reads version 1"),
        ({"record": "{"}, "damaged record"),
        ({"record": "[]"}, "damaged record: is a list, expected an object"),
        ({"record": json.dumps({**GOOD, "entries": []})}, "damaged record: .*describes nothing, the file holds w"),
        ({"record": json.dumps({"entries": GOOD["entries"]})}, "damaged record"),
        ({"record": json.dumps({**GOOD, "entries": GOOD["entries"] * 2})}, "damaged record"),
        (
            {"record": json.dumps({**GOOD, "entries": [{"name": "w", "axes": ["y", "x"], "stride": 1}]})},
            "w has 1 axes, 2 are named",
        ),
        ({"record": "[" * 10_000}, "damaged record: nested deeper"),
        ({"record": json.dumps({**GOOD, "entries": [None]})}, "entries is no list of objects"),
        ({"record": json.dumps({**GOOD, "entries": [{"name": ["w"], "axes": ["c"]}]})}, "it describes"),
        ({"record": json.dumps({**GOOD, "entries": [{"name": "w", "axes": [1]}]})}, "the axes of w are no names"),
        ({"record": json.dumps({**GOOD, "entries": [{"name": "w", "axes": ["c"], "stride": -4}]})}, "the stride of w"),
        ({"record": json.dumps({**GOOD, "image_size": 7})}, "image_size is not two numbers"),
        ({"record": json.dumps({**GOOD, "image_size": [64, "96"]})}, "image_size is not two numbers"),
        ({"record": json.dumps({**GOOD, "meta": None})}, "meta is no object"),
    ],
)
def test_foreign_and_inconsistent_files_are_refused(tmp_path, labels, message):
    if labels and "record" in labels:
        labels = {"format": "rsp_lab.record", "version": "1", **labels}
    save_file({"w": torch.ones(2)}, tmp_path / "r", labels)
    with pytest.raises(ValueError, match=message):
        Record.load(tmp_path / "r")


@pytest.mark.parametrize("kind", ["fifo", "device", "folder"])
def test_only_regular_files_are_records(record, tmp_path, kind):
    path = tmp_path / "r"
    {"fifo": lambda: os.mkfifo(path), "device": lambda: None, "folder": path.mkdir}[kind]()
    path = Path("/dev/zero") if kind == "device" else path
    with pytest.raises(FileError, match=f"{path}.* (may never end|a folder)"):
        Record.load(path)
    with pytest.raises(FileError, match="nothing is written over that"):
        record.save(path)


def test_a_name_with_brackets_is_not_read_as_a_glob():
    entries = {name: Entry(torch.zeros(()), ()) for name in ("backbone[out]", "backboneo", "backbone[aux]")}
    assert list(Record(entries).select("backbone[out]")) == ["backbone[out]"]
    assert list(Record(entries).select("backbone*]")) == ["backbone[out]", "backbone[aux]"]
