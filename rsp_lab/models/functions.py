"""Functions of a reader's Python files, named as ``FILE.py:function``: they make networks, and whole recipes.

To run one is to run the file, so nothing here is called on what a weights file or a link says.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from types import ModuleType
from typing import Any

from torch import nn

from rsp_lab.files import FileError, digest
from rsp_lab.models.adapt import adapt
from rsp_lab.models.class_names import checked_class_names
from rsp_lab.models.panoptic.segmenter import PanopticSegmenter
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject

FUNCTION_OF = ".py:"
"""Parts a Python file from the name of a function in it."""


def names_a_function(name: str | Path) -> bool:
    """Whether a name is of the form ``FILE.py:function``."""
    return FUNCTION_OF in str(name)


def function_file(name: str | Path) -> Path:
    """The Python file in ``FILE.py:function``, whether it is there or not."""
    return Path(str(name).rpartition(":")[0])


def checked_file(name: str | Path) -> Path:
    """The same file, which is there.

    Raises:
        FileError: if it is not.
    """
    file = function_file(name)
    if not file.is_file():
        raise FileError(f"{str(name)!r}: there is no file {file}. Name a Python file and a function in it.")
    return file


def called(name: str | Path) -> Any:
    """What the function of a name answers.

    Raises:
        ValueError: if the file or the function is missing, or fails.
    """
    file, function = checked_file(name), str(name).rpartition(":")[2]
    functions = file_functions(file)
    if function not in functions:
        known = ", ".join(functions) or "none"
        raise ValueError(f"{file} has no function {function!r} without arguments. Functions in it: {known}.")
    try:
        with _at_home(file):
            return functions[function]()
    except (Exception, SystemExit) as error:  # whatever a file of the reader's raises
        raise ValueError(f"{function} of {file} failed: {type(error).__name__}: {error}") from error


def made_network(name: str | Path) -> nn.Module:
    """The network that the function of a name makes.

    Raises:
        ValueError: as :func:`called`, or if it answers something else.
    """
    made = called(name)
    if not isinstance(made, nn.Module):
        file, function = function_file(name), str(name).rpartition(":")[2]
        raise ValueError(f"{function} of {file} answers a {type(made).__name__}, expected a network: torch.nn.Module.")
    return made


def file_functions(file: Path) -> dict[str, Callable[[], Any]]:
    """Functions of a Python file that need no arguments, in its order.

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
    with _at_home(file):
        if name in sys.modules:
            return sys.modules[name]
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException as error:
            # What ran in part only is not found again.
            del sys.modules[name]
            if not isinstance(error, Exception | SystemExit):
                raise
            raise ValueError(f"{file} cannot be run: {type(error).__name__}: {error}") from error
        return module


_RUNNING = RLock()
"""Held while a file runs: modules, and where they are looked for, are those of all threads."""
_NEIGHBOURS: dict[Path, dict[str, ModuleType]] = {}
"""Modules that files have imported from their own folder, by that folder and their names."""


@contextmanager
def _at_home(file: Path) -> Iterator[None]:
    """In force, imports find what lies beside a file, and not what lies under the same name beside another one."""
    folder = file.resolve().parent
    with _RUNNING:
        own = _NEIGHBOURS.setdefault(folder, {})
        others = {
            name: module
            for home, found in _NEIGHBOURS.items()
            for name, module in found.items()
            if home != folder and sys.modules.get(name) is module
        }
        for name in others:
            del sys.modules[name]
        sys.modules.update(own)
        before = set(sys.modules)
        sys.path.insert(0, str(folder))
        try:
            yield
        finally:
            sys.path.remove(str(folder))
            for name in sys.modules.keys() - before:
                package = name.partition(".")[0]
                if (package in own or package not in before) and _lies_in(folder, package):
                    own[name] = sys.modules[name]
            sys.modules.update(others)


def _lies_in(folder: Path, package: str) -> bool:
    """Whether a module that is part of no other one is a file or a folder in this folder."""
    module = sys.modules.get(package)
    file, inside = getattr(module, "__file__", None), getattr(module, "__path__", ())
    return (file is not None and Path(file).parent == folder) or folder / package in map(Path, inside)


@dataclass(frozen=True)
class FunctionConfig:
    """A network that a function of a reader's file makes: any that trains, of any library or of none.

    The header of its weights names the function, but a weights file runs no code: whoever reads it gives the network
    (:func:`rsp_lab.models.weights.load`).

    Attributes:
        function: ``"FILE.py:function"``, without arguments; it answers a network that
            :func:`~rsp_lab.models.adapt.adapt` takes, or what that gives.
        class_names: in the order of the logits.
        label_table: name of the class table the labels follow, for palettes.
    """

    function: str
    class_names: tuple[str, ...]
    label_table: str = ""

    def __post_init__(self) -> None:
        if not names_a_function(self.function):
            raise ValueError(f"function must be FILE.py:function, got {self.function!r}.")
        object.__setattr__(self, "class_names", checked_class_names(self.class_names))

    @property
    def encoder(self) -> str:
        """Name of the encoder: none that is known."""
        return ""

    @property
    def semantic(self) -> FunctionConfig:
        """Itself, as a panoptic configuration has one."""
        return self

    def build(self, *, pretrained: bool = False, name: str = "") -> Subject:
        """The network as the function makes it, which **runs its file**.

        Raises:
            ValueError: if it makes none, one of ours, or one of other classes; or if weights of a library are asked
                for, which the function would have to take itself.
        """
        if pretrained:
            raise ValueError(f"{self.function} makes its network with its weights: leave encoder_weights at scratch.")
        return self.fitted(made_network(self.function), name=name)

    def fitted(self, network: nn.Module, *, name: str = "") -> Subject:
        """A network as this configuration's model; it is shared, not copied.

        Raises:
            ValueError: if it is none of another make, or not of these classes.
        """
        ours = isinstance(network, Subject | Segmenter | PanopticSegmenter)
        own = adapt(network) if ours else adapt(network, class_names=self.class_names)
        if isinstance(own, Segmenter):
            raise ValueError(f"{self.function} makes a model of rsp_lab: give its configuration, a SegmenterConfig.")
        if own.class_names != self.class_names:
            raise ValueError(
                f"{self.function} makes a network of the classes {', '.join(own.class_names)}, expected "
                f"{', '.join(self.class_names)}."
            )
        own.config, own.label_table, own.name = self, self.label_table, name or own.name
        return own
