"""The film of a training run, from its folder: which states, which picture, which decision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path

import torch

from rsp_lab._version import __version__
from rsp_lab.analysis.film.film import Film
from rsp_lab.analysis.film.run import CPU, SCENES, photo_question, run_film, scene_question
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.data.scenes.dataset import FIRST_SEED
from rsp_lab.files import AnyPath
from rsp_lab.models.run_state import KeptState, kept_states, spaced
from rsp_lab.rgb import ImageLike

STATES = 14
"""Kept states that a film has at most, unless told otherwise."""


def film_states(run: AnyPath | Sequence[KeptState], states: int = STATES) -> tuple[KeptState, ...]:
    """The states of a run that a film shows: the first and the last kept one, and between them as many as are asked
    for, spaced by the logarithm of their updates.

    Args:
        run: folder of a run with ``keep_every``, or all states that it kept, see
            :func:`~rsp_lab.models.run_state.kept_states`.
        states: at most, 2 or more.

    Raises:
        CheckpointError: for a folder without kept states, or with one that cannot be used.
        ValueError: for fewer than two states, asked for or kept.
    """
    found = kept_states(Path(run)) if isinstance(run, str | PathLike) else tuple(run)
    if len(found) < 2:
        where = found[0].path.parent if found else "the run"
        raise ValueError(f"{where}: keeps one state alone, and a film needs two: train with a smaller keep_every.")
    return spaced(found, states)


def film_of_run(
    run: AnyPath | Sequence[KeptState],
    image: ImageLike | None = None,
    target: PixelTarget | None = None,
    *,
    states: int = STATES,
    changed: ImageLike | None = None,
    case: str | None = None,
    seed: int = FIRST_SEED["test"],
    reading: int = 0,
    scenes: int = SCENES,
    name: str = "",
    image_name: str = "a photograph",
    change_name: str = "",
    kept: AnyPath | None = None,
    fresh: bool = False,
    device: torch.device = CPU,
    report: Callable[[int, int], object] = lambda done, count: None,
) -> Film:
    """One decision, taken apart anew at each of a run's kept states: flow, gaze, complementarity, change, regions.

    Args:
        run: folder of a run with ``keep_every``; or states of one run, as :func:`film_states` gives them.
        image: a photograph, RGB, uint8 or float in [0, 1] (see :mod:`rsp_lab.rgb`), whose pixel ``target`` names; None
            takes a drawn scene of the kind that the run learns from.
        target: the decision. What it leaves open is what the last state predicts; of a drawn scene it is the region's
            class over that of the other reading, and without a target at the innermost pixel of the region.
        states: how many are shown at most.
        changed: the same photograph changed, for the change ledger; of a drawn scene it is its other reading.
        case, seed, reading: of the drawn scene; the case is by default that which the last state reads worst among
            those that it solves, the seed the first test scene.
        scenes: drawn scenes of each case that are read at each state, both readings; 0 leaves them out.
        name: of the run; by default its folder's.
        image_name, change_name: what the photograph and its change are called.
        kept: file for what is done, where a second call goes on; None keeps nothing.
        fresh: forget what is done.
        device: where the networks run.
        report: called after each state with how many are done, and of how many.

    Raises:
        CheckpointError: for a run or a state that cannot be used.
        ValueError: for a photograph without a pixel, what does not fit the picture or the classes, or a run that does
            not learn from drawn scenes and no photograph.
        StateMismatchError: where what is kept is damaged, or about another question.
        LedgerError: if the parts of a decision do not add up at a state.
    """
    chosen = tuple(run) if isinstance(run, Sequence) and not isinstance(run, str) else film_states(run, states)
    if not chosen:
        raise ValueError("a film needs a state at least: give those that a run kept.")
    last, called = chosen[-1], name or chosen[-1].path.parent.resolve().name
    if image is None:
        if changed is not None:
            raise ValueError("what is changed is a photograph: give the photograph itself, too.")
        question = scene_question(
            last,
            called,
            __version__,
            case=case,
            seed=seed,
            reading=reading,
            target=target,
            scenes=scenes,
            device=device,
        )
    elif target is None:
        raise ValueError("say where in the photograph the decision is: give a target, PixelTarget(y, x).")
    else:
        question = photo_question(
            last,
            called,
            __version__,
            image,
            image_name,
            target,
            changed=changed,
            change_name=change_name,
            scenes=scenes,
            device=device,
        )
    return run_film(chosen, question, None if kept is None else Path(kept), fresh=fresh, device=device, report=report)
