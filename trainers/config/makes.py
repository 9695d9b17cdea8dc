"""Recipes that set decoders of other makes beside ours: one encoder, one budget, one width, several decoders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from rsp_lab.data.labels import CAMVID, CITYSCAPES, ClassTable
from rsp_lab.models import presets
from rsp_lab.models.foreign import ForeignConfig, Option
from rsp_lab.models.heads import TopDownConfig
from rsp_lab.models.timm_encoder import timm_normalisation
from trainers.config.recipes import LITE0, camvid_lite0, study
from trainers.config.run import RunConfig

UPDATES = 300
"""Of every run here; what the two data sets take then is near an hour of one core for all six decoders, one seed."""

SMP: dict[str, tuple[str, dict[str, Option]]] = {
    "fpn": ("FPN", {"decoder_pyramid_channels": 128, "decoder_segmentation_channels": 64}),
    "upernet": ("UPerNet", {"decoder_channels": 64}),
    "segformer": ("Segformer", {"decoder_segmentation_channels": 64}),
    "deeplabv3plus": ("DeepLabV3Plus", {"decoder_channels": 64}),
}
"""Decoders of segmentation_models_pytorch: their class, and options that give them the 64 channels of our heads, and a
pyramid its 128; all else is the library's default."""
HEADS: dict[str, TopDownConfig] = {
    "baseline": presets.top_down(top=7, channels=64),
    "rsp4": presets.top_down(top=7, at=(76, 65, 54, 43), channels=64),
}
"""Our heads beside them."""


def smp_config(decoder: str, table: ClassTable) -> ForeignConfig:
    """A decoder of :data:`SMP` on EfficientNet-lite0 for the classes of a table."""
    architecture, options = SMP[decoder]
    mean, std = timm_normalisation(LITE0)
    return ForeignConfig(architecture, LITE0, table.classes, table.name, tuple(options.items()), mean, std)


def _camvid_smp(decoder: str) -> Callable[[], RunConfig]:
    def recipe() -> RunConfig:
        run = camvid_lite0(f"camvid_smp_{decoder}", HEADS["baseline"])
        return replace(run, model=smp_config(decoder, CAMVID), steps=UPDATES, eval_every=UPDATES)

    return _named(recipe, f"camvid_smp_{decoder}", f"{SMP[decoder][0]} of smp on EfficientNet-lite0 on CamVid")


def _scenes_smp(decoder: str) -> Callable[[], RunConfig]:
    def recipe() -> RunConfig:
        return replace(_scenes_lite0("baseline")(), name=f"scenes_smp_{decoder}", model=smp_config(decoder, CITYSCAPES))

    return _named(recipe, f"scenes_smp_{decoder}", f"{SMP[decoder][0]} of smp on EfficientNet-lite0 on small scenes")


def _scenes_lite0(head: str) -> Callable[[], RunConfig]:
    def recipe() -> RunConfig:
        # The study's data, order and loss; the encoder as on CamVid.
        run, encoder = study(head)(), camvid_lite0("", HEADS[head])
        return replace(
            run,
            name=f"scenes_lite0_{head}",
            model=presets.timm_fpn(LITE0, HEADS[head], CITYSCAPES.classes, CITYSCAPES.name),
            optimiser=encoder.optimiser,
            encoder_weights=encoder.encoder_weights,
            steps=UPDATES,
            eval_every=UPDATES,
        )

    return _named(recipe, f"scenes_lite0_{head}", f"Head {head} on EfficientNet-lite0 on small scenes")


def _named(recipe: Callable[[], RunConfig], name: str, what: str) -> Callable[[], RunConfig]:
    recipe.__name__ = name
    recipe.__doc__ = f"Decoders of other makes: {what}, {UPDATES} updates; needs the extras foreign and encoders."
    return recipe


MAKES: dict[str, Callable[[], RunConfig]] = {
    recipe.__name__: recipe
    for recipe in (
        *(_scenes_lite0(head) for head in HEADS),
        *(_scenes_smp(decoder) for decoder in SMP),
        *(_camvid_smp(decoder) for decoder in SMP),
    )
}
