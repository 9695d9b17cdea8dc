import pytest

from rsp_lab.data.panoptic.categories import COCO_PANOPTIC, STREET_PANOPTIC
from rsp_lab.data.panoptic.entries import (
    Annotation,
    ImageEntry,
    SegmentEntry,
    category_entry,
    parsed_annotation,
    parsed_image,
    table_of,
)

IMAGE = {"id": 7, "file_name": "a/b.jpg", "height": 3, "width": 4}
SEGMENT = {"id": 5, "category_id": 1, "iscrowd": 1, "area": 2, "bbox": [0, 1, 2, 1]}
ANNOTATION = {"image_id": 7, "file_name": "b.png", "segments_info": [SEGMENT]}


def test_entries_come_back():
    image = parsed_image(IMAGE | {"license": 3})
    assert image == ImageEntry(7, "a/b.jpg", (3, 4))
    assert image.to_dict() == IMAGE
    annotation = parsed_annotation(ANNOTATION)
    assert annotation == Annotation(7, "b.png", (SegmentEntry(5, 1, True, 2, (0, 1, 2, 1)),))
    assert annotation.to_dict() == ANNOTATION


def test_a_prediction_says_no_more_than_it_must():
    annotation = parsed_annotation(ANNOTATION | {"segments_info": [{"id": 5, "category_id": 1}]})
    assert annotation.segments == (SegmentEntry(5, 1),)
    assert annotation.to_dict()["segments_info"] == [{"id": 5, "category_id": 1, "iscrowd": 0}]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": None}, "an image has no 'id', a whole number of at least 0"),
        ({"id": "7"}, "an image has no 'id'"),
        ({"id": True}, "an image has no 'id'"),
        ({"height": 0}, "image 7 has no 'height', a whole number of at least 1"),
        ({"width": 2.5}, "image 7 has no 'width'"),
        ({"height": 1 << 31}, r"image 7 has 2,147,483,648 x \d+ pixels \(rows x columns\), which no picture has"),
        ({"file_name": ""}, "image 7 has no 'file_name'"),
        ({"file_name": "../a.jpg"}, "lies outside the data set's folder"),
        ({"file_name": "/a.jpg"}, "lies outside the data set's folder"),
        ({"file_name": "a\0.jpg"}, "image 7 has no 'file_name'"),
    ],
)
def test_images_that_make_no_sense_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        parsed_image(IMAGE | change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_id": -1}, "an annotation has no 'image_id'"),
        ({"segments_info": None}, "the annotation of image 7 has no 'segments_info', a list of objects"),
        ({"segments_info": [3]}, "the annotation of image 7 has no 'segments_info', a list of objects"),
        ({"segments_info": [{"category_id": 1}]}, "a segment in the annotation of image 7 has no 'id'"),
        ({"segments_info": [SEGMENT | {"id": 0}]}, "has no 'id', a whole number of at least 1"),
        ({"segments_info": [SEGMENT | {"id": 1 << 24}]}, "segment 16777216 .*what three bytes hold"),
        ({"segments_info": [SEGMENT | {"category_id": "car"}]}, "segment 5 .* has no 'category_id'"),
        ({"segments_info": [SEGMENT | {"iscrowd": 2}]}, "'iscrowd' that is neither 0 nor 1"),
        ({"segments_info": [SEGMENT | {"iscrowd": []}]}, "'iscrowd' that is neither 0 nor 1"),
        ({"segments_info": [SEGMENT | {"area": "2"}]}, "'area' that is no number"),
        ({"segments_info": [SEGMENT | {"bbox": [1, 2, 3]}]}, "'bbox' that is not four numbers"),
        ({"segments_info": [SEGMENT | {"bbox": [1, 2, 3, float("inf")]}]}, "'bbox' that is not four numbers"),
        ({"segments_info": [SEGMENT, SEGMENT]}, "has the segment 5 more than once"),
    ],
)
def test_annotations_that_make_no_sense_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        parsed_annotation(ANNOTATION | change)


@pytest.mark.parametrize("table", [COCO_PANOPTIC, STREET_PANOPTIC])
def test_known_tables_are_known_again_in_any_order_and_colour(table):
    entries = [category_entry(category) for category in reversed(table.categories)]
    assert table_of(entries) is table
    for entry in entries:
        entry.pop("color")
        entry["supercategory"] = "any"
    assert table_of(entries) is table


def test_other_categories_make_a_table_of_their_own():
    entries = [{"id": 9, "name": "sea", "isthing": 0, "color": [1, 2, 3]}, {"id": 4, "name": "ship", "isthing": True}]
    table = table_of(entries)
    assert [(c.id, c.name, c.is_thing) for c in table.categories] == [(4, "ship", True), (9, "sea", False)]
    assert table.categories[1].colour == (1, 2, 3)
    assert table_of(entries[:1]).things == ()


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (None, "has no 'categories'"),
        ([], "has no 'categories'"),
        ([7], "has no 'categories'"),
        ([{"id": 1, "name": "a"}], "category 1 needs a 'name' and an 'isthing' of 0 or 1"),
        ([{"id": 1, "name": 3, "isthing": 1}], "category 1 needs a 'name'"),
        ([{"name": "a", "isthing": 1}], "a category has no 'id'"),
        (
            [{"id": 1, "name": "a", "isthing": 1}, {"id": 1, "name": "b", "isthing": 0}],
            "ids must be at least 1 and rise",
        ),
    ],
)
def test_categories_that_make_no_sense_are_refused(entries, message):
    with pytest.raises(ValueError, match=message):
        table_of(entries)
