"""Running the arena: pair by pair, each with its state in a file, so that it goes on where it was interrupted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import nn

from rsp_lab.analysis.arena.methods import METHODS, RANDOM
from rsp_lab.analysis.arena.pair import PairPlace, pair_outcome
from rsp_lab.analysis.arena.result import ArenaResult, Head, PairOutcome
from rsp_lab.analysis.attribution.interface import Method, find_method
from rsp_lab.analysis.attribution.references import check_reference
from rsp_lab.analysis.ledger.freeze import check_freezable
from rsp_lab.analysis.scenes.answers import sweep_distances
from rsp_lab.analysis.scenes.known_answer import check_scene_classes
from rsp_lab.data.scenes.scene import CASES, MIN_DISTANCE, check_size, max_distance
from rsp_lab.files import FileError, StateMismatchError, digest, parse_json, read_json, to_json, write_json
from rsp_lab.models.config_json import config_to_json
from rsp_lab.models.relation import relation_modules
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.stepless import stepless_as_subject
from rsp_lab.models.subject import Subject

FIRST_SEED = 4_000_000
"""Seed of the arena's first scene; no split of the data set and no sweep reaches it."""
_FORMAT = "rsp_lab.arena/2"
_QUESTION = "question.json"
_OUTCOME_NAME = re.compile(r"[A-Za-z0-9_-]*-[0-9a-f]{16}-[a-z-]+-[0-9]+-[0-9]+\.json")


