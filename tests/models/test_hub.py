"""A model goes to a folder of the Hub's form and comes back, with a card; what is not ours is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rsp_lab.models import weights
from tests.kit.networks import noise_image

hub = pytest.importorskip("rsp_lab.models.hub", reason="huggingface_hub, of the extra hub, is not installed")


def test_a_model_comes_back_as_it_went(tmp_path: Path) -> None:
    model, facts = weights.load("camvid-rsp4-tiny"), weights.read_header("camvid-rsp4-tiny")[1]
    folder = tmp_path / "new" / "mine"

    hub.HubSegmenter.of(model, facts).save_pretrained(folder)

    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "model.safetensors"]
    again = hub.HubSegmenter.from_pretrained(folder)
    assert (again.name, again.training, again.class_names) == ("mine", False, model.class_names)
    assert again.metadata == facts
    assert torch.equal(again(noise_image()), model(noise_image()))
    assert weights.read_header(folder / "model.safetensors") == weights.read_header("camvid-rsp4-tiny")
    plain = weights.load(folder / "model.safetensors")
    assert torch.equal(plain(noise_image()), model(noise_image()))


def test_the_card_says_what_the_header_says(tmp_path: Path) -> None:
    model, facts = weights.load("camvid-rsp4-tiny"), weights.read_header("camvid-rsp4-tiny")[1]
    hub.HubSegmenter.of(model, facts).save_pretrained(tmp_path)

    card = hub.ModelCard.load(tmp_path / "README.md")
    assert card.data.library_name == "rsp_lab"
    assert card.data.pipeline_tag == "image-segmentation"
    assert f"| mIoU | {100 * facts['validation']['miou']:.1f} % |" in card.text
    assert f"| terms | {facts['terms']} |" in card.text
    assert ", ".join(model.class_names) in card.text


def test_full_precision_is_kept_where_it_is_asked_for(tmp_path: Path) -> None:
    model = weights.load("camvid-rsp4-tiny")
    with torch.no_grad():
        next(model.parameters()).mul_(1.0001)
    hub.HubSegmenter.of(model, dtype=torch.float32).save_pretrained(tmp_path / "first")
    again = hub.HubSegmenter.from_pretrained(tmp_path / "first")
    assert torch.equal(again(noise_image()), model(noise_image()))
    again.save_pretrained(tmp_path / "second")
    assert torch.equal(hub.HubSegmenter.from_pretrained(tmp_path / "second")(noise_image()), model(noise_image()))
    assert "Weights are in\nfloat32." in (tmp_path / "second" / "README.md").read_text()


def test_a_card_of_the_readers_stays_and_another_librarys_model_too(tmp_path: Path) -> None:
    made = hub.HubSegmenter.of(weights.load("camvid-rsp4-tiny"))
    (tmp_path / "README.md").write_text("mine")
    made.save_pretrained(tmp_path)
    made.save_pretrained(tmp_path)
    assert (tmp_path / "README.md").read_text() == "mine"

    other = tmp_path / "other"
    other.mkdir()
    (other / "config.json").write_text("{}")
    with pytest.raises(ValueError, match="another library's model"):
        made.save_pretrained(other)
    assert (other / "config.json").read_text() == "{}"
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "model.safetensors").write_bytes(b"no weights at all, but some bytes")
    with pytest.raises(ValueError, match="none of ours"):
        made.save_pretrained(foreign)
    assert (foreign / "model.safetensors").read_bytes().startswith(b"no weights")


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(weights.WeightsError, match="neither a shipped model nor a file"):
        hub.HubSegmenter.from_pretrained(tmp_path)
