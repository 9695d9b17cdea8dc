"""What is kept of finished runs without their weights: plain JSON from which the results page is written.

The weights of dozens of runs are hundreds of megabytes that nobody looks at again. A record is what reports read of a
run: the header of its weights, how many parameters it has, and its answers about regions. Records lie beside the page,
so that whoever doubts a number works it out anew without a training.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rsp_lab.analysis.scenes.answers import RegionAnswer
from rsp_lab.files import FileError, digest, read_json, to_json, write_atomic
from rsp_lab.models import weights
from trainers.runs.header import check_header, run_header
from trainers.runs.relation_facts import RelationFacts
from trainers.training.checkpoint import BEST

FINDINGS = "findings.json"
_ASKED = ("case", "distance", "difficulty")
_ANSWERED = ("seed", "reading", "pixels", "right", "swapped", "margin")
_MARGIN_DIGITS = 6


@dataclass(frozen=True)
class Findings:
    """What a study asks a run's best weights.

    Attributes:
        answers: about the ambiguous regions of the sweep.
        relations: what each relation does; empty for heads without one.
    """

    answers: tuple[RegionAnswer, ...]
    relations: tuple[RelationFacts, ...]


@dataclass(frozen=True)
class RunRecord:
    """One finished run.

    Attributes:
        header: of its weights: data, seed, budget, validation scores, and the run's configuration.
        parameters: of the whole network.
        findings: what a study asked; None for runs that were asked nothing.
    """

    header: dict[str, Any]
    parameters: int
    findings: Findings | None = None

    @property
    def name(self) -> str:
        """Of its file, without ending."""
        return f"{self.header['recipe']}-{self.header['seed']}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data; answers stand by case, distance and difficulty, margins with 6 digits."""
        found = self.findings
        return {
            "header": self.header,
            "parameters": self.parameters,
            "answers": _columns(found.answers) if found else None,
            "relations": [facts.to_dict() for facts in found.relations] if found else None,
        }


def read_record(path: Path) -> RunRecord:
    """A record that :func:`write_records` wrote.

    Raises:
        FileError: if the file cannot be read or is no record.
    """
    remedy = "Write it anew: python -m trainers records RUNS -o FOLDER."
    kept = read_json(path, "record of a run", remedy=remedy)
    try:
        check_header(kept["header"], path, remedy)
        asked, relations = kept["answers"], kept["relations"]
        findings = None
        if asked is not None:
            findings = Findings(tuple(_rows(asked)), tuple(RelationFacts(**facts) for facts in relations))
        return RunRecord(kept["header"], int(kept["parameters"]), findings)
    except (KeyError, TypeError, ValueError) as error:
        raise FileError(f"{path} is no record of a run ({error}). {remedy}") from error


def read_records(root: Path) -> Iterator[RunRecord]:
    """Of a folder's finished runs, in the order of their names: folders with weights, and records that were kept.

    Raises:
        FileError: if a record, or the answers of a run, cannot be read.
        ValueError: if the weights of a run cannot be read.
    """
    for path in sorted(root.iterdir()) if root.is_dir() else ():
        if path.suffix == ".json" and path.is_file():
            yield read_record(path)
        elif (path / BEST).is_file():
            header = run_header(path / BEST)[1]
            if header["budget"]["updates_done"] == header["budget"]["updates"]:
                # Headers of older runs do not say how many there are.
                parameters = header.pop("parameters", None)
                if parameters is None:
                    parameters = sum(p.numel() for p in weights.load(path / BEST).parameters())
                yield RunRecord(header, parameters, findings_of(path))


def write_records(root: Path, output: Path) -> list[Path]:
    """Writes the record of every finished run of ``root`` into the folder ``output``, one file a run.

    Raises:
        ValueError: if there is no finished run.
    """
    written = []
    for record in read_records(root):
        lines = (f"{to_json(key, None)}: {_lined(value)}" for key, value in record.to_dict().items())
        written.append(write_atomic(output / f"{record.name}.json", "{" + ",\n".join(lines) + "}\n"))
    if not written:
        raise ValueError(f"{root}: holds no finished run. Train some: python -m trainers study -o {root}.")
    return written


def findings_of(run: Path) -> Findings | None:
    """What is known of the run in a folder; None if nothing is known of the weights that are there now."""
    path = run / FINDINGS
    if not path.is_file() or not (run / BEST).is_file():
        return None
    remedy = "Remove it to have the run asked again."
    kept = read_json(path, "file of a run's answers", remedy=remedy)
    # Before there was one digest for everything, it was the whole of which this is the beginning.
    known = kept.get("weights_digest", str(kept.get("weights_sha256"))[:16])
    if known != digest(run / BEST):
        return None
    try:
        return Findings(
            tuple(RegionAnswer(**answer) for answer in kept["answers"]),
            tuple(RelationFacts(**facts) for facts in kept["relations"]),
        )
    except (KeyError, TypeError) as error:
        raise FileError(f"{path} does not hold the answers of a run ({error}). {remedy}") from error


def _lined(value: Any) -> str:
    """JSON with a line for each member of a list: a change shows where it is."""
    if not isinstance(value, list) or not value:
        return to_json(value, None).strip()
    return "[\n" + ",\n".join(to_json(one, None).strip() for one in value) + "\n]"


def _columns(answers: Sequence[RegionAnswer]) -> list[dict[str, Any]]:
    groups: dict[tuple[Any, ...], list[RegionAnswer]] = {}
    for answer in answers:
        groups.setdefault(tuple(getattr(answer, name) for name in _ASKED), []).append(answer)
    columns = []
    for asked, own in groups.items():
        values = {name: [_short(getattr(answer, name)) for answer in own] for name in _ANSWERED}
        columns.append(dict(zip(_ASKED, asked, strict=True)) | values)
    return columns


def _short(value: float) -> float:
    return value if isinstance(value, int) else float(f"{value:.{_MARGIN_DIGITS}g}")


def _rows(groups: Sequence[dict[str, Any]]) -> Iterator[RegionAnswer]:
    for group in groups:
        asked = {name: group[name] for name in _ASKED}
        for values in zip(*(group[name] for name in _ANSWERED), strict=True):
            yield RegionAnswer(**asked, **dict(zip(_ANSWERED, values, strict=True)))
