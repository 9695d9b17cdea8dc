"""Entry point of ``python -m trainers``: a signal ends it in one line while what takes seconds is still imported."""

from __future__ import annotations

import sys

from rsp_lab.interruption import exit_on_signals, outlast_signals


def main() -> int:
    """Runs one command; returns the exit code."""
    exit_on_signals("python -m trainers")
    from trainers.commands import main as command_line

    try:
        return command_line()
    finally:
        outlast_signals()


if __name__ == "__main__":
    sys.exit(main())
