"""``python -m tests.interruptions``: kills and stops the commands at random moments, and prints what came of it."""

from __future__ import annotations

import argparse
import sys

from rsp_lab.text import plain_table
from tests.interruptions.drill import as_rows, run_drill


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.interruptions")
    parser.add_argument("--each", type=int, default=10, help="interruptions of each command")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("names", nargs="*", help="commands; default: all of the drill")
    options = parser.parse_args()
    results = run_drill(options.each, options.seed, options.names)
    print(plain_table(as_rows(results)))
    passed = all(counts.passed for counts in results.values())
    print("all passed" if passed else "FAILED")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
