"""What a run folder says: its curves, its scores and its configuration, read from the files that training writes.

A log is read as it is found: a run may still be writing it, and a crash may have cut its last line short.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.store.run_folders import CONFIG, LOG
from rsp_lab.files import FileError, parse_json, read_json, readable_name, regular_file

LOG_BYTES, CONFIG_BYTES = 64_000_000, 1_000_000
TRAINING = {"loss": "loss", "lr": "learning rate", "images_per_s": "images/s"}
"""Numbers of a line about updates, and what they are called."""
PARTS = "losses"
"""Where a line about updates has the parts of the loss by name, if it has several."""


class RunError(ValueError):
    """A run folder that cannot be read; the message says what to do."""


@dataclass(frozen=True)
class Curve:
    """One number over the updates; both have the same length, and the steps rise."""

    steps: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class Scores:
    """One evaluation on the validation set, from 0 to 1.

    Attributes:
        step: updates done.
        miou, pixel_accuracy: NaN where the log has none.
        images: how many were scored.
        pq: of all categories, of a panoptic network; NaN of others.
        iou: by class; None for a class that neither occurs nor is predicted.
    """

    step: int
    miou: float
    pixel_accuracy: float
    images: int
    pq: float
    iou: Mapping[str, float | None]

    @property
    def score(self) -> float:
        """By which training keeps the best weights: PQ of a panoptic network, mIoU of others."""
        return self.pq if math.isfinite(self.pq) else self.miou


@dataclass(frozen=True)
class RunFacts:
    """One run folder.

    Attributes:
        name: of the folder below the root.
        curves: by a key of :data:`TRAINING`.
        parts: of the loss, by name; none where it has none.
        evaluations: in the log's order.
        config: by dotted name, versions and commit among them; empty where it cannot be read.
        problems: what could not be read, in words.
    """

    name: str
    curves: Mapping[str, Curve]
    parts: Mapping[str, Curve]
    evaluations: tuple[Scores, ...]
    config: Mapping[str, Any]
    problems: tuple[str, ...]

    @property
    def best(self) -> Scores | None:
        """The evaluation with the highest score, PQ or else mIoU, the first of several; None without any."""
        scored = [one for one in self.evaluations if math.isfinite(one.score)]
        return max(scored, key=lambda one: one.score) if scored else None

    @property
    def tells_things_apart(self) -> bool:
        """Whether the run has a PQ."""
        return any(math.isfinite(one.pq) for one in self.evaluations)

    @property
    def updates(self) -> int:
        """The last that the log tells of."""
        return max(
            [*(c.steps[-1] for c in self.curves.values() if c.steps), *(e.step for e in self.evaluations)] or [0]
        )

    @property
    def planned(self) -> int | None:
        """Updates that the configuration asks for."""
        steps = self.config.get("steps")
        return steps if isinstance(steps, int) else None

    @property
    def data(self) -> str:
        return str(self.config.get("data", ""))


def read_run(name: str, folder: Path) -> RunFacts:
    """The facts of a run folder; damaged lines are left out and said.

    Raises:
        RunError: if the folder vanished or holds no readable log.
    """
    config, problems = _config(folder)
    try:
        size = (folder / LOG).stat().st_size
        regular_file(folder / LOG, "log")
        if size > LOG_BYTES:
            raise RunError(f"{name}: its {LOG} has more than {LOG_BYTES // 1_000_000} MB. Choose another run.")
        text = (folder / LOG).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        what = (
            f"has no {LOG} yet. Choose it again after its first lines" if folder.is_dir() else "is not there any more"
        )
        raise RunError(f"{name}: the run folder {what}, or choose another run.") from None
    except (FileError, OSError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no regular file"
        raise RunError(f"{name}: its {LOG} cannot be read ({why}). Mend it, or choose another.") from None
    rows, wrong = _rows(text)
    if wrong:
        lines = (
            f"line {wrong[0]} of {LOG} is" if len(wrong) == 1 else f"{len(wrong)} lines of {LOG}, first {wrong[0]}, are"
        )
        problems.append(f"{name}: {lines} damaged and left out.")
    curves = {key: _curve(rows, key) for key in TRAINING}
    apart = [{"step": row["step"], **row[PARTS]} for row in rows if isinstance(row.get(PARTS), dict)]
    parts = {key: _curve(apart, key) for key in dict.fromkeys(key for row in apart for key in row if key != "step")}
    return RunFacts(name, curves, parts, tuple(_scores(row) for row in rows if "val" in row), config, tuple(problems))


def _config(folder: Path) -> tuple[dict[str, Any], list[str]]:
    path = folder / CONFIG
    try:
        if path.stat().st_size > CONFIG_BYTES:
            return {}, [_without_settings(folder, "is far too large")]
        facts = read_json(path, "configuration", most=CONFIG_BYTES)
        parts = {"": facts["config"], **{key: facts.get(key) for key in ("versions", "git", "processes")}}
        return flat({key: value for key, value in parts.items() if value is not None}), []
    except FileNotFoundError:
        return {}, [_without_settings(folder, "is missing")]
    except (OSError, FileError, KeyError):
        return {}, [_without_settings(folder, "is damaged")]


def _without_settings(folder: Path, why: str) -> str:
    return (
        f"{readable_name(folder.name)}: {CONFIG} {why}, so its settings are unknown. Start the run again to have it "
        "written."
    )


def flat(tree: Any, prefix: str = "") -> dict[str, Any]:
    """Leaves of nested JSON data by dotted name; lists of plain values stay whole."""
    if isinstance(tree, dict):
        items = tree.items()
    elif isinstance(tree, list) and any(isinstance(one, dict | list) for one in tree):
        items = {str(index): one for index, one in enumerate(tree)}.items()
    else:
        return {prefix: tree}
    found: dict[str, Any] = {}
    for key, value in items:
        found |= flat(value, ".".join(filter(None, (prefix, str(key)))))
    return found


def _rows(text: str) -> tuple[list[dict[str, Any]], list[int]]:
    """The log's lines, and the numbers of those that are none."""
    rows, wrong = [], []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = parse_json(line, f"{LOG}, line {number}")
        except FileError:
            row = {}
        step, val = row.get("step"), row.get("val", {})
        if type(step) is int and step >= 0 and isinstance(val, dict):
            rows.append(row)
        else:
            wrong.append(number)
    return rows, wrong


