"""Recipes by name: ours, and functions of a reader's files."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainers.commands import main
from trainers.config.named import ALL_RECIPES, recipe_named

FILE = """
from dataclasses import replace
from trainers.config.recipes import study

def short():
    return replace(study("rsp2")(), name="mine", steps=7)

def nothing():
    return None
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(FILE)
    return path


def test_a_name_is_one_of_ours_or_a_function_of_a_file(file: Path) -> None:
    assert recipe_named("camvid_tiny_rsp4") is ALL_RECIPES["camvid_tiny_rsp4"]
    own = recipe_named(f"{file}:short")
    assert (own.__name__, own().name, own().steps) == ("short", "mine", 7)
    assert "The recipe short of" in str(own.__doc__)


@pytest.mark.parametrize(
    ("function", "said"),
    [("nothing", "answers a NoneType, expected a recipe"), ("absent", "Functions in it: short, nothing")],
)
def test_what_is_no_recipe_is_refused(file: Path, function: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        recipe_named(f"{file}:{function}")


def test_an_unknown_name_is_told_both_ways(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match=r"'mine' is no recipe; expected FILE\.py:function .* camvid_tiny_rsp4"):
        recipe_named("mine")
    assert main(["absent.py:recipe"]) == 2
    assert "there is no file absent.py" in capsys.readouterr().err


def test_a_recipe_of_ones_own_has_every_option(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([f"{file}:short", "--help"])
    text = capsys.readouterr().out
    assert "--optimiser.learning-rate" in text
    assert "default: 7" in text
