"""Networks that declare no taps are captured by module path."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision.models.segmentation import deeplabv3_resnet50

from rsp_lab.capture.capture import run_with_capture


def test_module_outputs_are_copied_before_a_write_in_place(image):
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(inplace=True))
    _, record = run_with_capture(model, image, taps=["0", "1"])
    assert torch.equal(record["0"], model[0](image))
    assert torch.equal(record["1"], record["0"].relu())
    with pytest.raises(ValueError, match="'0' changed in place"):
        run_with_capture(model, image, taps="0", detach=False)


def test_deeplab_by_module_path(traces):
    model = deeplabv3_resnet50(weights=None, weights_backbone=None, num_classes=5).eval()
    image = torch.rand(1, 3, 64, 64)
    before = traces(model)
    with torch.no_grad():
        plain = model(image)["out"]
        output, record = run_with_capture(
            model, image, taps=["backbone", "backbone[out]", "backbone.layer4", "backbone.layer4.2.*", "classifier.?"]
        )
        features = model.backbone(image)["out"]
    assert torch.equal(output["out"], plain)
    assert traces(model) == before
    assert torch.equal(record["backbone[out]"], features)
    assert torch.equal(record["backbone.layer4"], features)
    assert torch.equal(record["classifier.4"], model.classifier[4](record["classifier.3"]))
    assert torch.equal(record["backbone.layer4.2.relu"], record["backbone.layer4.2.bn1"].relu())
    assert "backbone.layer4.2.relu#3" in record
    assert record.axes("backbone.layer4") == ("d0", "d1", "d2", "d3")
    assert record.stride("backbone.layer4") is None
    assert record.image_size == (64, 64)


def test_one_tensor_of_a_nested_output():
    model = nn.Sequential()
    model.lstm = nn.LSTM(2, 3, batch_first=True)
    model.forward = lambda x: model.lstm(x)[0]
    x = torch.rand(1, 4, 2)
    _, record = run_with_capture(model, x, taps="lstm")
    assert list(record) == ["lstm[0]", "lstm[1][0]", "lstm[1][1]"]
    _, record = run_with_capture(model, x, taps=["lstm[1]", "lstm[1][0]"])
    assert list(record) == ["lstm[1][0]", "lstm[1][1]"]
    with pytest.raises(ValueError, match=r"nothing was captured at 'lstm\[2\]'"):
        run_with_capture(model, x, taps="lstm[2]")
