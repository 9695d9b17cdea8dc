"""What goes wrong becomes a message with a remedy: no stack trace, no markup of others, no foreign file."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from streamlit.testing.v1 import AppTest

from app.shell import frame
from app.shell.errors import UNFORESEEN
from app.shell.text import as_read
from app.store import models
from rsp_lab.data.labels import CITYSCAPES
from rsp_lab.models import presets
from rsp_lab.models.heads import TopDownConfig
from rsp_lab.models.segmenter import Segmenter, SegmenterConfig
from rsp_lab.models.weights import save
from tests.kit.pages import explorer_payloads, first_sentence, workbench

HOSTILE = "<img src=x onerror=alert(1)> ![x](http://evil.example/x.png) :material/home:"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "runs"
    root.mkdir()
    monkeypatch.setenv("RSP_LAB_RUNS", str(root))
    monkeypatch.delenv("CAMVID_ROOT", raising=False)
    monkeypatch.delenv("CITYSCAPES_ROOT", raising=False)
    return root


@pytest.fixture
def page(root: Path) -> AppTest:
    return workbench()


def run(page: AppTest, **link: str) -> None:
    for name, value in link.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    assert not [error for error in page.error if UNFORESEEN in error.value]


def said(messages: Any) -> str:
    """What a reader sees of messages."""
    return " ".join(as_read(message.value) for message in messages)


def tiny() -> SegmenterConfig:
    return presets.tiny_rsp4(CITYSCAPES.classes, CITYSCAPES.name)


def kept(root: Path, name: str = "mine", config: SegmenterConfig | None = None) -> Path:
    """Weights of an untrained model in a run folder."""
    (root / name).mkdir(exist_ok=True)
    torch.manual_seed(0)
    save(Segmenter(config or tiny()).eval(), root / name / "best.safetensors", {"data": "scenes"})
    return root / name / "best.safetensors"


def test_a_local_checkpoint_is_a_model_like_any_other(page: AppTest, root: Path) -> None:
    kept(root)

    run(page, right="runs: mine/best")

    assert not page.warning
    assert not page.error
    assert "runs: mine/best says" in first_sentence(page)


def test_a_folder_whose_name_is_no_text_stands_beside_the_others(page: AppTest, root: Path) -> None:
    whole = kept(root)
    bad = root / os.fsdecode(b"bad\xff")
    bad.mkdir()
    shutil.copy(whole, bad)

    run(page, right="runs: mine/best")

    assert not page.error
    assert "runs: mine/best says" in first_sentence(page)
    assert "runs: bad\\xff/best" in page.selectbox(key="right").options

    # The library that reads weights takes no such path.
    page.selectbox(key="right").select("runs: bad\\xff/best")
    run(page)
    assert "bad\\xff/best.safetensors" in said(page.error)


def test_a_checkpoint_that_vanished_is_said_and_another_shown(page: AppTest, root: Path) -> None:
    path = kept(root)
    run(page, right="runs: mine/best")
    path.unlink()

    run(page)

    assert "'runs: mine/best', which is not here. Choose one of: camvid-baseline" in said(page.warning)
    assert "scenes-rsp4 says" in first_sentence(page)


def test_a_checkpoint_that_vanishes_between_listing_and_loading(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "model_files", lambda: {"gone": root / "gone.safetensors", "other": root / "o"})

    with pytest.raises(ValueError, match=r"no model 'gone' any more. Choose one of other\."):
        models.loaded_model("gone")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("text", "damaged or no weights file"),
        ("foreign", "not of rsp_lab"),
        ("short", "damaged or no weights file"),
    ],
)
def test_a_file_that_is_no_model_says_what_to_do(page: AppTest, root: Path, content: str, says: str) -> None:
    path = kept(root)
    if content == "text":
        path.write_text("no weights at all, but long enough to hold a header's length")
    elif content == "short":
        path.write_bytes(path.read_bytes()[:-100])
    else:
        save_file({"a": torch.zeros(1)}, path)

    run(page, right="runs: mine/best")

    assert says in said(page.error)
    assert "This selection cannot be shown." in first_sentence(page)
    assert not explorer_payloads(page)


@pytest.mark.parametrize("value", [float("nan"), 1e37])
def test_weights_that_are_no_numbers_or_too_large_say_so(page: AppTest, root: Path, value: float) -> None:
    path = kept(root)
    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 (not a mapping)
        metadata = file.metadata()
    # Not by our own writer, which refuses what is not finite.
    filled = {name: tensor.fill_(value) if name.startswith("head.") else tensor for name, tensor in tensors.items()}
    save_file(filled, path, metadata)

    run(page, right="runs: mine/best")

    assert "not finite" in said(page.error)
    assert re.search("train it anew|before the training broke", said(page.error))
    assert "This selection cannot be shown." in first_sentence(page)


@pytest.mark.parametrize("text", ["1e400", "nan", "9" * 400])
def test_a_links_number_beyond_all_bounds_is_said_and_the_default_shown(page: AppTest, text: str) -> None:
    run(page, scene=text)

    assert len(page.warning) == 1
    assert f"scene {text[:60]!r}, which is no whole number from 0 to 999. Shown instead: 0." in said(page.warning)
    assert page.number_input(key="scene").value == 0
    assert "The region is person" in first_sentence(page)
    run(page)
    assert not page.warning


def test_models_that_do_not_fit_each_other_say_so(page: AppTest) -> None:
    run(page, left="camvid-baseline", right="scenes-rsp4")

    assert "compare models that were trained on the same classes" in said(page.error)


def test_models_of_a_single_class_say_that_there_is_no_other(page: AppTest, root: Path) -> None:
    kept(root, "one", presets.tiny_rsp4(("road",)))

    run(page, left="runs: one/best", right="runs: one/best")

    assert "runs: one/best knows the class road alone" in said(page.error)
    assert "Choose models of two classes or more." in said(page.error)


def test_heads_of_different_widths_are_shown_without_a_ranking(page: AppTest, root: Path) -> None:
    config = tiny()
    assert isinstance(config.head, TopDownConfig)
    kept(root, "wide", replace(config, head=replace(config.head, channels=2 * config.head.channels)))

    run(page, right="runs: wide/best", raw_channel="true")

    assert not page.error
    captions = " ".join(caption.value for caption in page.caption)
    assert "no channel can be ranked for both" in captions
    assert "Channel 0 of both models" in captions


def test_what_a_link_says_is_shown_as_text(page: AppTest) -> None:
    names = ("left", "right", "source", "case", "scene", "class", "rival", "channel", "pixel", "reading", "flow_step")
    run(page, **dict.fromkeys(names, HOSTILE))

    assert len(page.warning) == len(names)
    for warning in page.warning:
        assert "<img src=x" in said([warning])
        assert not re.search(r"<img|!\[|\[x|:material|:/", warning.value)
    assert not any("<img" in element.proto.body for element in page.get("html"))


@pytest.mark.parametrize("file", ["../../etc/passwd", "val/../train/train_1", "\0"])
def test_a_link_reaches_no_file_but_those_listed(
    page: AppTest, small_camvid: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    monkeypatch.setenv("CAMVID_ROOT", str(small_camvid))

    run(page, source="CamVid", file=file)

    assert "Choose one of: val/val_1" in said(page.warning)
    assert page.selectbox(key="file").value == "val/val_1"


def test_an_uploads_name_is_text(page: AppTest) -> None:
    run(page, source="Your image")

    page.file_uploader(key="upload").upload(f"{HOSTILE}.png", b"no picture", "image/png")
    run(page)

    assert "Give a PNG or JPEG" in said(page.error)
    assert not re.search(r"<img|!\[", page.error[0].value)


def test_what_nobody_foresaw_is_a_message_without_a_trace(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("secret of /home/someone")

    monkeypatch.setattr(frame, "compared", fails)

    page.run()

    assert not page.exception
    assert UNFORESEEN in page.error[0].value
    assert "Reload the page" in page.error[0].value
    assert "secret" not in page.error[0].value


def test_models_on_images_unlike_their_training_data_come_with_a_hint(page: AppTest) -> None:
    run(page, left="camvid-baseline", right="camvid-rsp4")

    assert "Trained on camvid: a drawn scene is unlike that" in first_sentence(page)
