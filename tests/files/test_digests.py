"""One digest tells contents apart."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from rsp_lab.files import FileError, digest


def test_of_one_content_it_is_the_start_of_sha256(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"content")
    expected = hashlib.sha256(b"content").hexdigest()[:16]

    assert (
        digest(b"content") == digest("content") == digest(tmp_path / "x") == digest(memoryview(b"content")) == expected
    )


def test_parts_do_not_run_together() -> None:
    assert len({digest("ab", "c"), digest("a", "bc"), digest("abc"), digest("abc", ""), digest("c", "ab")}) == 5


@pytest.mark.parametrize("make", [np.asarray, torch.tensor])
def test_type_and_shape_of_arrays_count(make: type) -> None:
    values = [[0, 1], [2, 3]]
    flat = [0, 1, 2, 3]

    kinds = {digest(make(values)), digest(make(flat)), digest(make([[0, 1, 2, 3]])), digest(make([0.0, 1, 2, 3]))}

    assert len(kinds) == 4
    assert digest(make(values)) == digest(make(values))


def test_tensors_in_other_memory_are_the_same_content() -> None:
    tensor = torch.arange(6.0).reshape(2, 3)

    assert digest(tensor.t()) == digest(tensor.t().contiguous()) != digest(tensor)
    assert digest(tensor.bfloat16()) != digest(tensor.half())
    assert digest(torch.zeros(0)) != digest(torch.zeros(()))


def test_a_pipe_has_no_digest() -> None:
    with pytest.raises(FileError, match="a device"):
        digest(Path("/dev/zero"))
