"""Networks of the package timm as encoders of the feature pyramid."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

TIMM = "timm/"
"""Prefix of encoders that timm builds, e.g. ``"timm/tf_efficientnet_lite0"``."""
STRIDES = (4, 8, 16, 32)
"""Strides of C_2..C_5, which every encoder must offer."""

_PROBES = ((67, 93), (1, 1), (64, 96))
"""Images, rows and columns, that tell whether a network takes any size: neither side, or both, a multiple of 32."""


@dataclass(frozen=True)
class _Plan:
    """How a network of timm is built and used.

    Attributes:
        places: of the maps at :data:`STRIDES` among all of its maps.
        multiple: images are padded to multiples of it, on the right and below, for networks that round sizes down.
        options: for timm.
    """

    places: tuple[int, ...]
    multiple: int = 1
    options: dict[str, Any] = field(default_factory=dict)


class TimmEncoder(nn.Module):
    """A ``features_only`` network of timm: its maps at strides 4, 8, 16 and 32.

    A network that rounds sizes down sees the image padded by zeros, the mean colour, to the next multiple of 32; its
    maps are cut to the sizes of all encoders.

    Args:
        name: as timm has it, without a prefix.
        frozen_batch_norm: statistics and affine parameters of batch norm fixed.
        pretrained: take timm's own weights, which it downloads.

    Attributes:
        channels: of C_2..C_5.

    Raises:
        ValueError: if timm knows no such network, or it lacks maps at the four strides, or takes some sizes only.
        ImportError: if timm is not installed.
    """

    def __init__(self, name: str, *, frozen_batch_norm: bool = False, pretrained: bool = False) -> None:
        super().__init__()
        timm, plan = import_timm(), _plan(name)
        self.network = timm.create_model(
            name, features_only=True, out_indices=plan.places, pretrained=pretrained, **plan.options
        )
        self.channels = tuple(self.network.feature_info.channels())
        self.multiple = plan.multiple
        if frozen_batch_norm:
            self.network = timm.layers.freeze_batch_norm_2d(self.network)

    def forward(self, image: Float[Tensor, "b 3 y x"]) -> dict[str, Tensor]:
        """Keys ``"2"`` to ``"5"``, the level; (b, c, y, x), the image's sides divided by 2**level and rounded up."""
        return _maps(self.network, image, self.multiple)


def timm_normalisation(name: str) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Mean and standard deviation of RGB in [0, 1] with which timm trained a network, from timm's own table.

    Args:
        name: ``"timm/NAME"``.

    Raises:
        ValueError: if timm knows no such network, or no normalisation of it.
        ImportError: if timm is not installed.
    """
    timm, short = import_timm(), name.removeprefix(TIMM)
    check_timm_name(short)
    facts = timm.get_pretrained_cfg(short)
    if facts is None:
        raise ValueError(f"timm has no normalisation of {short!r}: give PyramidConfig its mean and std.")
    return tuple(facts.mean), tuple(facts.std)


def import_timm() -> Any:
    """The package timm.

    Raises:
        ImportError: if it is not installed, with the remedy.
    """
    if importlib.util.find_spec("timm") is None:
        raise ImportError(
            f"encoders named {TIMM}NAME need the package timm, not installed: pip install timm. "
            "Shipped weights named -tiny do without."
        )
    import timm.layers

    return timm


def check_timm_name(name: str) -> None:
    """Raises ValueError for a network, named without a prefix, that the installed timm does not know itself."""
    timm = import_timm()
    if not timm.is_model(name):
        close = timm.list_models(f"*{name}*")[:3]
        hint = f"Did you mean {' or '.join(close)}?" if close else "timm.list_models() lists those it knows."
        raise ValueError(f"timm {timm.__version__} has no network {name!r}. {hint}")


@lru_cache(maxsize=32)
def _plan(name: str) -> _Plan:
    """Found by following images through the network by their sizes alone, without values."""
    timm = import_timm()
    check_timm_name(name)
    with torch.device("meta"):
        try:
            strides = timm.create_model(name, features_only=True).feature_info.reduction()
            places = tuple(strides.index(stride) for stride in STRIDES)
        except (RuntimeError, AttributeError, ValueError) as error:
            raise ValueError(
                f"{TIMM}{name} offers no maps at the strides {STRIDES} by features_only ({error}): take a network that "
                f"does, e.g. {TIMM}tf_efficientnet_lite0."
            ) from error
        # The last one is for transformers in windows, which by default take images of one size alone.
        for plan in (_Plan(places), _Plan(places, 32), _Plan(places, 32, {"strict_img_size": False})):
            if _takes_any_size(timm, name, plan):
                return plan
    raise ValueError(
        f"{TIMM}{name} takes images of some sizes only, and a pyramid needs any: take another network, e.g. "
        f"{TIMM}tf_efficientnet_lite0."
    )


def _takes_any_size(timm: Any, name: str, plan: _Plan) -> bool:
    try:
        network = timm.create_model(name, features_only=True, out_indices=plan.places, **plan.options).eval()
        found = [(size, _maps(network, torch.empty(1, 3, *size), plan.multiple)) for size in _PROBES]
    except Exception:  # networks refuse sizes by many kinds of errors
        return False
    channels = network.feature_info.channels()
    return all(
        tuple(maps[str(level)].shape) == (1, channels[level - 2], *_cells(size, stride))
        for size, maps in found
        for level, stride in enumerate(STRIDES, start=2)
    )


def _maps(network: Any, image: Tensor, multiple: int) -> dict[str, Tensor]:
    y, x = image.shape[-2:]
    if multiple > 1:
        image = F.pad(image, (0, -x % multiple, 0, -y % multiple))
    maps = network(image)
    if str(getattr(network, "output_fmt", "NCHW")).endswith("NHWC"):
        maps = [values.permute(0, 3, 1, 2) for values in maps]
    if multiple > 1:
        sizes = [_cells((y, x), stride) for stride in STRIDES]
        maps = [values[..., :rows, :columns] for values, (rows, columns) in zip(maps, sizes, strict=True)]
    return {str(level): values for level, values in enumerate(maps, start=2)}


def _cells(size: tuple[int, int], stride: int) -> tuple[int, int]:
    return -(-size[0] // stride), -(-size[1] // stride)
