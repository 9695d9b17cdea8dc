"""Weights files: safetensors with the model's configuration and metadata as JSON in the header. Nothing is pickled."""

from __future__ import annotations

import dataclasses
import difflib
import json
import os
import tempfile
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialised
from torch import Tensor

from rsp_lab.models.fusion import AverageConfig, SumConfig
from rsp_lab.models.heads import SemanticFPNConfig, TopDownConfig
from rsp_lab.models.pyramid import PyramidConfig
from rsp_lab.models.relation import RelationConfig
from rsp_lab.models.segmenter import Segmenter, SegmenterConfig
from rsp_lab.shapes import Window

FORMAT = "rsp_lab/1"
_SHOWN = 3
_CONFIGS: dict[str, type[Any]] = {
    cls.__name__: cls
    for cls in (
        AverageConfig,
        PyramidConfig,
        RelationConfig,
        SegmenterConfig,
        SemanticFPNConfig,
        SumConfig,
        TopDownConfig,
        Window,
    )
}


class WeightsError(ValueError):
    """A weights file that cannot be used; the message says what is wrong, where, and what to do."""


def config_to_json(config: Any) -> Any:
    """A frozen config as JSON-able data; dataclasses carry their class name under ``"kind"``."""
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        fields = {f.name: config_to_json(getattr(config, f.name)) for f in dataclasses.fields(config)}
        return {"kind": type(config).__name__, **fields}
    if isinstance(config, tuple):
        return [config_to_json(item) for item in config]
    return config


def config_from_json(data: Any) -> Any:
    """Inverse of :func:`config_to_json` for the model's own config classes.

    Raises:
        ValueError: for an unknown kind, an unknown or missing field, or a value the config rejects.
    """
    if isinstance(data, list):
        return tuple(config_from_json(item) for item in data)
    if not isinstance(data, dict):
        return data
    fields = {name: config_from_json(value) for name, value in data.items() if name != "kind"}
    kind = data.get("kind")
    if not isinstance(kind, str) or kind not in _CONFIGS:
        raise ValueError(f"unknown configuration {kind!r}; this version knows {sorted(_CONFIGS)}.")
    try:
        return _CONFIGS[kind](**fields)
    except (AttributeError, TypeError) as error:
        raise ValueError(f"configuration {kind} does not fit this version: {error}.") from error


def save(model: Segmenter, path: str | Path, metadata: dict[str, Any], dtype: torch.dtype = torch.float16) -> None:
    """Writes weights, configuration and metadata; atomic, an existing file is replaced only when all is written.

    Args:
        metadata: JSON-able facts for the model card (data, budget, seed, scores, terms).
        dtype: of the stored floating-point tensors.

    Raises:
        ValueError: if a finite value does not fit ``dtype``.
    """
    path = Path(path)
    tensors = {name: _stored(name, value, dtype) for name, value in model.state_dict().items()}
    # One key, because safetensors writes several in no fixed order: equal weights are equal bytes.
    header = {"rsp_lab": json.dumps({"format": FORMAT, "config": config_to_json(model.config), "metadata": metadata})}
    if not path.parent.is_dir():
        raise WeightsError(f"cannot save {path}: there is no folder {path.parent}. Create it.")
    # A folder of our own beside the target: same file system, default permissions, nothing left on failure.
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        temporary = Path(folder) / path.name
        temporary.write_bytes(serialised(tensors, header))
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)


def _stored(name: str, value: Tensor, dtype: torch.dtype) -> Tensor:
    if not value.is_floating_point():
        return value.detach().cpu().contiguous()
    stored = value.detach().to("cpu", dtype).contiguous()
    if bool((value.isfinite() & ~stored.to(value.device).isfinite()).any()):
        largest = float(value.abs().max())
        raise WeightsError(f"{name}: values up to {largest:.3g} do not fit {dtype}. Save with dtype=torch.float32.")
    return stored


def shipped() -> dict[str, Path]:
    """Names of the weights that come with the package, and their files."""
    folder = Path(str(resources.files("rsp_lab"))) / "weights"
    return {file.stem: file for file in sorted(folder.glob("*.safetensors"))}


