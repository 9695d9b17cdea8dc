"""Weights files: safetensors with the model's configuration and metadata as JSON in the header. Nothing is pickled."""

from __future__ import annotations

import ast
import difflib
import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, overload

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialised
from torch import Tensor, nn

from rsp_lab.files import (
    FileError,
    SafetensorsHeader,
    parse_json,
    read_safetensors_header,
    readable_name,
    regular_file,
    to_json,
    write_atomic,
)
from rsp_lab.models.config_json import check_config, config_from_json, config_to_json
from rsp_lab.models.functions import FunctionConfig
from rsp_lab.models.panoptic.config import PanopticConfig
from rsp_lab.models.panoptic.segmenter import PanopticSegmenter
from rsp_lab.models.segmenter import Segmenter, SegmenterConfig
from rsp_lab.models.subject import Subject
from rsp_lab.models.undrawn import undrawn
from rsp_lab.models.whole import WholeConfig, WholeModel, build_model

FORMAT = "rsp_lab/1"
TINY = "-tiny"
"""Ends the names of shipped weights that are small and quick rather than good: those of the tests."""
_SHOWN = 3
_METADATA: dict[str, type] = {
    **dict.fromkeys(("name", "data", "terms", "recipe", "precision"), str),
    **dict.fromkeys(("validation", "budget", "run", "versions", "regions"), dict),
    "seed": int,
}
"""Types of the facts that programs read; others are free."""
_DTYPES = {"F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32, "F64": torch.float64}
"""Of floating-point tensors, as safetensors calls them."""
_WRAPPERS = ("module", "_orig_mod", "ema_model")
"""Attributes under which wrappers of torch and of common libraries hold the network."""


class WeightsError(FileError):
    """A weights file that cannot be used; the message says what is wrong, where, and what to do."""


def save(model: nn.Module, path: str | Path, metadata: dict[str, Any], dtype: torch.dtype = torch.float16) -> None:
    """Writes weights, configuration and metadata; atomic, an existing file is replaced only when all is written.

    What is written is checked to be what :func:`load` reads.

    Args:
        model: a segmenter, a panoptic one, a subject that its configuration describes, or one of them in a wrapper:
            DataParallel, DistributedDataParallel, torch.compile, a moving average.
        metadata: JSON-able facts for the model card (data, budget, seed, scores, terms).
        dtype: of the stored floating-point tensors.

    Raises:
        WeightsError: if there is no such model in ``model``, it was changed after it was built, a value is not
            finite or does not fit ``dtype``, or metadata or file could not be read again.
    """
    path, whole = Path(path), _unwrapped(model)
    where = f"cannot save {path}"
    if not path.parent.is_dir():
        raise WeightsError(f"{where}: there is no folder {path.parent}. Create it.")
    tensors = {_plain_name(name): _stored(name, value, dtype) for name, value in whole.state_dict().items()}
    try:
        check_config(whole.config)
        _check_metadata(metadata)
    except ValueError as error:
        raise WeightsError(f"{where}: {error} Change it before saving.") from error
    if not isinstance(whole.config, FunctionConfig):
        shapes = {name: tuple(value.shape) for name, value in tensors.items()}
        _check_shapes(where, _shapes(whole.config, where), shapes)
    facts = {"format": FORMAT, "config": config_to_json(whole.config), "metadata": metadata}
    # One key, because safetensors writes several in no fixed order: equal weights are equal bytes.
    write_atomic(path, serialised(tensors, {"rsp_lab": to_json(facts, indent=None)}))


def _unwrapped(model: nn.Module) -> WholeModel:
    """The model that a configuration describes in a model; wrappers are taken off."""
    inner: Any = model
    while not isinstance(inner, WholeModel) or not isinstance(inner.config, WholeConfig):
        held = vars(inner).get("_modules", {}) if isinstance(inner, nn.Module) else {}
        inner = next((held[name] for name in _WRAPPERS if isinstance(held.get(name), nn.Module)), None)
        if inner is None:
            raise WeightsError(
                f"cannot save a {type(model).__name__}: a weights file holds a Segmenter or a PanopticSegmenter, or "
                "a network that a ForeignConfig or a FunctionConfig describes. Give the one inside it, or keep "
                "torch.save(model.state_dict(), ...) for a network of your own."
            )
    whole: WholeModel = inner
    return whole


def _plain_name(name: str) -> str:
    """A tensor's name as if no part of the model was compiled."""
    return name.replace("_orig_mod.", "")


def _stored(name: str, value: Tensor, dtype: torch.dtype) -> Tensor:
    """On the CPU in memory of its own, which tied weights share and safetensors does not take."""
    check_finite(name, value)
    kept = dtype if value.is_floating_point() else value.dtype
    stored = value.detach().to("cpu", kept, copy=True, memory_format=torch.contiguous_format)
    if value.is_floating_point() and not bool(stored.isfinite().all()):
        largest = float(value.abs().max())
        raise WeightsError(f"{name}: values up to {largest:.3g} do not fit {dtype}. Save with dtype=torch.float32.")
    return stored


def check_finite(where: str, value: Tensor) -> None:
    """Raises WeightsError for a tensor of weights that holds what is no number or infinite."""
    if value.is_floating_point() and not bool(value.isfinite().all()):
        count = int((~value.isfinite()).sum())
        raise WeightsError(
            f"{where}: {count} of {value.numel()} values are not finite, so every answer would be void. Take weights "
            "from before the training broke."
        )


def _check_metadata(metadata: Any) -> None:
    if not isinstance(metadata, dict):
        raise ValueError(f"metadata is {type(metadata).__name__}, expected an object of facts by name.")
    for name, kind in _METADATA.items():
        if name in metadata and (not isinstance(metadata[name], kind) or isinstance(metadata[name], bool)):
            words = {str: "a text", dict: "an object", int: "an integer"}[kind]
            raise ValueError(f"metadata has {name} {str(metadata[name])[:60]!r}, expected {words}.")


def shipped() -> dict[str, Path]:
    """Names of the weights that come with the package, and their files; the small ones of the tests come last."""
    folder = Path(str(resources.files("rsp_lab"))) / "weights"
    files = sorted(folder.glob("*.safetensors"), key=lambda file: (file.stem.endswith(TINY), file.stem))
    return {file.stem: file for file in files}


@cache
def shipped_panoptic() -> tuple[str, ...]:
    """Names of the weights that come with the package and hold a panoptic model."""
    return tuple(name for name, file in shipped().items() if isinstance(read_header(file)[0], PanopticConfig))


def resolve(name_or_path: str | Path) -> Path:
    """The file behind a shipped name or a path.

    Raises:
        WeightsError: if there is neither such a name nor such a file.
    """
    names = shipped()
    if str(name_or_path) in names:
        return names[str(name_or_path)]
    path = Path(name_or_path)
    if path.is_file() and path.suffix == ".py":
        known = ", ".join(_functions_in(path))
        raise WeightsError(
            f"{readable_name(path)} is a Python file: name a function of it too, as FILE.py:function."
            + (f" It has {known}." if known else " It has none without arguments.")
        )
    if path.is_file():
        return path
    close = difflib.get_close_matches(str(name_or_path), names, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    what = "is a folder" if path.is_dir() else "is neither a shipped model nor a file"
    raise WeightsError(f"{str(name_or_path)!r} {what}.{hint} Shipped: {', '.join(names) or 'none'}.")


def _functions_in(file: Path) -> list[str]:
    """Functions of a Python file that can be called without arguments, without running it."""
    try:
        parts = ast.parse(file.read_bytes()).body
    except (SyntaxError, ValueError, RecursionError, OSError):
        return []
    return [
        part.name
        for part in parts
        if isinstance(part, ast.FunctionDef)
        and not part.name.startswith("_")
        and len(part.args.defaults) == len(part.args.posonlyargs) + len(part.args.args)
        and None not in part.args.kw_defaults
    ]


def raw_header(name_or_path: str | Path) -> SafetensorsHeader:
    """What a safetensors file says of itself and its tensors, checked against its size; no tensor is read.

    Raises:
        WeightsError: if the file is missing, or not a whole safetensors file.
    """
    path = resolve(name_or_path)
    if path.suffix in (".pth", ".pt"):
        raise WeightsError(
            f"{path}: a .pth file holds no configuration. Load it with load_pth(path, config), then save() it."
        )
    try:
        return read_safetensors_header(path, "weights file")
    except FileError as error:
        raise WeightsError(str(error)) from error


def stored_dtype(name_or_path: str | Path) -> torch.dtype:
    """Of the floating-point tensors of a weights file, the first of them; raises as :func:`raw_header`."""
    dtypes = (facts.dtype for facts in raw_header(name_or_path).tensors.values())
    return next((_DTYPES[dtype] for dtype in dtypes if dtype in _DTYPES), torch.float32)


def read_header(name_or_path: str | Path) -> tuple[WholeConfig, dict[str, Any]]:
    """Configuration and metadata of a weights file, without reading its tensors.

    Raises:
        WeightsError: if the file is missing, corrupt, or not written by :func:`save`.
    """
    return _described(resolve(name_or_path), raw_header(name_or_path))


def _described(path: Path, header: SafetensorsHeader) -> tuple[WholeConfig, dict[str, Any]]:
    if "rsp_lab" not in header.metadata:
        raise WeightsError(
            f"{path}: a safetensors file, but not of rsp_lab (no configuration in its header). "
            "Use a file written by rsp_lab.models.weights.save or `python -m trainers export`."
        )
    remedy = "Export it again with this version."
    try:
        facts = parse_json(header.metadata["rsp_lab"], f"{path}: unusable header", remedy=remedy)
        if facts.get("format") != FORMAT:
            raise ValueError(f"written as {str(facts.get('format'))[:60]!r}, this version reads {FORMAT!r}.")
        _check_metadata(facts.get("metadata"))
    except FileError as error:
        raise WeightsError(str(error)) from error
    except ValueError as error:
        raise WeightsError(f"{path}: unusable header: {error} {remedy}") from error
    return config_of(facts.get("config"), path), facts["metadata"]


def config_of(data: Any, path: Path) -> WholeConfig:
    """The configuration of a whole model out of a header's JSON data, checked type by type and against its bounds.

    Raises:
        WeightsError: naming the field.
    """
    try:
        config = config_from_json(data)
    except ValueError as error:
        raise WeightsError(f"{path}: unusable header: {error} Export it again with this version.") from error
    if not isinstance(config, WholeConfig):
        raise WeightsError(f"{path}: the header describes a {type(config).__name__}, not a whole model.")
    return config


def load(name_or_path: str | Path, network: nn.Module | None = None) -> WholeModel:
    """A model by shipped name or path of a ``.safetensors`` file: float32, on the CPU, in eval mode.

    Its ``name`` is the shipped name or the file's stem. What takes a segmenter takes its semantic branch,
    ``load(...).semantic``, which of a segmenter is itself.

    Args:
        network: of weights whose network a function of a Python file makes, what that function makes: a weights file
            runs no code. It is filled in place.

    Raises:
        WeightsError: see :func:`read_header`; also if tensors and configuration do not fit each other, which is found
            before a tensor is read, or if a value is not finite.
    """
    path, header = resolve(name_or_path), raw_header(name_or_path)
    config, _ = _described(path, header)
    given = given_network(config, path, network)
    expected = _shapes(config, path) if given is None else _shapes_of(given)
    _check_shapes(str(path), expected, {name: facts.shape for name, facts in header.tensors.items()})
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in header.tensors}
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: tensors cannot be read ({error}). Download or export it again.") from error
    return _filled(given or empty_model(config, path), tensors, path)


@overload
def load_pth(path: str | Path, config: SegmenterConfig) -> Segmenter: ...
@overload
def load_pth(path: str | Path, config: PanopticConfig) -> PanopticSegmenter: ...
def load_pth(path: str | Path, config: SegmenterConfig | PanopticConfig) -> Segmenter | PanopticSegmenter:
    """A model from a state dict in PyTorch's own format, read with ``weights_only=True``, in eval mode.

    Prefixes that wrappers put before the names (``module.``, ``_orig_mod.``) are taken off, with a warning.

    Raises:
        WeightsError: if the file is not a plain state dict or does not fit ``config``.
    """
    try:
        state = torch.load(regular_file(path, "state dict"), map_location="cpu", weights_only=True)
    except FileError as error:
        raise WeightsError(str(error)) from error
    except Exception as error:  # torch raises many kinds for foreign files
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(
            f"{path}: not a plain PyTorch state dict ({reason}). Save model.state_dict() alone."
        ) from error
    if not isinstance(state, dict) or not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in state.items()):
        raise WeightsError(f"{path}: expected a state dict of tensors. Save model.state_dict() alone.")
    state = _without_wrappers(state, path)
    _check_shapes(str(path), _shapes(config, path), {name: tuple(value.shape) for name, value in state.items()})
    model: Any = _filled(empty_model(config, path), state, Path(path))
    return model


