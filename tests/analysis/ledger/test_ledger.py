"""The ledger against zeroing one cell at a time in a head written down a second time, and against paper."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from rsp_lab.analysis.ledger.difference import ledger_difference
from rsp_lab.analysis.ledger.footprint import footprint_shares, on_pixels
from rsp_lab.analysis.ledger.frozen_head import FrozenHead
from rsp_lab.analysis.ledger.ledger import ContextLedger, context_ledger
from rsp_lab.analysis.targets.target import PixelTarget, RegionTarget, Target
from rsp_lab.capture.capture import run_with_capture
from rsp_lab.models import presets
from rsp_lab.models.fusion import AverageConfig, SumConfig
from rsp_lab.models.heads import HeadConfig, TopDownConfig, build_head
from rsp_lab.models.relation import RelationConfig
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.relations.window import position_map
from rsp_lab.shapes import Window
from tests.kit.heads import TOP_DOWN_HEADS
from tests.kit.networks import NAMES, SIZE, network, noise_image, rectangle

pytestmark = pytest.mark.usefixtures("one_thread")
_CHECKED_CELLS = 30
HEADS: dict[str, HeadConfig] = TOP_DOWN_HEADS | {"semantic_fpn": presets.semantic_fpn()}
PIXEL = PixelTarget(20, 31, "rider", "person")


def region(size: tuple[int, int] = SIZE) -> RegionTarget:
    return RegionTarget(rectangle(slice(5, 19), slice(40, 51), size), "road", plain_logit=True)


def unfolded(x: Tensor, window: Window) -> Tensor:
    k, d, r = window.kernel_size, window.dilation, window.radius
    return F.unfold(x, k, dilation=d, padding=r).view(*x.shape[:2], k * k, *x.shape[2:])


class NaiveHead:
    """Sec. III-B from a state dict; the weights of the first pass are kept for all later ones."""

    def __init__(self, model: Segmenter) -> None:
        self.config: TopDownConfig = model.head.config
        self.p = {k.removeprefix("head."): v for k, v in model.state_dict().items()}
        self.kept: dict[int, Tensor] = {}

    def weights(self, i: int, fusion: RelationConfig, low: Tensor, high: Tensor) -> Tensor:
        f, window = f"steps.{i}.fusion", fusion.window
        source = low if fusion.query_from == "low" else high
        query, key = (
            F.conv2d(x, self.p[f"{f}.{n}.weight"], self.p[f"{f}.{n}.bias"]) for n, x in (("f_q", source), ("f_k", high))
        )
        place = self.p[f"{f}.f_p.weight"] @ position_map(self.config.channels, window, dtype=high.dtype).flatten(1)
        scores = (query[:, :, None] * (unfolded(key, window) + place[None, :, :, None, None])).sum(1)
        inside = unfolded(torch.ones_like(high[:, :1]), window)[:, 0] > 0
        if fusion.normalisation == "none":
            return scores.masked_fill(~inside, 0) / window.positions
        return scores.masked_fill(~inside, -math.inf).softmax(1)

    def __call__(self, q: dict[int, Tensor]) -> Tensor:
        top = q[self.config.levels[-1]]
        for i, fusion in enumerate(self.config.fusions):
            low = q[self.config.levels[-2 - i]]
            z = F.interpolate(top, low.shape[-2:], mode="bilinear")
            if isinstance(fusion, RelationConfig):
                if i not in self.kept:
                    self.kept[i] = self.weights(i, fusion, low, z)
                f = f"steps.{i}.fusion.f_v"
                value = F.conv2d(z, self.p[f"{f}.weight"], self.p[f"{f}.bias"])
                z = (self.kept[i][:, None] * unfolded(value, fusion.window)).sum(2)
            elif isinstance(fusion, AverageConfig):
                inside = unfolded(torch.ones_like(z[:, :1]), fusion.window).sum(2)
                z = unfolded(z, fusion.window).sum(2) / inside
            top = low + z
        return F.conv2d(top, self.p["classifier.weight"], self.p["classifier.bias"])


def functional(coarse: Tensor, target: Target) -> float:
    full = F.interpolate(coarse, SIZE, mode="bilinear")[0]
    mean = [
        full[NAMES.index(n)][target.weights(SIZE) > 0].mean() if n else 0 for n in (target.class_name, target.rival)
    ]
    return float(mean[0] - mean[1])


@torch.no_grad()
@pytest.mark.parametrize("target", [PIXEL, region()], ids=["pixel", "region"])
@pytest.mark.parametrize("name", ["baseline_q67", "rsp4", "rsp4_d", "self2", "context2", "rsp4 unnormalised"])
def test_a_contribution_is_what_zeroing_the_cell_takes_away(name: str, target: Target) -> None:
    model = network(HEADS[name])
    _, record = run_with_capture(model, noise_image().double(), taps="q*")
    q = {x: record[f"q{x}"].contiguous() for x in model.head.config.levels}
    naive = NaiveHead(model)
    whole = functional(naive(q), target)

    ledger = context_ledger(model, noise_image(), target)

    assert ledger.total == pytest.approx(whole, abs=1e-11)
    assert ledger.bias == pytest.approx(functional(naive({x: 0 * v for x, v in q.items()}), target), abs=1e-11)
    for level, values in ledger.maps.items():
        flat = values.flatten()
        largest, others = flat.abs().topk(min(6, len(flat))).indices, torch.randperm(len(flat))[:_CHECKED_CELLS]
        for place in {*largest.tolist(), *others.tolist()}:
            y, x = divmod(place, values.shape[1])
            cut = q[level].clone()
            cut[:, :, y, x] = 0
            taken_away = whole - functional(naive({**q, level: cut}), target)
            assert float(flat[place]) == pytest.approx(taken_away, abs=1e-11)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", HEADS)
def test_every_head_adds_up_to_the_output_of_the_plain_model(name: str, dtype: torch.dtype) -> None:
    model = network(HEADS[name], dtype=dtype, channels=64)
    image = noise_image((131, 97)).to(dtype)
    with torch.no_grad():
        out = model(image)[0].double()
    frozen = FrozenHead.of(model, image)
    tolerance = {torch.float32: 1e-5, torch.float64: 1e-10}[dtype]

    for y, x in ((0, 0), (130, 96), (64, 13)):
        ledger = context_ledger(frozen, frozen.image, PixelTarget(y, x, "rider", "person"))
        total = ledger.bias + sum(ledger.sums.values())

        assert ledger.residual <= ledger.tolerance == tolerance
        assert total == pytest.approx(float(out[1, y, x] - out[2, y, x]), abs=tolerance)
        assert all(value != 0 for value in ledger.sums.values())


class Hand:
    """Levels 4, 3, 2 on 1 x 1, 1 x 2 and 2 x 2 cells, two channels; the image has 2 x 2 pixels."""

    def __init__(self) -> None:
        config = TopDownConfig((RelationConfig(Window(3), 1), SumConfig()), channels=2, norm="none")
        head = build_head(config, 1, 2).double()
        with torch.no_grad():
            head.classifier.weight.copy_(torch.tensor([[1.0, 10.0], [0.0, 1.0]]).view(2, 2, 1, 1))
            head.classifier.bias.copy_(torch.tensor([0.5, 0.25]))
            f_v = head.steps[0].fusion.f_v
            f_v.weight.copy_(torch.tensor([[2.0, 0.0], [0.0, 3.0]]).view(2, 2, 1, 1))
            f_v.bias.copy_(torch.tensor([0.0, 1.0]))
        weights = torch.zeros(1, 3, 3, 1, 2, dtype=torch.float64)
        weights[0, 1, 1, 0] = torch.tensor([0.75, 0.5])  # each cell's own position
        weights[0, 1, 2, 0, 0] = 0.25  # the cell to the right
        weights[0, 1, 0, 0, 1] = 0.5  # the cell to the left
        q = {
            2: torch.tensor([[[[1.0, 0], [0, 2]], [[0, 1], [0, 0]]]], dtype=torch.float64),
            3: torch.tensor([[[[4.0, 8]], [[0, 1]]]], dtype=torch.float64),
            4: torch.tensor([[[[5.0]], [[7.0]]]], dtype=torch.float64),
        }
        image, logits = torch.zeros(1, 3, 2, 2).double(), torch.zeros(1, 2, 2, 2).double()
        blank = FrozenHead(head, ("a", "b"), image, q, {"step43": weights}, logits)
        self.frozen = blank.with_weights({})


def test_by_hand() -> None:
    """At (0, 1), class a reads channel 0 plus 10 times channel 1. T_3 reaches row 0, column 1 whole.

    Level 2: 0 + 10 * 1. Level 3: only the right cell, 8 + 10 * 1. Level 4: (2 * 5) + 10 * (3 * 7), halved by the two
    window positions, which both see it. Bias: 0.5 + 10 * 1 from f_v.
    """
    frozen = Hand().frozen
    ledger = context_ledger(frozen, frozen.image, PixelTarget(0, 1, "a", plain_logit=True))

    assert ledger.maps[2].tolist() == [[0, 10], [0, 0]]
    assert ledger.maps[3].tolist() == [[0, 18]]
    assert ledger.maps[4].tolist() == [[220]]
    assert ledger.bias == 10.5
    assert ledger.total == 258.5
    assert context_ledger(frozen, frozen.image, PixelTarget(0, 1, "a", "b")).sums == {2: 9, 3: 17, 4: 199}
    assert ledger.strongest(2)[0].box == (-0.5, -0.5, 1.5, 1.5)
    assert [(c.level, c.y, c.x, c.value, c.centre) for c in ledger.strongest(2)] == [
        (4, 0, 0, 220, (0.5, 0.5)),
        (3, 0, 1, 18, (0.5, 1)),
    ]


def test_footprints_by_hand() -> None:
    """Five pixels under two cells: each has two whole pixels and half of the middle one."""
    shares = [[0.4, 0.4, 0.2, 0, 0], [0, 0, 0.2, 0.4, 0.4]]
    torch.testing.assert_close(footprint_shares(2, 5), torch.tensor(shares, dtype=torch.float64))
    assert on_pixels(torch.tensor([[8.0]]), (2, 4)).tolist() == [[1, 1, 1, 1], [1, 1, 1, 1]]
    # More cells than pixels, as levels 2 and 3 of a tiny image.
    assert on_pixels(torch.tensor([[1.0, 2, 4]]), (1, 1)).tolist() == [[7]]


@pytest.fixture(scope="module")
def pair() -> tuple[ContextLedger, ContextLedger]:
    return tuple(context_ledger(network(HEADS[name], channels=64), noise_image(), PIXEL) for name in ("rsp4", "rsp2"))


def test_breakdowns_keep_the_sums(pair: tuple[ContextLedger, ContextLedger]) -> None:
    ledger = pair[0]
    total = sum(ledger.sums.values())
    labels = torch.full(SIZE, 255)
    labels[:, :20] = 0
    labels[10:, 20:101] = 1

    assert float(ledger.on_image().sum()) == pytest.approx(total, abs=1e-12)
    by_class, by_ring = ledger.by_class(labels), ledger.by_ring((5, 17))
    assert by_class.columns == (*NAMES, "unlabelled")
    assert by_ring.columns == ("0-5 px", "5-17 px", "17+ px")
    for table in (by_class, by_ring):
        assert table.values.sum(1).tolist() == pytest.approx(list(ledger.sums.values()), abs=1e-12)
    left = sum(float(ledger.on_image(x)[:, :20].sum()) for x in ledger.levels)
    assert sum(by_class[x, "road"] for x in ledger.levels) == pytest.approx(left, abs=1e-12)
    assert by_class[3, "person"] == 0
    near = [(y, x) for y in range(SIZE[0]) for x in range(SIZE[1]) if math.hypot(y - 20, x - 31) < 5]
    expected = sum(float(ledger.on_image(4)[y, x]) for y, x in near)
    assert by_ring[4, "0-5 px"] == pytest.approx(expected, abs=1e-12)
    # Within Q_2 a pixel reads four cells at the most.
    assert by_ring[2, "17+ px"] == 0
    with pytest.raises(KeyError, match="no entry"):
        by_class[8, "road"]
    with pytest.raises(ValueError, match="nearest neighbour"):
        ledger.by_class(labels[:4])
    rings = ledger.by_ring(np.array([5.0, 17.0]))  # type: ignore[arg-type]
    assert rings.columns == by_ring.columns
    assert torch.equal(rings.values, by_ring.values)
    for edges in ((8, 4), (8, 8), (0, 8), (-1, 8), (8, math.nan), (math.nan,), ()):
        with pytest.raises(ValueError, match="positive and increase"):
            ledger.by_ring(edges)


def test_what_has_no_label_is_told_from_a_class_that_is_called_so(pair: tuple[ContextLedger, ContextLedger]) -> None:
    names = (*NAMES[:-1], "unlabelled")
    labels = torch.full(SIZE, 255)
    labels[:, :20] = len(names) - 1
    plain, table = pair[0].by_class(labels), pair[0].by_class(labels, names)

    assert table.columns == (*names, "unlabelled (255)")
    for level in pair[0].levels:
        assert table[level, "unlabelled"] == plain[level, NAMES[-1]]
        assert table[level, "unlabelled (255)"] == plain[level, "unlabelled"]
    assert table[7, "unlabelled"] != table[7, "unlabelled (255)"] != 0


def test_strongest_cells(pair: tuple[ContextLedger, ContextLedger]) -> None:
    values = torch.cat([v.flatten() for v in pair[0].maps.values()]).abs().sort(descending=True).values
    found = pair[0].strongest(5)

    assert [abs(cell.value) for cell in found] == values[:5].tolist()
    assert all(float(pair[0].maps[c.level][c.y, c.x]) == c.value for c in found)
    assert {cell.level for cell in pair[0].strongest(4, level=5)} == {5}
    with pytest.raises(ValueError, match="no level 9"):
        pair[0].strongest(1, level=9)


def test_difference(pair: tuple[ContextLedger, ContextLedger]) -> None:
    a, b = pair
    difference = ledger_difference(a, b)

    assert difference.levels == (2, 3, 4, 5, 6, 7)
    assert difference.sums[7] == a.sums[7]
    assert difference.sums[3] == a.sums[3] - b.sums[3]
    assert sum(difference.sums.values()) + difference.bias == pytest.approx(difference.total, abs=1e-10)
    torch.testing.assert_close(difference.on_image(), a.on_image() - b.on_image(), rtol=0, atol=1e-12)
    torch.testing.assert_close(difference.on_image(7), a.on_image(7))
    assert json.loads(json.dumps(difference.to_dict()))["levels"]["7"] == pytest.approx(a.sums[7], abs=1e-6)
    model = network(HEADS["rsp2"], channels=64)
    with pytest.raises(ValueError, match="two images"):
        ledger_difference(a, context_ledger(model, 1 - noise_image(), PIXEL))
    with pytest.raises(ValueError, match="the same target"):
        ledger_difference(a, context_ledger(model, noise_image(), PixelTarget(20, 32, "rider", "person")))
    with pytest.raises(ValueError, match="neither ledger has level 8"):
        difference.on_image(8)


def test_a_difference_is_held_to_the_coarser_precision() -> None:
    fine, coarse = (
        context_ledger(network(HEADS["rsp2"], dtype=dtype), noise_image(), PIXEL)
        for dtype in (torch.float64, torch.float32)
    )
    for difference in (ledger_difference(fine, coarse), ledger_difference(coarse, fine)):
        found = difference.ledger
        assert fine.residual < found.residual == coarse.residual <= found.tolerance == 1e-5


def test_summary(pair: tuple[ContextLedger, ContextLedger]) -> None:
    summary = json.loads(json.dumps(pair[0].to_dict()))

    assert summary["target"] == "rider over person at pixel (20, 31)"
    assert summary["cells"]["3"] == [9, 17]
    assert summary["bias"] + sum(summary["levels"].values()) == pytest.approx(summary["total"], abs=1e-5)
    assert pair[0].sentence().startswith("rider over person at pixel (20, 31): ")
    assert " level 7 " in pair[0].sentence()


@pytest.mark.usefixtures("unchecked")
def test_a_count_of_cells_is_a_number_of_them() -> None:
    ledger = context_ledger(network(presets.rsp4()), noise_image(), PixelTarget(1, 1))
    assert ledger.strongest(0) == ()
    for count, message in ((-1, "count must be at least 0, got -1"), (1.5, r"count must be a whole number, got 1\.5")):
        with pytest.raises(ValueError, match=message):
            ledger.strongest(count)  # type: ignore[arg-type]
