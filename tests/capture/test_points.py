from __future__ import annotations

from collections import OrderedDict, namedtuple

import pytest
import torch
from torch import nn

from rsp_lab.capture.points import ModulePoint, find_points, map_tensors, taps_of
from rsp_lab.shapes import Tap

ALL = ["p2", "p3", "step32.weights", "logits", "unused"]


def names(points: list) -> list[str]:
    return [point.name for point in points]


def test_taps_come_by_name_in_order_of_registration(toy):
    assert list(taps_of(toy)) == ALL
    assert taps_of(toy)["p3"] is toy.tap_p3
    assert taps_of(nn.Linear(2, 3)) == {}
    assert list(taps_of(Tap("alone", "b", 1))) == ["alone"]


def test_a_tap_registered_under_two_paths_is_one_tap(toy):
    toy.alias = toy.tap_p2
    assert list(taps_of(toy)) == ALL


def test_two_taps_of_one_name_are_refused(toy):
    toy.again = Tap("p2", "b c y x", 4)
    with pytest.raises(ValueError, match=r"'p2', at 'tap_p2' and 'again'.*unique"):
        taps_of(toy)


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ("p2", ["p2"]),
        ("p*", ["p2", "p3"]),
        ("*", ALL),
        (["logits", "p?", "p2"], ["p2", "p3", "logits"]),
        (("step32.*",), ["step32.weights"]),
        (lambda tap: tap.axes[-1] == "x" and tap.stride == 2, ALL[:-1]),
        ([], []),
        (iter(["p3"]), ["p3"]),
    ],
)
def test_selections_in_order_of_registration_without_repetition(toy, selection, expected):
    assert names(find_points(toy, selection)) == expected


def test_a_pattern_that_matches_no_tap_means_module_paths(toy):
    assert find_points(toy, ["p2", "fir*"]) == [ModulePoint("first"), toy.tap_p2]
    assert find_points(toy, "tap_p2") == [toy.tap_p2], "a tap found by its path is still the tap"


@pytest.mark.parametrize("selection", ["step32.weigths", "step32.weigh?s.*", ["p2", "step32.weigths"]])
def test_an_unmatched_name_or_glob_is_named_with_what_exists_and_what_is_close(toy, selection):
    with pytest.raises(ValueError, match=r"by 'step32.weig.*Did you mean 'step32.weights'.*Existing taps: p2, p3, "):
        find_points(toy, selection)


def test_without_taps_the_error_lists_module_paths():
    model = nn.Sequential(OrderedDict(backbone=nn.Conv2d(1, 1, 1), classifier=nn.Conv2d(1, 1, 1)))
    with pytest.raises(ValueError, match=r"'backbon'.*mean 'backbone'.*Existing module paths: backbone, classifier\."):
        find_points(model, "backbon")
    with pytest.raises(ValueError, match="this model has none; select by module path"):
        find_points(model, lambda tap: True)


def test_a_predicate_that_accepts_nothing_is_an_error(toy):
    with pytest.raises(ValueError, match="accepts none of the model's 5 taps"):
        find_points(toy, lambda tap: False)


def test_module_paths_exclude_the_model_itself_and_stars_cross_dots():
    model = nn.Sequential(nn.Sequential(nn.ReLU()), nn.Identity())
    assert names(find_points(model, "*")) == ["0", "0.0", "1"]
    assert names(find_points(model, "0[a][1]")) == ["0[a][1]"]


def test_map_tensors_names_by_key_and_keeps_containers():
    pair = namedtuple("pair", "left right")
    a, b, c = torch.zeros(3).unbind()
    value = OrderedDict(out=a, rest=[(b, "text"), pair(c, None)])
    seen = {}

    def visit(tensor, suffix):
        seen[suffix] = tensor
        return tensor + 1 if suffix == "[rest][1][0]" else tensor

    changed = map_tensors(value, visit)
    assert seen == {"[out]": a, "[rest][0][0]": b, "[rest][1][0]": c}
    assert type(changed) is OrderedDict
    assert type(changed["rest"][1]) is pair
    assert changed["rest"][1].left == 1
    assert changed["rest"][0] is value["rest"][0]
    assert value["rest"][1].left == 0
    assert map_tensors(value, lambda tensor, suffix: tensor) is value
