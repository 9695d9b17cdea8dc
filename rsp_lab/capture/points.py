"""Where a network can be observed: its taps by name, any other module by its path."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import chain
from typing import Any

from torch import Tensor, nn

from rsp_lab.shapes import Tap

Selection = str | Iterable[str] | Callable[[Tap], bool]

_LISTED = 40


@dataclass(frozen=True)
class ModulePoint:
    """A module's output as a capture point, for networks that declare no taps.

    Attributes:
        name: the module's path as in ``named_modules()``. One tensor of a dict, tuple or list output is named by its
            key or index in brackets: ``"backbone[out]"``, ``"lstm[1][0]"``.
        axes: ``("d0", "d1", ...)``; nothing is known about the axes of a foreign module. Empty until a tensor is seen.
        stride: None; unknown.
    """

    name: str
    axes: tuple[str, ...] = ()
    stride: None = None

    def of(self, suffix: str, tensor: Tensor) -> ModulePoint:
        """The point of one tensor in this module's output, with as many axes as the tensor has."""
        return ModulePoint(self.name + suffix, tuple(f"d{i}" for i in range(tensor.ndim)))


Point = Tap | ModulePoint


@dataclass(frozen=True, eq=False)
class Site:
    """A module to attach a hook to, and what of its output is meant.

    Attributes:
        module: the hooked module.
        point: the tap itself, or the module's path.
        part: key suffix of the wanted part of the output, e.g. ``"[out]"``; ``""`` for all of it.
    """

    module: nn.Module
    point: Point
    part: str = ""

    @property
    def name(self) -> str:
        return self.point.name + self.part

    def covers(self, module: nn.Module, suffix: str) -> bool:
        """Whether the tensor of a module's output with this key suffix is meant."""
        return module is self.module and suffix.startswith(self.part)

    def point_of(self, suffix: str, tensor: Tensor) -> Point:
        """The point of one tensor of the output."""
        return self.point if isinstance(self.point, Tap) else self.point.of(suffix, tensor)


def taps_of(model: nn.Module) -> dict[str, Tap]:
    """All taps of a network by name, in order of registration. A network without taps gives an empty dict.

    Raises:
        ValueError: if two different taps have the same name.
    """
    paths: dict[str, str] = {}
    taps: dict[str, Tap] = {}
    for path, module in model.named_modules():
        if not isinstance(module, Tap):
            continue
        if module.name in taps:
            raise ValueError(
                f"two taps are named {module.name!r}, at {paths[module.name]!r} and {path!r}; "
                "names of taps must be unique within a model. Rename one of them."
            )
        taps[module.name], paths[module.name] = module, path
    return taps


def find_points(model: nn.Module, selection: Selection) -> list[Point]:
    """The capture points that a selection means, in order of registration, without repetition.

    A selection is a name, a glob, several of these, or a predicate on taps. A name or glob means taps where any tap
    matches, and module paths otherwise (``"backbone.layer4"``, ``"classifier.*"``). In globs ``*`` also matches
    dots; the model itself, whose path is empty, is never matched. An empty iterable selects nothing.

    Raises:
        ValueError: if a name, glob or predicate matches nothing, or if names of taps are not unique.
    """
    order = {module: i for i, module in enumerate(model.modules())}
    found: dict[tuple[int, str], Point] = {}
    for site in chain.from_iterable(resolve(model, selection).values()):
        point = site.point if isinstance(site.point, Tap) else ModulePoint(site.name)
        found.setdefault((order[site.module], site.part), point)
    return [found[key] for key in sorted(found)]


def resolve(model: nn.Module, selection: Selection) -> dict[str, list[Site]]:
    """The sites that each part of a selection means; keys are the names and globs, or ``"predicate"``.

    Raises:
        ValueError: as :func:`find_points`.
    """
    taps = taps_of(model)
    if callable(selection):
        sites = [Site(tap, tap) for tap in taps.values() if selection(tap)]
        if not sites:
            raise ValueError(
                f"the predicate accepts none of the model's {len(taps)} taps.{_listing(taps, 'taps')}"
                if taps
                else "a predicate selects taps, and this model has none; select by module path, e.g. 'backbone.*'."
            )
        return {"predicate": sites}
    paths = {path: module for path, module in model.named_modules(remove_duplicate=False) if path}
    return {pattern: _sites(pattern, taps, paths) for pattern in as_patterns(selection)}


def _sites(pattern: str, taps: Mapping[str, Tap], paths: Mapping[str, nn.Module]) -> list[Site]:
    if names := match(pattern, taps):
        return [Site(taps[name], taps[name]) for name in names]
    if names := match(pattern, paths):
        return [_site(path, paths[path]) for path in names]
    path, bracket, rest = pattern.partition("[")
    if bracket and rest.endswith("]") and path in paths:
        return [_site(path, paths[path], bracket + rest)]
    raise ValueError(
        f"no tap and no module path is named or matched by {pattern!r}."
        + (suggest(pattern, taps, "taps") if taps else suggest(pattern, paths, "module paths"))
    )


def _site(path: str, module: nn.Module, part: str = "") -> Site:
    return Site(module, module if isinstance(module, Tap) else ModulePoint(path), part)


def as_patterns(selection: str | Iterable[str]) -> list[str]:
    """The names and globs of a selection as a list."""
    return [selection] if isinstance(selection, str) else list(selection)


def match(pattern: str, names: Iterable[str]) -> list[str]:
    """The names that a name or glob means, in their own order; an exact name wins over its reading as a glob."""
    names = list(names)
    return [pattern] if pattern in names else [name for name in names if fnmatchcase(name, pattern)]


def suggest(name: object, existing: Iterable[str], kind: str) -> str:
    """Tail of an error message: the names most like a mistaken one, and what exists."""
    existing = list(existing)
    close = difflib.get_close_matches(str(name).replace("*", ""), existing, n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
    return hint + _listing(existing, kind)


def _listing(existing: Iterable[str], kind: str) -> str:
    names = list(existing)
    if not names:
        return f" There are no {kind}."
    more = f", and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f" Existing {kind}: {', '.join(names[:_LISTED])}{more}."


def map_tensors(value: Any, visit: Callable[[Tensor, str], Tensor], suffix: str = "") -> Any:
    """A nested output with each tensor t replaced by ``visit(t, suffix)``, suffix being its keys in brackets.

    The very same object comes back where nothing was replaced, and the original containers are never changed.
    Containers are mappings, tuples, named tuples and lists; anything else is left alone.
    """
    if isinstance(value, Tensor):
        return visit(value, suffix)
    if isinstance(value, Mapping):
        items = {key: map_tensors(item, visit, f"{suffix}[{key}]") for key, item in value.items()}
        replaced = {key: item for key, item in items.items() if item is not value[key]}
        if not replaced:
            return value
        # A shallow copy keeps subclasses (OrderedDict, model outputs) that cannot be built from a plain dict.
        result: Any = copy.copy(value)
        for key, item in replaced.items():
            result[key] = item
        return result
    if isinstance(value, (tuple, list)):
        new = [map_tensors(item, visit, f"{suffix}[{i}]") for i, item in enumerate(value)]
        if all(item is old for item, old in zip(new, value, strict=True)):
            return value
        return type(value)(*new) if hasattr(value, "_fields") else type(value)(new)
    return value
