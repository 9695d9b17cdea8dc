import json
import pickle

import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from rsp_lab.data.images import ImageError
from rsp_lab.data.labels import IGNORE_INDEX
from rsp_lab.data.panoptic.categories import COCO_PANOPTIC
from rsp_lab.data.panoptic.coco import CocoPanoptic, split_paths
from rsp_lab.data.panoptic.entries import ImageEntry
from rsp_lab.data.panoptic.samples import PanopticSamples
from rsp_lab.data.sources import open_split
from tests.kit.coco_layout import NUMBERS, SIZES, segment_maps, write_small_coco


@pytest.fixture
def root(tmp_path):
    write_small_coco(tmp_path)
    return tmp_path


def test_samples_have_picture_semantic_label_and_instances(root):
    samples = CocoPanoptic(root, "val")
    assert samples.names == tuple(f"{number:012d}" for number in NUMBERS)
    assert [sample.size for sample in samples] == list(SIZES)
    for index, segments in enumerate(segment_maps()):
        sample = samples[index]
        assert torch.equal(sample.label, segments.semantic(COCO_PANOPTIC))
        assert torch.equal(samples.segment_map(index).ids, segments.ids)
        assert samples.segment_map(index).segments == segments.segments
        assert samples.image_entry(index) == ImageEntry(NUMBERS[index], f"{sample.name}.jpg", SIZES[index])
    first, second, third = samples
    assert samples.table.classes[int(first.label[11, 0])] == "sea"
    assert samples.table.classes[int(first.label[7, 3])] == samples.table.classes[int(third.label[0, 0])] == "things"
    assert (second.label == IGNORE_INDEX).all()
    assert [len(sample.instances) for sample in (first, second, third)] == [2, 0, 1]
    assert [one["iscrowd"] for one in samples.annotations(2)] == [1, 0]


def test_the_environment_names_the_folder_and_workers_read_it(root, monkeypatch):
    monkeypatch.setenv("COCO_ROOT", str(root))
    samples = open_split("coco", "val")
    assert isinstance(samples, PanopticSamples)
    assert (samples.panoptic, samples.table) == (COCO_PANOPTIC, COCO_PANOPTIC.semantic)
    batches = DataLoader(samples, batch_size=None, num_workers=1, multiprocessing_context="fork")
    for index, sample in enumerate(batches):
        assert torch.equal(sample.label, samples[index].label)
        assert torch.equal(sample.instances.masks, samples[index].instances.masks)
    again = pickle.loads(pickle.dumps(samples))  # noqa: S301
    assert torch.equal(again[2].instances.masks, samples[2].instances.masks)


def test_pictures_may_be_of_any_kind(root):
    folder = split_paths(root, "val").images
    for path, ending in zip(sorted(folder.iterdir()), (".png", ".JPG", ".webp"), strict=True):
        Image.open(path).save(path.with_suffix(ending), lossless=True)
        path.unlink()
    samples = CocoPanoptic(root, "val")
    assert [sample.size for sample in samples] == list(SIZES)
    assert {path.suffix for path in samples.sources[:3]} == {".png", ".JPG", ".webp"}


def test_pictures_suffice_where_labels_are_not_asked_for(root):
    samples = CocoPanoptic(root, "val", "unread")
    split_paths(root, "val").instances.unlink()
    assert (len(samples), samples[0].label, samples[0].instances) == (3, None, None)
    assert samples.image_entry(2).id == NUMBERS[2]
    with pytest.raises(ValueError, match="open them with labels='required'"):
        samples.annotations(0)
    split_paths(root, "val").panoptic.unlink()
    for labels in ("unread", "optional"):
        bare = CocoPanoptic(root, "val", labels)
        assert (len(bare), bare[1].label, bare.panoptic) == (3, None, COCO_PANOPTIC)
        assert bare.image_entry(2) == ImageEntry(NUMBERS[2], f"{NUMBERS[2]:012d}.jpg", SIZES[2])
        with pytest.raises(
            ValueError, match=r"panoptic_val2017\.json: there is no such file, so segments are not known"
        ):
            bare.segment_map(0)
    picture = split_paths(root, "val").images / "holiday.png"
    Image.new("RGB", (5, 6)).save(picture)
    with pytest.raises(ValueError, match=r"holiday\.png: has no number"):
        CocoPanoptic(root, "val", "unread").image_entry(3)


def test_labels_of_classes_do_without_the_file_of_things(root, monkeypatch):
    split_paths(root, "val").instances.unlink()
    monkeypatch.setenv("COCO_ROOT", str(root))
    samples = open_split("coco", "val", things=False)
    for index, segments in enumerate(segment_maps()):
        assert torch.equal(samples[index].label, segments.semantic(COCO_PANOPTIC))
        assert samples[index].instances is None
    with pytest.raises(ValueError, match="the things of these samples are not read"):
        samples.annotations(0)


def test_all_files_of_the_split_are_its_sources(root):
    samples, paths = CocoPanoptic(root, "val"), split_paths(root, "val")
    assert set(samples.sources) == {*paths.images.iterdir(), *paths.masks.iterdir(), paths.panoptic, paths.instances}


def edit_json(path, edit):
    data = json.loads(path.read_text())
    edit(data)
    path.write_text(json.dumps(data))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda paths: paths.panoptic.unlink(), r"panoptic_val2017\.json: there is no such file"),
        (lambda paths: paths.instances.unlink(), r"instances_val2017\.json: there is no such file"),
        (lambda paths: paths.masks.rename(paths.masks.with_name("masks")), "panoptic_val2017: there is no such folder"),
        (
            lambda paths: paths.images.rename(paths.images.with_name("x")),
            "val2017: there is no such folder. The folder",
        ),
        (lambda paths: paths.panoptic.write_text("[]"), "is no object"),
        (
            lambda paths: (paths.images / "000000000285.jpg").unlink(),
            r"val2017: 1 picture\(s\) of the panoptic file are not here: 000000000285\.jpg",
        ),
        (lambda paths: edit_json(paths.panoptic, lambda data: data.pop("images")), "has no 'images'"),
    ],
)
def test_what_is_missing_is_said_at_once(root, spoil, message):
    spoil(split_paths(root, "val"))
    with pytest.raises(ValueError, match=message):
        CocoPanoptic(root, "val")


def test_other_splits_are_refused(root, monkeypatch):
    with pytest.raises(ValueError, match="'dawn' is no split of COCO; expected one of train, val, test"):
        CocoPanoptic(root, "dawn")
    with pytest.raises(ValueError, match="train2017: there is no such folder"):
        CocoPanoptic(root, "train")
    monkeypatch.delenv("COCO_ROOT", raising=False)
    with pytest.raises(ValueError, match="COCO_ROOT is not set"):
        open_split("coco", "val")


def test_a_folder_without_pictures_is_named(tmp_path):
    (tmp_path / "test2017").mkdir()
    with pytest.raises(ValueError, match="test2017: holds no images"):
        CocoPanoptic(tmp_path, "test", "unread")


def test_picture_and_label_of_two_sizes_are_named_when_they_are_read(root):
    folder = split_paths(root, "val").images
    Image.new("RGB", (30, 40)).save(folder / f"{NUMBERS[0]:012d}.jpg")
    samples = CocoPanoptic(root, "val")
    with pytest.raises(
        ImageError, match=r"139\.jpg: has 40 x 30 pixels \(rows x columns\), its segments in .* 12 x 17"
    ):
        samples[0]
