"""What can be known before the first update: whether a run fits the machine, its network and its data."""

from __future__ import annotations

import os

import torch
from torch import nn
from torch.func import functional_call

from rsp_lab.data.labels import IGNORE_INDEX
from rsp_lab.data.sample import SampleSet
from rsp_lab.devices import resolve_device
from rsp_lab.models.panoptic.segmenter import PanopticSegmenter
from trainers.config.run import RunConfig
from trainers.training import distributed

_ONE_VALUE = "more than 1 value per channel"
"""Of torch's message where batch norm has one value per channel."""
_CROP_BYTES = 3 * 4 + 8
"""A pixel of a crop: three channels in float32, its label in int64."""


def check_run(config: RunConfig, model: nn.Module, train_set: SampleSet) -> None:
    """Raises before anything is written what would stop the run, or make it worthless, later on.

    Raises:
        ValueError: if the machine lacks the device or the memory, if the processes cannot share a batch, if batch norm
            would have one value per channel, or if no training label has a class.
    """
    check_machine(config)
    check_memory(config)
    check_batch_norm(config, model)
    if not any_labelled(train_set):
        raise ValueError(
            "nothing can be learnt: no pixel of any training label has a class, all are ignored. Look at the label "
            "files (check-data)."
        )


def check_machine(config: RunConfig) -> None:
    """Sets the number of threads.

    Raises:
        ValueError: if the machine lacks the device, or the processes cannot share a batch.
    """
    resolve_device(config.device)
    if config.batch_size % (config.accumulate * distributed.size()):
        raise ValueError(
            f"--batch-size {config.batch_size} cannot be shared by {distributed.size()} processes in "
            f"{config.accumulate} part(s) each. Choose a multiple of both."
        )
    if config.num_threads:
        torch.set_num_threads(config.num_threads)


def check_memory(config: RunConfig) -> None:
    """Raises a ValueError if crops and logits alone need more memory than there is; what a network needs adds to it."""
    height, width = config.augment.largest
    share = config.batch_size // distributed.size()
    crops = share * height * width * _CROP_BYTES
    logits = share // config.accumulate * height * width * len(config.model.class_names) * 2 * 4  # and their gradient
    device = config.torch_device
    on_cpu = device.type != "cuda"  # mps has the memory of the CPU
    for place, needed in ((torch.device("cpu"), crops + logits * on_cpu), (device, logits * (not on_cpu))):
        there = memory_bytes(place)
        if there is not None and needed > there:
            raise ValueError(
                f"{config.batch_size} crops of {height} x {width} need at least {needed / 2**30:,.0f} GiB of memory at "
                f"a time; {place} has {there / 2**30:,.0f} GiB. Choose a smaller --augment.crop or --batch-size."
            )


def memory_bytes(device: torch.device) -> int | None:
    """The memory of a device, in use or not; None where the system does not say."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def check_batch_norm(config: RunConfig, model: nn.Module) -> None:
    """Follows a batch through the network by its sizes alone, without values.

    Raises:
        ValueError: if batch norm would have one value per channel, so that its output were zero whatever comes in.
    """
    part = config.batch_size // (config.accumulate * distributed.size())
    model = model.semantic if isinstance(model, PanopticSegmenter) else model  # the other branch has no batch norm
    state = {name: value.to("meta") for name, value in (*model.named_parameters(), *model.named_buffers())}
    height, width = config.augment.largest
    model.train()
    try:
        with torch.no_grad():
            functional_call(model, state, (torch.empty(part, 3, height, width, device="meta"),))
    except ValueError as error:
        if _ONE_VALUE not in str(error):
            raise
        raise ValueError(
            f"batch norm needs several values per channel, and {part} crop(s) of {height} x {width} at a time leave "
            "one on the coarsest level. Choose a larger --augment.crop or --batch-size, or fewer --accumulate parts; a "
            "map that is pooled to one cell needs more crops at a time."
        ) from error
    except (RuntimeError, TypeError):  # a network that looks at values; torch says at the first update what is wrong
        return


def any_labelled(samples: SampleSet) -> bool:
    """Whether any pixel has a class; looks no further than the first one."""
    return any(
        sample.label is not None and bool((sample.label != IGNORE_INDEX).any())
        for sample in (samples[index] for index in range(len(samples)))
    )