def resolve(name_or_path: str | Path) -> Path:
    """The file behind a shipped name or a path.

    Raises:
        WeightsError: if there is neither such a name nor such a file.
    """
    names = shipped()
    if str(name_or_path) in names:
        return names[str(name_or_path)]
    path = Path(name_or_path)
    if path.is_file():
        return path
    close = difflib.get_close_matches(str(name_or_path), names, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    what = "is a folder" if path.is_dir() else "is neither a shipped model nor a file"
    raise WeightsError(f"{str(name_or_path)!r} {what}.{hint} Shipped: {', '.join(names) or 'none'}.")


def read_header(name_or_path: str | Path) -> tuple[SegmenterConfig, dict[str, Any]]:
    """Configuration and metadata of a weights file, without reading its tensors.

    Raises:
        WeightsError: if the file is missing, corrupt, or not written by :func:`save`.
    """
    path = resolve(name_or_path)
    if path.suffix in (".pth", ".pt"):
        raise WeightsError(
            f"{path}: a .pth file holds no configuration. Load it with load_pth(path, config), then save() it."
        )
    try:
        with safe_open(path, "pt") as file:
            header = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"{path}: not a readable safetensors file ({error}). Download or export it again."
        ) from error
    if "rsp_lab" not in header:
        raise WeightsError(
            f"{path}: a safetensors file, but not of rsp_lab (no configuration in its header). "
            "Use a file written by rsp_lab.models.weights.save or `python -m trainers export`."
        )
    try:
        facts = json.loads(header["rsp_lab"])
        if facts.get("format") != FORMAT:
            raise ValueError(f"written as {facts.get('format')!r}, this version reads {FORMAT!r}.")
        config, metadata = config_from_json(facts["config"]), facts["metadata"]
    except (ValueError, KeyError, AttributeError) as error:
        raise WeightsError(f"{path}: unusable header: {error} Export it again with this version.") from error
    if not isinstance(config, SegmenterConfig):
        raise WeightsError(f"{path}: the header describes a {type(config).__name__}, not a whole model.")
    return config, metadata


def load(name_or_path: str | Path) -> Segmenter:
    """A model by shipped name or path of a ``.safetensors`` file: float32, on the CPU, in eval mode.

    Its ``name`` is the shipped name or the file's stem.

    Raises:
        WeightsError: see :func:`read_header`; also if tensors and configuration do not fit each other.
    """
    config, _ = read_header(name_or_path)
    path = resolve(name_or_path)
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except SafetensorError as error:
        raise WeightsError(f"{path}: tensors cannot be read ({error}). Download or export it again.") from error
    return _filled(config, tensors, path)


def load_pth(path: str | Path, config: SegmenterConfig) -> Segmenter:
    """A model from a state dict in PyTorch's own format, read with ``weights_only=True``, in eval mode.

    Raises:
        WeightsError: if the file is not a plain state dict or does not fit ``config``.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for foreign files
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(
            f"{path}: not a plain PyTorch state dict ({reason}). Save model.state_dict() alone."
        ) from error
    if not isinstance(state, dict) or not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in state.items()):
        raise WeightsError(f"{path}: expected a state dict of tensors. Save model.state_dict() alone.")
    return _filled(config, state, Path(path))


def _filled(config: SegmenterConfig, tensors: dict[str, Tensor], path: Path) -> Segmenter:
    try:
        model = Segmenter(config, name=path.stem)
    except (RuntimeError, TypeError, ValueError) as error:
        raise WeightsError(f"{path}: no model can be built from its configuration ({error}).") from error
    expected = model.state_dict()
    missing = sorted(expected.keys() - tensors.keys())
    extra = sorted(tensors.keys() - expected.keys())
    shapes = [
        f"{name} is {tuple(tensors[name].shape)} instead of {tuple(value.shape)}"
        for name, value in expected.items()
        if name in tensors and tensors[name].shape != value.shape
    ]
    problems = [
        f"{len(names)} {what} ({', '.join(names[:_SHOWN])}{', ...' if len(names) > _SHOWN else ''})"
        for what, names in (("missing", missing), ("unknown", extra), ("of another shape", shapes))
        if names
    ]
    if problems:
        raise WeightsError(f"{path}: tensors do not fit the configuration: {'; '.join(problems)}.")
    model.load_state_dict({name: value.to(expected[name].dtype) for name, value in tensors.items()})
    return model.eval()
