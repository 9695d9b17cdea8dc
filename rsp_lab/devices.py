"""Where networks run: a device by its name, and by default the best that is there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda", "mps")
"""Names of devices; ``cuda:N`` is one too. ``auto`` is a GPU of NVIDIA or AMD where there is one (cuda), else one of
Apple (mps), else the CPU."""
DEVICE_WORDS = "auto, cpu, cuda, cuda:N or mps"
DEVICE_HELP = f"where networks run: {DEVICE_WORDS}; auto is the best that is there"


def check_device(name: str) -> str:
    """The name.

    Raises:
        ValueError: if it is not one of :data:`DEVICES` or ``cuda:N``; whether the device is there is not asked.
    """
    if name not in DEVICES and not re.fullmatch(r"cuda:\d{1,3}", name):
        raise ValueError(f"device must be {DEVICE_WORDS}, got {name!r}.")
    return name


def devices_there() -> tuple[str, ...]:
    """What this machine has, best first; the CPU is always there."""
    import torch

    cuda = [f"cuda:{number}" for number in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    return (*cuda, *(["mps"] if torch.backends.mps.is_available() else []), "cpu")


def resolve_device(name: str = "auto", *, float64: bool = False) -> torch.device:
    """The device of a name, for this process.

    ``cuda`` is the first GPU; under ``torchrun`` it is that of the process's number on its machine, ``LOCAL_RANK``.
    Several processes cannot share ``mps``: under ``torchrun``, ``auto`` takes it for absent.

    Args:
        name: one of :data:`DEVICES`, or ``cuda:N``.
        float64: whether float64 is needed, in which contributions are added up: ``mps`` has none, so ``auto`` skips it.

    Raises:
        ValueError: for another name, or a device that is not there or cannot do what is needed; it says what is there.
    """
    import torch

    asked, there, several = check_device(name), devices_there(), int(os.environ.get("WORLD_SIZE", "1")) > 1
    fit = [one for one in there if one != "mps" or not (float64 or several)]
    if name == "auto":
        name = fit[0].partition(":")[0]
    if name == "cuda":
        name = f"cuda:{os.environ.get('LOCAL_RANK', '0') if several else 0}"
        if there[0] == "cuda:0" and name not in there:
            raise ValueError(
                f"device cuda: process {name[5:]} of this machine has no GPU of its own; there are {_listed(there)}. "
                "Start as many processes as there are GPUs."
            )
    if name not in there:
        raise ValueError(f"device {asked}: there is none here; there is {_listed(there)}.")
    if name not in fit:
        why = "it has no float64, in which contributions are added up" if float64 else "processes cannot share it"
        raise ValueError(f"device {name}: {why}. Take {_listed(fit)}.")
    return torch.device(name)


@contextmanager
def seeded(seed: int, devices: Iterable[torch.device] = ()) -> Iterator[None]:
    """In force, random numbers of the CPU and of some GPUs begin from a seed; then they go on where they were.

    Unlike ``torch.manual_seed``, which starts those of every GPU anew.
    """
    import torch

    gpus = sorted({device.index or 0 for device in devices if device.type == "cuda"})
    with torch.random.fork_rng(devices=gpus):
        torch.default_generator.manual_seed(seed)
        for gpu in gpus:
            torch.cuda.default_generators[gpu].manual_seed(seed)
        yield


def _listed(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(names)
