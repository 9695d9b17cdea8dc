"""Networks of other libraries that a configuration describes: what a recipe trains and a weights file holds."""

from __future__ import annotations

import importlib.util
import inspect
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from rsp_lab.models.adapt import adapt
from rsp_lab.models.class_names import checked_class_names
from rsp_lab.models.encoders import IMAGENET_MEAN, IMAGENET_STD
from rsp_lab.models.pyramid import check_normalisation
from rsp_lab.models.subject import Subject
from rsp_lab.models.timm_encoder import TIMM, check_timm_name

Option = int | float | bool | str
"""A value of a decoder's option."""

_TU = "tu-"
"""Prefix by which segmentation_models_pytorch names encoders of timm."""


@dataclass(frozen=True)
class ForeignConfig:
    """Everything needed to build a network of another library; it travels in the header of a weights file.

    Attributes:
        architecture: of segmentation_models_pytorch, by the name of its class, e.g. ``"FPN"``, ``"DeepLabV3Plus"``.
        encoder: ``"timm/NAME"`` for a network of timm, or an encoder of the library by its own name, ``"resnet18"``.
        class_names: in the order of the logits.
        label_table: name of the class table the labels follow, for palettes; free text to the network.
        options: of the decoder, by the library's names, e.g. ``(("decoder_channels", 64),)``; its defaults otherwise.
        mean, std: with which RGB in [0, 1] is normalised; ImageNet's by default.
        library: the one whose network it is.
    """

    architecture: str
    encoder: str
    class_names: tuple[str, ...]
    label_table: str = ""
    options: tuple[tuple[str, Option], ...] = ()
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    library: Literal["segmentation_models_pytorch"] = "segmentation_models_pytorch"

    def __post_init__(self) -> None:
        object.__setattr__(self, "class_names", checked_class_names(self.class_names))
        for name, _ in self.options:
            # Others say what weights to download, or what the config itself says.
            if not name.startswith("decoder_"):
                raise ValueError(f"options are those of the decoder, whose names begin with decoder_; got {name!r}.")
        if self.encoder.startswith(_TU):
            raise ValueError(f"an encoder of timm is named {TIMM}NAME, got {self.encoder!r}.")
        if len({name for name, _ in self.options}) != len(self.options):
            raise ValueError("an option of the decoder is given twice: give it once.")
        check_normalisation(self.mean, self.std)

    @property
    def semantic(self) -> ForeignConfig:
        """Itself, as a panoptic configuration has one."""
        return self

    def build(self, *, pretrained: bool = False, name: str = "") -> Subject:
        """The network with random weights, in training mode and in channels-last memory.

        Args:
            pretrained: start the encoder from the ImageNet weights that the library downloads.
            name: as of :class:`~rsp_lab.models.segmenter.Segmenter`.

        Raises:
            ValueError: for an architecture, encoder or option that the library does not have.
            ImportError: if the library is not installed.
        """
        network = _smp_network(self, pretrained)
        subject = adapt(network, class_names=self.class_names, mean=self.mean, std=self.std, name=name)
        assert isinstance(subject, Subject)
        subject.config, subject.label_table = self, self.label_table
        return subject.to(memory_format=torch.channels_last)


def _smp_network(config: ForeignConfig, pretrained: bool) -> nn.Module:
    if importlib.util.find_spec(config.library) is None:
        raise ImportError(
            f"networks of {config.library} need that package, not installed: "
            f"pip install {config.library.replace('_', '-')}."
        )
    smp: Any = importlib.import_module(config.library)
    known = [cls.__name__ for cls in smp.MODEL_ARCHITECTURES_MAPPING.values()]
    if config.architecture not in known:
        raise ValueError(
            f"{config.library} has no architecture {config.architecture!r}; it has {', '.join(sorted(known))}."
        )
    make = getattr(smp, config.architecture)
    taken = [name for name in inspect.signature(make.__init__).parameters if name.startswith("decoder_")]
    for name, _ in config.options:
        if name not in taken:  # the library would pass it on to the encoder
            raise ValueError(f"{config.architecture} has no option {name!r}; it has {', '.join(taken)}.")
    encoder = _smp_encoder(config.encoder)
    try:
        network: nn.Module = make(
            encoder_name=encoder,
            encoder_weights="imagenet" if pretrained else None,
            classes=len(config.class_names),
            **dict(config.options),
        )
    except (KeyError, RuntimeError, TypeError, ValueError) as error:  # what a library raises for names it lacks
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(
            f"{config.library} makes no {config.architecture} on the encoder {config.encoder!r} with the options "
            f"{dict(config.options)}: {reason}"
        ) from error
    return network


def _smp_encoder(name: str) -> str:
    """The library's name of an encoder; of timm only networks that it knows itself, none that it would look up."""
    if not name.startswith(TIMM):
        return name
    check_timm_name(name.removeprefix(TIMM))
    return name.replace(TIMM, _TU, 1)
