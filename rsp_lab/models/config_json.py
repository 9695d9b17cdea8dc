"""Configurations of models as JSON: what a header says is checked whole, type by type, before anything is built."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any, Literal, Union

from rsp_lab.models.foreign import ForeignConfig
from rsp_lab.models.functions import FunctionConfig
from rsp_lab.models.fusion import AverageConfig, SumConfig
from rsp_lab.models.heads import SemanticFPNConfig, TopDownConfig
from rsp_lab.models.panoptic.config import InstanceConfig, PanopticConfig
from rsp_lab.models.pyramid import PyramidConfig
from rsp_lab.models.relation import RelationConfig
from rsp_lab.models.segmenter import SegmenterConfig
from rsp_lab.models.whole import WholeConfig
from rsp_lab.shapes import Window

_CONFIGS: dict[str, type[Any]] = {
    cls.__name__: cls
    for cls in (
        AverageConfig,
        InstanceConfig,
        PanopticConfig,
        ForeignConfig,
        FunctionConfig,
        PyramidConfig,
        RelationConfig,
        SegmenterConfig,
        SemanticFPNConfig,
        SumConfig,
        TopDownConfig,
        Window,
    )
}

BOUNDS: dict[tuple[type[Any], str], tuple[int, int]] = {
    (Window, "kernel_size"): (1, 31),
    (Window, "dilation"): (1, 64),
    (PyramidConfig, "channels"): (1, 2048),
    (PyramidConfig, "encoder"): (1, 100),
    (RelationConfig, "reduction"): (1, 2048),
    (TopDownConfig, "channels"): (1, 2048),
    (TopDownConfig, "fusions"): (1, 5),
    (SemanticFPNConfig, "channels"): (1, 2048),
    (ForeignConfig, "architecture"): (1, 100),
    (ForeignConfig, "encoder"): (1, 100),
    (ForeignConfig, "class_names"): (1, 2000),
    (ForeignConfig, "label_table"): (0, 100),
    (ForeignConfig, "options"): (0, 20),
    (FunctionConfig, "function"): (1, 1000),
    (FunctionConfig, "class_names"): (1, 2000),
    (FunctionConfig, "label_table"): (0, 100),
    (SegmenterConfig, "class_names"): (1, 2000),
    (SegmenterConfig, "label_table"): (0, 100),
    (InstanceConfig, "sizes"): (5, 5),
    (InstanceConfig, "ratios"): (1, 20),
    (InstanceConfig, "canonical_scale"): (1, 4096),
    (InstanceConfig, "rpn_samples"): (1, 100_000),
    (InstanceConfig, "roi_samples"): (1, 100_000),
    (InstanceConfig, "box_channels"): (1, 8192),
    (InstanceConfig, "mask_channels"): (1, 2048),
    (InstanceConfig, "mask_layers"): (1, 16),
    (InstanceConfig, "detections"): (1, 10_000),
    (PanopticConfig, "things"): (1, 2000),
}
"""Least and greatest value of a number, or length of a text or list. Beyond them a model costs memory and time out of
all proportion to its file."""
LONGEST_NAME = 100
"""Letters of a class name."""


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
        ValueError: for an unknown kind, an unknown or missing field, a value of another type or beyond
            :data:`BOUNDS`, or one that the config rejects; the message names the field.
    """
    if isinstance(data, list):
        return tuple(config_from_json(item) for item in data)
    if not isinstance(data, dict):
        return data
    fields = {name: config_from_json(value) for name, value in data.items() if name != "kind"}
    kind = data.get("kind")
    if not isinstance(kind, str) or kind not in _CONFIGS:
        raise ValueError(f"unknown configuration {_shown(kind)}; this version knows {', '.join(sorted(_CONFIGS))}.")
    cls = _CONFIGS[kind]
    known = {field.name: field for field in dataclasses.fields(cls)}
    for name in fields:
        if name not in known:
            raise ValueError(
                f"{kind} has no field {_shown(name)} in this version; it has {', '.join(known) or 'none'}."
            )
    for name, field in known.items():
        needed = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if needed and name not in fields:
            raise ValueError(f"{kind} lacks its field {name}.")
    hints = typing.get_type_hints(cls)
    for name, value in fields.items():
        _check(cls, name, value, hints[name])
    return cls(**fields)


def check_config(config: WholeConfig) -> None:
    """Raises ValueError for a configuration that could not be read again; see :func:`config_from_json`."""
    config_from_json(config_to_json(config))


def _check(cls: type[Any], name: str, value: Any, hint: Any) -> None:
    where = f"{cls.__name__}.{name}"
    if not _fits(value, hint):
        raise ValueError(f"{where} is {_shown(value)}, expected {_words(hint)}.")
    least, most = BOUNDS.get((cls, name), (None, None))
    if least is not None and most is not None:
        size = value if isinstance(value, int) else len(value)
        if not least <= size <= most:
            what = "" if isinstance(value, int) else " letters" if isinstance(value, str) else " of them"
            raise ValueError(f"{where} is {_shown(size)}{what}, expected {least} to {most}{what}.")
    if name in ("class_names", "things"):
        for one in value:
            if not one.strip() or len(one) > LONGEST_NAME or not one.isprintable():
                raise ValueError(
                    f"{where} holds {_shown(one)}, expected names of at most {LONGEST_NAME} letters in one line."
                )


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value is of an annotated type; an int will do for a float, a bool for neither."""
    origin, options = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return any(value == option and type(value) is type(option) for option in options)
    if origin in (Union, types.UnionType):
        return any(_fits(value, option) for option in options)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        if len(options) == 2 and options[1] is Ellipsis:
            return all(_fits(item, options[0]) for item in value)
        return len(value) == len(options) and all(map(_fits, value, options))
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint in (int, None, type(None)):
        return isinstance(value, int if hint is int else type(None)) and not isinstance(value, bool)
    return isinstance(value, hint)


def _words(hint: Any) -> str:
    origin, options = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return f"one of {', '.join(map(repr, options))}"
    if origin in (Union, types.UnionType):
        return " or ".join(map(_words, options))
    if origin is tuple:
        each = options[0]
        return f"a list of {_words(each)}" if options[-1] is Ellipsis else f"a list of {len(options)} x {_words(each)}"
    words = {int: "an integer", float: "a number", str: "a text", bool: "true or false", type(None): "null"}
    return words.get(hint, f"a {hint.__name__}")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
