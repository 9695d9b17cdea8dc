"""The model card, written from the headers of weights files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rsp_lab.data.scenes.difficulty import DEFAULT
from rsp_lab.models.functions import FunctionConfig
from rsp_lab.models.fusion import AverageConfig, FusionConfig, SumConfig
from rsp_lab.models.heads import TopDownConfig
from rsp_lab.models.panoptic.config import PanopticConfig
from rsp_lab.models.segmenter import SegmenterConfig
from rsp_lab.models.whole import SemanticConfig, WholeConfig
from rsp_lab.shapes import step_name
from rsp_lab.text import MISSING, markdown_table, percent
from trainers.runs.header import run_header, tells_things_apart


def model_card(files: list[Path]) -> str:
    """Markdown that sets weights of one data set side by side: scores, budget, choices, data, terms.

    Raises:
        ValueError: if there is no file, a header lacks what a card needs, or the class names differ.
    """
    if not files:
        raise ValueError("a model card needs at least one weights file.")
    headers = [run_header(path) for path in files]
    names = [metadata["name"] for _, metadata in headers]
    scores = [metadata["validation"] for _, metadata in headers]
    classes = list(scores[0]["iou"])
    for path, score in zip(files, scores, strict=True):
        if list(score["iou"]) != classes:
            raise ValueError(f"{path}: has other classes than {files[0]}. Write one card for each class table.")
    rows = [[name, *(percent(score["iou"][name], 1, unit=False) for score in scores)] for name in classes]
    rows += [[title, *(percent(score[key], 1, unit=False) for score in scores)] for title, key in _SUMS]
    network = [_network(config.semantic) | _instances(config) for config, _ in headers]
    training = [_training(metadata) for _, metadata in headers]
    options = [_options(metadata["run"]) for _, metadata in headers]
    for title in dict.fromkeys(title for facts in options for title in facts):
        for facts, own in zip(training, options, strict=True):
            facts[title] = own.get(title, "off")
    return "\n".join(
        (
            f"# Model card: {' and '.join(names)}",
            "",
            "Written by `python -m trainers card` from the headers of the weights files.",
            "",
            "## Scores",
            "",
            f"IoU in percent over the {scores[0]['images']} images of the validation set, at full size and one "
            f"scale, from one confusion matrix; of the weights as stored. {_choice([one for _, one in headers])}",
            "",
            *markdown_table(["class", *names], rows),
            "",
            *(_things_and_stuff(names, scores) if all("panoptic" in score for score in scores) else []),
            "## Network",
            "",
            *markdown_table(["", *names], [[title, *(facts[title] for facts in network)] for title in network[0]]),
            "",
            "## Training",
            "",
            *markdown_table(["", *names], [[title, *(facts[title] for facts in training)] for title in training[0]]),
            "",
            "## Terms",
            "",
            *(f"- {terms}" for terms in sorted({metadata["terms"] for _, metadata in headers})),
            "",
        )
    )


_LINES = ("encoder", "normalisation of RGB in [0, 1]", "pyramid", "head", "top-down steps")
_SUMS = (("**mIoU**", "miou"), ("pixel accuracy", "pixel_accuracy"))


def _things_and_stuff(names: Sequence[str], scores: Sequence[dict[str, Any]]) -> list[str]:
    """Panoptic quality of groups and classes, and the average precision of detections."""
    measures = ("pq", "sq", "rq")
    groups = [
        [
            f"**{group}**",
            *(percent(score["panoptic"][group][m], 1, unit=False) for score in scores for m in measures),
        ]
        for group in ("all", "things", "stuff")
    ]
    classes = [
        [name, *(percent(score["panoptic"]["by_class"][name][m], 1, unit=False) for score in scores for m in measures)]
        for name, facts in scores[0]["panoptic"]["by_class"].items()
        if facts["tp"] + facts["fp"] + facts["fn"]
    ]
    precisions = [
        [f"{kind} {measure}", *(percent(score["precision"][kind][measure], 1, unit=False) for score in scores)]
        for kind in ("box", "mask")
        for measure in ("AP", "AP50", "AP75")
    ]
    return [
        "### Things and stuff",
        "",
        "PQ = SQ x RQ in percent of what both branches are merged into, by the official rules; classes that occur "
        "nowhere are left out. AP in percent of the detections before the merge. The IoU above are those of the "
        "semantic branch, which knows all things as one class.",
        "",
        *markdown_table(["", *(f"{name}: {m.upper()}" for name in names for m in measures)], [*groups, *classes]),
        "",
        *markdown_table(["average precision", *names], precisions),
        "",
    ]


def _instances(config: WholeConfig) -> dict[str, str]:
    """What finds the things of a panoptic network; nothing of others."""
    if not isinstance(config, PanopticConfig):
        return {}
    branch = config.instances
    sides = "; ".join(" and ".join(map(str, level)) for level in branch.sizes)
    return {
        "instance branch": f"Mask R-CNN on levels 2 to 5, regions on 2 to 6 (6: {branch.rpn_top}), "
        f"{branch.box_channels} channels for boxes, {branch.mask_layers} x {branch.mask_channels} for masks",
        "anchors": f"sides {sides} px on levels 2 to 6, height over width {_numbers(branch.ratios)}",
    }


def _network(config: SemanticConfig) -> dict[str, str]:
    """What there is to say of a network: the same lines for all."""
    if isinstance(config, SegmenterConfig):
        return _ours(config)
    if isinstance(config, FunctionConfig):
        facts = MISSING, "the network's own", MISSING, f"made by `{config.function}`", MISSING
    else:
        options = ", ".join(f"{name} {value}" for name, value in config.options) or "none"
        decoder = f"{config.architecture} of {config.library}, options: {options}"
        facts = config.encoder, _normalisation(config.mean, config.std), MISSING, decoder, MISSING
    return dict(zip(_LINES, facts, strict=True))


def _normalisation(mean: tuple[float, ...], std: tuple[float, ...]) -> str:
    return f"mean {_numbers(mean)}, std {_numbers(std)}"


def _ours(config: SegmenterConfig) -> dict[str, str]:
    head = config.head
    fusions = head.fusions if isinstance(head, TopDownConfig) else ()
    top = head.levels[-1]
    steps = [f"{step_name(top - index)}: {_fusion(fusion)}" for index, fusion in enumerate(fusions)]
    facts = (
        config.pyramid.encoder,
        _normalisation(config.pyramid.mean, config.pyramid.std),
        f"levels 2 to {config.pyramid.top}, {config.pyramid.channels} channels",
        f"levels 2 to {top}, {head.channels} channels, norm: {head.norm}",
        "<br>".join(steps) or "none (Semantic FPN)",
    )
    return dict(zip(_LINES, facts, strict=True))


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _fusion(fusion: FusionConfig) -> str:
    if isinstance(fusion, SumConfig):
        return "sum"
    if isinstance(fusion, AverageConfig):
        return f"average over {fusion.window.describe()}"
    return (
        f"relation over {fusion.window.describe()} (outside the map: masked), d = {fusion.reduction}, "
        f"normalisation: {fusion.normalisation}, query from the {fusion.query_from} level"
    )


def _training(metadata: dict[str, Any]) -> dict[str, str]:
    budget, run = metadata["budget"], metadata["run"]
    augment = run["augment"]
    return {
        "data": metadata["data"],
        "recipe": f"`{metadata['recipe']}`",
        "updates": str(budget["updates"]),
        "best after": str(budget["updates_done"]),
        "batch": str(budget["batch"]),
        _images(metadata): " x ".join(map(str, budget["crop"])),
        "seed": str(metadata["seed"]),
        "optimiser": _listed(run["optimiser"]),
        "schedule": _listed(run["schedule"]),
        **(_whole(run) if tells_things_apart(metadata) else _crops(augment)),
        "stored as": metadata.get("precision", "float32"),
        "versions": _listed(metadata["versions"]),
    }


def _images(metadata: dict[str, Any]) -> str:
    return "image, padded (rows x columns)" if tells_things_apart(metadata) else "crop (rows x columns)"


def _crops(augment: dict[str, Any]) -> dict[str, str]:
    return {
        "scale": f"{augment['scale'][0]:g} to {augment['scale'][1]:g}, shorter side in steps of "
        f"{augment['scale_step']} pixels",
        "crop bootstrapping": _bootstrapping(augment),
        "flip, colour": f"{augment['flip']:g}, {'on' if augment['colour'] else 'off'}",
    }


def _whole(run: dict[str, Any]) -> dict[str, str]:
    augment, loss = run["augment"], run["loss"]
    least, greatest = augment["short_side"]
    side = f"{least}" if least == greatest else f"{least} to {greatest} in steps of {augment['step']}"
    return {
        "scale": f"shorter side {side} pixels, longer one at most {augment['longest']}",
        "flip": f"{augment['flip']:g}",
        "loss": f"{loss['instances']:g} x (class, box and mask) + regions + {loss['semantic']:g} x semantic",
    }


def _options(run: dict[str, Any]) -> dict[str, str]:
    """What a run has that others do not have; runs without any of it have no lines for it."""
    scenes, loss = run.get("scenes", {}), run.get("loss", {})
    found = {}
    if (source := run.get("encoder_weights", "scratch")) != "scratch":
        found["encoder starts from"] = _SOURCES.get(source, "ImageNet weights of a file")
    if scenes.get("pairs"):
        found["readings"] = "both of a scene in one batch, cut and flipped alike"
    if scenes.get("even_cases"):
        found["cases"] = "take turns, as many of each in a batch as its size allows"
    default = DEFAULT.to_dict()
    harder = {name: value for name, value in scenes.get("difficulty", {}).items() if value != default.get(name, value)}
    if harder:
        found["difficulty of the scenes"] = _listed(harder)
    if (weight := loss.get("region_weight", 1)) != 1:
        found["weight of a region's pixels"] = f"{weight:g} times that of all others"
    return found


_SOURCES = {
    "library": "ImageNet weights of torchvision or timm",
    "package": "ImageNet weights of an installed package (see Terms)",
}


def _bootstrapping(augment: dict[str, Any]) -> str:
    if augment.get("bootstrap") == "centres":
        return "crops are centred on a pixel of a class drawn uniformly from the image's"
    if augment["max_class_share"] >= 1:
        return "off"
    return (
        f"a crop in which one class exceeds {100 * augment['max_class_share']:g} % is drawn anew, "
        f"up to {augment['tries']} tries"
    )


def _listed(facts: dict[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in facts.items() if value is not None)


def _choice(metadata: list[dict[str, Any]]) -> str:
    """How the weights of a run were chosen among those it had on its way."""
    if all(one["run"]["eval_every"] >= one["run"]["steps"] for one in metadata):
        return "The weights are the last ones of the run; none were chosen by a score."
    measure = "PQ" if all(map(tells_things_apart, metadata)) else "mIoU"
    return f"The weights are the best of those evaluated during the run, chosen by {measure} on this same set."
