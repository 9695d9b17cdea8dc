"""The relation's bench has a row a case, and its memory is what unfolding must take."""

from __future__ import annotations

import json
from functools import partial

import pytest
import torch

from rsp_lab.bench import relation
from rsp_lab.cli import main
from rsp_lab.shapes import Window


@pytest.mark.usefixtures("forked_python")
def test_relation_bench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(relation, "RELATION_CASES", ((24, 32, Window(7)), (24, 32, Window(3, 3))))
    main.main(["bench", "relation", "--json"])
    rows = json.loads(capsys.readouterr().out)

    keys = {"device", "height", "width", "kernel_size", "dilation", "reference_extra_mb", "fast_extra_mb"}
    keys |= {f"{who}_{what}" for who in ("reference", "fast") for what in ("ms", "backward_ms")}
    assert [set(row) for row in rows] == [keys, keys]
    assert [(row["kernel_size"], row["dilation"]) for row in rows] == [(7, 1), (3, 3)]
    # 49 copies of 192 channels are unfolded: 24 x 32 cells of 4 bytes each, plus at least the products.
    assert rows[0]["reference_extra_mb"] > 49 * 192 * 24 * 32 * 4 / 1e6
    assert rows[0]["fast_extra_mb"] >= 128 * 24 * 32 * 4 / 1e6


def test_paths_are_one_function(monkeypatch: pytest.MonkeyPatch) -> None:
    """The flexible one uncompiled: of a kernel there is nothing to see on a CPU."""
    monkeypatch.setattr(relation, "takes_flexible", lambda *_, softmax: softmax)
    monkeypatch.setattr(relation, "flexible_relation", partial(relation.flexible_relation, compiled=False))
    generator = torch.Generator().manual_seed(0)
    maps = [torch.randn(1, c, 6, 9, generator=generator) for c in (4, 4, 8)]
    f_p = torch.randn(4, 8, generator=generator)
    answers = {name: side(*maps, f_p, window=Window(3)) for name, side in relation.relation_sides(*maps).items()}

    assert answers.keys() == {"reference", "fast", "flexible"}
    for name, answer in answers.items():
        torch.testing.assert_close(answer, answers["reference"], rtol=0, atol=1e-5, msg=name)


def test_a_cpu_compares_what_it_takes() -> None:
    maps = [torch.zeros(1, c, 6, 9) for c in (16, 16, 16)]
    assert relation.relation_sides(*maps).keys() == {"reference", "fast"}
