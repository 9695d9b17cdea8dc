"""What the page of ledgers says: its first sentence, its sums in one line, and what its measures are."""

from __future__ import annotations

from collections.abc import Sequence

from app.app_pages.ledger import splits
from app.app_pages.ledger.readings import Column, Panel, Panels, Reading
from app.app_pages.ledger.splits import Split
from app.charts.level_rows import tidy
from app.shell import analyses
from app.shell.region_target import Labels, cells_words, has_true_labels, label_map, margin_words, where
from app.shell.selection import Selection
from rsp_lab.analysis.comparison.flips import ITSELF, FlipStory
from rsp_lab.analysis.ledger.difference import ledger_difference
from rsp_lab.analysis.targets.target import RegionTarget, Target
from rsp_lab.text import signed

READING_HELP = {
    Reading.DECISION: "Decision: what each cell gives to class over rival.",
    Reading.GAIN: "Selection gain: that minus the same with equal weights.",
    Reading.REJECTION: "Rejection: what would change if a step passed each own cell down whole.",
    Reading.WHOLE: "Whole image: which level decides where.",
}
_OF_OURS = (
    "of a cell of a level’s Q map: the derivative of the target through the head with its relation weights held, times "
    "the cell."
)
_OF_OTHERS = (
    "of a cell of a level, the maps of one stride in the network’s cut: the derivative of the target through the "
    "network with all its gates held (activations, attention weights, normalisers), times the cell."
)
_SUM = """Bias and contributions add up to the logit exactly; **residual**: |bias + sum − the model’s own logit| over
  max(1, |bias| + sum of magnitudes). Why what is held and the maps are as they are is not explained.
- **Right minus left** is entry by entry; a level that one model lacks counts as 0 there.
"""
_OF_RELATIONS = """- **Selection gain**: the ledger with the learnt weights minus that with equal weights on each
  window, Q maps and all else held. It is a sum of the same kind.
- **Rejection** of a step: the derivative with respect to the context of a cell, times (what lies at its own place minus
  what it took). Red: context of the class was refused; blue and hatched: context was added. Each step’s total is
  exact by itself; the steps together need not add up.
"""
_REST = """- **Comes from**: each cell is spread over the pixels under it. It has seen more of the image than those, by
  the backbone: a contribution says where it enters what comes behind.
- **Share of |logits|**: of the sum of all magnitudes. Its control is the **share of pixels**, which contributions that
  fall anywhere alike would have.
- **Border, class zone, regions**: cut out of the map under “Labels of”; their logit is the mean over their pixels.
"""


def readings_of(foreign: Sequence[bool]) -> tuple[Reading, ...]:
    """Those that two models have; of networks of another make alone there are no relations to ask about."""
    return (Reading.DECISION, Reading.WHOLE) if all(foreign) else tuple(Reading)


def measures(foreign: Sequence[bool]) -> str:
    """What the page's measures are, for models of ours, networks of another make, or one of each."""
    kinds = {_OF_OTHERS if one else _OF_OURS: None for one in sorted(foreign)}
    of = " In a network of another make, ".join(kinds)
    return f"- **Contribution** {of} {_SUM}{'' if all(foreign) else _OF_RELATIONS}{_REST}"


def part_words(selection: Selection, reading: Reading) -> dict[int, str]:
    """What a part of the sum is called, by level."""
    levels = {x for one in selection.passes for x in one.levels}
    if reading == Reading.REJECTION:
        return {x: f"step {x}{x - 1}" for x in levels}
    return {x: selection.level_name(x) for x in levels}


def sentence(
    selection: Selection, reading: Reading, panels: Panels, target: Target, split: Split | None, labels: Labels
) -> str:
    """What a colleague would say; every number is on the page. ``labels`` are those of the split."""
    # The same model may stand on both sides.
    says = dict.fromkeys(
        _says(selection, reading, panels[side], side, split, labels) for side in (1, 0) if not panels[side].missing
    )
    return f"{where(target)}: {margin_words(target)} {'; '.join(says)}."


def apart_words(selection: Selection, target: Target) -> str:
    """Of a flipped region what tips it, as the page Flips tells it; empty where it asks about other classes."""
    left, right = (analyses.ledger(selection, side, target) for side in range(2))
    if not isinstance(target, RegionTarget):
        return ""
    flipped = {selection.views[side].labels[target.mask.numpy()][0] for side in range(2)}
    if {selection.class_names[index] for index in flipped} != {target.class_name, target.rival}:
        return ""
    classes, mask = selection.class_names, target.mask
    known = [label_map(selection, Labels.TRUE)] * 2 if has_true_labels(selection) else None
    own = [label_map(selection, labels) for labels in (Labels.LEFT, Labels.RIGHT)]
    tables = [
        found.by_class(ids.masked_fill(mask, len(classes)), (*classes, ITSELF))
        for found, ids in zip((left, right), known or own, strict=True)
    ]
    # Its box and who is right are not asked here.
    story = FlipStory(
        mask,
        (0, 0, 0, 0),
        selection.names,
        str(target.rival),
        str(target.class_name),
        ledger_difference(right, left),
        (tables[0], tables[1]),
        None,
    )
    first = story.tipping
    return (
        f"As on the page Flips, what tips it is {first.describe()}: {signed(first.right)} logits in "
        f"{selection.names[1]}, {signed(first.left)} in {selection.names[0]}."
    )


def _says(selection: Selection, reading: Reading, panel: Panel, side: int, split: Split | None, labels: Labels) -> str:
    sign = -1 if panel.total < 0 else 1
    level = max(panel.sums, key=lambda x: sign * panel.sums[x])
    name, part = selection.level_name(level), signed(panel.sums[level])
    if reading == Reading.REJECTION:
        largest = max(panel.sums, key=lambda x: abs(panel.sums[x]))
        return (
            f"would change most in {panel.name} if step {largest}{largest - 1} passed each own cell down whole, by "
            f"{signed(panel.sums[largest])} logits"
        )
    if reading == Reading.GAIN:
        return (
            f"gains {signed(panel.total)} logits in {panel.name} by choosing within its windows; {name} gains most "
            f"({part})"
        )
    if sign * panel.sums[level] <= 0:
        return f"is {signed(panel.total)} logits in {panel.name}, by the bias alone: no level gives to it"
    source = None if split is None else splits.source_of(split, side, level, sign)
    origin = (
        "" if source is None else f", of which {signed(source[1])} from {cells_words(selection, labels, source[0])}"
    )
    return f"is {signed(panel.total)} logits in {panel.name}, where {name} gives most ({part}{origin})"


def sum_words(panel: Panel) -> str:
    """The sum in one line, with its residual."""
    if panel.bias is None:
        if panel.side == Column.DIFFERENCE:
            return ""
        return f"Each step by itself; relative residual at most {panel.residual:.1g}."
    levels = sum(panel.sums.values())
    sign = "−" if panel.bias < 0 else "+"
    bias = tidy(abs(panel.bias)).removeprefix("+")
    words = f"Levels {signed(levels)} {sign} bias {bias} = {signed(levels + panel.bias)} logits"
    if panel.side == Column.DIFFERENCE:
        return f"{words}, entry by entry."
    return f"{words}; the model’s own is {signed(panel.total)} (relative residual {panel.residual:.1g})."
