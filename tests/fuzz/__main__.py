"""``python -m tests.fuzz --seed 0 --cases 1000``: damaged and odd inputs of every kind, counted by what came of them.

Prints the counts by kind and a line to repeat each failure; the exit code is 1 if there is one.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import torch

from rsp_lab.text import plain_table
from tests.fuzz.case import CLEAN, OUTCOMES, judge
from tests.fuzz.kinds import KINDS
from tests.fuzz.specimens import make_specimens


def kind_of(seed: int, number: int) -> str:
    """The kind of a case, drawn by the kinds' shares."""
    names, shares = list(KINDS), [share for _, share in KINDS.values()]
    return random.Random(f"{seed}/{number}").choices(names, shares)[0]


def fuzz(seed: int, numbers: range, root: Path) -> tuple[dict[str, Counter[str]], list[str]]:
    """Counts of outcomes by kind, and a line for each failure."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in KINDS}
    failures = []
    valid = make_specimens(root / "valid")
    for number in numbers:
        name = kind_of(seed, number)
        folder = root / f"case-{number}"
        folder.mkdir()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            case = KINDS[name][0](random.Random(f"{seed}/{number}/{name}"), folder, valid)
            outcome, detail = judge(case, folder)
        counts[name][outcome] += 1
        if outcome != CLEAN:
            failures.append(f"{outcome}: {name}; repeat: python -m tests.fuzz --seed {seed} --only {number}\n{detail}")
        if sys.stderr.isatty():
            print(f"\r{number + 1 - numbers.start} of {len(numbers)}", end="", file=sys.stderr)
    return counts, failures


def table(counts: dict[str, Counter[str]]) -> str:
    """The counts as text, a row a kind."""
    rows = [["", *OUTCOMES]]
    for name, found in {**counts, "all": sum(counts.values(), Counter())}.items():
        rows.append([name, *(str(found[outcome]) for outcome in OUTCOMES)])
    return plain_table(rows)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--only", type=int, help="the number of one case")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    numbers = range(asked.cases) if asked.only is None else range(asked.only, asked.only + 1)
    with tempfile.TemporaryDirectory(prefix="rsp-lab-fuzz-") as root:
        counts, failures = fuzz(asked.seed, numbers, Path(root))
    print(table(counts))
    for line in failures:
        print(f"\n{line}")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
