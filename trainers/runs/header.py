"""What reports read in the header of a run's weights, checked before they do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rsp_lab.data.panoptic.pictures import ResizeConfig
from rsp_lab.models import weights
from rsp_lab.models.whole import WholeConfig

_NUMBER = (int, float)
_SCORE = (int, float, type(None))
FIELDS: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("name", "data", "terms", "recipe"), (str,)),
    "seed": (int,),
    **dict.fromkeys(("budget.updates", "budget.updates_done", "budget.batch"), (int,)),
    "budget.crop": (list,),
    **dict.fromkeys(("validation.miou", "validation.pixel_accuracy"), _SCORE),
    "validation.images": (int,),
    "validation.iou": (dict,),
    **dict.fromkeys(("run.steps", "run.eval_every"), (int,)),
    **dict.fromkeys(("run.augment", "run.optimiser", "run.schedule"), (dict,)),
    "run.optimiser.learning_rate": _NUMBER,
    "run.augment.flip": _NUMBER,
    "versions": (dict,),
}
"""By dotted name: types of what training writes and reports read."""
CROPS: Mapping[str, tuple[type, ...]] = {
    "run.augment.scale": (list,),
    **dict.fromkeys(("run.augment.scale_step", "run.augment.max_class_share"), _NUMBER),
    "run.augment.tries": (int,),
    "run.augment.colour": (bool, int, float),
}
"""The same of runs on crops."""
WHOLE: Mapping[str, tuple[type, ...]] = {
    "run.augment.short_side": (list,),
    **dict.fromkeys(("run.augment.step", "run.augment.longest", "run.augment.multiple"), (int,)),
    **{
        f"validation.panoptic.{group}.{name}": _SCORE
        for group in ("all", "things", "stuff")
        for name in ("pq", "sq", "rq")
    },
    "validation.panoptic.by_class": (dict,),
    **{f"validation.precision.{kind}.AP": _SCORE for kind in ("box", "mask")},
}
"""The same of panoptic runs, which are on whole images."""
OPTIONAL: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("run.loss", "run.scenes", "run.scenes.difficulty"), (dict,)),
    "run.encoder_weights": (str,),
    "run.loss.region_weight": _NUMBER,
    **dict.fromkeys(("run.scenes.pairs", "run.scenes.even_cases"), (bool,)),
}
"""The same of options of training, which headers of older runs lack."""
_PAIRS = ("budget.crop", "run.augment.scale", "run.augment.short_side")


def run_header(path: str | Path) -> tuple[WholeConfig, dict[str, Any]]:
    """Configuration and metadata of weights that training wrote.

    Raises:
        ValueError: if the file cannot be used, or its header lacks what reports read.
    """
    config, metadata = weights.read_header(path)
    check_header(metadata, path, "Write the file with 'python -m trainers export'.")
    return config, metadata


def check_header(metadata: Any, where: str | Path, remedy: str) -> None:
    """Refuses metadata that lack what reports read; ``where`` and ``remedy``, a sentence, are for the message.

    Raises:
        ValueError: naming what is missing or of another type.
    """
    needed = {**FIELDS, **(WHOLE if tells_things_apart(metadata) else CROPS)}
    wrong = [name for name, kinds in needed.items() if not _fits(_at(metadata, name), kinds)]
    wrong += [name for name, kinds in OPTIONAL.items() if not _fits(_at(metadata, name), (*kinds, _Absent))]
    wrong += [name for name in _PAIRS if name in needed and name not in wrong and not _is_pair(_at(metadata, name))]
    if not wrong:
        scores = metadata["validation"]["iou"].values()
        wrong = [] if all(_fits(score, _SCORE) for score in scores) else ["validation.iou"]
    if wrong:
        raise ValueError(
            f"{where}: its header lacks {', '.join(wrong[:5])}{', ...' if len(wrong) > 5 else ''}. {remedy}"
        )


def tells_things_apart(metadata: Any) -> bool:
    """Whether weights are of a panoptic run."""
    return _at(metadata, "run.augment.kind") == ResizeConfig.__name__


class _Absent:
    """In the place of what a header does not have."""


_ABSENT = _Absent()


def _at(facts: Any, name: str) -> Any:
    for part in name.split("."):
        facts = facts.get(part, _ABSENT) if isinstance(facts, dict) else _ABSENT
    return facts


def _fits(value: Any, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def _is_pair(value: list[Any]) -> bool:
    return len(value) == 2 and all(_fits(one, _NUMBER) for one in value)
