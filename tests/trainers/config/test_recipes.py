"""Recipes that are compared differ in what is compared alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from trainers.commands import main
from trainers.config.recipes import (
    RECIPES,
    camvid_lite0_baseline,
    camvid_lite0_rsp4,
    camvid_tiny_baseline,
    camvid_tiny_rsp4,
    folder_tiny_baseline,
    folder_tiny_rsp4,
    scenes_tiny_baseline,
    scenes_tiny_rsp4,
)
from trainers.config.run import RunConfig


@pytest.fixture
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "classes.json").write_text(json.dumps({"name": "mine", "classes": [{"name": "a"}, {"name": "b"}]}))
    monkeypatch.setenv("FOLDER_ROOT", str(tmp_path))


@pytest.mark.usefixtures("_folder")
@pytest.mark.parametrize(
    ("first", "second"),
    [
        (camvid_tiny_rsp4, camvid_tiny_baseline),
        (scenes_tiny_rsp4, scenes_tiny_baseline),
        (camvid_lite0_rsp4, camvid_lite0_baseline),
        (folder_tiny_rsp4, folder_tiny_baseline),
    ],
)
def test_the_pair_differs_in_name_and_head_only(
    first: Callable[[], RunConfig], second: Callable[[], RunConfig]
) -> None:
    ours, theirs = first().fingerprint(), second().fingerprint()
    assert {key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)} == {
        "name",
        "model.head.fusions",
    }


@pytest.mark.usefixtures("_folder")
@pytest.mark.parametrize("name", RECIPES)
def test_a_run_has_its_recipe_as_name(name: str) -> None:
    assert RECIPES[name]().name == name


@pytest.mark.usefixtures("_folder")
def test_classes_of_ones_own_are_those_of_the_folder() -> None:
    assert folder_tiny_rsp4().model.class_names == ("a", "b")
    assert folder_tiny_rsp4().model.label_table == "mine"


@pytest.mark.parametrize(
    "words", [["folder_tiny_rsp4"], ["folder_tiny_rsp4", "--help"], ["crops", "folder_tiny_rsp4", "-o", "x.png"]]
)
def test_without_its_folder_a_recipe_says_what_is_missing(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("FOLDER_ROOT", raising=False)
    assert main(words) == 2
    assert "FOLDER_ROOT is not set" in capsys.readouterr().err


def test_all_recipes_are_listed_without_any_data(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("FOLDER_ROOT", raising=False)
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    assert "folder_tiny_rsp4" in capsys.readouterr().out
