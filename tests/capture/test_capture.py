from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision.models.segmentation import deeplabv3_resnet50

from rsp_lab.capture.capture import run_with_capture
from rsp_lab.models.weights import load
from rsp_lab.shapes import Tap


def tapped(*after: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 1), Tap("t", "b c y x", 1), *after)


def test_record_holds_what_flowed_in_order_of_computation(toy, image):
    logits, record = run_with_capture(toy, image)
    assert list(record) == ["p2", "p3", "step32.weights", "logits"]
    assert torch.equal(record["p2"], toy.norm(toy.first(image)))
    assert torch.equal(record["logits"], logits)
    assert record.axes("logits") == ("b", "class", "y", "x")
    assert record.stride("p2") == 2
    assert record.image_size == (22, 26)
    assert record.meta == {"model": "Toy", "training": False}


@pytest.mark.parametrize("given", ["tensor", "numpy", "PIL", "by name"])
def test_the_size_of_an_image_is_known_whatever_kind_it_is(given):
    pixels = np.random.default_rng(0).integers(256, size=(3, 64, 80), dtype=np.uint8)
    image = {"tensor": torch.from_numpy(pixels), "PIL": Image.fromarray(pixels.transpose(1, 2, 0))}.get(given, pixels)
    arguments, words = ((), {"image": image}) if given == "by name" else ((image,), {})
    _, record = run_with_capture(load("scenes-rsp4-tiny"), *arguments, taps="step43.weights", **words)
    assert record.image_size == (64, 80)


def test_a_selected_tap_listens_and_others_do_not(toy, image):
    plain = toy(image)
    output, record = run_with_capture(toy, image, taps="p*")
    assert list(record) == ["p2", "p3"]
    assert torch.equal(output, plain)
    assert not torch.equal(run_with_capture(toy, image, taps="step32.weights")[0], plain)


@pytest.mark.parametrize("taps", ["*", "p2", ["p?", "first"]])
@pytest.mark.parametrize("training", [False, True])
def test_capture_leaves_no_trace(toy, image, traces, taps, training):
    toy.norm.momentum = 0.0
    toy.train(training)
    toy.second.eval().requires_grad_(False)
    toy(image)
    toy.norm.num_batches_tracked.zero_()
    plain = toy(image)
    toy.norm.num_batches_tracked.zero_()
    before, kept = traces(toy), image.clone()
    run_with_capture(toy, image, taps=taps)
    toy.norm.num_batches_tracked.zero_()
    assert traces(toy) == before
    assert torch.equal(toy(image), plain)
    assert torch.equal(image, kept)


def test_hooks_of_others_stay_in_their_order(toy, image, traces):
    handles = [toy.tap_p2.register_forward_hook(lambda *_: None) for _ in range(2)]
    before = traces(toy)
    run_with_capture(toy, image)
    assert traces(toy) == before
    assert len(handles) == 2


def test_capture_leaves_no_trace_when_the_model_raises(toy, image, traces):
    toy.fail = True
    before = traces(toy)
    with pytest.raises(RuntimeError, match="broken on purpose"):
        run_with_capture(toy, image)
    with pytest.raises(ValueError, match="no tap"):
        run_with_capture(toy, image, taps="nothing")
    assert traces(toy) == before


def test_every_part_of_a_selection_must_yield_a_tensor(toy, image, traces):
    before = traces(toy)
    for taps in ("unused", ["p2", "unus*"], lambda tap: tap.name == "unused"):
        with pytest.raises(ValueError, match=r"nothing was captured at '(unused|unus\*|predicate)'.*did not reach"):
            run_with_capture(toy, image, taps=taps)
    assert traces(toy) == before
    assert list(run_with_capture(toy, image, taps=["p2", "*"])[1])[-1] == "logits"
    assert len(run_with_capture(toy, image, taps=[])[1]) == 0


def test_a_tap_tensor_is_kept_without_a_copy(toy, image):
    pointers = []
    toy.tap_p2.register_forward_hook(lambda module, inputs, output: pointers.append(output.data_ptr()))
    _, record = run_with_capture(toy, image, taps="p2")
    assert record["p2"].data_ptr() == pointers[0]
    _, record = run_with_capture(toy, image, taps="p2", clone=True)
    assert record["p2"].data_ptr() != pointers[1]


@pytest.mark.parametrize("detach", [True, False])
def test_a_write_in_place_after_capture_is_noticed(image, traces, detach):
    model = tapped(nn.ReLU(inplace=True))
    before = traces(model)
    with pytest.raises(ValueError, match=r"'t' changed in place after.*clone=True"):
        run_with_capture(model, image, detach=detach)
    assert traces(model) == before


def test_clone_keeps_what_was_there_before_a_write_in_place(image):
    model = tapped(nn.ReLU(inplace=True))
    _, record = run_with_capture(model, image, clone=True)
    assert torch.equal(record["t"], model[0](image))
    assert record["t"].min() < 0


def test_inference_mode_copies_because_no_version_is_counted(image):
    model = tapped(nn.ReLU(inplace=True))
    with torch.inference_mode():
        _, record = run_with_capture(model, image)
        assert torch.equal(record["t"], model[0](image))


