"""Networks of torchvision, beside one of ours:

    rsp-lab flips IMAGE --left scenes-rsp4 --right examples/torchvision_models.py:lraspp

Yours load their own weights; this one is untrained, so that nothing is downloaded.
"""

import torch
from torchvision.models.segmentation import lraspp_mobilenet_v3_large

import rsp_lab as rl

NAMES = rl.scenes.SceneSplit.table.classes


def lraspp() -> rl.Subject:
    torch.manual_seed(0)
    network = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=len(NAMES))
    return rl.adapt(network.eval(), class_names=NAMES)
