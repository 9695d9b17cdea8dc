"""The command about the pixels that a decision rests on."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro
from torch import Tensor

from rsp_lab._version import __version__
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
from rsp_lab.cli.output import Json, say
from rsp_lab.data import images
from rsp_lab.figures.results.attribution import MethodRow, draw_attribution
from rsp_lab.figures.style import save
from rsp_lab.files import to_json, whole_folder, write_json
from rsp_lab.models import weights
from rsp_lab.models.segmenter import Segmenter

Pair = tuple[Segmenter, Segmenter]


def attribute(
    image: arguments.Image,
    *,
    pixel: tuple[int, int],
    class_: Annotated[str | None, tyro.conf.arg(name="class")] = None,
    rival: str | None = None,
    methods: Annotated[tuple[str, ...], tyro.conf.arg(help=f"of {', '.join(method.name for method in METHODS)}")] = (
        "integrated_gradients",
        "layer_gradcam",
        "feature_ablation",
    ),
    reference: Annotated[
        str, tyro.conf.arg(help=f"what takes the place of what is taken away: of {', '.join(REFERENCES)}")
    ] = "blur",
    left: arguments.Model = "camvid-baseline",
    right: arguments.Model = "camvid-rsp4",
    curves: bool = True,
    out: Annotated[Path | None, tyro.conf.arg(aliases=("-o",), metavar="DIR")] = None,
    json: Json = False,
) -> None:
    """Which pixels of a photograph one pixel's decision rests on in two models, by captum, and whether that is true.

    Args:
        pixel: row and column.
        class_: whose logit; default: what the right model says.
        rival: class it is held against; default: what the left model says, or else the right model's runner-up.
        curves: also deletion and insertion along each map, beside three random orders.
        out: folder for attribution.png, attribution.pdf and attribution.json; made if missing. Default: nothing is
            written.
    """
    check_reference(reference)
    chosen_methods = [find_method(method, METHODS) for method in methods]
    if not methods or len(set(methods)) < len(methods):
        raise ValueError("--methods must name one or more methods, each of them once.")
    picture, pair = images.read_image(image), (weights.load(left), weights.load(right))
    check_explainable(*pair, picture, PixelTarget(*pixel, class_, rival))
    names = pair_names(*pair)
    with torch.inference_mode():
        size = picture.shape[-2], picture.shape[-1]
        answers = [pixel_answer(m.coarse_logits(picture), pixel, size, m.class_names) for m in pair]
    target, chosen = decision_target(pixel, answers, names, class_, rival)
    read = image, weights.resolve(left), weights.resolve(right)
    with nullcontext() if out is None else whole_folder(out, protect=read) as folder:
        sides = [
            _attributed(model, name, picture, target, chosen_methods, reference, curves)
            for model, name in zip(pair, names, strict=True)
        ]
        facts = {
            "image": image.name,
            "rsp_lab": __version__,
            "torch": torch.__version__,
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
            figure = draw_attribution(picture, rows)
            for suffix in arguments.FORMATS:
                save(figure, folder / f"attribution.{suffix}")
            write_json(folder / "attribution.json", facts)
    if json:
        print(to_json(facts))
    else:
        print(f"{chosen}.")
        for name, (maps, along) in zip(names, sides, strict=True):
            _print_side(name, maps, along)
    if out is not None:
        say(f"wrote {out}")


def _print_side(name: str, maps: dict[str, Attribution], along: dict[str, Faithfulness]) -> None:
    """What the maps of one model say, each with its curves beneath where there are any."""
    for method, one in maps.items():
        print(f"{name}: {one.sentence()}.")
        if along:
            print(f"  {along[method].sentence()}.")


def _attributed(
    model: Segmenter,
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
