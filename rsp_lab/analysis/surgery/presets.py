"""Context surgery under the names of ablations. None of them is one: the model is not retrained for what it then gets.

Each returns an operation for :func:`rsp_lab.analysis.surgery.operate.operate`.
"""

from __future__ import annotations

from rsp_lab.analysis.surgery.operation import Operation, Steps, Where
from rsp_lab.analysis.surgery.operations import Centre, Shuffle, Uniform, ZeroNeighbours


def as_sum(steps: Steps = None) -> Operation:
    """What the sum baseline's rule would pass down, each cell's own position whole, through the trained f_v."""
    return Centre(steps=steps, name="as the sum baseline")


def as_context(steps: Steps = None) -> Operation:
    """The +CONTEXT row of Table IV, the plain average over the window, through the trained f_v."""
    return Uniform(steps=steps, name="as +CONTEXT")


def without_selection(step: Steps, where: Where = None) -> Operation:
    """One step takes its window whole, the others select."""
    return Uniform(steps=step, where=where, name="without selection")


def without_context(step: Steps, where: Where = None) -> Operation:
    """One step takes nothing: its low level, and all below, go on without what lies above."""
    return ZeroNeighbours("all", renormalise=False, steps=step, where=where, name="without context")


def without_placement(steps: Steps = None, seed: int = 0) -> Operation:
    """Cells select as sharply as before, but at random places of their windows."""
    return Shuffle(seed, steps=steps, name="without placement")
