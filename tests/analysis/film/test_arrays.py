"""Arrays as text: exact in float32, and nothing else is read."""

from __future__ import annotations

import pytest
import torch

from rsp_lab.analysis.film.arrays import array_facts, array_of


def test_values_come_back_in_float32() -> None:
    values = torch.randn(2, 3, 5, dtype=torch.float64)

    assert torch.equal(array_of(array_facts(values)), values.float().double())


def test_what_is_zero_takes_no_room() -> None:
    assert len(array_facts(torch.zeros(64, 128))["values"]) < 200


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"shape": [2, 4]}, "does not have the shape"),
        ({"shape": [2, 2]}, "does not have the shape"),
        ({"shape": [2, 0]}, "is no shape"),
        ({"shape": [1 << 20, 1 << 20]}, "too large"),
        ({"shape": "2"}, "is no shape"),
        ({"values": "!"}, "cannot be read"),
        ({"values": "AAAA"}, "cannot be read"),
        (array_facts(torch.full((2, 3), torch.nan)), "not finite"),
    ],
)
def test_other_facts_are_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        array_of({**array_facts(torch.ones(2, 3)), **changes})
