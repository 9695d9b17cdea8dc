from __future__ import annotations

import threading

import pytest
import torch
from torch import nn

from rsp_lab.capture.capture import run_with_capture
from rsp_lab.capture.edit_effect import EditWarning
from rsp_lab.capture.hooks import hooks
from rsp_lab.capture.points import ModulePoint


def double(tensor, tap):
    return tensor * 2


def add_one(tensor, tap):
    return tensor + 1


class Editing(nn.Module):
    """Opens an edit inside its own forward pass, that is, inside any capture around it."""

    def __init__(self, inner: nn.Module, edits: dict) -> None:
        super().__init__()
        self.inner = inner
        self.edits = edits

    def forward(self, image):
        with hooks(self.inner, self.edits):
            return self.inner(image)


def test_an_edit_replaces_what_flows_on(toy, image):
    plain, p3 = toy(image), toy.second(toy.norm(toy.first(image)).relu())
    with hooks(toy, {"p3": double}) as calls:
        edited = toy(image)
    assert torch.equal(edited, (p3 * 2).tanh())
    assert torch.equal(toy(image), plain)
    assert calls == {"p3": 1}


def test_the_edit_is_told_the_tap(toy, image):
    seen = []
    with hooks(toy, {"p*": lambda tensor, tap: seen.append((tap, tuple(tensor.shape)))}):
        toy(image)
    assert seen == [(toy.tap_p2, (2, 5, 11, 13)), (toy.tap_p3, (2, 7, 11, 13))]


def test_none_leaves_the_output_bit_for_bit(toy, image):
    plain = toy(image)
    with hooks(toy, {"p?": lambda tensor, tap: None, "logits": lambda tensor, tap: tensor}):
        assert torch.equal(toy(image), plain)


def test_edits_come_off(toy, image, traces):
    before = traces(toy)
    with hooks(toy, {"*": double, "first": double}), hooks(toy, {"p2": double}):
        toy(image)
        assert traces(toy) != before
    assert traces(toy) == before


@pytest.mark.parametrize("where", ["body", "model", "edit"])
def test_edits_come_off_after_an_exception(toy, image, traces, where):
    def explode(tensor, tap):
        raise ZeroDivisionError("in the edit")

    def run():
        with hooks(toy, {"p2": double}), hooks(toy, {"p3": explode if where == "edit" else double}):
            run_with_capture(toy, image)
            raise KeyError("in the body")

    before = traces(toy)
    toy.fail = where == "model"
    with pytest.raises({"body": KeyError, "model": RuntimeError, "edit": ZeroDivisionError}[where]):
        run()
    toy.fail = False
    assert traces(toy) == before


def test_an_exception_in_an_edit_is_noted_with_the_tap_and_the_edit_is_live_again(toy, image):
    failing = [True]

    def sometimes(tensor, tap):
        if failing.pop():
            raise ZeroDivisionError("in the edit")
        return tensor * 2

    with hooks(toy, {"p3": sometimes}):
        with pytest.raises(ZeroDivisionError) as caught:
            toy(image)
        failing.append(False)
        edited = toy(image)
    assert caught.value.__notes__ == ["raised by the edit at 'p3'"]
    assert not torch.equal(edited, toy(image))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda tensor, tap: tensor[:, :1], r"at 'p2' returned shape \(2, 1, 11, 13\), expected \(2, 5, 11, 13\)"),
        (lambda tensor, tap: tensor.double(), "at 'p2' returned dtype torch.float64, expected torch.float32"),
        (lambda tensor, tap: tensor.to("meta"), "at 'p2' returned device meta, expected cpu"),
        (lambda tensor, tap: 0.0, "at 'p2' returned a float; expected a tensor, or None"),
    ],
)
def test_an_edit_changes_values_only(toy, image, traces, edit, message):
    before = traces(toy)
    with pytest.raises(ValueError, match=message), hooks(toy, {"p2": edit}):
        toy(image)
    assert traces(toy) == before


def test_a_key_that_matches_nothing_attaches_nothing(toy, traces):
    before = traces(toy)
    with (
        pytest.raises(ValueError, match=r"'step32.wieghts'.*Did you mean 'step32.weights'"),
        hooks(toy, {"p2": double, "step32.wieghts": double}),
    ):
        pytest.fail("entered")
    assert traces(toy) == before


