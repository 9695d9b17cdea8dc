import json

import numpy as np
import pytest

from rsp_lab.data.panoptic.categories import COCO_PANOPTIC
from rsp_lab.data.panoptic.coco import split_paths
from rsp_lab.data.panoptic.instance_files import InstanceFile
from rsp_lab.files import FileError
from tests.kit.coco_layout import DOG, NUMBERS, PERSON, SIZES, write_small_coco

IDS = np.array(NUMBERS)


@pytest.fixture
def file(tmp_path):
    write_small_coco(tmp_path)
    return split_paths(tmp_path, "val").instances


def opened(file, **options):
    return InstanceFile.read(file, IDS, COCO_PANOPTIC, **options)


def test_annotations_are_found_by_image_in_any_order(file):
    things = opened(file)
    found = [[(one["category_id"], one["iscrowd"]) for one in things.annotations(index)] for index in range(3)]
    assert found == [[(PERSON, 0), (DOG, 0)], [], [(PERSON, 1), (DOG, 0)]]
    assert [one["id"] for one in things.annotations(0)] == [3, 4]


def test_instances_overlap_and_have_no_crowds(file):
    things = opened(file)
    first, second, third = (things.instances(index, size) for index, size in enumerate(SIZES))
    names = [category.name for category in COCO_PANOPTIC.things]
    assert [names[place] for place in first.classes.tolist()] == ["person", "dog"]
    assert first.masks.flatten(1).sum(1).tolist() == [9, 20]
    assert int(first.masks.all(0).sum()) == 9
    assert first.boxes.tolist() == [[2, 6, 5, 9], [1, 5, 6, 9]]
    assert len(second) == 0
    assert second.masks.shape == (0, *SIZES[1])
    assert [names[place] for place in third.classes.tolist()] == ["dog"]


def change(file, edit):
    data = json.loads(file.read_text())
    edit(data)
    file.write_text(json.dumps(data))


def test_an_instance_whose_mask_has_no_pixel_is_left_out(file):
    thin = [[2.0, 2.0, 2.1, 2.0, 2.1, 2.1]]
    change(file, lambda data: data["annotations"][3].update(segmentation=thin))
    assert len(opened(file).instances(0, SIZES[0])) == 1
    assert len(opened(file).annotations(0)) == 2


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda data: data.pop("annotations"), "it has no 'annotations'"),
        (lambda data: data["annotations"][0].pop("id"), "an annotation has no 'id'"),
        (lambda data: data["annotations"][0].update(image_id="a"), "annotation 1 has no 'image_id'"),
        (lambda data: data["annotations"][0].update(id=2), "annotation 2 comes more than once"),
        (
            lambda data: data["annotations"][0].update(image_id=7),
            r"1 image\(s\) that the panoptic file does not have: 7",
        ),
        (
            lambda data: data.update(categories=[{"id": 1, "name": "human"}, {"id": 2, "name": "dog"}]),
            f"it calls category 2 'dog', which is category {DOG} of the panoptic file",
        ),
    ],
)
def test_files_that_make_no_sense_are_not_opened(file, edit, message):
    change(file, edit)
    with pytest.raises(FileError, match=message):
        opened(file)


def test_single_entries_that_are_wrong_are_reported_and_left_out(file):
    change(file, lambda data: data["annotations"][0].pop("id"))
    problems = []
    things = opened(file, report=problems.append)
    assert problems == ["an annotation has no 'id', a whole number of at least 0"]
    assert len(things.annotations(2)) == 1


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"category_id": 12}, "annotation 3 of image 139: unknown category 12"),
        ({"category_id": 155}, "annotation 3 of image 139 is of sea, which is no thing of 'coco-panoptic'"),
        ({"area": None}, "annotation 3 of image 139 has no 'area', a number"),
        ({"bbox": [1]}, "annotation 3 of image 139 has a 'bbox' that is not four numbers"),
        ({"iscrowd": 3}, "annotation 3 of image 139 has an 'iscrowd'"),
        ({"segmentation": []}, "annotation 3 has a 'segmentation' that is neither polygons nor run lengths"),
        (
            {"segmentation": {"size": [5, 5], "counts": [25]}},
            r"run lengths of the size \[5, 5\], its image has \[12, 17\]",
        ),
    ],
)
def test_an_annotation_that_makes_no_sense_is_named_when_it_is_read(file, entry, message):
    change(file, lambda data: data["annotations"][2].update(entry))
    things = opened(file)
    with pytest.raises(FileError, match=message) as error:
        things.instances(0, SIZES[0])
    assert str(error.value).startswith(str(file))
    things.instances(2, SIZES[2])
