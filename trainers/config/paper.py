"""The paper's runs on Cityscapes (Tables I, II, IV, V and VI), and what of a run differs from the paper."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from rsp_lab.data.labels import CITYSCAPES
from rsp_lab.data.transforms import AugmentConfig
from rsp_lab.models import presets
from rsp_lab.models.heads import HeadConfig
from rsp_lab.models.panoptic.config import PanopticConfig
from rsp_lab.models.relation import RelationConfig
from rsp_lab.shapes import Window
from trainers.config.panoptic import coco
from trainers.config.run import MultiStep, Optimiser, RunConfig


def cityscapes(name: str, head: HeadConfig, encoder: str = "resnet50") -> RunConfig:
    """A run of the paper: pretrained encoder with frozen batch norm, SGD in three steps, 32 crops of 512 x 1024."""
    return RunConfig(
        name=name,
        model=presets.resnet_fpn(encoder, head, CITYSCAPES.classes, CITYSCAPES.name),
        data="cityscapes",
        augment=AugmentConfig(),
        optimiser=Optimiser("sgd", learning_rate=0.01, weight_decay=1e-4, momentum=0.9, clip_norm=None),
        schedule=MultiStep(),
        steps=65_000,
        batch_size=32,
        eval_every=5000,
        checkpoint_every=500,
        keep_every=10_000,
        workers=8,
        encoder_weights="library",
    )


def _relation(kernel: int = 7, dilation: int = 1, d: int = 2) -> HeadConfig:
    return presets.rsp2(RelationConfig(window=Window(kernel, dilation), reduction=d))


_RUNS: tuple[tuple[str, str, Callable[[], HeadConfig], str], ...] = (
    ("baseline_r50", "Tables I, IV and VI: Baseline", presets.baseline, "resnet50"),
    ("rsp2_r50", "Tables I, IV and V: RSP-2", presets.rsp2, "resnet50"),
    ("rsp4_r50", "Tables I and VI: RSP-4", presets.rsp4, "resnet50"),
    ("semantic_fpn_r50", "Table I: Semantic FPN", presets.semantic_fpn, "resnet50"),
    ("baseline_r101", "Table I: Baseline", presets.baseline, "resnet101"),
    ("rsp2d_r101", "Table I: RSP-2-D", presets.rsp2_d, "resnet101"),
    ("rsp4d_r101", "Tables I and II: RSP-4-D", presets.rsp4_d, "resnet101"),
    ("semantic_fpn_r101", "Table I: Semantic FPN", presets.semantic_fpn, "resnet101"),
    ("rsp4d_x101", "Table II: RSP-4-D", presets.rsp4_d, "resnext101_64x4d"),
    ("rsp1_54_r50", "Table IV: + RSP x1 (54)", partial(presets.rsp2, at=(54,)), "resnet50"),
    ("rsp1_43_r50", "Table IV: + RSP x1 (43)", partial(presets.rsp2, at=(43,)), "resnet50"),
    ("self2_r50", "Table IV: + SELF x2", presets.self2, "resnet50"),
    ("context2_r50", "Table IV: + CONTEXT x2", presets.context2, "resnet50"),
    ("rsp2_k3_r50", "Table V (a): (K, D) = (3, 1)", partial(_relation, 3), "resnet50"),
    ("rsp2_k5_r50", "Table V (a): (K, D) = (5, 1)", partial(_relation, 5), "resnet50"),
    ("rsp2_k3_d2_r50", "Table V (a): (K, D) = (3, 2)", partial(_relation, 3, 2), "resnet50"),
    ("rsp2_k3_d3_r50", "Table V (a): (K, D) = (3, 3)", partial(_relation, 3, 3), "resnet50"),
    ("rsp2_full_r50", "Table V (b): d = 1", partial(_relation, d=1), "resnet50"),
    ("rsp2_quarter_r50", "Table V (b): d = 4", partial(_relation, d=4), "resnet50"),
    ("rsp2_eighth_r50", "Table V (b): d = 8", partial(_relation, d=8), "resnet50"),
    ("baseline_q67_r50", "Table VI: + Q6, Q7", presets.baseline_q67, "resnet50"),
    ("rsp4_43_r50", "Table VI: + RSP x1 (43)", partial(presets.rsp4, at=(43,)), "resnet50"),
    ("rsp4_76_r50", "Table VI: + RSP x1 (76)", partial(presets.rsp4, at=(76,)), "resnet50"),
    ("rsp4_54_43_r50", "Table VI: + RSP x2 (54, 43)", partial(presets.rsp4, at=(54, 43)), "resnet50"),
    ("rsp4_76_65_r50", "Table VI: + RSP x2 (76, 65)", partial(presets.rsp4, at=(76, 65)), "resnet50"),
    ("rsp4_65_54_43_r50", "Table VI: + RSP x3 (65, 54, 43)", partial(presets.rsp4, at=(65, 54, 43)), "resnet50"),
    ("rsp4_76_65_54_r50", "Table VI: + RSP x3 (76, 65, 54)", partial(presets.rsp4, at=(76, 65, 54)), "resnet50"),
)


def _recipe(name: str, row: str, head: Callable[[], HeadConfig], encoder: str) -> Callable[[], RunConfig]:
    def recipe() -> RunConfig:
        return cityscapes(name, head(), encoder)

    recipe.__name__ = name
    recipe.__doc__ = f"The paper's {row}, {encoder} on Cityscapes."
    return recipe


PAPER_RECIPES: dict[str, Callable[[], RunConfig]] = {
    f"cityscapes_{name}": _recipe(f"cityscapes_{name}", row, head, encoder) for name, row, head, encoder in _RUNS
}

_HEADS = (
    "relation weights pass a softmax over the window, those outside the map are left out; Eq. 2 shows neither",
    "GroupNorm after each Q conv, as in Semantic FPN; it does not say",
    "the encoder starts from torchvision's default ImageNet weights, not the authors'",
)
_CITYSCAPES = (
    "rates 0.01 / 0.001 / 0.0001; it prints 0.01 / 0.0001 / 0.0001, taken for a slip",
    *_HEADS[:2],
    "crop bootstrapping is read as '{}'; it does not say",
    _HEADS[2],
)
_COCO = (
    "updates, batch, rates and sizes are those of detectron2's 1x schedule, whose Panoptic FPN scores as printed; it "
    "does not say",
    "weight decay 0.0001, 0 on norms; it does not say",
    "the losses of the proposed regions are added with weight 1; its loss does not show them",
    "losses of regions, boxes and masks are means over an image, then over the images of a batch; it does not say",
    "level 6 of the proposed regions is {}; it does not say",
    "a batch is padded to its largest image and on to a multiple of 128 pixels, which GroupNorm sees; it does not say",
    *_HEADS,
)
_RPN_TOP = {"pool": "every other cell of P_5, the same for all heads", "p6": "P_6 of the pyramid"}


def differences(config: RunConfig) -> list[str]:
    """What of a run on Cityscapes or COCO is not the paper's or not in the paper, one line each.

    Nothing for other data, and for networks that the paper does not train on them.
    """
    if config.data == "cityscapes" and isinstance(config.augment, AugmentConfig):
        own = ("name", "model.head", "model.pyramid.top", "model.pyramid.encoder", "augment.bootstrap")
        standing = [line.format(config.augment.bootstrap) for line in _CITYSCAPES]
        return standing + _changed(config, cityscapes(config.name, presets.baseline()), own)
    if config.data == "coco" and isinstance(config.model, PanopticConfig):
        branch = ("name", "model.semantic.head", "model.semantic.pyramid.top", "model.instances.rpn_top")
        standing = [line.format(_RPN_TOP[config.model.instances.rpn_top]) for line in _COCO]
        return standing + _changed(config, coco(config.name, presets.baseline()), branch)
    return []


def _changed(config: RunConfig, of_paper: RunConfig, own: tuple[str, ...]) -> list[str]:
    """Settings that are not those of the paper's run, but for those that are a row's ``own``."""
    paper, ours = of_paper.fingerprint(), config.fingerprint()
    return [
        f"{key} is {ours.get(key, 'off')}, the paper's {paper.get(key, 'off')}"
        for key in sorted(ours.keys() | paper.keys())
        if not key.startswith(own) and ours.get(key) != paper.get(key)
    ]
