"""What no page foresaw: a message for the reader, the stack trace for the terminal."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from rsp_lab.analysis.ledger.residual import LedgerError
from rsp_lab.frozen.rules import FrozenError

REFUSED = (ValueError, LedgerError, FrozenError)
"""What an analysis says where it cannot be done, in words for a reader."""
UNFORESEEN = "Something went wrong here that was not foreseen."


@contextmanager
def caught() -> Iterator[None]:
    """Around a page: an error in it becomes a message that names no path and no content of the machine."""
    try:
        yield
    except Exception as problem:
        logging.getLogger(__name__).exception("a page failed")
        st.error(
            f"{UNFORESEEN} Reload the page, or open the workbench without what follows the question mark in its "
            f"address. The terminal that runs it has the details ({type(problem).__name__})."
        )
