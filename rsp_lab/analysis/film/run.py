"""A film from a run's kept states: state by state, resumable."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import UInt8
from torch import Tensor

from rsp_lab.analysis.comparison.disagreement import innermost
from rsp_lab.analysis.comparison.explain import decision_target
from rsp_lab.analysis.comparison.flow_picture import flow_picture
from rsp_lab.analysis.film.film import FORMAT, Film, FilmDecision
from rsp_lab.analysis.film.film_file import state_facts, state_of
from rsp_lab.analysis.film.state import FilmChange, FilmComplementarity, FilmGaze, FilmState
from rsp_lab.analysis.ledger.change import FrozenPair
from rsp_lab.analysis.passes.answer import pixel_answer
from rsp_lab.analysis.passes.captured import capture_pass
from rsp_lab.analysis.relation_weights.complementarity import step_complementarities
from rsp_lab.analysis.relation_weights.grids import relation_grids
from rsp_lab.analysis.scenes.rates import SOLVED, ReadingRate, reading_rates
from rsp_lab.analysis.streaming import check_question
from rsp_lab.analysis.targets.target import PixelTarget, check_fit
from rsp_lab.data.labels import CITYSCAPES
from rsp_lab.data.scenes.dataset import FIRST_SEED, SIZE, SMALL, scene_words
from rsp_lab.data.scenes.scene import draw_scene_pair
from rsp_lab.files import FileError, StateMismatchError, digest, read_json, write_json
from rsp_lab.models.run_state import KeptState, load_model
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject
from rsp_lab.rgb import ImageLike, rgb_pixels

NODES = 3
"""Cells of a level that stand alone in the flow picture at the most: early states have no few that matter."""
SCENES = 8
"""Drawn scenes of each case that are read at each state, both readings of each."""
CASE_RULE = (
    f"of the cases of which the last state reads at least {SOLVED:.0%} of unseen readings right, the one that it reads "
    "worst; where there is none, the one that it reads best"
)
CPU = torch.device("cpu")


@dataclass(frozen=True, eq=False, kw_only=True)
class FilmQuestion(FilmDecision):
    """What is looked at, at every state.

    Attributes:
        changed: RGB of the same size; None for a film without change ledgers.
    """

    changed: UInt8[Tensor, "3 y x"] | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-able: what a state of the work is part of the answer to."""
        return {
            "format": FORMAT,
            "rsp_lab": self.version,
            "run": self.name,
            "image": digest(self.image),
            "changed": None if self.changed is None else digest(self.changed),
            "pixel": [self.target.y, self.target.x],
            "class": self.target.class_name,
            "rival": self.target.rival,
            "scenes": self.scenes,
            "size": list(self.size),
        }


def reads_scenes(state: KeptState) -> bool:
    """Whether a run learns from drawn scenes, so that its regions can be read."""
    return "scenes" in state.data and state.config.semantic.class_names == CITYSCAPES.classes


