"""How a network wants its pixels, read where libraries say it: mean and standard deviation of RGB in [0, 1].

What a processor says is proven: it is given pictures of one colour each, which no resizing changes, and has to make of
them what its numbers make.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, SupportsFloat

import numpy as np
import torch
from torch import Tensor, nn

from rsp_lab.files import read_json
from rsp_lab.models.subject import IMAGENET

LIBRARIES = ("segmentation_models_pytorch", "torchvision", "transformers")
"""Whose networks say something of themselves."""
_COLOURS = ((200, 30, 90), (15, 160, 240))
GIVEN = "given"
"""The source of a mean and std that the caller gives."""
_GAP = 2e-3
"""How far what comes out may be from what is expected, in units of the network's input."""
_REMEDY = "give mean and std of RGB in [0, 1], and let the network, or a module round it, do what goes beyond that"


def library_of(network: nn.Module) -> str:
    """The first of :data:`LIBRARIES` that a network's class is of or derived from; empty for any other."""
    modules = (cls.__module__.partition(".")[0] for cls in type(network).__mro__)
    return next((module for module in modules if module in LIBRARIES), "")


@dataclass(frozen=True)
class Normalisation:
    """RGB in [0, 1] becomes ``(rgb - mean) / std``.

    Attributes:
        mean, std: by channel.
        source: where they come from, in words.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    source: str

    @classmethod
    def of(cls, mean: Any, std: Any, source: str, *, scale: float = 1.0) -> Normalisation:
        """Of numbers that are said for ``scale * RGB``, three each or one for all channels.

        Raises:
            ValueError: for anything else, as a deviation of 0, or a mean that no colour has.
        """
        rows = []
        for name, given in (("mean", mean), ("std", std)):
            row = [given] * 3 if isinstance(given, int | float) else list(given) if _is_row(given) else []
            row = row * 3 if len(row) == 1 else row
            said = f"the {name} is {given!r}" if source == GIVEN else f"the {name} of {source} is {given!r}"
            if len(row) != 3 or not all(
                isinstance(value, SupportsFloat) and np.isfinite(float(value)) for value in row
            ):
                raise ValueError(f"{said}, expected a number for each of R, G and B, or one for all.")
            rows.append(tuple(float(value) / scale for value in row))
            if name == "std" and min(rows[-1]) <= 0:
                raise ValueError(f"{said}, expected positive numbers: pixels are divided by them.")
            if name == "mean" and not all(0 <= value <= 1 for value in rows[-1]):
                raise ValueError(
                    f"{said}, expected numbers in [0, 1], as the image has: divide a mean and std of colours up to 255 "
                    "by 255."
                )
        return cls(rows[0], rows[1], source)


ASSUMED = Normalisation(*IMAGENET, "ImageNet's, assumed: the network does not say")


def _is_row(given: Any) -> bool:
    return isinstance(given, Sequence | np.ndarray | Tensor) and not isinstance(given, str)


def of_processor(processor: Any) -> Normalisation:
    """What is done to an image before a network, by an object that says it.

    Args:
        processor: an image processor of Hugging Face, or a processor that has one; a preset of torchvision, as of
            ``weights.transforms()``; or a mapping with ``mean`` and ``std``, as smp's ``get_preprocessing_params`` and
            timm's ``resolve_model_data_config`` give it.

    Raises:
        ValueError: for what says nothing of the kind, or does not normalise RGB in [0, 1] channel by channel.
    """
    processor = getattr(processor, "image_processor", processor)
    name = type(processor).__name__
    if isinstance(processor, Mapping):
        return _of_mapping(processor, "the parameters that were given")
    if hasattr(processor, "image_mean"):
        scale = 255 * _number(processor, "rescale_factor") if getattr(processor, "do_rescale", True) else 255.0
        normalises = getattr(processor, "do_normalize", True)
        mean, std = (processor.image_mean, processor.image_std) if normalises else (0.0, 1.0)
        found = Normalisation.of(mean, std, f"the image processor {name}", scale=scale)
        _prove(found, _hugging_face_answers(processor))
        return found
    if hasattr(processor, "mean") and hasattr(processor, "std") and callable(processor):
        found = Normalisation.of(processor.mean, processor.std, f"torchvision's {name}")
        _prove(found, lambda picture: processor(torch.from_numpy(picture).permute(2, 0, 1)))
        return found
    raise ValueError(
        f"a processor of type {name} does not say how pixels are normalised: give an image processor of Hugging "
        "Face, transforms of torchvision's weights, a mapping with mean and std, or mean and std themselves."
    )


def of_weights(weights: Any) -> tuple[Normalisation, tuple[str, ...] | None]:
    """The normalisation of a member of one of torchvision's enumerations of weights, and the names of its classes.

    Raises:
        ValueError: for anything else, or what :func:`of_processor` refuses.
    """
    transforms, meta = getattr(weights, "transforms", None), getattr(weights, "meta", None)
    if not callable(transforms) or not isinstance(meta, Mapping):
        raise ValueError(
            f"weights must be a member of an enumeration of torchvision, as DeepLabV3_ResNet50_Weights.DEFAULT, got a "
            f"{type(weights).__name__}."
        )
    found = of_processor(transforms())
    names = meta.get("categories")
    return Normalisation(found.mean, found.std, f"torchvision's {weights}"), tuple(names) if names else None


def of_network(network: nn.Module) -> Normalisation | None:
    """What a network's own library says of it without being asked, nothing being loaded from afar; None if nothing.

    That is: ``preprocessor_config.json`` beside the weights that a network of Hugging Face came from, the settings of
    an encoder of segmentation_models_pytorch that came with its weights, and ``pretrained_cfg`` of a timm network, or
    of the first one inside.

    Raises:
        ValueError: for what is said and does not normalise RGB in [0, 1] channel by channel.
    """
    library = library_of(network)
    config: Any = getattr(network, "config", None)
    if library == "transformers":
        saved = _saved_json(str(getattr(config, "_name_or_path", "") or ""), "preprocessor_config.json")
        if saved is not None and "image_mean" in saved:
            return _of_saved_processor(saved)
    if library == "segmentation_models_pytorch" and isinstance(config, Mapping) and config.get("encoder_weights"):
        found = _of_smp(str(config.get("encoder_name")), str(config["encoder_weights"]))
        if found is not None:
            return found
    for path, module in network.named_modules():
        said = getattr(module, "pretrained_cfg", None)
        facts = said if isinstance(said, Mapping) else getattr(said, "__dict__", {})
        if "mean" in facts and "std" in facts:
            where = f" of {path}" if path else ""
            return _of_mapping(facts, f"timm's pretrained_cfg{where} ({facts.get('architecture') or 'a timm network'})")
    return None


def _of_mapping(facts: Mapping[str, Any], source: str) -> Normalisation:
    if "mean" not in facts or "std" not in facts:
        raise ValueError(f"{source} have the keys {', '.join(map(str, facts)) or 'none'}, expected mean and std.")
    if facts.get("input_space", "RGB") != "RGB":
        raise ValueError(f"{source} want {facts['input_space']}, not RGB: {_REMEDY}.")
    ends = list(facts.get("input_range") or (0, 1))
    if len(ends) != 2 or ends[0] != 0 or not ends[1] > 0:
        raise ValueError(f"{source} want values in the range {ends}, expected one from 0: {_REMEDY}.")
    # Of values up to 255, say, so that RGB in [0, 1] is as many times smaller.
    return Normalisation.of(facts["mean"], facts["std"], source, scale=float(ends[1]))


def _of_saved_processor(saved: Mapping[str, Any]) -> Normalisation:
    source = f"the saved image processor {saved.get('image_processor_type', '')}".rstrip()
    if wrong := [flag for flag in ("do_flip_channel_order", "rescale_offset", "do_grayscale") if saved.get(flag)]:
        raise ValueError(f"{source} does more than normalise RGB channel by channel ({wrong[0]}): {_REMEDY}.")
    given = saved.get("rescale_factor")
    factor = (1 / 255 if given is None else float(given)) if saved.get("do_rescale", True) else 1.0
    mean, std = (saved["image_mean"], saved["image_std"]) if saved.get("do_normalize", True) else (0.0, 1.0)
    return Normalisation.of(mean, std, source, scale=255 * factor)


def _of_smp(encoder: str, trained_on: str) -> Normalisation | None:
    from segmentation_models_pytorch.encoders import encoders

    settings = encoders.get(encoder, {}).get("pretrained_settings", {}).get(trained_on, {})
    if "repo_id" not in settings:
        return None
    saved = _saved_json(settings["repo_id"], "config.json", settings.get("revision"))
    if saved is None or "mean" not in saved:
        return None
    return _of_mapping(saved, f"smp's settings of the encoder {encoder}, {trained_on}")


def _saved_json(name: str, file: str, revision: str | None = None) -> dict[str, Any] | None:
    """A file beside weights: in a folder, or in what the Hugging Face Hub left on this machine; None if not there."""
    path: Any = Path(name) / file if name else None
    if name and not Path(name).is_dir():
        try:
            from huggingface_hub import try_to_load_from_cache

            path = try_to_load_from_cache(name, file, revision=revision)
        except (ImportError, ValueError):  # not installed, or no name of a repository
            return None
    if not isinstance(path, str | Path) or not Path(path).is_file():
        return None
    return read_json(Path(path), "JSON", remedy="Mend it, or give mean and std.")


def _number(processor: Any, name: str) -> float:
    value = getattr(processor, name, None)
    return 1 / 255 if value is None else float(value)


def _hugging_face_answers(processor: Any) -> Any:
    def answer(picture: np.ndarray) -> Tensor:
        values: Tensor = processor(images=picture, return_tensors="pt")["pixel_values"]
        return values.reshape(-1, *values.shape[-3:])[0]

    return answer


def _prove(found: Normalisation, answer: Any) -> None:
    """Raises ValueError unless pictures of one colour become what the numbers say, in their middle."""
    for colour in _COLOURS:
        picture = np.empty((64, 64, 3), np.uint8)
        picture[:] = colour
        try:
            values = answer(picture)
            middle = values[:, values.shape[-2] // 2, values.shape[-1] // 2].double().tolist()
        except Exception as error:  # whatever a processor raises
            raise ValueError(
                f"{found.source} fails on a picture of 64 x 64 pixels: {type(error).__name__}: {error}; {_REMEDY}."
            ) from error
        wanted = [(value / 255 - m) / s for value, m, s in zip(colour, found.mean, found.std, strict=True)]
        if len(middle) != 3 or any(abs(a - b) > _GAP * max(1.0, abs(b)) for a, b in zip(middle, wanted, strict=False)):
            raise ValueError(
                f"{found.source} does not normalise RGB in [0, 1] channel by channel: the colour {colour} becomes "
                f"{_shown(middle)}, where mean {_shown(found.mean)} and std {_shown(found.std)} give {_shown(wanted)}; "
                f"{_REMEDY}."
            )


def _shown(values: Sequence[float]) -> str:
    return f"({', '.join(f'{value:.3g}' for value in values)})"