def _without_wrappers(state: dict[str, Tensor], path: str | Path) -> dict[str, Tensor]:
    names = {name: _plain_name(name) for name in state if name != "n_averaged"}  # a count of AveragedModel
    taken = {"_orig_mod."} if any(name != plain for name, plain in names.items()) else set()
    while names and all(plain.startswith("module.") for plain in names.values()):
        names = {name: plain.removeprefix("module.") for name, plain in names.items()}
        taken.add("module.")
    if taken:
        warnings.warn(
            f"{path}: its names have the prefix {' and '.join(sorted(taken))} of a wrapper, which is taken off. Save "
            "the state dict of the network inside.",
            stacklevel=3,
        )
    return {plain: state[name] for name, plain in names.items()}


def given_network(config: WholeConfig, path: str | Path, network: nn.Module | None) -> Subject | None:
    """What is to be filled with the weights of ``path``; None where their configuration says all.

    Raises:
        WeightsError: if a network is needed and not given, or given and not needed, or of another kind.
    """
    if not isinstance(config, FunctionConfig):
        if network is not None:
            raise WeightsError(f"{path}: its header describes its whole network: give none.")
        return None
    if network is None:
        raise WeightsError(
            f"{path}: its network is made by {config.function}, and a weights file runs no code. Give the network that "
            "this function makes."
        )
    try:
        return config.fitted(network, name=Path(path).stem)
    except ValueError as error:
        raise WeightsError(f"{path}: {error}") from error


