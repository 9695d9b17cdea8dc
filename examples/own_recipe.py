"""A recipe of your own: any network that trains, on data of yours or ours, by the same loop.

    python -m trainers examples/own_recipe.py:two_maps --out runs/two_maps
    python -m trainers evaluate runs/two_maps --network examples/home_made_models.py:two_maps
    rsp-lab compare IMAGE --left scenes-rsp4 --right examples/own_recipe.py:trained -o out

A recipe is a function without arguments that answers a RunConfig. Needs the extra ``foreign`` for the second one.
"""

from dataclasses import replace

import rsp_lab as rl
from rsp_lab.models.foreign import ForeignConfig
from rsp_lab.models.functions import FunctionConfig, made_network
from trainers.config.recipes import study
from trainers.config.run import RunConfig

PLAIN = study("baseline")()  # small drawn scenes, their loss and their budget
NAMES, TABLE = PLAIN.model.class_names, PLAIN.model.label_table
NETWORK = "examples/home_made_models.py:two_maps"  # as seen from where commands run


def two_maps() -> RunConfig:
    """A network of nobody's library, made by a function."""
    return replace(PLAIN, name="two_maps", model=FunctionConfig(NETWORK, NAMES, TABLE))


def linknet() -> RunConfig:
    """A network of segmentation_models_pytorch: its weights file says all of it and is read without a function."""
    model = ForeignConfig("Linknet", "resnet18", NAMES, TABLE)
    return replace(PLAIN, name="linknet", model=model, optimiser=replace(PLAIN.optimiser, encoder_rate=0.3))


def trained() -> rl.Subject:
    """What ``two_maps`` became."""
    return rl.load("runs/two_maps/best.safetensors", made_network(NETWORK))
