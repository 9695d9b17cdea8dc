"""What a report reads in a header is checked before it is written."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from rsp_lab.models import weights
from trainers.commands import main
from trainers.runs.header import CROPS, FIELDS, OPTIONAL, WHOLE, run_header


def header_of(name: str = "camvid-rsp4") -> dict[str, Any]:
    return copy.deepcopy(weights.read_header(name)[1])


def put(facts: dict[str, Any], name: str, value: Any) -> None:
    *path, last = name.split(".")
    for part in path:
        facts = facts[part]
    facts[last] = value


@pytest.mark.parametrize("name", weights.shipped())
def test_shipped_weights_have_all_that_is_read(name: str) -> None:
    assert run_header(name) == weights.read_header(name)


WRONG: tuple[Any, ...] = ([], {"a": "b"}, "7", 7, None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (name, value)
        for name, kinds in {**FIELDS, **CROPS, **WHOLE}.items()
        for value in WRONG
        if type(value) not in kinds or value == []
    ],
)
def test_each_field_has_its_type(name: str, value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    metadata = header_of("scenes-panoptic-rsp4d" if name in WHOLE else "camvid-rsp4")
    put(metadata, name, value)
    monkeypatch.setattr(weights, "read_header", lambda _: (None, metadata))

    with pytest.raises(ValueError, match=rf"x: its header lacks {name.replace('.', '[.]')}"):
        run_header("x")


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, kinds in OPTIONAL.items() for value in WRONG if type(value) not in kinds],
)
def test_each_option_has_its_type_where_it_is(name: str, value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    metadata = header_of()
    metadata["run"] |= {"loss": {}, "scenes": {}}
    monkeypatch.setattr(weights, "read_header", lambda _: (None, metadata))
    run_header("x")
    put(metadata, name, value)

    with pytest.raises(ValueError, match=rf"x: its header lacks {name.replace('.', '[.]')}"):
        run_header("x")


def test_scores_of_classes_are_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    metadata = header_of()
    metadata["validation"]["iou"]["road"] = "high"
    monkeypatch.setattr(weights, "read_header", lambda _: (None, metadata))

    with pytest.raises(ValueError, match=r"lacks validation\.iou"):
        run_header("x")


def test_a_card_of_weights_without_such_a_header_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights.save(weights.load("camvid-rsp4"), tmp_path / "x.safetensors", {"data": "camvid", "validation": {}})

    assert main(["card", str(tmp_path / "x.safetensors"), "-o", str(tmp_path / "card.md")]) == 2

    (line,) = capsys.readouterr().err.splitlines()
    assert "x.safetensors: its header lacks name, terms, recipe, seed, budget.updates, ..." in line
    assert not (tmp_path / "card.md").exists()


def test_a_card_is_not_written_over_its_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(weights.resolve("camvid-rsp4").read_bytes())
    before = path.read_bytes()

    assert main(["card", str(path), "-o", str(path)]) == 2

    assert "is what is being read" in capsys.readouterr().err
    assert path.read_bytes() == before
