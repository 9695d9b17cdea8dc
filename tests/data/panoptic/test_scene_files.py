"""Drawn scenes in COCO's layout, read by the official tools and by ours."""

from __future__ import annotations

import contextlib
import hashlib
import io

import numpy as np
import pytest
import torch
from pycocotools.coco import COCO

from rsp_lab.analysis.panoptic.precision import PrecisionMeter
from rsp_lab.analysis.panoptic.quality import panoptic_quality
from rsp_lab.data.panoptic.categories import STREET_PANOPTIC
from rsp_lab.data.panoptic.coco import CocoPanoptic, split_paths
from rsp_lab.data.panoptic.scene_files import write_coco_layout
from rsp_lab.data.panoptic.street_scenes import PanopticScenes
from rsp_lab.models.panoptic.detections import Detections

SIZE = (64, 128)
COUNT = 6


@pytest.fixture(scope="module")
def drawn():
    return PanopticScenes("val", SIZE, cache=True)


@pytest.fixture(scope="module")
def scenes(drawn):
    return [drawn.scenes.scene(index) for index in range(COUNT)]


@pytest.fixture(scope="module")
def root(scenes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("coco")
    paths = write_coco_layout(scenes, folder, "val")
    assert paths == [split_paths(folder, "val").images / f"{scene.name}.png" for scene in scenes]
    return folder


def test_what_is_written_is_read_as_the_scenes_that_are_drawn(root, drawn):
    read = CocoPanoptic(root, "val")
    assert read.panoptic is STREET_PANOPTIC
    assert len(read) == COUNT
    for index in range(COUNT):
        sample, expected = read[index], drawn[index]
        assert sample.name == expected.name
        assert read.image_entry(index) == drawn.image_entry(index)
        for name in ("image", "label"):
            assert torch.equal(getattr(sample, name), getattr(expected, name))
        for name in ("masks", "classes", "boxes"):
            assert torch.equal(getattr(sample.instances, name), getattr(expected.instances, name))
        assert torch.equal(read.segment_map(index).ids, drawn.segment_map(index).ids)
        assert read.segment_map(index).segments == drawn.segment_map(index).segments
        assert [one | {"id": 0} for one in read.annotations(index)] == [
            one | {"id": 0} for one in drawn.annotations(index)
        ]


def test_the_official_tools_read_it(root, drawn):
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(split_paths(root, "val").instances))
    for index in range(COUNT):
        entry = drawn.image_entry(index)
        assert coco.imgs[entry.id]["file_name"] == entry.file_name
        annotations = coco.loadAnns(coco.getAnnIds(imgIds=[entry.id]))
        masks = np.array([coco.annToMask(one) for one in annotations])
        assert np.array_equal(masks.astype(bool), drawn[index].instances.masks.numpy())
        names = [coco.cats[one["category_id"]]["name"] for one in annotations]
        things = [category.name for category in STREET_PANOPTIC.things]
        assert names == [things[place] for place in drawn[index].instances.classes.tolist()]


def test_hotcoco_reads_it(root):
    from hotcoco import COCO as Theirs

    coco = Theirs(str(split_paths(root, "val").instances))
    assert len(coco.get_img_ids()) == COUNT
    assert coco.load_warnings == []


def test_the_truth_against_itself_is_perfect(root, drawn):
    file = split_paths(root, "val").panoptic
    quality = panoptic_quality(file, file)
    assert quality.all.pq == quality.things.pq == quality.stuff.pq == 1.0
    meter, read = PrecisionMeter(STREET_PANOPTIC), CocoPanoptic(root, "val")
    for index in range(COUNT):
        things = read[index].instances
        exact = Detections(things.boxes, torch.ones(len(things)), things.classes, things.masks)
        meter.add(read.image_entry(index), read.annotations(index), exact)
    precision = meter.result()
    assert precision.box["AP"] == pytest.approx(1.0)
    assert precision.mask["AP"] == pytest.approx(1.0)


def test_the_same_scenes_make_the_same_bytes(root, scenes, tmp_path):
    write_coco_layout(scenes, tmp_path, "val")
    digests = [
        {path.relative_to(folder): hashlib.sha256(path.read_bytes()).digest() for path in folder.rglob("*.*")}
        for folder in (root, tmp_path)
    ]
    assert len(digests[0]) == 2 * COUNT + 2
    assert digests[0] == digests[1]


def test_a_wrong_request_writes_nothing(scenes, tmp_path):
    with pytest.raises(ValueError, match="two of the scenes have one name"):
        write_coco_layout([scenes[0], scenes[0]], tmp_path, "val")
    with pytest.raises(ValueError, match="'dawn' is no split"):
        write_coco_layout(scenes, tmp_path, "dawn")
    assert list(tmp_path.iterdir()) == []
