"""Context surgery, as ``rl.surgery``: what a model answers when its relation weights are edited, without retraining.

An operation says what happens to the weights, at which steps, and on which cells::

    from rsp_lab.surgery import Shuffle, Uniform

    rl.operate(model, image, Uniform("step54"))                            # step 54 looks uniformly
    rl.operate(model, image, Uniform("step54", where=(200, 120)))          # only the cell under this pixel
    rl.operate(model, image, [Uniform("step54"), Shuffle(0, steps="step43")], target=rl.PixelTarget(200, 120))

Presets name operations after ablations, as :func:`as_sum`; none of them is one, because the model was never trained to
live with the edited weights. :func:`operate` runs the edited model, :func:`predicted_change` says what the ledger
expects of it, and :func:`run_surgery` gives both, with what the lower steps add by reacting::

    rl.surgery.run_surgery(model, image, Uniform("step54")).account(rl.PixelTarget(200, 120))
"""

from __future__ import annotations

from rsp_lab.analysis.surgery.account import SurgeryAccount, SurgeryRuns, run_surgery
from rsp_lab.analysis.surgery.operate import SurgeryResult, edited_weights, operate, predicted_change
from rsp_lab.analysis.surgery.operations import (
    Centre,
    Operation,
    Shuffle,
    Temperature,
    Transplant,
    Uniform,
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

__all__ = [
    "Centre",
    "Operation",
    "Shuffle",
    "SurgeryAccount",
    "SurgeryResult",
    "SurgeryRuns",
    "Temperature",
    "Transplant",
    "Uniform",
    "ZeroNeighbours",
    "as_context",
    "as_sum",
    "edited_weights",
    "operate",
    "predicted_change",
    "run_surgery",
    "transplantable_steps",
    "without_context",
    "without_placement",
    "without_selection",
]
