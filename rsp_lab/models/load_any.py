"""A model by what a reader types: a shipped name, a weights file, or a function of a Python file that makes one."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from rsp_lab.files import digest
from rsp_lab.models.adapt import adapt
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject
from rsp_lab.models.weights import WeightsError, load, resolve

FUNCTION_OF = ".py:"
"""Parts a Python file from the name of a function in it."""


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
    file, function = model_file(name), str(name).rpartition(":")[2]
    functions = model_functions(file)
    if function not in functions:
        known = ", ".join(functions) or "none"
        raise ValueError(f"{file} has no function {function!r} without arguments. Functions in it: {known}.")
    try:
        made = functions[function]()
    except Exception as error:  # whatever a file of the reader's raises
        raise ValueError(f"{function} of {file} failed: {type(error).__name__}: {error}") from error
    if not isinstance(made, nn.Module):
        raise ValueError(f"{function} of {file} answers a {type(made).__name__}, expected a network: torch.nn.Module.")
    if any(module.training for module in made.modules()):
        raise ValueError(f"{function} of {file} answers a network in training mode: call eval() on it.")
    subject = adapt(made)
    subject.name = function
    return subject


def names_a_function(name: str | Path) -> bool:
    """Whether a name is of the form ``FILE.py:function``."""
    return FUNCTION_OF in str(name)


def function_file(name: str | Path) -> Path:
    """The Python file in ``FILE.py:function``, whether it is there or not."""
    return Path(str(name).rpartition(":")[0])


def model_file(name: str | Path) -> Path:
    """The file behind a name.

    Raises:
        WeightsError: if there is none.
    """
    if not names_a_function(name):
        return resolve(name)
    file = function_file(name)
    if not file.is_file():
        raise WeightsError(f"{str(name)!r}: there is no file {file}. Name a Python file and a function in it.")
    return file


def model_functions(file: Path) -> dict[str, Callable[[], Any]]:
    """Functions of a Python file that need no arguments, in its order: each is taken for one that makes a model.

    What the file imports, and names that begin with ``_``, do not count.

    Raises:
        ValueError: if the file cannot be run.
    """
    module = _module_of(file)
    return {
        name: value
        for name, value in vars(module).items()
        if inspect.isfunction(value)
        and value.__module__ == module.__name__
        and not name.startswith("_")
        and all(p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in _parameters(value))
    }


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    return list(inspect.signature(function).parameters.values())


def _module_of(file: Path) -> ModuleType:
    """The file as a module of its own name, with its folder first where it looks for others; run once a content."""
    name = f"rsp_lab_models_{digest(str(file.resolve()), file.read_bytes())}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    folder = str(file.resolve().parent)
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever a file of the reader's raises
        del sys.modules[name]
        raise ValueError(f"{file} cannot be run: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(folder)
    return module
