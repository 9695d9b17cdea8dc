"""What an update frees serves the next one."""

import subprocess
import sys

import pytest

COUNT = """
import resource, sys
import torch
from trainers.training.memory import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.empty(1 << 23)[::1024] = 1  # 32 MiB, more than the allocator keeps by itself, and each page of them
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
before = faults()
kept = keep_freed_memory()
faults()
print(before, faults(), kept)
"""


@pytest.mark.usefixtures("forked_python")
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator is Linux's")
def test_pages_are_not_asked_for_again() -> None:
    done = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True, timeout=1500, check=True)
    before, after, kept = done.stdout.split()
    assert kept == "True"
    assert int(before) > 1000
    assert int(after) < int(before) / 4


def test_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from trainers.training import memory

    monkeypatch.setattr(sys, "platform", "darwin")
    assert memory.keep_freed_memory() is False
