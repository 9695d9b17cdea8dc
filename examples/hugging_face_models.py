"""Networks of Hugging Face, beside one of ours:

    rsp-lab export-html IMAGE -o pair.html --left scenes-rsp4 --right examples/hugging_face_models.py:segformer

Yours come ``from_pretrained``, with their classes' names; these are untrained, so that nothing is downloaded. Needs the
extra ``foreign``.
"""

import torch
from transformers import (
    SegformerConfig,
    SegformerForSemanticSegmentation,
    SwinConfig,
    UperNetConfig,
    UperNetForSemanticSegmentation,
)

import rsp_lab as rl

NAMES = dict(enumerate(rl.scenes.SceneSplit.table.classes))


def segformer() -> torch.nn.Module:
    torch.manual_seed(0)
    config = SegformerConfig(hidden_sizes=[16, 32, 64, 96], depths=[1, 1, 1, 1], id2label=NAMES)
    # Classes, output and cut are read off the network, so that it need not be adapted here.
    return SegformerForSemanticSegmentation(config).eval()


def upernet_swin() -> torch.nn.Module:
    torch.manual_seed(0)
    stages = ["stage1", "stage2", "stage3", "stage4"]
    swin = SwinConfig(embed_dim=24, depths=[2, 2, 2, 2], num_heads=[2, 2, 4, 4], window_size=4, out_features=stages)
    return UperNetForSemanticSegmentation(UperNetConfig(backbone_config=swin, hidden_size=32, id2label=NAMES)).eval()