def empty_model(config: WholeConfig, path: str | Path) -> WholeModel:
    """A model whose weights are still to be read: what they hold is left to chance.

    Raises:
        WeightsError: if none can be built from the configuration; ``path`` is where it comes from.
    """
    with _refusals(path), undrawn():
        return build_model(config, name=Path(path).stem)


@contextmanager
def _refusals(path: str | Path) -> Iterator[None]:
    try:
        yield
    except (ImportError, RuntimeError, TypeError, ValueError) as error:
        raise WeightsError(f"{path}: no model can be built from its configuration ({error}).") from error


def _shapes(config: WholeConfig, path: str | Path) -> dict[str, tuple[int, ...]]:
    """Shapes of all tensors of a model, without memory for any of them."""
    with _refusals(path):
        return _shapes_by(json.dumps(config_to_json(config)))


@lru_cache(maxsize=32)
def _shapes_by(config: str) -> dict[str, tuple[int, ...]]:
    """Following the shapes takes as long as building the model, and the same files are loaded again and again."""
    with undrawn(), torch.device("meta"):
        return _shapes_of(build_model(config_from_json(json.loads(config))))


def _shapes_of(model: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in model.state_dict().items()}


def _check_shapes(where: str, expected: dict[str, tuple[int, ...]], there: dict[str, tuple[int, ...]]) -> None:
    missing = sorted(expected.keys() - there.keys())
    extra = sorted(there.keys() - expected.keys())
    shapes = [
        f"{name} is {there[name]} instead of {shape}"
        for name, shape in expected.items()
        if there.get(name, shape) != shape
    ]
    problems = [
        f"{len(names)} {what} ({', '.join(names[:_SHOWN])}{', ...' if len(names) > _SHOWN else ''})"
        for what, names in (("missing", missing), ("unknown", extra), ("of another shape", shapes))
        if names
    ]
    if problems:
        raise WeightsError(f"{where}: tensors do not fit the configuration: {'; '.join(problems)}.")


def _filled(model: WholeModel, tensors: dict[str, Tensor], path: Path) -> WholeModel:
    for name, value in tensors.items():
        check_finite(f"{path}: {name}", value)
    expected = model.state_dict()
    model.load_state_dict({name: value.to(expected[name].dtype) for name, value in tensors.items()})
    return model.eval()
