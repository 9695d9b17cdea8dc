"""The shipped weights reach what their headers, and so the model card, say."""

from __future__ import annotations

from pathlib import Path

import pytest

from rsp_lab.data.sources import Samples, open_split
from rsp_lab.models import weights
from trainers.reports.card import model_card
from trainers.runs.export import best_weights, data_of, score

DOCS = Path(__file__).parents[3] / "docs"
IMAGES = {"camvid": 101, "scenes": 120}


@pytest.fixture(scope="module")
def samples(request: pytest.FixtureRequest, unchecked_module: None) -> Samples:
    """The validation images of a data set, drawn or read once for all its weights."""
    if request.param == "camvid":
        request.getfixturevalue("camvid_root")
    return open_split(request.param, "val", cache=True)


@pytest.mark.usefixtures("unchecked_module")
@pytest.mark.parametrize(("samples", "data"), [(name, name) for name in IMAGES], indirect=["samples"], ids=IMAGES)
@pytest.mark.parametrize("head", ["baseline", "rsp4"])
def test_evaluation_reproduces_the_header(samples: Samples, data: str, head: str) -> None:
    path = best_weights(Path(f"{data}-{head}"))
    model = weights.load(path)
    said = weights.read_header(path)[1]["validation"]
    found = score(model, samples).to_dict()

    assert data_of(path, model) == data
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
