from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from rsp_lab.analysis.metrics import confusion_matrix
from rsp_lab.data.labels import CAMVID
from rsp_lab.data.sample import Sample
from trainers.training.evaluate import Evaluation, evaluate

NAMES = ("a", "b", "c", "d", "e")


@pytest.mark.parametrize("present", [5, 3])
def test_iou_is_that_of_torchmetrics(present: int) -> None:
    from torchmetrics.classification import MulticlassJaccardIndex

    theirs = MulticlassJaccardIndex(5, average="none", ignore_index=255)
    mean = MulticlassJaccardIndex(5, ignore_index=255)
    confusion = torch.zeros(5, 5, dtype=torch.int64)
    for shape in ((1, 13, 17), (1, 7, 11)):
        prediction, truth = torch.randint(0, present, shape), torch.randint(0, present, shape)
        truth[torch.rand(shape) < 0.2] = 255
        confusion += confusion_matrix(prediction, truth, 5)
        for metric in (theirs, mean):
            metric.update(prediction, truth)
    ours = Evaluation(NAMES, confusion, 2)
    assert [value or 0.0 for value in ours.iou] == pytest.approx(theirs.compute().tolist())
    assert ours.miou == pytest.approx(float(mean.compute()))
    assert ours.iou.count(None) == 5 - present


def test_a_case_on_paper() -> None:
    truth = torch.tensor([[0, 0, 1], [1, 255, 0]])
    prediction = torch.tensor([[0, 1, 1], [1, 0, 0]])
    scores = Evaluation(("a", "b", "c"), confusion_matrix(prediction, truth, 3), 1)
    assert scores.confusion.tolist() == [[2, 1, 0], [0, 2, 0], [0, 0, 0]]
    assert scores.iou == (2 / 3, 2 / 3, None)
    assert scores.miou == 2 / 3
    assert scores.pixel_accuracy == 4 / 5
    assert scores.to_dict()["iou"] == {"a": 0.666667, "b": 0.666667, "c": None}
    assert scores.table().splitlines()[:3] == [
        "a                66.7",
        "b                66.7",
        "c                   –",
    ]


def test_undeclared_labels_are_named() -> None:
    with pytest.raises(ValueError, match="the ids 7; expected train ids 0 to 4"):
        confusion_matrix(torch.zeros(2, dtype=torch.int64), torch.tensor([0, 7]), 5)


class Colours(nn.Module):
    """Logits that are the image's colours, to know the answer."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.seen: list[tuple[float, float, bool]] = []

    def forward(self, image: Tensor) -> Tensor:
        self.seen.append((image.min().item(), image.max().item(), self.training))
        return image * self.scale


def test_a_whole_set_is_scored_and_the_model_left_as_it_was() -> None:
    model = Colours().train()
    images = [torch.randint(0, 256, (3, *size), dtype=torch.uint8) for size in ((64, 70), (65, 80))]
    samples = [Sample(str(i), image, image.float().argmax(0).to(torch.uint8)) for i, image in enumerate(images)]
    scores = evaluate(model, samples, ("r", "g", "b"))
    assert scores.miou == 1
    assert scores.images == 2
    assert int(scores.confusion.sum()) == 64 * 70 + 65 * 80
    assert model.training
    assert model.seen == [(0, 1, False)] * 2


def test_a_sample_without_label_is_refused(street: Callable[[int, int, int], Sample]) -> None:
    scene = street(0, 64, 64)
    with pytest.raises(ValueError, match="no label"):
        evaluate(Colours(), [Sample("bare", scene.image)], CAMVID.classes)


def test_what_has_no_score_is_none_and_a_dash() -> None:
    scores = Evaluation(("a", "b"), torch.zeros(2, 2, dtype=torch.int64), 1)
    assert scores.to_dict() == {"images": 1, "miou": None, "pixel_accuracy": None, "iou": {"a": None, "b": None}}
    assert [line.split()[-1] for line in scores.table().splitlines()] == ["–"] * 4


def test_a_network_that_gives_no_numbers_has_no_score() -> None:
    model = Colours()
    nn.init.constant_(model.scale, float("nan"))
    image = torch.randint(0, 256, (3, 64, 70), dtype=torch.uint8)
    with pytest.raises(ValueError, match="not finite"):
        evaluate(model, [Sample("s", image, image.float().argmax(0).to(torch.uint8))], ("r", "g", "b"))
