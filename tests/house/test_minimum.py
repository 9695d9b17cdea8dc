"""The oldest versions that are tested are the oldest that are allowed."""

from __future__ import annotations

import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]


def test_the_oldest_versions_are_those_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = (ROOT / "constraints-minimum.txt").read_text().splitlines()
    tested = {name: Version(version) for name, version in (line.split("==") for line in lines if "==" in line)}
    allowed = [Requirement(text) for text in project["dependencies"]]

    assert {requirement.name for requirement in allowed} == set(tested)
    for requirement in allowed:
        (bound,) = requirement.specifier
        least, version = Version(bound.version), tested[requirement.name]
        assert bound.operator == ">="
        assert requirement.specifier.contains(version)
        assert (version.major, version.minor) == (least.major, least.minor), requirement.name
