"""Context surgery, as ``rl.surgery``: what a model answers when its weights of context are edited, without retraining.

An operation says what happens to the weights, at which steps, and on which cells::

    from rsp_lab.surgery import Shuffle, Uniform

    rl.operate(model, image, Uniform("step54"))                            # step 54 looks uniformly
    rl.operate(model, image, Uniform("step54", where=(200, 120)))          # only the cell under this pixel
    rl.operate(model, image, [Uniform("step54"), Shuffle(0, steps="step43")], target=rl.PixelTarget(200, 120))

Presets name operations after ablations, as :func:`as_sum`; none of them is one, because the model was never trained to
live with the edited weights. :func:`operate` runs the edited model, :func:`predicted_change` says what the ledger
expects of it, and :func:`run_surgery` gives both, with what the lower steps add by reacting::

    rl.surgery.run_surgery(model, image, Uniform("step54")).account(rl.PixelTarget(200, 120))

Of a network of another make the same is asked of its attention, by layer and head, whole layers or the cells under a
pixel or a mask; its other operations are those on windows of relations, and say so::

    rl.operate(subject, image, Uniform("segformer.stages.3.blocks.0.attention", heads=(0, 2)))
    rl.operate(subject, image, ZeroKeys(mask, where=(200, 120)))  # the cell under the pixel sees nothing there

:func:`knock_out_levels` takes each level of any model away, in the running network and with all else held.
:func:`cut_ribbons` takes ribbons out of a decision flow, in the running head too.
"""

from __future__ import annotations

from rsp_lab.analysis.surgery.account import SurgeryAccount, SurgeryRuns, run_surgery
from rsp_lab.analysis.surgery.knock_out import LevelKnockOut, LevelKnockOuts, knock_out_levels
from rsp_lab.analysis.surgery.operate import SurgeryResult, edited_weights, operate, predicted_change
from rsp_lab.analysis.surgery.operation import Operation
from rsp_lab.analysis.surgery.operations import (
    Centre,
    Shuffle,
    Temperature,
    Transplant,
    Uniform,
    ZeroKeys,
    ZeroNeighbours,
    transplantable_steps,
)
from rsp_lab.analysis.surgery.presets import (
    as_context,
    as_sum,
    without_context,
    without_placement,
    without_selection,
)
from rsp_lab.analysis.surgery.ribbons import RibbonCut, cut_ribbons

__all__ = [
    "Centre",
    "LevelKnockOut",
    "LevelKnockOuts",
    "Operation",
    "RibbonCut",
    "Shuffle",
    "SurgeryAccount",
    "SurgeryResult",
    "SurgeryRuns",
    "Temperature",
    "Transplant",
    "Uniform",
    "ZeroKeys",
    "ZeroNeighbours",
    "as_context",
    "as_sum",
    "cut_ribbons",
    "edited_weights",
    "knock_out_levels",
    "operate",
    "predicted_change",
    "run_surgery",
    "transplantable_steps",
    "without_context",
    "without_placement",
    "without_selection",
]
