"""A film's numbers are those of the analyses it is made of; what is done is not done again."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from rsp_lab.analysis.film import run
from rsp_lab.analysis.film.run import film_case, photo_question, reads_scenes, run_film, scene_question
from rsp_lab.analysis.ledger.change import change_ledger
from rsp_lab.analysis.ledger.ledger import context_ledger
from rsp_lab.analysis.relation_weights.complementarity import complementarity
from rsp_lab.analysis.relation_weights.grids import relation_grids
from rsp_lab.analysis.scenes.rates import ReadingRate, reading_rates
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.data.scenes.scene import draw_scene_pair
from rsp_lab.files import StateMismatchError
from rsp_lab.models.run_state import KeptState, kept_states
from tests.kit.films import CASE, CONFIG, UPDATES, film, kept_run, network, question

PLAIN = KeptState(Path("none"), 8, CONFIG, "camvid")


def test_a_state_holds_what_the_analyses_say() -> None:
    asked, state, model = question(), film().states[1], network(UPDATES[1])
    assert asked.changed is not None

    ledger = context_ledger(model, asked.image, asked.target)
    assert state.margin == pytest.approx(ledger.total, abs=1e-5)
    assert state.flow.ledger.sums == pytest.approx(ledger.sums, abs=1e-5)
    change = change_ledger(model, asked.image, asked.changed, asked.target)
    assert state.change is not None
    assert state.change.content == pytest.approx(change.content, abs=1e-5)
    assert state.change.looking == pytest.approx(change.looking, abs=1e-5)
    scores = complementarity(model, asked.image, draws=1, random_models=0)
    assert [one.score for one in state.complementarity] == pytest.approx([one.score for one in scores], abs=1e-5)
    assert state.regions == reading_rates(model, scenes=1, size=asked.size)


def test_the_gaze_is_mean_and_spread_of_the_weights_at_the_pixel() -> None:
    asked, state = question(), film().states[0]
    grids = relation_grids(network(UPDATES[0]), asked.image, (asked.target.y, asked.target.x))

    for one, grid in zip(state.gaze, grids, strict=True):
        places, mass = [], 0.0
        for row, weights in enumerate(grid.weights):
            for column, weight in enumerate(weights):
                if weight == weight:  # on the map
                    top, left, bottom, right = grid.box(row, column)
                    places.append((weight, (top + bottom) / 2, (left + right) / 2))
                    mass += weight
        centre = [sum(weight * place[axis] for weight, *place in places) / mass for axis in (0, 1)]
        square = sum(w * ((y - centre[0]) ** 2 + (x - centre[1]) ** 2) for w, y, x in places) / mass
        assert one.centre == pytest.approx(centre, abs=1e-2)
        assert one.spread == pytest.approx(square**0.5, abs=1e-2)
        even = [sum(place[axis] for _, *place in places) / len(places) for axis in (0, 1)]
        assert one.moved == pytest.approx(math.dist(centre, even), abs=1e-2)


def test_what_is_done_is_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    states, asked, kept = kept_states(kept_run(tmp_path / "run")), replace(question(), scenes=0), tmp_path / "state"
    done: list[tuple[int, int]] = []
    first = run_film(states[:1], asked, kept)
    whole = run_film(states, asked, kept, report=lambda *counts: done.append(counts))
    assert done == [(1, 2), (2, 2)]
    assert whole.states[1].margin == pytest.approx(film().states[1].margin, abs=1e-5)

    monkeypatch.setattr(run, "film_state", lambda *_: pytest.fail("a state was looked at again"))
    again = run_film(states, asked, kept)

    assert again.states[0].to_dict() == first.states[0].to_dict()
    assert [state.to_dict() for state in again.states] == [state.to_dict() for state in whole.states]
    with pytest.raises(StateMismatchError, match=r"another question \(other class, rival\)"):
        run_film(states, _swapped(asked), kept)
    kept.write_text("{}")
    with pytest.raises(StateMismatchError, match="not a state of a film"):
        run_film(states, asked, kept)


def _swapped(asked: run.FilmQuestion) -> run.FilmQuestion:
    target = asked.target
    return replace(asked, target=PixelTarget(target.y, target.x, target.rival, target.class_name))


def test_a_scene_is_changed_in_its_cue_alone() -> None:
    asked = question()
    scene, other = draw_scene_pair(2_000_000, *asked.size, case=CASE)

    assert asked.changed is not None
    assert torch.equal(asked.image, scene.image)
    assert torch.equal(asked.changed, other.image)
    assert scene.ambiguities[0].region[asked.target.y, asked.target.x]
    assert (asked.truth, asked.target.rival) == ("car", "bus")


def test_a_photograph_leaves_class_and_rival_to_the_last_state(tmp_path: Path) -> None:
    (state,) = kept_states(kept_run(tmp_path, (8,)))
    image = question().image

    asked = photo_question(state, "a run", "0", image, "a.png", PixelTarget(64, 50), scenes=2)

    logits = network(8)(image[None].float() / 255)[0, :, 64, 50]
    first, second = logits.topk(2).indices.tolist()
    assert (asked.target.class_name, asked.target.rival) == (CONFIG.class_names[first], CONFIG.class_names[second])
    assert (asked.changed, asked.change_name, asked.scenes) == (None, "", 2)
    with pytest.raises(ValueError, match="two of one size"):
        photo_question(state, "a run", "0", image, "a.png", PixelTarget(1, 1), changed=image[:, :64])


def test_a_run_on_photographs_needs_one() -> None:
    assert not reads_scenes(PLAIN)
    with pytest.raises(ValueError, match=r"a run does not learn from drawn scenes but from camvid: give an image"):
        scene_question(PLAIN, "a run", "0")
    target = PixelTarget(3, 4, "car", "bus")
    assert photo_question(PLAIN, "a run", "0", question().image, "a.png", target).scenes == 0


@pytest.mark.parametrize(
    ("right", "case"), [((16, 16, 16), "a"), ((16, 15.5, 3), "b"), ((3, 9, 9), "b"), ((1, 2, 16), "c")]
)
def test_the_case_is_the_worst_that_is_solved_or_else_the_best(right: tuple[float, ...], case: str) -> None:
    assert film_case({name: ReadingRate(one, 16) for name, one in zip("abc", right, strict=True)}) == case


def test_of_a_scene_what_is_open_is_one_of_its_readings() -> None:
    state, (y, x) = KeptState(Path("none"), 8, CONFIG, "small-scenes"), (question().target.y, question().target.x)

    def asked(class_name: str | None = None, rival: str | None = None) -> run.FilmQuestion:
        return scene_question(state, "a run", "0", case=CASE, target=PixelTarget(y, x, class_name, rival))

    told = "the region's class over that of the other reading, at pixel of the region"
    for given, class_name, rival, chosen in (
        ((None, None), "car", "bus", told),
        (("bus", None), "bus", "car", "as asked for"),
        ((None, "car"), "bus", "car", "as asked for"),
        ((None, "truck"), "car", "truck", "as asked for"),
        (("truck", None), "truck", "bus", "as asked for"),
    ):
        found = asked(*given)
        assert (found.target.class_name, found.target.rival, found.chosen) == (class_name, rival, chosen)
    with pytest.raises(ValueError, match="a film sets a class against a rival: leave out plain_logit"):
        scene_question(state, "a run", "0", case=CASE, target=PixelTarget(y, x, plain_logit=True))
