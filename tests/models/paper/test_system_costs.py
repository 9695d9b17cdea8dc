"""Table II where a package is missing; its numbers are held in tests/figures/paper/test_tables.py."""

from __future__ import annotations

import pytest

from rsp_lab.models.paper import system_costs, systems


def test_a_missing_package_is_named_in_the_rows_that_need_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(systems, "import_module", missing)
    monkeypatch.setattr(system_costs, "system_cost", lambda build, size: build() and None)
    system_costs._counted.cache_clear()
    try:
        rows = {row.row: row for row in system_costs.system_costs()}
    finally:
        system_costs._counted.cache_clear()
    assert rows["OCR, HRNetV2"].tmacs is None
    assert rows["OCR, HRNetV2"].note.endswith("not counted: needs the package timm: pip install timm")
    assert "pip install segmentation-models-pytorch" in rows["DeeplabV3+, X-71-D16"].note
    assert "not counted" not in rows["DeeplabV3, ResNet-101-D8"].note


def test_progress_is_reported_a_network_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_costs, "_counted", lambda system: (None, ""))
    seen: list[tuple[int, int]] = []
    system_costs.system_costs(lambda done, count: seen.append((done, count)))
    assert seen == [(number, system_costs.SYSTEMS) for number in range(1, system_costs.SYSTEMS + 1)]
