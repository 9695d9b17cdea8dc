"""The relation's bench has a row a case, and its memory is what unfolding must take."""

from __future__ import annotations

import json

import pytest

from rsp_lab.bench import relation
from rsp_lab.cli import main
from rsp_lab.shapes import Window


@pytest.mark.usefixtures("forked_python")
def test_relation_bench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(relation, "RELATION_CASES", ((24, 32, Window(7)), (24, 32, Window(3, 3))))
    main.main(["bench", "relation", "--json"])
    rows = json.loads(capsys.readouterr().out)

    keys = {"height", "width", "kernel_size", "dilation", "reference_extra_mb", "fast_extra_mb"}
    keys |= {f"{who}_{what}" for who in ("reference", "fast") for what in ("ms", "backward_ms")}
    assert [set(row) for row in rows] == [keys, keys]
    assert [(row["kernel_size"], row["dilation"]) for row in rows] == [(7, 1), (3, 3)]
    # 49 copies of 192 channels are unfolded: 24 x 32 cells of 4 bytes each, plus at least the products.
    assert rows[0]["reference_extra_mb"] > 49 * 192 * 24 * 32 * 4 / 1e6
    assert rows[0]["fast_extra_mb"] >= 128 * 24 * 32 * 4 / 1e6