def scene_question(
    state: KeptState,
    name: str,
    version: str,
    *,
    case: str | None = None,
    seed: int = FIRST_SEED["test"],
    reading: int = 0,
    target: PixelTarget | None = None,
    scenes: int = SCENES,
    device: torch.device = CPU,
) -> FilmQuestion:
    """A drawn scene of the size that a run learns from; the changed picture is the scene's other reading, which differs
    in the cue alone.

    Args:
        state: of the run, the last one as a rule.
        name: of the run.
        version: of the program.
        case: of the scene; default: by :data:`CASE_RULE`, the state given being the last.
        seed: of the scene; default: the first test scene, which no run learns from.
        reading: 0 or 1.
        target: pixel, and class and rival if they are others than those of the two readings, of which one takes the
            place that is left open; default: the innermost pixel of the region.
        scenes: of each case, read at each state.
        device: where the state's network runs.

    Raises:
        ValueError: for a run that does not learn from drawn scenes, or a scene or target that does not exist.
    """
    if not reads_scenes(state):
        raise ValueError(
            f"{name} does not learn from drawn scenes but from {state.data or 'data that it does not name'}: give an "
            "image and a pixel."
        )
    if reading not in (0, 1):
        raise ValueError(f"reading must be 0 or 1, got {reading}.")
    size = SMALL if state.data.startswith("small") else SIZE
    case = case or film_case(reading_rates(_model(state, device), scenes=max(scenes, 1), size=size))
    pair = draw_scene_pair(seed, *size, case=case)
    scene, other, ambiguity = pair[reading], pair[1 - reading], pair[reading].ambiguities[0]
    classes = CITYSCAPES.classes
    truth, alternative = classes[ambiguity.class_id], classes[ambiguity.alternative_id]
    y, x = innermost(ambiguity.region.numpy())
    asked = PixelTarget(y, x) if target is None else target
    check_fit(asked, size, classes, one_pixel=True)
    _check_margin(asked)
    found = replace(
        asked,
        class_name=asked.class_name or (truth if asked.rival != truth else alternative),
        rival=asked.rival or (alternative if asked.class_name != alternative else truth),
    )
    inside = bool(ambiguity.region[found.y, found.x])
    label = int(scene.label[found.y, found.x])
    chosen = f"the region's class over that of the other reading, {'at' if target else 'innermost'} pixel of the region"
    return FilmQuestion(
        name=name,
        data=state.data,
        class_names=classes,
        image=scene.image,
        image_name=scene_words(seed, case, truth),
        target=found,
        chosen=chosen if inside and (found.class_name, found.rival) == (truth, alternative) else "as asked for",
        truth=classes[label] if label < len(classes) else None,
        changed=other.image,
        change_name=f"the cue of the other reading ({alternative})",
        scenes=scenes,
        size=size,
        version=version,
    )


def _check_margin(target: PixelTarget) -> None:
    if target.plain_logit:
        raise ValueError("a film sets a class against a rival: leave out plain_logit.")


def film_case(rates: Mapping[str, ReadingRate]) -> str:
    """The case whose scene is looked at, by :data:`CASE_RULE`; of equal ones the first."""
    solved = [case for case, rate in rates.items() if rate.share >= SOLVED]
    if solved:
        return min(solved, key=lambda case: rates[case].share)
    return max(rates, key=lambda case: rates[case].share)


def photo_question(
    state: KeptState,
    name: str,
    version: str,
    image: ImageLike,
    image_name: str,
    target: PixelTarget,
    *,
    changed: ImageLike | None = None,
    change_name: str = "",
    scenes: int = SCENES,
    device: torch.device = CPU,
) -> FilmQuestion:
    """A photograph; what the target leaves open is what the given state predicts, for the whole film.

    Args:
        state: of the run, the last one as a rule.
        name: of the run.
        version: of the program.
        image: RGB, uint8 or float in [0, 1]; see :mod:`rsp_lab.rgb`.
        image_name: as it is called.
        target: the pixel, with a class and a rival or without.
        changed: the same photograph otherwise, of the same size.
        change_name: what it is, in words.
        scenes: of each case, read at each state of a run that learns from drawn scenes.
        device: where the state's network runs.

    Raises:
        ValueError: for a target that does not fit, or two sizes.
    """
    pixels, other = rgb_pixels(image), None if changed is None else rgb_pixels(changed)
    size = pixels.shape[-2], pixels.shape[-1]
    if other is not None and other.shape != pixels.shape:
        raise ValueError(
            f"the pictures have the sizes {size} and {tuple(other.shape[-2:])} (rows, columns): give two of one size."
        )
    classes = state.config.semantic.class_names
    check_fit(target, size, classes, one_pixel=True)
    _check_margin(target)
    found, chosen = target, "as asked for"
    if not target.resolved:
        looked = capture_pass(_model(state, device), pixels)
        answer = pixel_answer(looked.record["logits"], (target.y, target.x), size, classes)
        after = f"{name} after {state.updates:,} updates"
        found, chosen = decision_target(
            (target.y, target.x), (answer, answer), (after, after), target.class_name, target.rival
        )
    return FilmQuestion(
        name=name,
        data=state.data,
        class_names=classes,
        image=pixels,
        image_name=image_name,
        target=found,
        chosen=chosen,
        truth=None,
        changed=other,
        change_name=change_name or ("the changed picture" if other is not None else ""),
        scenes=scenes if reads_scenes(state) else 0,
        size=SMALL if state.data.startswith("small") else SIZE,
        version=version,
    )


