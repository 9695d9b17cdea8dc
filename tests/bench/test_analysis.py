"""The bench of analysis measures what it says."""

from __future__ import annotations

import numpy as np
import torch

from rsp_lab.analysis.trade.run import trade_matrix
from rsp_lab.bench import analysis
from rsp_lab.models import presets
from rsp_lab.models.segmenter import Segmenter


def test_analysis_bench() -> None:
    torch.manual_seed(0)
    model = Segmenter(presets.tiny_rsp4(("a", "b", "c"))).eval()
    row = analysis.analysis_case(model, (64, 96), 1)

    assert row["levels"] == 6
    timed = ("forward", "change", "context_ledger", "ledger", "channels", "flow", "head", "level_ledger")
    named = {f"{what}_ms" for what in timed}
    named |= {"plain_images_per_s", "trade_images_per_s"}
    assert set(row) == {"height", "width", "levels", *named}
    assert all(row[name] > 0 for name in named)


def test_the_trade_bench_has_every_zone() -> None:
    """What is measured is the whole trade: the statistics of an image in which all classes occur."""
    torch.manual_seed(0)
    model = Segmenter(presets.tiny_rsp4(("a", "b", "c"))).eval()
    sample = analysis.patchwork((64, 96), 3)

    assert set(sample.label.unique().tolist()) == {0, 1, 2, 255}
    total = analysis._trade_of_one(analysis.empty_sum((model, model), "labels"), model, sample)
    expected = trade_matrix(model, model, [sample])
    np.testing.assert_array_equal(total.result(("left", "right"), "labels").values.mean, expected.values.mean)
    assert analysis._plain_inference(model, sample).shape == (1, 64, 96)
