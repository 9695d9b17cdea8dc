"""What one forward pass left behind: named tensors with axes and strides, kept in a safetensors file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as safetensors_bytes
from torch import Tensor

from rsp_lab.capture.points import match, suggest
from rsp_lab.files import FileError, TensorFacts, parse_json, read_safetensors_header, write_atomic
from rsp_lab.summary import Rows, Summarised
from rsp_lab.text import in_short

FORMAT = "rsp_lab.record"
VERSION = 1
_REMEDY = "Capture again and save with Record.save."


class NotCapturedError(KeyError):
    """A name that a record does not have."""

    def __str__(self) -> str:
        # KeyError shows the repr of its argument, which is unreadable for a sentence.
        return str(self.args[0])


@dataclass(frozen=True, eq=False)
class Entry:
    """One captured tensor.

    Attributes:
        tensor: the values.
        axes: one name for each axis of ``tensor``, e.g. ``("b", "c", "y", "x")``.
        stride: input pixels from one cell to the next along y and x; None where unknown.
    """

    tensor: Tensor
    axes: tuple[str, ...]
    stride: int | None = None

    def __post_init__(self) -> None:
        if len(self.axes) != self.tensor.ndim:
            raise ValueError(
                f"{len(self.axes)} axes ({' '.join(self.axes)}) for a tensor of shape {tuple(self.tensor.shape)}; "
                "name each axis once."
            )


class Record(Mapping[str, Tensor], Summarised):
    """Captured tensors by name, in order of computation.

    ``record["step54.weights"]`` is the tensor; a name that was not captured raises :class:`NotCapturedError`, a
    KeyError. Two records are equal only if they are the same object.

    Args:
        entries: the captured tensors.
        image_size: (y, x) of the input in pixels; None if the input was no image.
        meta: facts about the run as JSON values. :attr:`meta` is the caller's to extend.
    """

    def __init__(
        self,
        entries: Mapping[str, Entry],
        image_size: tuple[int, int] | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> None:
        self._entries = dict(entries)
        self._image_size = image_size
        self.meta: dict[str, Any] = dict(meta or {})

    # Mapping would compare tensors elementwise and then fail on their truth value.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __getitem__(self, name: str) -> Tensor:
        return self.entry(name).tensor

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def entry(self, name: str) -> Entry:
        """The tensor with its axes and stride.

        Raises:
            NotCapturedError: if the name was not captured.
        """
        try:
            return self._entries[name]
        except KeyError:
            raise self._missing(name) from None

    def axes(self, name: str) -> tuple[str, ...]:
        """Names of the tensor's axes, e.g. ``("b", "wy", "wx", "y", "x")``."""
        return self.entry(name).axes

    def stride(self, name: str) -> int | None:
        """Input pixels from one cell to the next along y and x; None where unknown."""
        return self.entry(name).stride

    @property
    def image_size(self) -> tuple[int, int]:
        """(y, x) of the input image in pixels: the last two axes of the first tensor or array, or of a PIL image.

        Raises:
            ValueError: if the network was given nothing with two or more axes.
        """
        if self._image_size is None:
            raise ValueError(
                "this record has no image size: no input of the run was an image, or a tensor with axes y and x."
            )
        return self._image_size

    def select(self, *patterns: str) -> Record:
        """The entries whose names are given or matched by a glob, in the record's order.

        Raises:
            NotCapturedError: if a name or glob matches nothing.
        """
        chosen: set[str] = set()
        for pattern in patterns:
            names = match(pattern, self._entries)
            if not names:
                raise self._missing(pattern)
            chosen.update(names)
        return self._with({name: entry for name, entry in self._entries.items() if name in chosen})

    def to(self, device: str | torch.device | int | None = None, *, dtype: torch.dtype | None = None) -> Record:
        """The same record on a device, or with its floating-point tensors in a dtype; None leaves either as it is."""

        def moved(tensor: Tensor) -> Tensor:
            return tensor.to(device=device, dtype=dtype if tensor.is_floating_point() else None)

        return self._with({name: replace(entry, tensor=moved(entry.tensor)) for name, entry in self._entries.items()})

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the record to one safetensors file, replacing what was there only when all is written.

        Order, axes, strides, dtypes and :attr:`meta` come back with :meth:`load`; devices and graphs do not.

        Raises:
            ValueError: if ``meta`` would not come back the same from JSON, or a tensor's layout or dtype cannot be
                stored.
            FileNotFoundError: if the folder does not exist.
            FileError: if the file cannot be written, or something else than a file is there.
        """
        path = Path(path)
        if not path.parent.is_dir():
            raise FileNotFoundError(f"cannot save the record as {path}: there is no folder {path.parent}. Create it.")
        header = {
            "entries": [
                {"name": name, "axes": entry.axes, "stride": entry.stride} for name, entry in self._entries.items()
            ],
            "image_size": self._image_size,
            "meta": _checked_meta(self.meta),
        }
        tensors = {name: _storable(name, entry.tensor) for name, entry in self._entries.items()}
        labels = {"format": FORMAT, "version": str(VERSION), "record": json.dumps(header)}
        try:
            data = safetensors_bytes(tensors, labels)
        except (SafetensorError, KeyError) as error:
            dtypes = sorted({str(tensor.dtype) for tensor in tensors.values()})
            raise ValueError(f"safetensors cannot store one of {', '.join(dtypes)}; convert it first.") from error
        write_atomic(path, data)

    @classmethod
    def load(cls, path: str | os.PathLike[str], device: str | torch.device = "cpu") -> Record:
        """Read a record written by :meth:`save`.

        Raises:
            FileNotFoundError: if there is no such file.
            FileError: if the file is damaged, is not a record, or was written by another version.
        """
        path = Path(path)
        if not path.exists():
            raise FileNotFoundError(f"there is no record at {path}.")
        labels = read_safetensors_header(path, "record", remedy=_REMEDY)
        header = _read_header(path, labels.metadata, labels.tensors)
        try:
            with safe_open(path, framework="pt", device=str(device)) as file:
                entries = {
                    item["name"]: Entry(file.get_tensor(item["name"]), tuple(item["axes"]), item["stride"])
                    for item in header["entries"]
                }
        except (SafetensorError, OSError) as error:
            raise FileError(f"{path}: damaged ({error}). {_REMEDY}") from error
        size = header["image_size"]
        return cls(entries, None if size is None else (size[0], size[1]), header["meta"])

    def _summary(self) -> tuple[str, Rows]:
        size = "" if self._image_size is None else f", image {self._image_size[0]} x {self._image_size[1]} (y, x)"
        title = f"Record of {len(self)} tensor{'' if len(self) == 1 else 's'}{size}"
        rows = [("axes", "shape", "stride", "dtype")]
        for entry in self._entries.values():
            shape = " x ".join(map(str, entry.tensor.shape))
            stride = "-" if entry.stride is None else str(entry.stride)
            rows.append((" ".join(entry.axes), shape, stride, str(entry.tensor.dtype).removeprefix("torch.")))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
        names = ["name", *self._entries]
        return title, list(zip(names, lines, strict=True)) if self._entries else []

    def _with(self, entries: Mapping[str, Entry]) -> Record:
        return Record(entries, self._image_size, self.meta)

    def _missing(self, name: str) -> NotCapturedError:
        return NotCapturedError(
            f"{name!r} was not captured; capture it with run_with_capture(..., taps={name!r}), if the model has it."
            + suggest(name, self._entries, "entries")
        )


def _checked_meta(meta: dict[str, Any]) -> dict[str, Any]:
    try:
        same = json.loads(json.dumps(meta, allow_nan=False)) == meta
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"record.meta cannot be stored as JSON: {error}. Keep to text, finite numbers, lists and dicts."
        ) from error
    if not same:
        raise ValueError("record.meta would come back changed from JSON. Use text keys, and lists instead of tuples.")
    return meta


def _storable(name: str, tensor: Tensor) -> Tensor:
    """A dense tensor on the CPU with memory of its own: safetensors refuses memory shared between entries."""
    if tensor.layout != torch.strided:
        raise ValueError(f"{name!r} has layout {tensor.layout}; only dense tensors can be stored. Use .to_dense().")
    return tensor.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)


def _read_header(path: Path, labels: Mapping[str, str], tensors: Mapping[str, TensorFacts]) -> dict[str, Any]:
    """The description of a record, as far as it describes just the tensors that are in the file."""
    if labels.get("format") != FORMAT:
        raise FileError(
            f"{path} is a safetensors file but no record of captured tensors (format {labels.get('format')!r}, "
            f"expected {FORMAT!r}); perhaps it holds a model's weights. Give a file written by Record.save."
        )
    if labels.get("version") != str(VERSION):
        raise FileError(
            f"{path} is a record of version {labels.get('version')}; this rsp_lab reads version {VERSION}. "
            "Use the rsp_lab that wrote it, or capture again."
        )
    if "record" not in labels:
        raise _damaged(path, "there is none")
    header: dict[str, Any] = parse_json(labels["record"], f"{path} is a damaged record", remedy=_REMEDY)
    entries, size, meta = (header.get(key) for key in ("entries", "image_size", "meta"))
    if not isinstance(entries, list) or not all(isinstance(item, dict) for item in entries):
        raise _damaged(path, "entries is no list of objects")
    names = [item.get("name") for item in entries]
    if not all(isinstance(name, str) for name in names) or sorted(names) != sorted(tensors):
        raise _damaged(path, f"it describes {_some(names)}, the file holds {_some(list(tensors))}")
    for item in entries:
        name, axes, stride = item["name"], item.get("axes"), item.get("stride")
        if not isinstance(axes, list) or not all(isinstance(axis, str) for axis in axes):
            raise _damaged(path, f"the axes of {name} are no names")
        if len(axes) != len(tensors[name].shape):
            raise _damaged(path, f"{name} has {len(tensors[name].shape)} axes, {len(axes)} are named")
        if stride is not None and not _is_count(stride):
            raise _damaged(path, f"the stride of {name} is no number of pixels")
    if size is not None and not (isinstance(size, list) and len(size) == 2 and all(map(_is_count, size))):
        raise _damaged(path, "image_size is not two numbers of pixels")
    if not isinstance(meta, dict):
        raise _damaged(path, "meta is no object")
    return header


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _some(names: list[Any]) -> str:
    return f"{', '.join(map(str, names[:3]))[:200]}{', ...' if len(names) > 3 else ''}" if names else "nothing"


def _damaged(path: Path, why: str) -> FileError:
    return FileError(f"{path} is a damaged record: its header does not describe its tensors, {why}. {_REMEDY}")


def check_record(record: object) -> None:
    """Raises ValueError unless it is a :class:`Record`."""
    if not isinstance(record, Record):
        raise ValueError(
            f"got {in_short(record)} as the record: capture one, as in output, record = rl.run_with_capture(model, "
            "image, taps='step*')."
        )