def test_record_shares_no_memory_with_inputs_outputs_parameters_or_buffers():
    class Leaky(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1, 2))
            self.register_buffer("table", torch.ones(1, 2))
            self.taps = nn.ModuleList(Tap(name, "b c", 1) for name in ("image", "weight", "table", "out"))

        def forward(self, image):
            for tap, value in zip(self.taps, (image, self.weight[:], self.table), strict=False):
                tap(value)
            return {"out": self.taps[3](image + 1)}

    model, given = Leaky(), torch.ones(1, 2)
    output, record = run_with_capture(model, given)
    with torch.no_grad():
        for tensor in (given, model.weight, model.table, output["out"]):
            tensor.fill_(-7)
    assert [record[name].min().item() for name in record] == [1, 1, 1, 2]


def test_grad_mode_is_the_callers_and_detached_tensors_have_no_graph(toy, image):
    output, record = run_with_capture(toy, image)
    assert output.requires_grad
    assert not any(tensor.requires_grad for tensor in record.values())
    with torch.no_grad():
        output, record = run_with_capture(toy, image, detach=False)
    assert not output.requires_grad
    assert not record["p2"].requires_grad


def test_attached_tensors_are_those_of_the_graph(toy, image):
    output, record = run_with_capture(toy, image, detach=False)
    loss = output.square().sum()
    gradient = torch.autograd.grad(loss, record["p3"])[0]

    p3 = record["p3"].detach().requires_grad_()
    expected = torch.autograd.grad((p3 * p3.mean(1).sigmoid().unsqueeze(1)).tanh().square().sum(), p3)[0]
    torch.testing.assert_close(gradient, expected)
    assert all(parameter.grad is None for parameter in toy.parameters())


def test_device_and_dtype_of_storage():
    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.values, self.labels = Tap("values", "b c", 1), Tap("labels", "b", 1)

        def forward(self, x):
            return self.labels(self.values(x * 2).argmax(1))

    x = torch.rand(3, 5)
    _, record = run_with_capture(Mixed(), x, dtype=torch.float16, device="cpu")
    assert record["values"].dtype == torch.float16
    assert record["labels"].dtype == torch.int64
    _, record = run_with_capture(Mixed(), x, device="meta")
    assert record["values"].device.type == "meta"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_models_of_other_dtypes(image, dtype):
    _, record = run_with_capture(tapped().to(dtype), image.to(dtype))
    assert record["t"].dtype == dtype


def test_autocast_keeps_the_dtype_that_flowed(toy, image):
    with torch.autocast("cpu", torch.bfloat16):
        plain = toy(image)
        output, record = run_with_capture(toy, image, taps=["p2", "p3"])
    assert torch.equal(output, plain)
    assert record["p3"].dtype == torch.bfloat16


def test_a_tap_passed_again_gets_a_numbered_name(image):
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.tap, self.relu = Tap("t", "b c y x", 1), nn.ReLU()

        def forward(self, x):
            return self.relu(self.tap(self.relu(self.tap(x)) + 1))

    _, record = run_with_capture(Shared(), image, taps=["t", "relu"])
    assert list(record) == ["t", "relu", "t#2", "relu#2"]
    assert torch.equal(record["t#2"], image + 1)
    assert record.stride("t#2") == 1


def test_declared_axes_are_checked(toy, image, traces):
    before = traces(toy)
    with pytest.raises(ValueError, match=r"'t' declares axes 'b c y x' but a tensor of shape \(4, 22, 26\)"):
        run_with_capture(tapped(), image[0])
    assert traces(toy) == before


def test_arguments_go_to_the_model(image):
    class Weighted(nn.Module):
        def __init__(self):
            super().__init__()
            self.tap = Tap("t", "b c y x", 1)

        def forward(self, *, images, scale=1.0):
            return self.tap(images[0] * scale)

    output, record = run_with_capture(Weighted(), images=[image], scale=3.0)
    assert torch.equal(output, image * 3)
    assert record.image_size == (22, 26)


def test_a_capture_inside_a_forward_pass_does_not_hide_it_from_a_capture_around_it(toy, image, traces):
    class Outer(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = toy
            self.record = None

        def forward(self, x):
            output, self.record = run_with_capture(self.inner, x, taps="p2")
            return output

    model = Outer()
    before = traces(toy)
    _, record = run_with_capture(model, image, taps=["p2", "p3"])
    assert list(record) == ["p2", "p3"]
    assert torch.equal(model.record["p2"], record["p2"])
    assert traces(toy) == before


def test_other_threads_on_the_same_model_are_not_captured(toy, image):
    class Spawning(nn.Module):
        def __init__(self):
            super().__init__()
            self.toy = toy

        def forward(self, x):
            thread = threading.Thread(target=self.toy, args=(x + 1,))
            thread.start()
            thread.join()
            return self.toy(x)

    _, record = run_with_capture(Spawning(), image, taps="p?")
    assert list(record) == ["p2", "p3"]
    assert torch.equal(record["p2"], run_with_capture(toy, image, taps="p2")[1]["p2"])


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
