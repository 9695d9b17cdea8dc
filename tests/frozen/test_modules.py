"""What is put in force on a module holds for one thread, and nothing of it is left."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import torch
from torch import nn

from rsp_lab.frozen.modules import answering, hooked


def test_each_thread_has_its_own_answers_in_whatever_order_they_end() -> None:
    module, x = nn.Linear(2, 2), torch.ones(1, 2)
    expected = module(x)
    here, there = ExitStack(), ExitStack()
    with ThreadPoolExecutor(1) as pool:
        here.enter_context(answering(module, lambda _: "outer"))
        pool.submit(there.enter_context, answering(module, lambda _: "other")).result()
        plain = here.enter_context(answering(module, lambda _: "inner"))
        assert (module(x), plain(x), pool.submit(module, x).result()) == ("inner", "outer", "other")
        here.close()
        assert torch.equal(module(x), expected)
        assert pool.submit(module, x).result() == "other"
        pool.submit(there.close).result()
        assert torch.equal(pool.submit(module, x).result(), expected)
    assert "forward" not in vars(module)


def test_a_forward_of_an_instance_stays_its_own() -> None:
    module = nn.Identity()
    own = vars(module)["forward"] = lambda x: x + 1
    with answering(module, lambda x: x + 2) as plain:
        assert (module(0), plain(0)) == (2, 1)
    assert vars(module)["forward"] is own


def test_hooks_are_called_on_the_thread_that_hung_them() -> None:
    module, seen = nn.Identity(), []
    watched = hooked(module, before=lambda *_: seen.append("before"), after=lambda *_: seen.append("after"))
    with watched, ThreadPoolExecutor(1) as pool:
        pool.submit(module, 1).result()
        assert seen == []
        module(1)
    module(1)
    assert seen == ["before", "after"]
