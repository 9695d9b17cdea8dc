"""Methods of input attribution, as ``rl.attribution``: objects with their settings, and what one of your own provides.

:func:`attribute` takes a method by name, with its defaults, or as an object; so does the arena::

    from rsp_lab.attribution import FeatureAblation, IntegratedGradients, Occlusion

    rl.attribute(model, image, target, "occlusion")
    rl.attribute(model, image, target, Occlusion(window=64))
    rl.attribute(model, image, target, FeatureAblation("connected regions"), reference="mean")
    rl.run_arena(model, rl.ArenaSettings(methods=("ledger", IntegratedGradients(steps=32))))

A method of your own is a class derived from :class:`AttributionMethod`, whose ``run`` returns a :class:`MethodOutput`;
:func:`input_curves` says whether its maps are true to the model.
"""

from __future__ import annotations

from rsp_lab.analysis.attribution.attribute import Attribution, attribute
from rsp_lab.analysis.attribution.interface import AttributionMethod, MethodOutput
from rsp_lab.analysis.attribution.methods import (
    METHODS,
    FeatureAblation,
    GradientXInput,
    IntegratedGradients,
    LayerGradCam,
    Occlusion,
)
from rsp_lab.analysis.faithfulness.at_input import Faithfulness, input_curves

__all__ = [
    "METHODS",
    "Attribution",
    "AttributionMethod",
    "Faithfulness",
    "FeatureAblation",
    "GradientXInput",
    "IntegratedGradients",
    "LayerGradCam",
    "MethodOutput",
    "Occlusion",
    "attribute",
    "input_curves",
]
