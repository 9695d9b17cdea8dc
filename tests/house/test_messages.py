"""A library knows no options of a program: its errors name arguments, and commands add their flags."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAMS = ("cli", "__main__.py")
FLAG = re.compile(r"(?<![\w-])(--[a-z][\w-]*|-[a-z])(?![\w-])")


def flags_in_errors(source: str) -> list[str]:
    """Options that the texts of raise statements name."""
    texts = [
        part.value
        for raised in ast.walk(ast.parse(source))
        if isinstance(raised, ast.Raise)
        for part in ast.walk(raised)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]
    return [flag for text in texts for flag in FLAG.findall(text.replace("python -m", "python"))]


def test_errors_of_the_library_name_no_flags() -> None:
    files = [path for path in (ROOT / "rsp_lab").rglob("*.py") if path.relative_to(ROOT).parts[1] not in PROGRAMS]
    found = {path.relative_to(ROOT).as_posix(): flags_in_errors(path.read_text("utf-8")) for path in files}

    assert len(files) > 100
    assert {name: flags for name, flags in found.items() if flags} == {}


def test_a_flag_in_an_error_is_found() -> None:
    source = 'def f(x):\n    """Uses --well."""\n    raise ValueError(f"wrong {x}: give --channel or -o, x - y, a-b")'

    assert flags_in_errors(source) == ["--channel", "-o"]
