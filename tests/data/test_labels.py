import numpy as np
import pytest
import torch
from PIL import Image

from rsp_lab.data.labels import (
    CAMVID,
    CITYSCAPES,
    CITYSCAPES_LABEL_IDS,
    IGNORE_INDEX,
    TABLES,
    ClassTable,
    checked_labels,
    colour,
    hue_circle,
    id_list,
)
from rsp_lab.data.sample import Sample


def test_tables():
    assert len(CAMVID) == 11
    assert CAMVID.classes[3] == "road"
    assert len(CITYSCAPES) == 19
    assert CITYSCAPES.index("rider") == 12
    assert TABLES.keys() == {"camvid", "cityscapes"}


def test_cityscapes_raw_ids_are_those_of_the_benchmark():
    evaluated = [raw for raw, train in CITYSCAPES.raw_ids if train != 255]
    assert evaluated == [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33]
    assert CITYSCAPES.train_to_raw().tolist() == list(CITYSCAPES_LABEL_IDS) == evaluated


@pytest.mark.parametrize("table", [CAMVID, CITYSCAPES], ids=lambda table: table.name)
def test_train_ids_go_to_raw_ids_and_back(table):
    assert table.ignore_index == IGNORE_INDEX == 255
    assert table.raw_to_train()[table.train_to_raw()].tolist() == list(range(len(table)))
    assert table.train_to_raw().dtype == np.uint8


def test_the_first_of_several_raw_ids_is_written_and_a_missing_one_named():
    table = ClassTable("t", ("a", "b"), ((0, 0, 0), (1, 1, 1)), raw_ids=((3, 1), (5, 0), (7, 1)))
    assert table.train_to_raw().tolist() == [5, 3]
    with pytest.raises(ValueError, match="'t' has no raw id for b"):
        ClassTable("t", ("a", "b"), ((0, 0, 0), (1, 1, 1)), raw_ids=((5, 0),)).train_to_raw()


@pytest.mark.parametrize(("name", "hint"), [("bycyclist", "Did you mean 'bicyclist'"), ("zzz", "pavement")])
def test_an_unknown_class_lists_the_names(name, hint):
    with pytest.raises(ValueError, match=hint):
        CAMVID.index(name)


@pytest.mark.parametrize(
    "change",
    [
        {"classes": (), "palette": ()},
        {"classes": ("a", "a")},
        {"palette": ((0, 0, 0),)},
        {"palette": ((0, 0, 0), (0, 0, 256))},
        {"ignore_index": 1},
        {"raw_ids": ((0, 2),)},
    ],
)
def test_a_wrong_table_is_refused(change):
    right = {"name": "t", "classes": ("a", "b"), "palette": ((0, 0, 0), (1, 1, 1))}
    ClassTable(**right)
    with pytest.raises(ValueError, match="'t'"):
        ClassTable(**(right | change))


def test_colours():
    picture = colour(np.array([[0, 255], [9, 10]]), CAMVID)
    assert picture.dtype == np.uint8
    assert picture.tolist() == [[[128, 128, 128], [0, 0, 0]], [[64, 64, 0], [0, 128, 192]]]
    with pytest.raises(ValueError, match="the ids 11; expected train ids 0 to 10"):
        colour(np.array([[11]]), CAMVID)


@pytest.mark.parametrize(
    ("image", "label"),
    [
        (torch.zeros(3, 4, 5), None),
        (torch.zeros(4, 5, 3, dtype=torch.uint8), None),
        (torch.zeros(3, 4, 5, dtype=torch.uint8), torch.zeros(5, 4, dtype=torch.uint8)),
        (torch.zeros(3, 4, 5, dtype=torch.uint8), torch.zeros(4, 5)),
    ],
)
def test_a_sample_of_wrong_form_is_refused(image, label):
    with pytest.raises((ValueError, TypeError)):
        Sample("s", image, label)


def test_the_hue_circle_has_a_colour_for_each():
    assert len(set(hue_circle(20))) == 20
    assert all(0 <= part <= 255 for rgb in hue_circle(20) for part in rgb)


@pytest.mark.parametrize(
    ("ids", "text"),
    [
        ([], ""),
        ([3], "3"),
        ([3, 4], "3, 4"),
        ([5, 4, 3, 4], "3 to 5"),
        ([-1, 77, 2, 3, 4], "-1, 2 to 4, 77"),
        (range(0, 40, 2), "0, 2, 4, 6, 8, 10, 12, 14, ..."),
    ],
)
def test_ids_in_words(ids, text):
    assert id_list(ids) == text


@pytest.mark.parametrize(
    "labels",
    [
        np.array([[0, 2, 255]], np.uint8)[:, ::-1],
        np.array([[255, 2, 0]], ">u2"),
        np.array([[255, 2, 0]], np.uint64),
        torch.tensor([[255, 2, 0]], dtype=torch.int16),
    ],
    ids=["mirrored", "of another machine", "64 bits", "tensor"],
)
def test_integers_of_any_kind_are_labels(labels):
    checked = checked_labels(labels, 3, (1, 3))
    assert checked.dtype == torch.int64
    assert checked.tolist() == [[255, 2, 0]]


def test_more_classes_than_a_label_map_tells_apart_are_refused():
    labels = np.array([[254, 255]])
    assert checked_labels(labels, 255).tolist() == [[254, 255]]
    with pytest.raises(ValueError, match=r"255 classes apart, since 255 says that nothing is known; the model has 256"):
        checked_labels(labels, 256)


def test_an_array_that_must_not_be_written_to_is_copied():
    fixed = np.zeros((2, 3), np.int64)
    fixed.flags.writeable = False
    checked_labels(fixed, 3)[0, 0] = 7
    assert not fixed.any()


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (np.zeros((2, 3)), "are float64: give integer train ids"),
        (np.zeros((2, 3), bool), "are bool: give integer train ids"),
        (np.zeros((2, 3), complex), "are complex128"),
        (np.array([["road"]], object), "are object"),
        (torch.zeros(2, 3, dtype=torch.bool), "are bool"),
        (torch.zeros(2, 3, dtype=torch.complex64), "are complex64"),
        (Image.new("P", (3, 2)), "are a Image: give a tensor or array of train ids; read_label reads label files"),
        ([[0, 1]], "are a list"),
        (None, "are a NoneType"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_are_no_labels_is_said(labels, said):
    with pytest.raises(ValueError, match=f"the labels of x {said}"):
        checked_labels(labels, 3, what="the labels of x")
