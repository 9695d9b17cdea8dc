"""``rsp-lab attribute``: the pixels that a decision rests on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import torch
import tyro
from torch import Tensor

from rsp_lab.analysis.attribution import attribute as attribution
from rsp_lab.analysis.attribution.attribute import Attribution
from rsp_lab.analysis.attribution.interface import AttributionMethod, find_method
from rsp_lab.analysis.attribution.mass import HALF_RULE, half_radius
from rsp_lab.analysis.attribution.methods import METHODS
from rsp_lab.analysis.attribution.references import REFERENCES, check_reference
from rsp_lab.analysis.comparison.explain import check_explainable, decision_target
from rsp_lab.analysis.faithfulness.at_input import Faithfulness, input_curves
from rsp_lab.analysis.passes.answer import pixel_answer
from rsp_lab.analysis.passes.pair import pair_names
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.cli import arguments
from rsp_lab.cli.output import say
from rsp_lab.cli.reports import ReportFiles, about_run, report_folder, write_report
from rsp_lab.data.images import read_image
from rsp_lab.figures.results.attribution import MethodRow, draw_attribution
from rsp_lab.files import readable_name, to_json
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject

FILES = ReportFiles("attribution.json", ("attribution",))


def attribute(
    image: arguments.Image,
    *,
    decision: arguments.PixelDecision,
    methods: Annotated[tuple[str, ...], tyro.conf.arg(help=f"of {', '.join(method.name for method in METHODS)}")] = (
        "integrated_gradients",
        "layer_gradcam",
        "feature_ablation",
    ),
    reference: Annotated[
        str, tyro.conf.arg(help=f"what takes the place of what is taken away: of {', '.join(REFERENCES)}")
    ] = "blur",
    models: arguments.Models = arguments.CAMVID_PAIR,
    curves: bool = True,
    results: arguments.Results = arguments.PRINTED,
) -> None:
    """Which pixels of a photograph one pixel's decision rests on in two models, by captum, and whether that is true.

    With -o, also writes attribution.png, attribution.pdf and attribution.json.

    Args:
        curves: also deletion and insertion along each map, beside three random orders.
    """
    check_reference(reference)
    chosen_methods = [find_method(method, METHODS) for method in methods]
    if not methods or len(set(methods)) < len(methods):
        raise ValueError("--methods must name one or more methods, each of them once.")
    read = (image, *models.files)
    FILES.check(results.out, read)
    picture, pair = read_image(image), models.load()
    check_explainable(*pair, picture, decision.target)
    names = pair_names(*pair)
    with torch.inference_mode():
        size = picture.shape[-2], picture.shape[-1]
        answers = [pixel_answer(m.coarse_logits(picture), decision.pixel, size, m.class_names) for m in pair]
    target, chosen = decision_target(decision.pixel, answers, names, decision.class_, decision.rival)
    with report_folder(results.out, read, FILES) as folder:
        sides = [
            _attributed(model, name, picture, target, chosen_methods, reference, curves)
            for model, name in zip(pair, names, strict=True)
        ]
        facts = about_run(image=readable_name(image.name)) | {
            "target": target.describe(),
            "chosen": chosen,
            "half_radius_rule": HALF_RULE,
            "left": _facts(names[0], *sides[0]),
            "right": _facts(names[1], *sides[1]),
        }
        if folder is not None:
            rows = [
                MethodRow(names, tuple(maps[m] for maps, _ in sides), tuple(c[m] for _, c in sides if c))
                for m in methods
            ]
            write_report(folder, "attribution", facts, {"attribution": draw_attribution(picture, rows)})
    if results.json:
        print(to_json(facts))
    else:
        print(f"{chosen}.")
        for name, (maps, along) in zip(names, sides, strict=True):
            _print_side(name, maps, along)
    if results.out is not None:
        say(f"wrote {results.out}")


def _print_side(name: str, maps: dict[str, Attribution], along: dict[str, Faithfulness]) -> None:
    """What the maps of one model say, each with its curves beneath where there are any."""
    for method, one in maps.items():
        print(f"{name}: {one.sentence()}.")
        if along:
            print(f"  {along[method].sentence()}.")


def _attributed(
    model: Segmenter | Subject,
    name: str,
    image: Tensor,
    target: PixelTarget,
    methods: Sequence[AttributionMethod],
    reference: str,
    curves: bool,
) -> tuple[dict[str, Attribution], dict[str, Faithfulness]]:
    maps = {}
    for method in methods:
        say(f"{name}: {method.title}")
        maps[method.name] = attribution.attribute(model, image, target, method, reference=reference)
    if not curves:
        return maps, {}
    say(f"{name}: deletion and insertion")
    return maps, input_curves(model, image, target, {m: one.values for m, one in maps.items()}, reference=reference)


def _facts(name: str, maps: dict[str, Attribution], along: dict[str, Faithfulness]) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for method, one in maps.items():
        radius = half_radius(one.values, one.target.centre)
        facts[method] = {**one.to_dict(), "half_radius": None if radius is None else round(radius, 3)}
        if along:
            facts[method]["faithfulness"] = along[method].to_dict()
    return {"model": name, "methods": facts}
