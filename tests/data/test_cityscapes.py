"""Cityscapes on a folder of a few made-up frames in the benchmark's layout."""

import numpy as np
import pytest
import torch
from PIL import Image

from rsp_lab.data.cityscapes import Cityscapes, cityscapes_root
from rsp_lab.data.images import ImageError
from rsp_lab.data.labels import CITYSCAPES

H, W = 64, 72
FRAMES = ("aachen/aachen_000000_000019", "aachen/aachen_000001_000019", "ulm/ulm_000000_000019")


def files(root, split, frame, kind="gtFine"):
    image = root / "leftImg8bit" / split / f"{frame}_leftImg8bit.png"
    return image, root / kind / split / f"{frame}_{kind}_labelIds.png"


def write(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def root(tmp_path):
    rng = np.random.default_rng(0)
    for split, kind, frames in (("train", "gtFine", FRAMES), ("val", "gtFine", FRAMES[:1])):
        for frame in frames:
            image, label = files(tmp_path, split, frame, kind)
            write(image, rng.integers(0, 256, (H, W, 3), dtype=np.uint8))
            write(label, rng.integers(0, 34, (H, W), dtype=np.uint8))
    return tmp_path


def test_samples_in_the_order_of_city_and_frame(root):
    train = Cityscapes(root, "train")
    assert [sample.name for sample in train] == [frame.split("/")[1] for frame in FRAMES]
    assert len(Cityscapes(root, "val")) == 1
    raw = np.array(Image.open(files(root, "train", FRAMES[2])[1]))
    expected = np.full(256, 255)
    for train_id, label_id in enumerate((7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)):
        expected[label_id] = train_id
    np.testing.assert_array_equal(train[2].label.numpy(), expected[raw])
    assert torch.equal(
        train[2].image.permute(1, 2, 0),
        torch.from_numpy(np.array(Image.open(files(root, "train", FRAMES[2])[0]))),
    )


def test_coarse_labels(root):
    for frame in FRAMES:
        write(files(root, "train", frame, "gtCoarse")[1], np.full((H, W), 26, np.uint8))
    coarse = Cityscapes(root, "train", coarse=True)
    assert len(coarse) == 3
    assert (coarse[0].label == CITYSCAPES.index("car")).all()


@pytest.mark.parametrize(("which", "said"), [(1, "no label file here: ulm_"), (0, "no image file here: ulm_")])
def test_a_missing_partner_is_named(root, which, said):
    files(root, "train", FRAMES[2])[which].unlink()
    with pytest.raises(ValueError, match=said):
        Cityscapes(root, "train")


def test_an_image_and_a_label_of_two_sizes(root):
    path = files(root, "train", FRAMES[1])[1]
    write(path, np.full((H, W + 1), 7, np.uint8))
    with pytest.raises(ImageError, match=rf"{path.name}.*64 x 73.*64 x 72"):
        Cityscapes(root, "train")[1]


def test_an_id_outside_the_table_names_the_file(root):
    path = files(root, "train", FRAMES[1])[1]
    write(path, np.full((H, W), 34, np.uint8))
    with pytest.raises(ImageError, match=rf"{path.name}.*\[34\].*cityscapes"):
        Cityscapes(root, "train")[1]


def test_what_is_no_cityscapes(root, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="trian"):
        Cityscapes(root, "trian")
    with pytest.raises(ValueError, match="leftImg8bit/test: there is no such folder"):
        Cityscapes(root, "test")
    for folder in ("leftImg8bit", "gtFine"):
        (root / folder / "test").mkdir()
    with pytest.raises(ValueError, match=r"leftImg8bit/test: holds no images \*_leftImg8bit"):
        Cityscapes(root, "test")
    monkeypatch.delenv("CITYSCAPES_ROOT", raising=False)
    with pytest.raises(ValueError, match="CITYSCAPES_ROOT is not set"):
        cityscapes_root()
    monkeypatch.setenv("CITYSCAPES_ROOT", str(root / "none"))
    with pytest.raises(ValueError, match="not a folder"):
        cityscapes_root()
    monkeypatch.setenv("CITYSCAPES_ROOT", str(root))
    assert cityscapes_root() == root


def test_images_without_labels_suffice_where_labels_are_not_read(root):
    image = files(root, "test", FRAMES[0])[0]
    write(image, np.zeros((H, W, 3), np.uint8))
    with pytest.raises(ValueError, match="gtFine/test: there is no such folder"):
        Cityscapes(root, "test")
    for labels in ("unread", "optional"):
        (sample,) = Cityscapes(root, "test", labels=labels)
        assert sample.name == "aachen_000000_000019"
        assert sample.label is None
    assert Cityscapes(root, "train", labels="unread")[0].label is None
    assert Cityscapes(root, "train", labels="optional")[0].label is not None


def test_files_of_other_endings_and_hidden_ones(root):
    image, label = files(root, "train", FRAMES[2])
    image.rename(image.with_suffix(".PNG"))
    label.rename(label.with_suffix(".PNG"))
    for path in (*files(root, "train", FRAMES[0]), *files(root, "train", FRAMES[1])):
        (path.parent / f"._{path.name}").write_bytes(b"\0\5\x16\7")
    (root / "leftImg8bit" / "train" / ".DS_Store").write_bytes(b"Bud1")
    train = Cityscapes(root, "train")
    assert train.names == tuple(frame.split("/")[1] for frame in FRAMES)
    assert all(sample.label is not None for sample in train)
