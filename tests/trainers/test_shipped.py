"""The shipped weights reach what their headers, and so the model card, say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rsp_lab.models import weights
from trainers.__main__ import main
from trainers.card import model_card

CARD = Path(__file__).parents[2] / "docs" / "model_card_camvid.md"


@pytest.mark.usefixtures("camvid_root")
@pytest.mark.parametrize("name", ["camvid-baseline", "camvid-rsp4"])
def test_evaluation_reproduces_the_header(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = weights.read_header(name)[1]["validation"]
    main(["evaluate", name, "--json"])
    found = json.loads(capsys.readouterr().out)

    assert found["images"] == said["images"] == 101
    assert found["miou"] == pytest.approx(said["miou"], abs=2e-4)
    for label, iou in said["iou"].items():
        assert found["iou"][label] == pytest.approx(iou, abs=1e-3), label


def test_the_model_card_is_what_the_headers_say() -> None:
    files = weights.shipped()

    assert CARD.read_text() == model_card([files["camvid-baseline"], files["camvid-rsp4"]])


def test_the_pair_differs_in_the_head_only() -> None:
    left, right = (weights.read_header(name)[1]["run"] for name in ("camvid-baseline", "camvid-rsp4"))

    for run in (left, right):
        run.pop("name")
        run["model"].pop("head")
    assert left == right
