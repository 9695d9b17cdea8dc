import hashlib
import json
import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from rsp_lab.data.images import ImageError
from rsp_lab.data.panoptic.entries import ImageEntry, category_entry
from rsp_lab.data.panoptic.files import PanopticFile, described, read_segment_ids, write_panoptic
from rsp_lab.data.panoptic.segments import Segment, SegmentMap
from rsp_lab.files import FileError
from tests.kit.segment_maps import SIZE, TABLE, random_map


def maps(count=4):
    rng = np.random.default_rng(2)
    return [(ImageEntry(30 - number, f"x/{number}.jpg", SIZE), random_map(rng)) for number in range(count)]


@pytest.fixture
def written(tmp_path):
    write_panoptic(tmp_path / "a.json", maps(), TABLE)
    return tmp_path / "a.json"


def change(path, edit):
    data = json.loads(path.read_text())
    edit(data)
    path.write_text(json.dumps(data))


def test_maps_come_back(written):
    opened = PanopticFile.read(written)
    assert opened.table.categories == TABLE.categories
    assert len(opened) == 4
    for index, (entry, segments) in enumerate(maps()):
        assert opened.images[index] == entry
        found = opened.segment_map(index)
        assert torch.equal(found.ids, segments.ids)
        assert found.segments == segments.segments
        assert opened.doubts(index, found) == []
    again = pickle.loads(pickle.dumps(opened))  # noqa: S301
    assert again.segment_map(2).segments == maps()[2][1].segments


def test_the_layout_is_the_official_one(written):
    data = json.loads(written.read_text())
    assert data["categories"] == [category_entry(category) for category in TABLE.categories]
    assert data["images"][1] == {"id": 29, "file_name": "x/1.jpg", "height": SIZE[0], "width": SIZE[1]}
    annotation = data["annotations"][1]
    assert (annotation["image_id"], annotation["file_name"]) == (29, "1.png")
    colours = np.array(Image.open(written.with_suffix("") / "1.png")).astype(int)
    ids = colours @ [1, 256, 65536]
    for segment in annotation["segments_info"]:
        rows, columns = np.nonzero(ids == segment["id"])
        assert segment["area"] == len(rows)
        assert segment["bbox"] == [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]


def test_the_same_maps_make_the_same_bytes(tmp_path):
    digests = []
    for name in ("a", "b"):
        write_panoptic(tmp_path / name / "c.json", maps(), TABLE)
        files = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        assert len(files) == 5
        digests.append([hashlib.sha256(path.read_bytes()).hexdigest() for path in files])
    assert digests[0] == digests[1]


def test_an_image_may_have_no_segment_and_a_file_no_image(tmp_path):
    empty = SegmentMap(torch.zeros(3, 4, dtype=torch.int32), ())
    write_panoptic(tmp_path / "a.json", [(ImageEntry(1, "a.jpg", (3, 4)), empty)], TABLE)
    assert PanopticFile.read(tmp_path / "a.json").segment_map(0).segments == ()
    assert write_panoptic(tmp_path / "none.json", [], TABLE) == 0
    assert len(PanopticFile.read(tmp_path / "none.json")) == 0


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (lambda: [maps(1)[0], maps(1)[0]], "two images have the name 0.png"),
        (lambda: [maps(1)[0], (maps(1)[0][0]._replace(file_name="b.jpg"), maps(1)[0][1])], "have one number"),
        (lambda: [(ImageEntry(1, "a.jpg", (3, 4)), maps(1)[0][1])], "they must be of one size"),
        (
            lambda: [(ImageEntry(1, "a", (1, 1)), SegmentMap(torch.ones(1, 1, dtype=torch.int32), (Segment(1, 99),)))],
            "image 1: unknown category 99",
        ),
    ],
)
def test_what_cannot_be_written_leaves_nothing(tmp_path, images, message):
    with pytest.raises(ValueError, match=message):
        write_panoptic(tmp_path / "new" / "a.json", images(), TABLE)
    assert list(tmp_path.iterdir()) == []


def test_the_ending_is_json(tmp_path):
    with pytest.raises(ValueError, match=r"a\.txt: a panoptic file ends in \.json\. Name a\.json\."):
        write_panoptic(tmp_path / "a.txt", [], TABLE)


