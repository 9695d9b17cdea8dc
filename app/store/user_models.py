"""Models of the reader's own: functions of the Python files that ``RSP_LAB_MODELS`` names, as ``make app MODELS=...``
sets it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from rsp_lab.files import readable_name
from rsp_lab.models.functions import file_functions
from rsp_lab.models.weights import shipped


def user_files() -> list[Path]:
    """The files, whether they are there or not."""
    return [Path(name) for name in os.environ.get("RSP_LAB_MODELS", "").split(os.pathsep) if name]


def user_models() -> dict[str, str]:
    """Each function by the name it is chosen by: its own, e.g. ``"segformer"``, with the file's before it where another
    one has the same, as in ``"mine: segformer"``, and a number where files of one name do, as in ``"mine 2:
    segformer"``. Files that cannot be run have none."""
    found: dict[str, str] = {}
    taken = shipped()
    for file in user_files():
        try:
            functions = file_functions(file) if file.is_file() else {}
        except ValueError:
            continue
        for name in functions:
            found[next(one for one in _names(file, name) if one not in taken and one not in found)] = f"{file}:{name}"
    return found


def _names(file: Path, name: str) -> Iterator[str]:
    """What a function may be called, the shortest first."""
    yield name
    yield f"{readable_name(file.stem)}: {name}"
    yield from (f"{readable_name(file.stem)} {number}: {name}" for number in count(2))


def user_problems() -> list[str]:
    """What is wrong with the files, a sentence each."""
    problems = []
    for file in user_files():
        if not file.is_file():
            problems.append(
                f"RSP_LAB_MODELS names {readable_name(file)}, which is no file: name Python files that make models."
            )
            continue
        try:
            if not file_functions(file):
                problems.append(
                    f"{readable_name(file)} has no function without arguments, so it makes no model: write one."
                )
        except ValueError as problem:
            problems.append(str(problem))
    return problems
