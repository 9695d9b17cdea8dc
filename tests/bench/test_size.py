"""The bench of sizes: a row a size, every figure there, and memory of tensors that follows from the pixels."""

from __future__ import annotations

import json

import pytest

from rsp_lab.bench import size
from rsp_lab.cli import main
from rsp_lab.models import presets

TINY = presets.tiny_rsp4(("a", "b", "c"))
KEYS = {"forward_s", "capture_s", "ledger_s", "payload_s", "forward_mb", "ledger_mb", "ledger_ratio", "peak_mb"}


def test_tensors_grow_with_the_pixels() -> None:
    small, large = (size.size_case(TINY, pixels, 1, 1) for pixels in ((64, 128), (128, 256)))

    assert set(small) == set(large) == KEYS
    assert all(small[name] > 0 for name in KEYS - {"peak_mb"})
    for name in ("forward_mb", "ledger_mb"):
        assert 3 < large[name] / small[name] < 4.6
    assert small["ledger_ratio"] == pytest.approx(small["ledger_mb"] / small["forward_mb"], abs=0.01)


@pytest.mark.usefixtures("forked_python")
def test_every_size_has_a_row(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(size, "SIZES", ((64, 128),))
    monkeypatch.setattr(size.presets, "resnet_fpn", lambda *_: TINY)
    main.main(["bench", "size", "--json"])
    (row,) = json.loads(capsys.readouterr().out)

    assert set(row) == {"height", "width", "model", *KEYS}
    assert (row["height"], row["width"], row["model"]) == (64, 128, "RSP-4, ResNet-50")
