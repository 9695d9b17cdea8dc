"""The shipped weights reach what their headers, and so the model card, say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rsp_lab.models import weights
from trainers.commands import main
from trainers.reports.card import model_card

DOCS = Path(__file__).parents[3] / "docs"
IMAGES = {"camvid": 101, "scenes": 120}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("data", IMAGES)
@pytest.mark.parametrize("head", ["baseline", "rsp4"])
def test_evaluation_reproduces_the_header(
    data: str, head: str, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    if data == "camvid":
        request.getfixturevalue("camvid_root")
    name = f"{data}-{head}"
    said = weights.read_header(name)[1]["validation"]
    main(["evaluate", name, "--json"])
    found = json.loads(capsys.readouterr().out)

    assert found["images"] == said["images"] == IMAGES[data]
    assert found["miou"] == pytest.approx(said["miou"], abs=2e-4)
    for label, iou in said["iou"].items():
        assert found["iou"][label] == (None if iou is None else pytest.approx(iou, abs=2e-3)), label


@pytest.mark.parametrize("data", IMAGES)
def test_the_model_card_is_what_the_headers_say(data: str) -> None:
    files = weights.shipped()
    card = DOCS / f"model_card_{data}.md"

    assert card.read_text() == model_card([files[f"{data}-baseline"], files[f"{data}-rsp4"]])


@pytest.mark.parametrize("data", IMAGES)
def test_the_pair_differs_in_the_head_only(data: str) -> None:
    left, right = (weights.read_header(f"{data}-{head}")[1]["run"] for head in ("baseline", "rsp4"))

    for run in (left, right):
        run.pop("name")
        run["model"].pop("head")
    assert left == right
