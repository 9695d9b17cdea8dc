"""Functions of the reader's own files are models of the workbench: on every page, or with a word why not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.app_pages.pages import PAGES, Draw
from app.shell.errors import UNFORESEEN
from app.shell.text import as_read
from app.store import models
from app.store.user_models import user_models, user_problems
from tests.kit.pages import first_sentence, workbench

ROOT = Path(__file__).parents[3]
FILE = ROOT / "examples" / "home_made_models.py"
NAME = "two_maps"


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv("RSP_LAB_MODELS", str(FILE))
    return workbench()


def test_functions_are_listed_behind_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RSP_LAB_MODELS", str(FILE))
    assert user_models() == {NAME: f"{FILE}:two_maps"}
    assert models.model_names()[-1] == NAME
    assert models.loaded_model(NAME).model.name == NAME
    assert user_problems() == []


def test_functions_of_one_name_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = tmp_path / "first.py", tmp_path / "second.py"
    for file in (first, second):
        file.write_text("def net():\n    pass\n")
    monkeypatch.setenv("RSP_LAB_MODELS", f"{first}:{second}")

    assert user_models() == {"net": f"{first}:net", "second: net": f"{second}:net"}


def test_functions_of_one_name_in_files_of_one_name_are_all_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [tmp_path / folder / "model.py" for folder in "abcd"]
    for file in files:
        file.parent.mkdir()
        file.write_text("def net():\n    pass\n")
    monkeypatch.setenv("RSP_LAB_MODELS", ":".join(map(str, files)))

    names = ["net", "model: net", "model 2: net", "model 3: net"]
    assert user_models() == {name: f"{file}:net" for name, file in zip(names, files, strict=True)}


def test_what_is_wrong_with_a_file_is_said(page: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken, empty = tmp_path / "broken.py", tmp_path / "empty.py"
    broken.write_text("import no_such_module_at_all")
    empty.write_text("")
    monkeypatch.setenv("RSP_LAB_MODELS", f"{broken}:{empty}:{tmp_path / 'none.py'}")

    page.run()

    said = " ".join(as_read(warning.value) for warning in page.warning)
    assert "broken.py cannot be run: ModuleNotFoundError" in said
    assert "empty.py has no function without arguments" in said
    assert "none.py, which is no file" in said
    assert not page.exception
    assert "The region is" in first_sentence(page)


@pytest.mark.usefixtures("small_scenes")
@pytest.mark.parametrize("side", ["left", "right", "both"])
@pytest.mark.parametrize(
    ("path", "draw"), [(path, draw) for _, path, draw in PAGES], ids=[path for _, path, _ in PAGES]
)
def test_every_page_shows_such_a_model_or_says_why_not(page: AppTest, path: str, draw: Draw, side: str) -> None:
    alone = AppTest.from_function(_page, kwargs={"path": path}, default_timeout=1500)
    # Of methods of attribution the one that takes the least time.
    alone.query_params["attribution_method"] = "Gradient x input"
    for place in ("left", "right"):
        alone.query_params[place] = NAME if side in (place, "both") else "scenes-rsp4-tiny"

    alone.run()

    assert not alone.exception, alone.exception[0].value
    assert not [error for error in alone.error if UNFORESEEN in error.value]
    assert not alone.error or path in ("surgery",), alone.error[0].value
    assert first_sentence(alone)


OTHERS = """
import torch
from torch import nn

import rsp_lab as rl

NAMES = rl.scenes.SceneSplit.table.classes


class Net(nn.Module):
    def __init__(self, squared):
        super().__init__()
        self.squared, self.first, self.last = squared, nn.Conv2d(3, 8, 8, 8), nn.Conv2d(8, len(NAMES), 1)

    def forward(self, x):
        found = self.first(x)
        if self.squared:
            return self.last(found * found)
        return nn.functional.interpolate(self.last(found.relu()), size=x.shape[-2:], mode="bilinear")


def fine():
    torch.manual_seed(0)
    return rl.adapt(Net(False).eval(), class_names=NAMES, cut=("first",))


def squared():
    torch.manual_seed(0)
    return rl.adapt(Net(True).eval(), class_names=NAMES, cut=("first",))
"""


@pytest.fixture
def others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``fine`` answers at every pixel, ``squared`` has no account that adds up."""
    file = tmp_path / "others.py"
    file.write_text(OTHERS)
    monkeypatch.setenv("RSP_LAB_MODELS", str(file))


def alone(path: str, **link: str) -> AppTest:
    """One page, run."""
    page = AppTest.from_function(_page, kwargs={"path": path}, default_timeout=1500)
    for name, value in link.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception, page.exception[0].value
    return page


def text_of(page: AppTest) -> str:
    """All that a reader of a page reads."""
    return as_read(" ".join([*(one.proto.body for one in page.get("html")), *(one.value for one in page.markdown)]))


@pytest.mark.usefixtures("others", "small_scenes")
@pytest.mark.parametrize("level", ["deciding", "3"])
def test_answers_at_other_places_are_set_against_each_other(level: str) -> None:
    page = alone("ledger", left="scenes-rsp4-tiny", right="fine", ledger_reading="whole image", ledger_whole=level)

    assert not page.error, page.error[0].value
    assert "is decided in fine by level 3 (stride 8), on 100 %" in first_sentence(page)


@pytest.mark.usefixtures("others", "small_scenes")
@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("flow", "squared says"),
        ("ledger", "cannot be put in a ledger"),
        ("flips", "cannot be listed"),
        ("change", "cannot be worked out"),
    ],
)
def test_a_network_without_an_account_is_shown_without_it(path: str, says: str) -> None:
    page = alone(path, left="scenes-rsp4-tiny", right="squared")

    assert says in first_sentence(page)
    why = [as_read(error.value) for error in page.error]
    assert all(text.startswith("no ledger of squared adds up: ") for text in why)
    assert bool(why) == (path != "flow")


@pytest.mark.usefixtures("others", "small_scenes")
@pytest.mark.parametrize("path", ["ledger", "flips", "change"])
def test_levels_have_strides_and_no_page_speaks_of_relations_that_are_not_there(path: str) -> None:
    page = alone(path, left="fine", right="fine", ledger_split="class")

    assert not page.error
    words = text_of(page)
    assert path == "flips" or "level 3 (stride 8)" in words
    assert not re.search(r"\bsteps?\b|RSP|relation|rejection|looking", words), words


def _page(path: str) -> None:
    """One page as the workbench draws it."""
    from app.app_pages.pages import PAGES
    from app.shell import errors, frame

    with errors.caught():
        drawn = frame.draw_frame()
        assert drawn is not None
        next(draw for _, name, draw in PAGES if name == path)(*drawn)