@dataclass(frozen=True)
class ArenaSettings:
    """What is asked.

    Attributes:
        size: (y, x) of the scenes, in pixels.
        scenes: pairs for each case and distance.
        distances: of the cue, in pixels; empty: the sweep's least, middle and greatest.
        cases: keys of :data:`~rsp_lab.data.scenes.scene.CASES`.
        methods: objects with their settings, or names of :data:`~rsp_lab.analysis.arena.methods.METHODS`; the random
            control is always among them.
        seeds: random orders and maps a decision.
        input_steps: of deletion and insertion at the input.
        reference: what "absent" means in a photograph.
    """

    size: tuple[int, int] = (256, 512)
    scenes: int = 1
    distances: tuple[int, ...] = ()
    cases: tuple[str, ...] = tuple(CASES)
    methods: tuple[str | Method, ...] = tuple(METHODS)
    seeds: int = 3
    input_steps: int = 4
    reference: str = "blur"

    def __post_init__(self) -> None:
        for name, value in (("scenes", self.scenes), ("seeds", self.seeds), ("input_steps", self.input_steps)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}.")
        unknown = [case for case in self.cases if case not in CASES]
        if unknown or not self.cases:
            raise ValueError(f"cases must name some of {', '.join(CASES)}, got {', '.join(self.cases) or 'none'}.")
        for name, given in (("cases", self.cases), ("distances", self.distances)):
            if len(set(given)) < len(given):
                # A pair of readings that counts twice would make every interval too narrow.
                raise ValueError(f"{name} must differ, got {', '.join(map(str, given))}: give each once.")
        check_reference(self.reference)
        if not set(self.by_name) - {RANDOM.name}:
            raise ValueError("methods names no method beside the random control: name one or more.")
        check_size(*self.size)
        greatest = max_distance(*self.size)
        if wrong := [distance for distance in self.distances if not MIN_DISTANCE <= distance <= greatest]:
            raise ValueError(
                f"at {self.size[0]} x {self.size[1]} pixels a cue can be {MIN_DISTANCE} to {greatest} pixels away, got "
                f"{', '.join(map(str, wrong))}: choose others, or larger scenes."
            )
        if not self.distances:
            object.__setattr__(self, "distances", sweep_distances(*self.size)[::2])

    @cached_property
    def by_name(self) -> dict[str, Method]:
        """The methods in the order of the tables: those of the arena, others as they come, the control last.

        Raises:
            ValueError: for an unknown method, or two of one name.
        """
        chosen: dict[str, Method] = {}
        for one in self.methods:
            method = find_method(one, METHODS.values())
            if chosen.setdefault(method.name, method) != method:
                raise ValueError(f"two methods are called {method.name!r}: give the class of one another name.")
        known = [name for name in METHODS if name in chosen]
        names = dict.fromkeys((*known, *chosen))
        names.pop(RANDOM.name, None)
        return {**{name: chosen[name] for name in names}, RANDOM.name: RANDOM}

    def pairs(self) -> Iterator[PairPlace]:
        """Their places; more scenes only add to the end. Parameters are drawn anew at the middle distance."""
        middle = sorted(self.distances)[len(self.distances) // 2]
        for number in range(self.scenes):
            for distance in self.distances:
                for case in self.cases:
                    seed = FIRST_SEED + (1000 * number + distance) * len(CASES) + list(CASES).index(case)
                    yield PairPlace(case, distance, seed, self.size, distance == middle)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        methods = {name: method.settings() for name, method in self.by_name.items()}
        plain = {one.name: getattr(self, one.name) for one in fields(self)}
        facts: dict[str, Any] = parse_json(to_json({**plain, "methods": methods}), "settings")
        return facts

    def question(self) -> dict[str, Any]:
        """What a kept outcome is the answer to, however many scenes are asked for."""
        facts = self.to_dict()
        del facts["scenes"], facts["cases"]
        return {"format": _FORMAT, **facts}


def run_arena(
    models: Segmenter | Subject | Iterable[Segmenter | Subject],
    settings: ArenaSettings,
    folder: Path | None = None,
    *,
    fresh: bool = False,
    report: Callable[[int, int], None] = lambda done, count: None,
) -> ArenaResult:
    """Every method on every pair in every model, as far as it applies.

    With a folder, each pair's outcome is written there as soon as it is known, and taken up by a later call with the
    same settings; of scenes and cases more may be asked for. What is taken up equals what would come anew. Nothing is
    written, or forgotten, before the first outcome.

    Args:
        models: one or several, ours or subjects (:func:`~rsp_lab.models.adapt.adapt`), in eval mode, of Cityscapes'
            classes and with different names.
        settings: what is asked.
        folder: for the state, made if missing; None keeps nothing.
        fresh: forget what is there.
        report: called after each pair with how many are done, and of how many.

    Raises:
        ValueError: for a model that does not know the scenes' classes.
        StateMismatchError: for a folder that holds a damaged file or other settings' state.
        LedgerError: if a ledger does not add up. A subject none of whose ledgers does takes part without them.
        FrozenError: for a subject whose cut does not fit it.
    """
    by_name = _named(models)
    if folder is not None and not fresh:
        _check_question(folder, settings.question())
    work = [(name, place) for place in settings.pairs() for name in by_name]
    digests = {name: _model_digest(model) for name, model in by_name.items()}
    begun = not fresh
    outcomes: list[PairOutcome] = []
    for done, (name, place) in enumerate(work, 1):
        path = None if folder is None else folder / _file_name(name, digests[name], place)
        known = _read(path) if path is not None and path.exists() and begun else None
        outcomes.append(known or _outcome(name, by_name[name], place, settings))
        if folder is not None and path is not None and known is None:
            if not begun:
                _forget(folder)
            begun = True
            _keep(folder, settings.question(), path, outcomes[-1])
        report(done, len(work))
    heads = {name: _head(model) for name, model in by_name.items()}
    facts = {**settings.to_dict(), "digests": digests}
    return ArenaResult(tuple(by_name), heads, settings.by_name, tuple(outcomes), facts)


def _head(model: Segmenter | Subject) -> Head:
    if isinstance(stepless_as_subject(model), Subject):
        return "of another make"
    return "relations" if relation_modules(model) else "sums"


def _outcome(name: str, model: Segmenter | Subject, place: PairPlace, settings: ArenaSettings) -> PairOutcome:
    outcome = pair_outcome(
        name,
        model,
        place,
        tuple(settings.by_name.values()),
        reference=settings.reference,
        seeds=settings.seeds,
        input_steps=settings.input_steps,
    )
    # As it will be read again: a run that was interrupted must not differ from one that was not.
    return PairOutcome.from_dict(parse_json(to_json(outcome.to_dict()), "outcome"))


def _named(models: Segmenter | Subject | Iterable[Segmenter | Subject]) -> dict[str, Segmenter | Subject]:
    """The models by name; raises ValueError for one that does not know the scenes' classes, and for equal names."""
    listed = [models] if isinstance(models, nn.Module) else list(models)
    if not listed:
        raise ValueError("no model takes part: give one or more.")
    for model in listed:
        check_freezable(model)
        check_scene_classes(model)
    by_name = {model.name: model for model in listed}
    if len(by_name) < len(listed):
        twice = next(name for name in by_name if sum(model.name == name for model in listed) > 1)
        raise ValueError(f"two models are called {twice!r}: give each another name, as in model.name = 'second'.")
    return by_name


def _check_question(folder: Path, question: dict[str, Any]) -> None:
    """Raises StateMismatchError if what is in a folder answers another question."""
    path = folder / _QUESTION
    if not path.exists():
        return
    known = _load(path)
    differs = sorted(key for key in question if known.get(key) != question[key])
    if differs:
        raise StateMismatchError(
            f"{folder} belongs to another question (other {', '.join(differs)}). Choose another folder, or start over."
        )


def _forget(folder: Path) -> None:
    """Removes what :func:`_keep` wrote; other files of a reader may lie beside it."""
    for path in folder.glob("*.json"):
        if path.name == _QUESTION or _OUTCOME_NAME.fullmatch(path.name):
            path.unlink()


def _keep(folder: Path, question: dict[str, Any], path: Path, outcome: PairOutcome) -> None:
    """The question first: an outcome without one would be taken for the answer to any."""
    if not (folder / _QUESTION).exists():
        write_json(folder / _QUESTION, question)
    write_json(path, outcome.to_dict())


def _file_name(name: str, digest: str, place: PairPlace) -> str:
    label = re.sub(r"[^A-Za-z0-9_-]+", "_", Path(name).stem)
    return f"{label}-{digest}-{place.case}-{place.distance}-{place.seed}.json"


def _read(path: Path) -> PairOutcome:
    try:
        return PairOutcome.from_dict(_load(path))
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, StateMismatchError):
            raise
        raise StateMismatchError(f"{path}: not an outcome of the arena ({error}). Start over.") from error


def _load(path: Path) -> dict[str, Any]:
    try:
        facts: dict[str, Any] = read_json(path, "state of the arena", remedy="Start over.")
    except FileError as error:
        raise StateMismatchError(str(error)) from error
    return facts


def _model_digest(model: Segmenter | Subject) -> str:
    """Digest of the parameters and buffers, whatever precision they are kept in, of what parameters do not tell of a
    network, such as the dilation of its windows, and of what is taken apart how."""
    parts: list[Any] = []
    for name, value in sorted(model.state_dict().items()):
        parts += [name, value.detach().float()]
    if isinstance(model, Segmenter):
        parts.append(to_json(config_to_json(model.config)))
    if isinstance(model, Subject):
        taken_apart = to_json([model.cut, model.hold, model.output])
        parts += [model.mean.detach().float(), model.std.detach().float(), taken_apart]
    return digest(*parts)