def test_edits_on_one_tap_run_outer_first_and_then_in_the_order_given(toy, image):
    with torch.no_grad():
        p3 = run_with_capture(toy, image, taps="p3")[1]["p3"]
        with hooks(toy, {"p*": lambda t, tap: None, "p3": add_one}), hooks(toy, {"p?": double, "p3": add_one}):
            _, record = run_with_capture(toy, image, taps="p3")
        plain_p2 = toy.norm(toy.first(image))
    expected = (toy.second((plain_p2 * 2).relu()) + 1) * 2 + 1
    torch.testing.assert_close(record["p3"], expected.detach())
    assert not torch.equal(record["p3"], p3)


@pytest.mark.parametrize("outer", ["edit", "capture"])
def test_a_capture_sees_the_edited_value_whichever_was_opened_first(toy, image, outer):
    p2 = toy.norm(toy.first(image))
    if outer == "edit":
        with hooks(toy, {"p2": double}):
            output, record = run_with_capture(toy, image, taps=["p2", "logits"])
    else:
        output, record = run_with_capture(Editing(toy, {"p2": double}), image, taps=["p2", "logits"])
    assert torch.equal(record["p2"], p2 * 2)
    assert torch.equal(record["logits"], output)
    assert torch.equal(output, toy.second((p2 * 2).relu()).tanh())


def test_an_edit_runs_on_a_tap_that_only_listeners_cause(toy, image):
    with hooks(toy, {"step32.weights": lambda tensor, tap: torch.zeros_like(tensor)}):
        assert toy(image).abs().max() == 0


def test_calls_tell_that_a_point_was_never_reached(toy, image):
    never = pytest.warns(EditWarning, match="the edit at 'unused' never ran")
    with never, hooks(toy, {"unused": double, "p2": double}) as calls:
        assert calls == {"unused": 0, "p2": 0}
        toy(image)
        toy(image)
    assert calls == {"unused": 0, "p2": 2}


def test_an_edit_may_run_the_model_itself(toy, image):
    other = image.flip(3)
    plain = {name: run_with_capture(toy, x, taps="p?")[1] for name, x in (("image", image), ("other", other))}

    def transplant(tensor, tap):
        return run_with_capture(toy, other, taps=tap.name)[1][tap.name]

    with hooks(toy, {"p3": transplant, "p2": lambda tensor, tap: None}) as calls:
        _, record = run_with_capture(toy, image, taps="p?")
    assert list(record) == ["p2", "p3"]
    assert torch.equal(record["p2"], plain["image"]["p2"])
    assert torch.equal(record["p3"], plain["other"]["p3"])
    assert calls == {"p3": 1, "p2": 1}


def test_other_threads_on_the_same_model_are_not_edited(toy, image):
    outputs = []
    plain = toy(image)
    thread = threading.Thread(target=lambda: outputs.append(toy(image)))
    never = pytest.warns(EditWarning, match="never ran")
    with never, hooks(toy, {"p2": double}):
        thread.start()
        thread.join()
    assert torch.equal(outputs[0], plain)


def test_gradients_flow_through_an_edit(toy, image):
    scale = torch.tensor(1.5, requires_grad=True)
    with hooks(toy, {"p3": lambda tensor, tap: tensor * scale}):
        output, record = run_with_capture(toy, image, taps=["p2", "p3"], detach=False)
    by_scale, by_p3 = torch.autograd.grad(output.sum(), [scale, record["p3"]])
    torch.testing.assert_close(by_scale, (by_p3 * record["p3"] / scale).sum())


def test_edits_by_module_path_and_by_key_of_an_output():
    class Backbone(nn.Module):
        def forward(self, x):
            return {"out": x, "aux": (x + 1, "text")}

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.backbone = Backbone()

        def forward(self, x):
            return self.backbone(x)

    x, points = torch.ones(1, 2), []

    def note(tensor, point):
        points.append(point)
        return tensor * 10

    model = Model()
    with hooks(model, {"backbone[out]": note}) as calls:
        output = model(x)
    assert points == [ModulePoint("backbone[out]", ("d0", "d1"))]
    assert calls == {"backbone[out]": 1}
    assert output["out"].tolist() == [[10, 10]]
    assert output["aux"][0].tolist() == [[2, 2]]
    with hooks(model, {"back*": double}):
        output, record = run_with_capture(model, x, taps="backbone[aux]")
    assert list(record) == ["backbone[aux][0]"]
    assert record["backbone[aux][0]"].tolist() == [[4, 4]]
    assert output["aux"][1] == "text"
