"""Documents: what they may replace, which come with the package, and the types of what they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rsp_lab.files import FileError, check_document_target, packaged_documents, typed, typed_list, write_json

FORMAT = "rsp_lab.thing/2"


def test_only_a_document_of_the_same_kind_is_replaced(tmp_path: Path) -> None:
    check_document_target(tmp_path / "new.json", "thing", FORMAT)
    check_document_target(write_json(tmp_path / "old.json", {"format": "rsp_lab.thing/1"}), "thing", FORMAT)

    for content in ({"format": "rsp_lab.things/2"}, {}):
        with pytest.raises(FileError, match=r"is there and is no thing, and would be replaced"):
            check_document_target(write_json(tmp_path / "other.json", content), "thing", FORMAT)
    (tmp_path / "text.json").write_text("hello")
    with pytest.raises(FileError, match="is no thing"):
        check_document_target(tmp_path / "text.json", "thing", FORMAT)
    with pytest.raises(FileError, match="a folder"):
        check_document_target(tmp_path, "thing", FORMAT)


def test_those_of_the_package_are_listed_by_name() -> None:
    found = packaged_documents("scans", ".state.json")

    assert [path.stem for path in found] == ["camvid", "scenes"]
    assert packaged_documents("scans", "camvid.json") == found[1:]


@pytest.mark.parametrize(("kind", "value", "read"), [(int, 3, 3), (float, 3, 3.0), (float, 0.5, 0.5), (str, "a", "a")])
def test_a_value_has_its_type(kind: type, value: Any, read: Any) -> None:
    assert typed(kind, value) == read
    assert type(typed(kind, value)) is kind


@pytest.mark.parametrize(
    ("kind", "value"), [(int, True), (float, True), (int, 1.0), (str, 1), (float, "1"), (str, None)]
)
def test_a_value_of_another_type_is_refused(kind: type, value: Any) -> None:
    with pytest.raises(ValueError, match=f"is no {kind.__name__}"):
        typed(kind, value)


def test_a_list_has_its_length_and_types() -> None:
    assert typed_list(float, [1, 2.5], 2) == (1.0, 2.5)
    for values in ([1, 2, 3], "ab", None, [1, "a"]):
        with pytest.raises(ValueError, match="is no"):
            typed_list(float, values, 2)