def drop(key):
    return lambda data: data.pop(key)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (drop("annotations"), "it has no 'annotations'"),
        (drop("categories"), "has no 'categories'"),
        (lambda data: data["images"].append(data["images"][0]), "image 30 comes more than once"),
        (lambda data: data["annotations"].append(data["annotations"][0]), "image 30 has more than one annotation"),
        (lambda data: data["images"].pop(), r"1 number\(s\) have an annotation and no image: 27\."),
        (lambda data: data["annotations"].pop(), r"1 number\(s\) have an image and no annotation: 27\."),
        (lambda data: data["images"][0].pop("height"), "image 30 has no 'height'"),
        (lambda data: data["annotations"][0].update(image_id="x"), "an annotation has no 'image_id'"),
        (lambda data: data.update(annotations={}), "its 'annotations' is no list"),
        (lambda data: data.update(images=[[]]), "element 0 of its 'images' is a list"),
    ],
)
def test_files_that_make_no_sense_are_not_opened(written, edit, message):
    change(written, edit)
    with pytest.raises(FileError, match=message) as error:
        PanopticFile.read(written)
    assert str(error.value).startswith(str(written))
    assert str(error.value).endswith("Copy or write it again.")


def test_single_entries_that_are_wrong_are_reported_and_left_out(written):
    def edit(data):
        data["images"][0]["height"] = None
        data["annotations"][1].pop("image_id")

    change(written, edit)
    problems = []
    opened = PanopticFile.read(written, report=problems.append)
    assert opened.ids.tolist() == [28, 27]
    assert len(problems) == 4
    assert opened.segment_map(0).segments == maps()[2][1].segments


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda one: one["segments_info"][0].update(category_id=4), "image 30: unknown category 4"),
        (lambda one: one["segments_info"].pop(0), r"0\.png: does not fit a\.json: segments .* pixels but no entry"),
        (lambda one: one["segments_info"].append({"id": 77, "category_id": 3}), r"\[77\] have an entry but no pixel"),
        (lambda one: one.update(file_name="none.png"), r"none\.png: there is no such file"),
        (lambda one: one.update(segments_info=7), "has no 'segments_info'"),
    ],
)
def test_an_annotation_that_does_not_fit_is_named_when_it_is_read(written, edit, message):
    change(written, lambda data: edit(data["annotations"][0]))
    opened = PanopticFile.read(written)
    with pytest.raises(ValueError, match=message):
        opened.segment_map(0)
    opened.segment_map(1)


def test_a_picture_of_another_size_is_named(written):
    change(written, lambda data: data["images"][0].update(height=5))
    with pytest.raises(ImageError, match=r"0\.png: has 21 x 34 pixels \(rows x columns\), its image in a\.json 5 x 34"):
        PanopticFile.read(written).segment_map(0)


def test_areas_and_boxes_that_are_wrong_are_doubts(written):
    def edit(data):
        data["annotations"][0]["segments_info"][0]["area"] += 1
        data["annotations"][0]["segments_info"][1]["bbox"][2] -= 1
        data["annotations"][0]["segments_info"][2].pop("area")

    change(written, edit)
    doubts = PanopticFile.read(written).doubts(0, maps()[0][1])
    assert [" has the area " in doubts[0], " has the bbox " in doubts[1], len(doubts)] == [True, True, 2]


def test_a_folder_that_is_not_there_is_named(written):
    written.with_suffix("").rename(written.with_name("elsewhere"))
    with pytest.raises(FileError, match=r"there is no such folder\. Name the one that has the PNG files"):
        PanopticFile.read(written)
    assert len(PanopticFile.read(written, written.with_name("elsewhere")).segment_map(0).segments) > 0


def test_a_prediction_takes_the_table_of_its_truth(written):
    def edit(data):
        data["categories"], data["images"] = 7, ["odd"]

    change(written, edit)
    opened = PanopticFile.read(written, table=TABLE, with_images=False)
    assert (opened.table, opened.images, len(opened)) == (TABLE, None, 4)


def test_ids_are_read_from_rgb_of_8_bits_only(tmp_path):
    ids = np.array([[0, 255, 256], [65535, 65536, (1 << 24) - 1]])
    colours = np.stack([ids % 256, ids // 256 % 256, ids // 65536], -1).astype(np.uint8)
    Image.fromarray(colours).save(tmp_path / "a.png")
    assert read_segment_ids(tmp_path / "a.png").tolist() == ids.tolist()
    for name, mode, kind in (
        ("l.png", "L", "PNG"),
        ("a.png", "RGBA", "PNG"),
        ("p.png", "P", "PNG"),
        ("j.png", "RGB", "JPEG"),
    ):
        Image.fromarray(colours).convert(mode).save(tmp_path / name, kind)
        with pytest.raises(ImageError, match=f"segment ids are a PNG in RGB of 8 bits, this is {kind} of mode {mode}"):
            read_segment_ids(tmp_path / name)


def test_segments_are_described_in_their_order():
    ids = torch.tensor([[0, 5, 5], [9, 5, 2]], dtype=torch.int32)
    found = described(SegmentMap(ids, (Segment(9, 3), Segment(5, 5, True), Segment(2, 3))))
    assert [(one.id, one.area, one.box, one.is_crowd) for one in found] == [
        (9, 1, (0, 1, 1, 1), False),
        (5, 3, (1, 0, 2, 2), True),
        (2, 1, (2, 1, 1, 1), False),
    ]
