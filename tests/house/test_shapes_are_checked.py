"""Annotations of rsp_lab are assertions while the tests run (``--jaxtyping-packages`` in pyproject.toml)."""

from __future__ import annotations

import jaxtyping
import pytest

from rsp_lab import shapes


def test_a_wrong_argument_is_refused() -> None:
    with pytest.raises(jaxtyping.TypeCheckError):
        shapes.step_name("5")


def test_an_int_will_do_for_a_float() -> None:
    assert shapes.cell_to_pixel(0, cells=2, pixels=8) == 1.5
