"""Uploads outlive page and session, under tokens that only their own server knows."""

from __future__ import annotations

import io
from typing import Any

import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

from app.shell.text import as_read
from app.store.uploads import Uploads, uploads
from rsp_lab.explorer.payload import payload_header
from tests.kit.pages import explorer_payloads, first_sentence, workbench


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.delenv("CAMVID_ROOT", raising=False)
    monkeypatch.delenv("CITYSCAPES_ROOT", raising=False)
    return workbench()


def header(page: AppTest) -> dict[str, Any]:
    return payload_header(explorer_payloads(page)[0])


def test_an_upload_goes_into_the_link_and_another_session_finds_it_there(page: AppTest, upload_png: bytes) -> None:
    page.query_params["source"] = "Your image"
    page.run()
    page.file_uploader(key="upload").upload("street.png", upload_png, "image/png")
    page.run()
    token = page.query_params["upload"]

    again = workbench()
    again.query_params["source"], again.query_params["upload"] = "Your image", token
    again.run()

    assert not again.exception
    assert not again.error
    assert header(again)["id"] == header(page)["id"]
    assert "The two differ on" in first_sentence(again)


def test_a_token_that_is_not_known_is_said_once(page: AppTest) -> None:
    page.query_params["source"], page.query_params["upload"] = "Your image", "0" * 32
    page.run()

    assert "not kept any more" in as_read(page.error[0].value)
    assert "Choose the file once more" in as_read(page.error[0].value)
    page.run()
    assert not page.error
    assert "Choose a photograph under “Change” above" in as_read(page.info[0].value)


def test_an_upload_that_is_refused_leaves_the_link_alone_and_the_next_one_counts(
    page: AppTest, upload_png: bytes
) -> None:
    page.query_params["source"] = "Your image"
    page.run()
    page.file_uploader(key="upload").upload("broken.png", upload_png[:60], "image/png")
    page.run()
    assert "broken.png" in as_read(page.error[0].value)
    assert "upload" not in page.query_params

    page.file_uploader(key="upload").upload("street.png", upload_png, "image/png")
    page.run()

    assert not page.error
    assert "upload" in page.query_params


def png(value: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (100, 100), (value, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def test_tokens_are_of_content_and_secret_to_a_server() -> None:
    first, second = Uploads(), Uploads()

    token = first.keep("a.png", png(1))

    assert len(token) == 32
    assert first.keep("a.png", png(1)) == token
    assert first.keep("a.png", png(2)) != token
    assert second.keep("a.png", png(1)) != token
    assert second.find(token) is None
    photograph = first.find(token)
    assert photograph is not None
    assert photograph.sample.name == "a.png"
    assert torch.equal(photograph.sample.image[0], torch.ones(100, 100, dtype=torch.uint8))


def test_uploads_are_kept_up_to_a_number_of_bytes_the_last_ones_seen() -> None:
    store = Uploads(room=70_000)
    tokens = [store.keep("a.png", png(value)) for value in (1, 2)]
    assert store.find(tokens[0]) is not None

    third = store.keep("a.png", png(3))

    assert store.find(tokens[1]) is None
    assert store.find(tokens[0]) is not None
    assert store.find(third) is not None


def test_a_server_has_one_store() -> None:
    assert uploads() is uploads()
