"""Entry point of ``rsp-lab``. Wrong input ends in one line on stderr and exit code 2."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import tyro

from rsp_lab.analysis.ledger.ledger import LedgerError
from rsp_lab.cli import (
    arena,
    attribute,
    bench,
    compare,
    explain,
    export_html,
    figures,
    flips,
    models,
    residuals,
    scenes,
    tables,
    trade,
)
from rsp_lab.cli.output import say


def main(arguments: list[str] | None = None) -> None:
    """Entry point of ``rsp-lab``."""
    commands: dict[str, Callable[..., Any]] = {
        "models": models.models,
        "tables": tables.tables,
        "scenes": scenes.scenes,
        "compare": compare.compare,
        "explain": explain.explain,
        "attribute": attribute.attribute,
        "flips": flips.flips,
        "export-html": export_html.export_html,
        "trade": trade.trade,
        "arena": arena.arena,
        "figures": figures.figures,
        "residuals": residuals.residuals,
        "bench": bench.bench,
    }
    try:
        tyro.extras.subcommand_cli_from_dict(commands, prog="rsp-lab", args=arguments)
    except BrokenPipeError:
        # The reader of the output, such as head, is gone; what is still buffered for it must not raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except (ValueError, OSError, MemoryError, LedgerError) as error:
        say(f"rsp-lab: {' '.join(str(error).split()) or type(error).__name__}")
        raise SystemExit(2) from None
    except RuntimeError as error:
        # torch has no class of its own for it.
        if "can't allocate memory" not in str(error):
            raise
        say("rsp-lab: not enough memory for this image; give a smaller one")
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        say("rsp-lab: interrupted; nothing was written")
        raise SystemExit(130) from None
