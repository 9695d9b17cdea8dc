"""Networks of segmentation_models_pytorch, beside one of ours:

    rsp-lab compare IMAGE --left scenes-rsp4 --right examples/smp_models.py:fpn -o out

Each function without arguments is a model. Yours load their own weights; these are untrained, so that nothing is
downloaded. Needs the extra ``foreign``.
"""

import segmentation_models_pytorch as smp
import torch

import rsp_lab as rl

NAMES = rl.scenes.SceneSplit.table.classes


def fpn() -> rl.Subject:
    torch.manual_seed(0)
    return rl.adapt(smp.FPN("resnet18", encoder_weights=None, classes=len(NAMES)).eval(), class_names=NAMES)


def deeplab_v3_plus() -> rl.Subject:
    torch.manual_seed(0)
    network = smp.DeepLabV3Plus("resnet18", encoder_weights=None, classes=len(NAMES))
    return rl.adapt(network.eval(), class_names=NAMES)
