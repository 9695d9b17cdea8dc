import pytest
import torch

from rsp_lab.data.labels import CAMVID
from rsp_lab.data.scenes import draw_scene


def test_same_seed_same_bytes():
    first, again, other = draw_scene(3), draw_scene(3), draw_scene(4)
    assert torch.equal(first.image, again.image)
    assert torch.equal(first.label, again.label)
    assert not torch.equal(first.image, other.image)


def test_every_class_occurs_and_no_other():
    found = torch.cat([draw_scene(seed).label.unique() for seed in range(6)]).unique()
    assert found.tolist() == list(range(len(CAMVID)))


@pytest.mark.parametrize("size", [(64, 64), (360, 480), (100, 301)])
def test_sizes(size):
    assert draw_scene(0, *size).size == size


def test_too_small():
    with pytest.raises(ValueError, match="64 x 64"):
        draw_scene(0, 63, 100)
