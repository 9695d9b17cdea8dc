"""The trade of one image and of several against a loop over classes with ordinary ledgers."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from scipy import stats

from rsp_lab.analysis.ledger.footprint import footprint_shares
from rsp_lab.analysis.ledger.frozen_head import FrozenHead
from rsp_lab.analysis.ledger.ledger import context_ledger
from rsp_lab.analysis.targets.target import PixelTarget, RegionTarget
from rsp_lab.analysis.trade.image import areas_under_cells, image_trade
from rsp_lab.analysis.trade.matrix import ALL
from rsp_lab.analysis.trade.run import trade_matrix
from rsp_lab.data.sample import Sample
from rsp_lab.models import presets
from rsp_lab.models.pyramid import PyramidConfig
from rsp_lab.models.segmenter import Segmenter, SegmenterConfig

pytestmark = pytest.mark.usefixtures("one_thread")
NAMES = ("road", "rider", "person", "sky")
# Sides that the strides do not divide: cells cut pixels.
SIZE = (45, 70)
HEADS = {
    "rsp4": presets.rsp4(),
    "rsp2": presets.rsp2(),
    "context2": presets.context2(),
    "semantic_fpn": presets.semantic_fpn(),
}


def build(name: str, seed: int = 0, dtype: torch.dtype = torch.float64) -> Segmenter:
    torch.manual_seed(seed)
    head = HEADS[name].__class__(**{**vars(HEADS[name]), "channels": 64})
    return Segmenter(SegmenterConfig(PyramidConfig("tiny", 32, top=head.levels[-1]), head, NAMES)).eval().to(dtype)


def sample(seed: int, classes: tuple[int, ...] = (0, 1, 2, 3, 255), name: str = "") -> Sample:
    """Noise, with classes in upright stripes of uneven width."""
    rng = torch.Generator().manual_seed(seed)
    image = torch.randint(0, 256, (3, *SIZE), generator=rng, dtype=torch.uint8)
    edges = torch.rand(len(classes), generator=rng).add(0.3).cumsum(0)
    stripe = torch.bucketize(torch.arange(SIZE[1]) * float(edges[-1]) / SIZE[1], edges, right=True)
    label = torch.tensor(classes, dtype=torch.uint8)[stripe].expand(SIZE).contiguous()
    label[:4] = classes[0]
    return Sample(name or f"image {seed}", image, label)


def naive(model: Segmenter, image: Sample) -> dict[str, tuple[float, float, np.ndarray]]:
    """By class that occurs: logit, bias, (level, source) of its ledger minus the mean ledger of all classes."""
    frozen = FrozenHead.of(model, image.image[None].double() / 255)
    found = {}
    for index, name in enumerate(NAMES):
        mask = image.label == index
        if not mask.any():
            continue
        ledgers = [context_ledger(frozen, frozen.image, RegionTarget(mask, other, plain_logit=True)) for other in NAMES]
        tables = [ledger.by_class(image.label).values.numpy() for ledger in ledgers]
        mean = [np.mean([ledger.total for ledger in ledgers]), np.mean([ledger.bias for ledger in ledgers])]
        own = ledgers[index]
        found[name] = own.total - mean[0], own.bias - mean[1], tables[index] - np.mean(tables, 0)
    return found


@pytest.mark.parametrize(
    ("name", "classes"), [*((name, (0, 1, 3, 255)) for name in HEADS), ("rsp2", (3,)), ("rsp4", (1, 255))]
)
def test_an_image_against_ordinary_ledgers(name, classes):
    model, image = build(name), sample(1, classes)

    trade = image_trade(FrozenHead.of(model, image.image[None].double() / 255), image.label.long())

    assert trade.levels == model.config.head.levels
    assert trade.present.tolist() == [index in classes for index in range(4)]
    assert trade.pixels.tolist() == [int((image.label == index).sum()) for index in range(4)]
    assert trade.residual < 1e-12
    for target, (logit, bias, table) in naive(model, image).items():
        place = NAMES.index(target)
        assert trade.total[place] == pytest.approx(logit, abs=1e-11)
        assert trade.bias[place] == pytest.approx(bias, abs=1e-11)
        np.testing.assert_allclose(trade.values[place], table, rtol=0, atol=1e-11)
    assert not trade.values[2].any()
    assert not trade.values[:, :, 2].any()
    np.testing.assert_allclose(trade.bias + trade.values.sum((1, 2)), trade.total, rtol=0, atol=1e-11)


def test_a_zone_is_the_mean_of_its_pixels():
    """Ledgers of single pixels, one by one, as the definition says."""
    model, image = build("rsp2"), sample(2, (0, 1))
    label = torch.full(SIZE, 255)
    label[20:23, 30:32] = 1
    label[40:, :] = 0
    frozen = FrozenHead.of(model, image.image[None].double() / 255)
    total = np.zeros((len(frozen.levels), len(NAMES) + 1))
    pixels = (label == 1).nonzero().tolist()
    for y, x in pixels:
        for name in NAMES:
            table = (
                context_ledger(frozen, frozen.image, PixelTarget(y, x, name, plain_logit=True))
                .by_class(label)
                .values.numpy()
            )
            total += table * ((name == "rider") - 1 / len(NAMES))

    np.testing.assert_allclose(image_trade(frozen, label).values[1], total / len(pixels), rtol=0, atol=1e-11)


def test_an_image_without_a_known_class_has_no_trade():
    model, image = build("rsp2"), sample(1)
    frozen = FrozenHead.of(model, image.image[None].double() / 255)

    trade = image_trade(frozen, torch.full(SIZE, 255))

    assert not trade.present.any()
    assert not trade.values.any()
    with pytest.raises(ValueError, match="must be of one size"):
        image_trade(frozen, torch.zeros(SIZE[1], SIZE[0], dtype=torch.int64))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("size", [(45, 70), (64, 96), (7, 5)])
def test_areas_are_those_of_the_footprints(size, dtype):
    rng = torch.Generator().manual_seed(0)
    masks = (torch.rand(3, *size, generator=rng) < 0.4).to(dtype)
    grids = [(size[0], size[1]), (12, 18), (3, 5), (1, 1), (16, 2)]

    for grid, found in zip(grids, areas_under_cells(masks, grids), strict=True):
        rows, columns = footprint_shares(grid[0], size[0]), footprint_shares(grid[1], size[1])
        torch.testing.assert_close(found, rows @ masks.double() @ columns.T, rtol=0, atol=1e-12)


IMAGES = [sample(1, (0, 1, 3, 255)), sample(2, (0, 2, 3)), sample(3, (3, 1)), sample(4, (0, 1, 2, 3))]


def test_the_matrix_against_a_loop_over_images():
    """Models whose levels differ: what a model lacks is 0 there."""
    models = build("rsp2").float(), build("rsp4", seed=1).float()
    exact = build("rsp2"), build("rsp4", seed=1)

    models[0].name, models[1].name = "two", "four"
    result = trade_matrix(*models, IMAGES)

    levels = (2, 3, 4, 5, 6, 7)
    assert (result.levels, result.targets, result.sources) == (levels, NAMES, (*NAMES, "unlabelled"))
    assert (result.names, result.seen, result.by, result.block) == (("two", "four"), 4, "labels", 1)
    assert result.images.tolist() == result.blocks.tolist() == [[3, 3, 2, 4]] * 3
    assert result.pixels.tolist() == [sum(int((s.label == i).sum()) for s in IMAGES) for i in range(4)]
    found = [[naive(model, image) for image in IMAGES] for model in exact]
    for target in NAMES:
        logits = np.array([[by[target][0] for by in side if target in by] for side in found])
        tables = [
            np.stack([np.pad(by[target][2], ((0, 6 - len(by[target][2])), (0, 0))) for by in side if target in by])
            for side in found
        ]
        tables.append(tables[1] - tables[0])
        for side, seen in zip(("left", "right", "difference"), tables, strict=True):
            wanted = np.pad(seen, ((0, 0), (0, 1), (0, 1)))
            wanted[:, :, -1] = wanted.sum(2)
            wanted[:, -1] = wanted.sum(1)
            for (row, column), mean in np.ndenumerate(wanted.mean(0)):
                entry = wanted[:, row, column]
                got, half = result.at(side, target, (*result.sources, ALL)[column], (*levels, ALL)[row])
                assert got == pytest.approx(mean, abs=1e-5)
                if entry.std() > 0:
                    low, high = stats.t.interval(0.95, len(entry) - 1, loc=mean, scale=stats.sem(entry))
                    assert half == pytest.approx((high - low) / 2, abs=1e-4)
        place = NAMES.index(target)
        np.testing.assert_allclose(result.total.mean[:2, place], logits.mean(1), atol=1e-5)
    values = result.values.mean[..., -1, -1]
    np.testing.assert_allclose(result.bias.mean + values, result.total.mean, rtol=0, atol=1e-5)


def test_blocks_are_one_observation():
    """Pairs of equal images in blocks of two are as certain as one of each."""
    models = build("rsp2", dtype=torch.float32), build("context2", dtype=torch.float32)
    twice = [image for image in IMAGES for _ in range(2)]

    single, blocks = trade_matrix(*models, IMAGES), trade_matrix(*models, twice, block=2)

    np.testing.assert_allclose(blocks.values.mean, single.values.mean, rtol=0, atol=1e-12)
    np.testing.assert_allclose(blocks.values.half_width, single.values.half_width, rtol=1e-6, atol=1e-12)
    assert (blocks.images == 2 * single.images).all()
    assert (blocks.blocks == single.blocks).all()
    assert "blocks of 2 successive images" in blocks.rule


def test_a_block_averages_the_images_that_have_the_class():
    models = build("rsp2", dtype=torch.float32), build("context2", dtype=torch.float32)
    apart = [trade_matrix(*models, [image]) for image in IMAGES[:2]]
    together = trade_matrix(*models, IMAGES[:2], block=5)

    for place, name in enumerate(NAMES):
        seen = [one.values.mean[:, place] for one in apart if one.images[0, place]]
        np.testing.assert_allclose(together.values.mean[:, place], np.mean(seen, 0), rtol=0, atol=1e-12, err_msg=name)
    assert np.isnan(together.values.half_width).all()


def test_zones_of_predictions_are_each_models_own():
    models = build("rsp2", dtype=torch.float32), build("rsp4", seed=1, dtype=torch.float32)
    unlabelled = [Sample(image.name, image.image) for image in IMAGES]

    result = trade_matrix(*models, unlabelled, by="predictions")

    for side, model in enumerate(models):
        with torch.no_grad():
            says = [model(image.image[None].float() / 255).argmax(1) for image in IMAGES]
        assert result.images[side].tolist() == [sum(bool((s == i).any()) for s in says) for i in range(4)]
        if side == 0:
            assert result.pixels.tolist() == [sum(int((s == i).sum()) for s in says) for i in range(4)]
    assert (result.images[2] <= result.images[:2].min(0)).all()
    # Nothing of a prediction is unlabelled.
    assert not result.values.mean[..., -2].any()


def test_rows_sentences_and_json_say_what_the_arrays_hold():
    left, right = build("rsp2").float(), build("rsp4", seed=1).float()
    left.name, right.name = "two", "four"
    result = trade_matrix(left, right, IMAGES[:2])
    rows, facts = result.rows(), json.loads(json.dumps(result.to_dict(), allow_nan=False))

    # Every target occurs; those in one image only have no interval.
    assert len(rows) == 3 * 4 * ((6 + 1) * (5 + 1) + 2)
    for row in rows:
        if row["source"] not in ("bias", "total"):
            mean, half = result.at(row["side"], row["target"], row["source"], row["level"])
            assert row["mean"] == pytest.approx(mean, abs=1e-6)
            assert (row["low"] is None) == np.isnan(half) == (row["images"] < 2)
            assert row["low"] is None or row["high"] - row["low"] == pytest.approx(2 * half, abs=3e-6)
    assert {row["level"] for row in rows} == {2, 3, 4, 5, 6, 7, "all", None}
    assert facts["axes"]["level"] == [2, 3, 4, 5, 6, 7, "all"]
    place = facts["axes"]["source"].index("sky")
    assert facts["values"]["mean"][1][0][6][place] == pytest.approx(result.at("right", "road", "sky")[0], abs=1e-6)
    assert facts["values"]["half_width"][0][1][0][0] is None
    assert facts["differences_beyond_0"]["of"] == result.clear_entries()[1] > 0
    for sentence in result.sentences(2):
        assert "logits in four" in sentence
        assert "2 images" in sentence
    with pytest.raises(KeyError, match="'sea' is no target here; there are road, rider"):
        result.at("left", "sea")
    with pytest.raises(KeyError, match="8 is no level"):
        result.at("left", "road", level=8)


def test_equal_models_have_no_difference():
    model = build("rsp2", dtype=torch.float32)
    result = trade_matrix(model, model, IMAGES[:3])

    assert not result.values.mean[2].any()
    assert result.sentences() == []
    assert result.clear_entries() == (0, 0)


@pytest.mark.usefixtures("unchecked")
def test_what_it_refuses():
    model = build("rsp2", dtype=torch.float32)
    with pytest.raises(ValueError, match="one of labels, predictions, got 'both'"):
        trade_matrix(model, model, IMAGES, by="both")
    with pytest.raises(ValueError, match="at least 1, got 0 and 1"):
        trade_matrix(model, model, [])
    with pytest.raises(ValueError, match="at least 1, got 4 and 0"):
        trade_matrix(model, model, IMAGES, block=0)
    with pytest.raises(ValueError, match="street has no label"):
        trade_matrix(model, model, [Sample("street", IMAGES[0].image)])
    other = Segmenter(presets.tiny_rsp4(("a", "b"))).eval()
    with pytest.raises(ValueError, match="same classes"):
        trade_matrix(model, other, IMAGES)
