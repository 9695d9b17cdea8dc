"""A name of a device is resolved in one place; what is not there is said with what is. The machine is made up."""

from __future__ import annotations

import pytest
import torch

from rsp_lab.devices import DEVICES, check_device, devices_there, resolve_device, seeded


@pytest.fixture(autouse=True)
def _one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.setenv("LOCAL_RANK", "1")  # of no meaning where there is one process


def machine(monkeypatch: pytest.MonkeyPatch, gpus: int = 0, mps: bool = False) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(
    ("gpus", "mps", "float64", "best"),
    [
        (0, False, False, "cpu"),
        (0, True, False, "mps"),
        (0, True, True, "cpu"),
        (2, False, False, "cuda:0"),
        (2, True, True, "cuda:0"),
    ],
)
def test_auto_is_the_best_that_is_there(
    gpus: int, mps: bool, float64: bool, best: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(monkeypatch, gpus, mps)
    assert resolve_device(float64=float64) == torch.device(best)
    assert devices_there()[-1] == "cpu"


def test_a_name_is_that_device(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, 2, mps=True)
    found = {name: resolve_device(name) for name in (*DEVICES, "cuda:1")}
    expected = {"auto": "cuda:0", "cpu": "cpu", "cuda": "cuda:0", "mps": "mps", "cuda:1": "cuda:1"}
    assert {name: str(device) for name, device in found.items()} == expected


@pytest.mark.parametrize(
    ("name", "gpus", "said"),
    [
        ("cuda", 0, "device cuda: there is none here; there is cpu"),
        ("mps", 0, "device mps: there is none here; there is cpu"),
        ("cuda:2", 2, "device cuda:2: there is none here; there is cuda:0, cuda:1, cpu"),
    ],
)
def test_a_device_that_is_not_there_is_said_with_what_is(
    name: str, gpus: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(monkeypatch, gpus)
    with pytest.raises(ValueError, match=said):
        resolve_device(name)


@pytest.mark.parametrize("name", ["gpu", "", "cuda:", "cuda:-1", "meta", "CPU"])
def test_another_word_is_no_device(name: str) -> None:
    with pytest.raises(ValueError, match="device must be auto, cpu, cuda, cuda:N or mps, got"):
        check_device(name)
    with pytest.raises(ValueError, match="device must be"):
        resolve_device(name)


def test_contributions_are_not_added_up_on_mps(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, mps=True)
    with pytest.raises(ValueError, match=r"mps: it has no float64, in which contributions are added up\. Take cpu"):
        resolve_device("mps", float64=True)


def test_a_process_of_several_has_the_gpu_of_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, 2, mps=True)
    monkeypatch.setenv("WORLD_SIZE", "3")
    assert [str(resolve_device(name)) for name in ("cuda", "auto", "cuda:0", "cpu")] == [
        "cuda:1",
        "cuda:1",
        "cuda:0",
        "cpu",
    ]
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(ValueError, match="process 2 of this machine has no GPU of its own; there are cuda:0, cuda:1"):
        resolve_device("auto")


def test_processes_do_not_share_mps(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, mps=True)
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert resolve_device("auto") == torch.device("cpu")
    with pytest.raises(ValueError, match=r"mps: processes cannot share it\. Take cpu"):
        resolve_device("mps")


def test_a_seed_is_the_cpus_alone_and_what_it_was_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda seed: pytest.fail("every GPU begins anew"))
    torch.default_generator.manual_seed(3)
    before = torch.get_rng_state()
    with seeded(7):
        found = torch.rand(4)

    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(found, torch.rand(4, generator=torch.Generator().manual_seed(7)))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU: tests use one where CUDA_VISIBLE_DEVICES names it")
def test_a_gpu_begins_from_the_seed_and_goes_on_where_it_was() -> None:
    torch.rand(2, device="cuda")
    before = torch.cuda.get_rng_state()
    with seeded(7, [torch.device("cuda", 0)]):
        first = torch.rand(4, device="cuda")
    with seeded(7):
        pass

    assert torch.equal(torch.cuda.get_rng_state(), before)
    with seeded(7, [torch.device("cuda", 0)]):
        assert torch.equal(torch.rand(4, device="cuda"), first)
