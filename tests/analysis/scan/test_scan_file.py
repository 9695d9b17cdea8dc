"""Scans as files: given back, checked whole, no other file replaced; and the shipped ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rsp_lab.analysis.scan.masks import mask_text
from rsp_lab.analysis.scan.scan_file import check_scan_target, read_scan, shipped_scans, write_scan
from rsp_lab.files import FileError, digest
from rsp_lab.models.weights import shipped
from tests.kit.scans import TURNED, card, small_scan

SCAN = small_scan(card(), card(right="left", truth="road"), card(right=None, truth=None), card(**TURNED))


def test_a_file_gives_the_scan_back(tmp_path: Path) -> None:
    path = write_scan(tmp_path / "scan.json", SCAN, torch="x")

    found = read_scan(path)

    assert found.to_dict() == SCAN.to_dict()
    assert found.cards == SCAN.cards
    assert found.rates == SCAN.rates
    assert json.loads(path.read_text())["rules"]["context_used"].startswith("share of what sets the models apart")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": "rsp_lab.scan/0"}, "no scan of this version"),
        ({"models": ["one"]}, "is no list of 2"),
        ({"cards": [{}]}, "damaged scan"),
        ({"cards": 3}, "damaged scan"),
        ({"rates": [{"kind": "flip"}]}, "damaged scan"),
        ({"images": "many"}, "'many' is no int"),
        ({"residual": True}, "'True' is no float"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    path = write_scan(tmp_path / "scan.json", SCAN)
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    with pytest.raises(FileError, match=words):
        read_scan(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "flip"},
        {"right": "nobody"},
        {"box": [1, 2, 3]},
        {"pixel": ["a", 2]},
        {"scene": ["car-bus", 1]},
        {"scene": ""},
        {"scene": []},
        {"margins": [1.0, None]},
        {"truth": 3},
        {"part": "large"},
        {"mask": "?"},
        {"mask": ""},
        {"box": [0, 0, 0, 0]},
        {"mask": mask_text(np.zeros((20, 40), dtype=bool))},
    ],
)
def test_a_damaged_card_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    path = write_scan(tmp_path / "scan.json", SCAN)
    facts = json.loads(path.read_text())
    facts["cards"][0].update(changes)
    path.write_text(json.dumps(facts))

    with pytest.raises(FileError, match="damaged scan"):
        read_scan(path)


def test_only_a_scan_is_replaced(tmp_path: Path) -> None:
    check_scan_target(tmp_path / "new.json")
    check_scan_target(write_scan(tmp_path / "scan.json", SCAN))
    for name, content in (("a.json", '{"format": "rsp_lab.trade/1"}'), ("b.json", "[]"), ("c.png", "\x89PNG")):
        (tmp_path / name).write_text(content)
        with pytest.raises(FileError, match="is there and is no scan"):
            check_scan_target(tmp_path / name)
    with pytest.raises(FileError, match="nothing is written over that"):
        check_scan_target(tmp_path)


@pytest.mark.parametrize(("name", "pair"), [("scenes", "scenes"), ("camvid", "camvid")])
def test_the_shipped_scans_are_of_the_shipped_weights(name: str, pair: str) -> None:
    path = shipped_scans()[name]
    found, weights = read_scan(path), shipped()

    assert found.names == (f"{pair}-baseline", f"{pair}-rsp4")
    assert found.digests == tuple(digest(weights[model]) for model in found.names)
    assert path.stat().st_size < 300_000
    assert found.residual < 1e-5
    assert [one.rank for one in found.cards] == list(range(1, len(found.cards) + 1))
    # What is shown first can be judged.
    assert found.cards[0].judged
