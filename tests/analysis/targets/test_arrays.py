"""Tensors of what comes from outside share no memory with it."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from rsp_lab.analysis.targets.arrays import own_tensor


@pytest.mark.parametrize("kind", ["bool", "uint8", "int64", "float32", ">f8", "<i4"])
def test_every_array_that_torch_has_a_type_for(kind: str) -> None:
    base = np.arange(12).reshape(3, 4).astype(kind)
    base.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for array in (base, base[::-1, ::-1], base.T, base[:, ::2]):
            found = own_tensor(array)
            assert isinstance(found, torch.Tensor)
            assert found.tolist() == array.tolist()
            assert not np.shares_memory(found.numpy(), base)


def test_a_tensor_is_copied_and_the_rest_stays() -> None:
    values = torch.arange(3)
    found = own_tensor(values)
    assert torch.equal(found, values)
    assert found.data_ptr() != values.data_ptr()
    for given in ("classes", None, [1, 2], np.array(["a"])):
        assert own_tensor(given) is given
