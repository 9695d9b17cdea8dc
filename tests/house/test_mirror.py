"""The tests of a module stand at its own place: ``tests/x/test_y.py`` is about ``rsp_lab/x/y`` or ``x/y``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
WHOLE = {
    "app/browser": "the workbench in a real browser",
    "app/test_workbench.py": "the workbench as one script",
    "analysis/comparison/test_subjects.py": "every comparison, beside a network of another make",
    "cli/test_hostile.py": "every command",
    "cli/test_outputs.py": "every command that writes",
    "cli/test_signals.py": "every program under signals",
    "docs": "what the pages say",
    "figures/test_golden.py": "every figure beside its stored picture",
    "fuzz": "every border of the house",
    "house": "the house itself",
    "interruptions": "every command under signals",
    "models/test_obligations.py": "every head",
    "models/test_taps.py": "every head",
    "notebooks": "what the notebooks do",
    "test_api_answers.py": "the public names together",
    "test_public_images.py": "the public names together",
    "test_public_on_gpu.py": "the public names together",
    "trainers/reports/test_shipped.py": "the shipped weights",
    "trainers/test_cityscapes.py": "a data set from training to predictions",
    "trainers/test_folder.py": "a data set from training to predictions",
    "trainers/test_makes.py": "networks of other makes from training to predictions",
    "trainers/test_panoptic.py": "panoptic networks from training to predictions",
    "trainers/training/test_golden.py": "losses of whole runs beside stored ones",
}
"""Tests of no single module, and what they are about."""


def unmirrored(root: Path, excused: Iterable[str] = ()) -> list[str]:
    """Test files without a module, a package or a script of their name at their place."""
    tests = root / "tests"
    return [
        place.as_posix()
        for place in sorted(file.relative_to(tests) for file in tests.rglob("test_*.py"))
        if not any(part.as_posix() in excused for part in (place, *place.parents)) and not _sources(root, place)
    ]


def _sources(root: Path, place: Path) -> list[Path]:
    stem = place.with_name(place.stem.removeprefix("test_"))
    names = (stem, stem.with_suffix(".py"), stem.with_suffix(".js"))
    return [top / name for top in (root, root / "rsp_lab") for name in names if (top / name).exists()]


def test_every_file_of_tests_has_a_module() -> None:
    assert unmirrored(ROOT, WHOLE) == []


def test_no_exception_is_left_over() -> None:
    assert [name for name in WHOLE if not (ROOT / "tests" / name).exists()] == []
    single = {name for name in WHOLE if name.endswith(".py")}
    assert single <= set(unmirrored(ROOT))


def test_a_file_without_a_module_is_found(tmp_path: Path) -> None:
    for name in ("rsp_lab/cellar/wine.py", "tests/cellar/test_wine.py", "tests/cellar/test_beer.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")

    assert unmirrored(tmp_path) == ["cellar/test_beer.py"]
    assert unmirrored(tmp_path, ["cellar"]) == []
