"""A model by what a reader types: a shipped name, a weights file, or a function of a Python file that makes one."""

from __future__ import annotations

from pathlib import Path

from rsp_lab.models.adapt import adapt
from rsp_lab.models.functions import checked_file, made_network, names_a_function
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject
from rsp_lab.models.weights import load, resolve


def load_any(name: str | Path) -> Segmenter | Subject:
    """A model in eval mode, by shipped name, weights file, or ``FILE.py:function``.

    Of a panoptic model it is the semantic branch, which has the panoptic model's parameters and gives its logits.
    The function takes no arguments and answers a network of any library, which :func:`~rsp_lab.models.adapt.adapt`
    then takes, or what that gives. **It runs the file**: name only files that you trust.

    Raises:
        WeightsError: see :func:`rsp_lab.models.weights.load`.
        ValueError: if the file or the function is missing, fails, or makes nothing that can be taken.
    """
    if not names_a_function(name):
        return load(name).semantic
    file, function = checked_file(name), str(name).rpartition(":")[2]
    made = made_network(name)
    if any(module.training for module in made.modules()):
        raise ValueError(f"{function} of {file} answers a network in training mode: call eval() on it.")
    subject = adapt(made)
    subject.name = function
    return subject


def load_segmenter(name: str | Path) -> Segmenter:
    """The same where only a model of ours will do.

    Raises:
        ValueError: also for a network of another make.
    """
    model = load_any(name)
    if not isinstance(model, Segmenter):
        raise ValueError(f"{name}: this asks what only a head of rsp_lab has; name weights of a model of ours.")
    return model


def model_file(name: str | Path) -> Path:
    """The file behind a name.

    Raises:
        FileError: if there is none.
    """
    return checked_file(name) if names_a_function(name) else resolve(name)
