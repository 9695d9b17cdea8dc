import numpy as np
import pytest
from PIL import Image

from rsp_lab.data import camvid
from rsp_lab.data.camvid import CamVid
from rsp_lab.data.images import ImageError


@pytest.fixture
def root(tmp_path):
    """Three training samples and one for validation; the labels hold every raw id."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 3), ("val", 1)):
        for folder in (split, f"{split}annot"):
            (tmp_path / folder).mkdir()
        for index in range(count):
            name = f"{index}.png"
            Image.fromarray(rng.integers(0, 256, (64, 80, 3), dtype=np.uint8)).save(tmp_path / split / name)
            label = rng.integers(0, 12, (64, 80), dtype=np.uint8)
            Image.fromarray(label).save(tmp_path / f"{split}annot" / name)
    return tmp_path


@pytest.mark.parametrize("cache", [True, False])
def test_samples_in_the_order_of_their_names(root, cache):
    samples = CamVid(root, "train", cache)
    for _ in range(2):
        assert [sample.name for sample in samples] == ["0", "1", "2"]
    sample = samples[1]
    raw = np.array(Image.open(root / "trainannot" / "1.png"))
    np.testing.assert_array_equal(sample.label.numpy(), np.where(raw == 11, 255, raw))


def test_missing_folder(root, tmp_path):
    with pytest.raises(ValueError, match="no such folder"):
        CamVid(tmp_path / "elsewhere", "train")
    with pytest.raises(ValueError, match="train, val, test"):
        CamVid(root, "extra")
    with pytest.raises(ValueError, match="test: there is no such folder"):
        CamVid(root, "test")


@pytest.mark.parametrize("folder", ["train", "trainannot"])
def test_a_missing_partner_is_named(root, folder):
    (root / folder / "2.png").unlink()
    with pytest.raises(ValueError, match=r"file here: 2\.png"):
        CamVid(root, "train")


def test_empty_folder(root):
    (root / "val" / "0.png").unlink()
    with pytest.raises(ValueError, match="holds no"):
        CamVid(root, "val")


def test_sizes_must_agree(root):
    Image.new("L", (80, 65)).save(root / "trainannot" / "0.png")
    with pytest.raises(ImageError, match=r"65 x 80.*64 x 80"):
        CamVid(root, "train")[0]


def test_undeclared_class_ids_are_named(root):
    Image.new("L", (80, 64), 12).save(root / "trainannot" / "0.png")
    with pytest.raises(ImageError, match=r"0\.png.*\[12\]"):
        CamVid(root, "train")[0]


def test_the_test_split(root):
    (root / "val").rename(root / "test")
    with pytest.raises(ValueError, match="testannot: there is no such folder"):
        CamVid(root, "test")
    (sample,) = CamVid(root, "test", labels="unread")
    assert sample.label is None
    (root / "valannot").rename(root / "testannot")
    (sample,) = CamVid(root, "test")
    assert sample.label is not None


@pytest.mark.parametrize("ending", [".PNG", ".JPG", ".jpeg", ".tif"])
def test_images_of_other_endings_keep_their_labels(root, ending):
    path = root / "train" / "1.png"
    Image.open(path).save(root / "train" / f"1{ending}")
    path.unlink()
    assert [sample.name for sample in CamVid(root, "train")] == ["0", "1", "2"]


def test_hidden_files_are_no_samples(root):
    for folder in ("train", "trainannot"):
        (root / folder / "._0.png").write_bytes(b"\0\5\x16\7")
        (root / folder / ".DS_Store").write_bytes(b"Bud1")
        (root / folder / "Thumbs.db").write_bytes(b"")
    assert len(CamVid(root, "train")) == 3


def test_two_files_of_one_name_are_refused(root):
    Image.new("RGB", (80, 64)).save(root / "train" / "1.jpg")
    with pytest.raises(ValueError, match=r"say the name of another one.*1\.png"):
        CamVid(root, "train")


def test_root_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.delenv("CAMVID_ROOT", raising=False)
    with pytest.raises(ValueError, match="CAMVID_ROOT is not set"):
        camvid.camvid_root()
    monkeypatch.setenv("CAMVID_ROOT", str(tmp_path / "none"))
    with pytest.raises(ValueError, match="not a folder"):
        camvid.camvid_root()
    monkeypatch.setenv("CAMVID_ROOT", str(tmp_path))
    assert camvid.camvid_root() == tmp_path


def test_the_real_data_set(camvid_root):
    train, val = CamVid(camvid_root, "train"), CamVid(camvid_root, "val")
    assert (len(train), len(val)) == (367, 101)
    assert val[0].size == (360, 480)
    counts = sum(np.bincount(val[i].label.numpy().ravel(), minlength=256) for i in range(0, 101, 10))
    assert set(np.flatnonzero(counts)) <= {*range(11), 255}