def _curve(rows: Sequence[Mapping[str, Any]], key: str) -> Curve:
    """A run that was resumed may have logged an update twice: the later line counts."""
    found = {row["step"]: _number(row[key]) for row in rows if key in row}
    steps = sorted(found)
    return Curve(tuple(steps), tuple(found[step] for step in steps))


def _scores(row: Mapping[str, Any]) -> Scores:
    val = row["val"]
    iou = val.get("iou") if isinstance(val.get("iou"), dict) else {}
    by_class = {str(name): None if value is None else _number(value) for name, value in iou.items()}
    images = val.get("images")
    panoptic = val.get("panoptic")
    groups = panoptic.get("all") if isinstance(panoptic, dict) else None
    return Scores(
        row["step"],
        _number(val.get("miou")),
        _number(val.get("pixel_accuracy")),
        images if isinstance(images, int) else 0,
        _number(groups.get("pq")) if isinstance(groups, dict) else math.nan,
        by_class,
    )


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def differences(runs: Sequence[RunFacts]) -> dict[str, tuple[Any, ...]]:
    """Settings that are not the same in all runs, by dotted name; a run without one has None there."""
    known = [run.config for run in runs]
    names = dict.fromkeys(name for config in known for name in config)
    values = {name: tuple(config.get(name) for config in known) for name in names}
    return {name: row for name, row in values.items() if any(value != row[0] for value in row[1:])}


def sentence(runs: Sequence[RunFacts]) -> tuple[str, str]:
    """Which run scores best, and what must be known to read that."""
    scored = [(run, run.best) for run in runs if run.best is not None]
    if not scored:
        first = runs[0]
        return f"{first.name} has done {first.updates:,} updates; no run shown has been scored yet.", ""
    # PQ and mIoU are no more and no less than each other: those that tell things apart come first.
    pairs = [(run, best) for run, best in scored if best]
    ranked = sorted(pairs, key=lambda pair: (not pair[0].tells_things_apart, -pair[1].score))
    said = [
        f"{run.name}{_reached(best, ' reaches' if not place else ':')}" for place, (run, best) in enumerate(ranked[:3])
    ]
    more = f", and {len(ranked) - 3} more below" if len(ranked) > 3 else ""
    counts = sorted({best.images for _, best in ranked})
    note = f"Best of each run's own evaluations on val ({' or '.join(map(str, counts))} images), so rather too high."
    if len({run.data for run, _ in ranked}) > 1:
        note += " The data differ: scores of different runs are not comparable."
    seeds = {str(run.config.get("seed")) for run, _ in ranked}
    if len(ranked) > 1 and len(seeds) == 1:
        note += " One seed each: a difference of a point may be chance."
    return f"{'; '.join(said)}{more}.", note


def _reached(best: Scores, verb: str) -> str:
    quality = f"{100 * best.pq:.3g} % PQ and " if math.isfinite(best.pq) else ""
    return f"{verb} {quality}{100 * best.miou:.3g} % mIoU after {best.step:,} updates"
