"""A model by what a reader types: a shipped name, a weights file, or a function of a Python file that makes one."""

from __future__ import annotations

from pathlib import Path

from rsp_lab.devices import resolve_device
from rsp_lab.models.adapt import adapt
from rsp_lab.models.functions import checked_file, made_network, names_a_function
from rsp_lab.models.panoptic.segmenter import PanopticSegmenter
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject
from rsp_lab.models.weights import load, resolve, shipped_panoptic
from rsp_lab.models.whole import WholeModel


def load_any(name: str | Path, device: str = "cpu") -> Segmenter | Subject:
    """:func:`load_whole`; of a panoptic model its semantic branch, which has its parameters and gives its logits."""
    model = load_whole(name, device)
    return model.semantic if isinstance(model, WholeModel) else model


def load_panoptic(name: str | Path, device: str = "cpu") -> PanopticSegmenter:
    """:func:`load_whole` where only a panoptic model will do.

    Raises:
        ValueError: also for a model without an instance branch.
    """
    return check_panoptic(load_whole(name, device))


def check_panoptic(model: object) -> PanopticSegmenter:
    """The model, if it has an instance branch.

    Raises:
        ValueError: if it has none; the message names the shipped models that have one.
    """
    if isinstance(model, PanopticSegmenter):
        return model
    name = getattr(model, "name", type(model).__name__)
    known = ", ".join(shipped_panoptic())
    named = f", e.g. {known}" if known else ""
    raise ValueError(f"{name} has no instance branch, so it finds no segments: take a panoptic model{named}.")


def load_whole(name: str | Path, device: str = "cpu") -> WholeModel | Subject:
    """A model in eval mode, by shipped name, weights file, or ``FILE.py:function``.

    The function takes no arguments and answers a network of any library, which :func:`~rsp_lab.models.adapt.adapt`
    then takes, or what that gives. **It runs the file**: name only files that you trust.

    Args:
        device: where it is to run, of :data:`~rsp_lab.devices.DEVICES` or ``cuda:N``; analyses add up in float64, so
            that ``mps`` is refused and ``auto`` skips it.

    Raises:
        WeightsError: see :func:`rsp_lab.models.weights.load`.
        ValueError: if the file or the function is missing, fails, or makes nothing that can be taken; or the device is
            not there or has no float64.
    """
    place = resolve_device(device, float64=True)
    if not names_a_function(name):
        return load(name).to(place)
    file, function = checked_file(name), str(name).rpartition(":")[2]
    made = made_network(name)
    if any(module.training for module in made.modules()):
        raise ValueError(f"{function} of {file} answers a network in training mode: call eval() on it.")
    subject = made if isinstance(made, PanopticSegmenter) else adapt(made)
    subject.name = function
    return subject.to(place)


def load_segmenter(name: str | Path, device: str = "cpu") -> Segmenter:
    """The same where only a model of ours will do.

    Raises:
        ValueError: also for a network of another make.
    """
    model = load_any(name, device)
    if not isinstance(model, Segmenter):
        raise ValueError(f"{name}: this asks what only a head of rsp_lab has; name weights of a model of ours.")
    return model


def model_file(name: str | Path) -> Path:
    """The file behind a name.

    Raises:
        FileError: if there is none.
    """
    return checked_file(name) if names_a_function(name) else resolve(name)
