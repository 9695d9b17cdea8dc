"""Entry point of the process: what takes seconds to import is imported when a signal already ends it in one line."""

from __future__ import annotations

from rsp_lab.interruption import exit_on_signals, outlast_signals


def main() -> None:
    """Entry point of the installed ``rsp-lab``."""
    exit_on_signals("rsp-lab")
    from rsp_lab.cli.main import main as command_line

    try:
        command_line()
    finally:
        outlast_signals()


if __name__ == "__main__":
    main()
