"""The shipped weights reach what their headers, and so the model card, say.

The confusion of each validation image stands beside this file. All of them together are the header's scores, and of the
weights that are meant to be used every fifth image is evaluated once more. To renew them for new weights:
``python -m tests.trainers.reports.test_shipped`` in the checkout.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from rsp_lab.data.sources import Samples, open_split
from rsp_lab.models import weights
from trainers.reports.card import model_card
from trainers.runs.export import best_weights, data_of
from trainers.training.evaluate import Evaluation, evaluate

DOCS = Path(__file__).parents[3] / "docs"
COUNTS = Path(__file__).with_name("confusions")
IMAGES = {"camvid": 101, "scenes": 120}
HEADS = ("baseline", "rsp4")
ENDS = ("", weights.TINY)
EVERY = 5


@cache
def samples(data: str) -> Samples:
    """The validation images of a data set."""
    return open_split(data, "val", cache=True)


def confusions(name: str, data: str, numbers: range) -> Tensor:
    """(image, truth, prediction) of some images."""
    model, images = weights.load(name), samples(data)
    found = [evaluate(model, [images[number]], model.class_names).confusion for number in numbers]
    return torch.stack(found)


def stored(name: str) -> Tensor:
    """The same of all images, as they were when the weights were made."""
    nonzero = load_file(COUNTS / f"{name}.safetensors")
    counts = torch.zeros(*(int(one) for one in nonzero["size"]), dtype=torch.int64)
    counts[tuple(nonzero["places"].long())] = nonzero["pixels"].long()
    return counts


def store(name: str, data: str) -> None:
    found = confusions(name, data, range(IMAGES[data])).to_sparse()
    places, pixels = found.indices().to(torch.uint8), found.values().to(torch.int32)
    COUNTS.mkdir(exist_ok=True)
    parts = {"places": places.contiguous(), "pixels": pixels, "size": torch.tensor(found.shape)}
    save_file(parts, COUNTS / f"{name}.safetensors")


@pytest.mark.parametrize("data", IMAGES)
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("end", ENDS)
def test_all_images_together_are_the_header(data: str, head: str, end: str) -> None:
    path = best_weights(Path(f"{data}-{head}{end}"))
    said = weights.read_header(path)[1]["validation"]
    counts = stored(f"{data}-{head}{end}")
    found = Evaluation(tuple(said["iou"]), counts.sum(0), len(counts)).to_dict()

    assert data_of(path, weights.load(path)) == data
    assert found["images"] == said["images"] == IMAGES[data]
    assert found["miou"] == pytest.approx(said["miou"], abs=2e-4)
    for label, iou in said["iou"].items():
        assert found["iou"][label] == (None if iou is None else pytest.approx(iou, abs=2e-3)), label


@pytest.mark.usefixtures("unchecked_module")
@pytest.mark.parametrize("data", IMAGES)
@pytest.mark.parametrize("head", HEADS)
def test_an_image_is_answered_as_it_was(data: str, head: str, request: pytest.FixtureRequest) -> None:
    if data == "camvid":
        request.getfixturevalue("camvid_root")
    numbers = range(0, IMAGES[data], EVERY)
    found, before = confusions(f"{data}-{head}", data, numbers), stored(f"{data}-{head}")[::EVERY]

    assert torch.equal(found.sum(2), before.sum(2))
    # On another machine a pixel in a thousand may fall on the other side of a tie.
    assert float((found - before).abs().sum((1, 2)).max()) <= 2e-3 * float(found[0].sum())


@pytest.mark.parametrize("data", IMAGES)
def test_the_model_card_is_what_the_headers_say(data: str) -> None:
    files = weights.shipped()
    card = DOCS / f"model_card_{data}.md"

    assert card.read_text() == model_card([files[f"{data}-baseline"], files[f"{data}-rsp4"]])


@pytest.mark.parametrize("data", IMAGES)
@pytest.mark.parametrize("end", ENDS)
def test_the_pair_differs_in_the_head_only(data: str, end: str) -> None:
    left, right = (weights.read_header(f"{data}-{head}{end}")[1]["run"] for head in HEADS)

    for run in (left, right):
        run.pop("name")
        run["model"].pop("head")
    assert left == right


if __name__ == "__main__":
    torch.set_num_threads(1)
    for _data in IMAGES:
        for _head in HEADS:
            store(f"{_data}-{_head}", _data)
