"""The residual that every ledger is held to."""

from __future__ import annotations


class LedgerError(RuntimeError):
    """The contributions do not add up to the model's own output."""


def check_residual(residual: float, tolerance: float, what: str) -> None:
    """Raises LedgerError unless ``residual`` is at most ``tolerance``; not-a-number is not."""
    if not residual <= tolerance:
        raise LedgerError(
            f"the ledger of {what} does not add up: relative residual {residual:.2g}, allowed {tolerance:g}. Was the "
            "pass edited elsewhere than at Q maps and relation weights, or did the model's parameters change since?"
        )
