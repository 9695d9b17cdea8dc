"""A film in a file: all that is drawn comes back, and what is no film is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rsp_lab.analysis.film.film_file import check_film_target, read_film, shipped_films, write_film
from rsp_lab.files import FileError
from tests.kit.films import film


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("film") / "film.json", film(), kept_states=7)


def test_what_is_drawn_comes_back(written: Path) -> None:
    made, again = film(), read_film(written)

    assert again.to_dict() == made.to_dict()
    assert torch.equal(again.image, made.image)
    for one, other in zip(made.states, again.states, strict=True):
        assert other.flow.nodes == one.flow.nodes
        assert other.flow.ribbons == pytest.approx(one.flow.ribbons, abs=1e-6)
        assert other.answer == one.answer
        for gaze, read in zip(one.gaze, other.gaze, strict=True):
            assert read.centre == pytest.approx(gaze.centre)
            assert (read.spread, read.entropy) == (gaze.spread, gaze.entropy)
            np.testing.assert_allclose(read.grid.weights, gaze.grid.weights, atol=1e-6)
    assert json.loads(written.read_text())["kept_states"] == 7


Damage = Callable[[dict[str, Any]], Any]
DAMAGES: list[tuple[Damage, str]] = [
    (lambda facts: facts.update(format="rsp_lab.film/0"), "no film of this version"),
    (lambda facts: facts.pop("pixel"), "damaged film.*pixel"),
    (lambda facts: facts.update(pixel=[1, 9999]), "damaged film"),
    (lambda facts: facts.update({"class": "cart"}), "damaged film.*no class is named"),
    (lambda facts: facts.update(picture="AAAA"), "damaged film"),
    (lambda facts: facts["stored"].pop(), "it has fewer than two states"),
    (lambda facts: facts["stored"][0].update(updates="4"), "damaged film"),
    (lambda facts: facts["stored"][0]["ledger"].update(total=True), "damaged film.*no float"),
    (lambda facts: facts["stored"][0]["gaze"][0]["weights"].pop(), "damaged film.*weights"),
]


@pytest.mark.parametrize(("damage", "words"), DAMAGES)
def test_a_changed_file_is_refused(written: Path, tmp_path: Path, damage: Damage, words: str) -> None:
    facts = json.loads(written.read_text())
    damage(facts)
    path = tmp_path / "film.json"
    path.write_text(json.dumps(facts))

    with pytest.raises(FileError, match=f"{path.name}.*{words}"):
        read_film(path)


def test_only_a_film_is_written_over(written: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text("{}")

    check_film_target(written)
    check_film_target(tmp_path / "new.json")
    with pytest.raises(FileError, match="is there and is no film"):
        check_film_target(other)


def test_the_films_that_come_with_the_package_can_be_read() -> None:
    for path in shipped_films().values():
        assert len(read_film(path).states) > 1