def run_film(
    states: Sequence[KeptState],
    question: FilmQuestion,
    kept: Path | None = None,
    *,
    fresh: bool = False,
    device: torch.device = CPU,
    report: Callable[[int, int], object] = lambda done, count: None,
) -> Film:
    """The film of a run's states; what is done is kept after each of them, and a second call goes on there.

    Args:
        states: of one run, by updates.
        question: what is looked at.
        kept: file for what is done; None keeps nothing. States of the run that are in it already are taken from there,
            whichever were asked for.
        fresh: forget what is done.
        device: where the networks run.
        report: called after each state with how many are done, and of how many.

    Raises:
        CheckpointError: for a state that cannot be used.
        StateMismatchError: where what is kept is damaged, or about another question.
        LedgerError: if the parts of a decision do not add up at a state.
    """
    if not states:
        raise ValueError("a film needs a state at least: give those that a run kept.")
    known = {} if kept is None or fresh else _known(kept, question)
    found = []
    for number, state in enumerate(states, 1):
        key = digest(state.path)
        if key not in known:
            known[key] = film_state(_model(state, device), question, state.updates, key)
            if kept is not None:
                kept.parent.mkdir(parents=True, exist_ok=True)
                facts = [state_facts(one) for one in known.values()]
                write_json(kept, {"question": question.to_dict(), "states": facts}, indent=None)
        found.append(known[key])
        report(number, len(states))
    return Film.of(question, found)


def film_state(model: Segmenter | Subject, question: FilmQuestion, updates: int, key: str) -> FilmState:
    """What a film shows of one state.

    Args:
        model: the state's network, in eval mode.
        question: what is looked at.
        updates: done.
        key: digest of its file.

    Raises:
        ValueError: for a network of other classes.
        LedgerError: if the parts of the decision do not add up.
    """
    if model.class_names != question.class_names:
        raise ValueError(
            f"the state after {updates:,} updates knows other classes than the film. Give one run's states."
        )
    looked = capture_pass(model, question.image)
    shown = flow_picture(looked, question.image, question.target, most=NODES)
    pixel = question.target.y, question.target.x
    grids = relation_grids(model, looked.record, pixel) if looked.gaze else ()
    change = None
    if question.changed is not None:
        pair = FrozenPair.of(model, looked.frozen, question.changed)
        change = FilmChange.of(pair.ledgers([question.target])[0])
    rates = reading_rates(model, scenes=question.scenes, size=question.size) if question.scenes else {}
    (flow,) = shown.flows
    return FilmState(
        updates=updates,
        digest=key,
        flow=replace(flow, name=question.name),
        answer=shown.answers[0],
        gaze=tuple(FilmGaze.of(gaze, grid) for gaze, grid in zip(looked.gaze, grids, strict=True)),
        complementarity=tuple(map(FilmComplementarity.of, step_complementarities(looked.record))) if grids else (),
        change=change,
        regions=rates,
    )


def _model(state: KeptState, device: torch.device) -> Segmenter | Subject:
    return load_model(state.path).semantic.to(device)


def _known(path: Path, question: FilmQuestion) -> dict[str, FilmState]:
    """What an earlier call has done, by the digests of the states."""
    if not path.exists():
        return {}
    try:
        facts = read_json(path, "state of a film", remedy="Start over.")
        check_question(path, facts.get("question"), question.to_dict())
        size = question.image.shape[-2], question.image.shape[-1]
        states = [state_of(one, question.target, question.class_names, size, question.name) for one in facts["states"]]
    except StateMismatchError:
        raise
    except FileError as error:
        raise StateMismatchError(str(error)) from error
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise StateMismatchError(f"{path}: not a state of a film ({error}). Start over.") from error
    return {state.digest: state for state in states}
