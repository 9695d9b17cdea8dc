"""A film from a run's folder is that of its states and of the question that they ask."""

from __future__ import annotations

from pathlib import Path

import pytest

from rsp_lab.analysis.film.of_run import film_of_run, film_states
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.models.run_state import CheckpointError
from tests.kit.films import CASE, UPDATES, film, kept_run


def test_a_drawn_scene_of_the_runs_own_kind(tmp_path: Path) -> None:
    run, told = kept_run(tmp_path / "a run"), []
    made = film_of_run(run, case=CASE, scenes=1, report=lambda done, count: told.append((done, count)))

    assert made.name == "a run"
    assert made.updates == UPDATES
    assert [state.margin for state in made.states] == [state.margin for state in film().states]
    assert made.target == film().target
    assert told == [(1, 2), (2, 2)]


def test_a_photograph_with_its_change_goes_on_where_it_was(tmp_path: Path) -> None:
    run, photograph, kept = kept_run(tmp_path / "run"), film().image, tmp_path / "done.json"
    target = PixelTarget(20, 30)
    made = film_of_run(run, photograph, target, changed=photograph.flip(2), scenes=0, name="named", kept=kept)
    told: list[int] = []
    again = film_of_run(
        film_states(run),
        photograph,
        target,
        changed=photograph.flip(2),
        scenes=0,
        name="named",
        kept=kept,
        report=lambda done, _: told.append(done),
    )

    assert made.name == "named"
    assert made.image_name == "a photograph"
    assert made.states[0].change is not None
    assert made.to_dict() == again.to_dict()
    assert told == [1, 2]


def test_what_cannot_be_asked(tmp_path: Path) -> None:
    run, photograph = kept_run(tmp_path / "run"), film().image
    with pytest.raises(ValueError, match=r"give a target, PixelTarget\(y, x\)"):
        film_of_run(run, photograph)
    with pytest.raises(ValueError, match="give the photograph itself, too"):
        film_of_run(run, changed=photograph)
    with pytest.raises(ValueError, match="a film needs a state at least"):
        film_of_run(())
    with pytest.raises(ValueError, match="a film needs 2 states at least, got 1"):
        film_of_run(run, states=1)
    with pytest.raises(CheckpointError, match="there is no such folder"):
        film_states(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="keeps one state alone"):
        film_states(kept_run(tmp_path / "one", UPDATES[:1]))
