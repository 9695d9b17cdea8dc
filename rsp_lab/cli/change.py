"""``rsp-lab change``: what a change of the picture did to a decision, and by what way."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import tyro

from rsp_lab.analysis.attribution.erase import erase as erased
from rsp_lab.analysis.ledger.change import FrozenPair
from rsp_lab.analysis.passes.pair import check_comparable, pair_names
from rsp_lab.analysis.targets.target import PixelTarget, RegionTarget, Target, check_fit
from rsp_lab.cli import arguments
from rsp_lab.cli.reports import ReportFiles, about_run, report_folder, write_report
from rsp_lab.data.images import read_image
from rsp_lab.data.masks import read_mask
from rsp_lab.figures.results.change import NamedChange, change_caption, draw_change
from rsp_lab.files import readable_name, to_json, write_atomic
from rsp_lab.models.load_any import load_any, model_file

Second = Annotated[
    Path | None,
    tyro.conf.Positional,
    tyro.conf.arg(metavar="AFTER", help="the changed image, of the same size; or --erase makes one"),
]
MaskFile = Annotated[Path | None, tyro.conf.arg(metavar="MASK")]

FILES = ReportFiles("change.json", ("change",), ("change.txt",))


def change(
    before: arguments.Image,
    after: Second = None,
    *,
    erase: MaskFile = None,
    fill: Literal["blur", "mean", "inpaint"] | None = None,
    pixel: tuple[int, int] | None = None,
    region: MaskFile = None,
    class_: Annotated[str | None, tyro.conf.arg(name="class")] = None,
    rival: str | None = None,
    model: arguments.Model = "camvid-rsp4",
    beside: Annotated[str | None, tyro.conf.arg(metavar="MODEL")] = None,
    device: arguments.Device = "auto",
    results: arguments.Results = arguments.PRINTED,
) -> None:
    """By what way a change of the picture changed a decision: content by level and cell, looking by step, exactly.

    With -o, also writes change.png, change.pdf, change.txt (the caption) and change.json.

    Args:
        erase: a picture of the image's size, white on black where the image is erased.
        fill: what takes the place of what is erased, by default blur; the result lies outside what a model was trained
            on.
        pixel: row and column of the decision.
        region: instead of a pixel, a mask as for --erase, over which margins are averaged.
        class_: whose logit; default: what the model says before.
        rival: class it is held against; default: the model's runner-up.
        beside: a second model, asked about the same class and rival.
    """
    if (after is None) == (erase is None):
        raise ValueError("name the changed image, or give --erase MASK, which makes one of the first: one of the two.")
    if (pixel is None) == (region is None):
        raise ValueError("say where the decision is: --pixel Y X, or --region MASK, one of the two.")
    if fill is not None and erase is None:
        raise ValueError("--fill is of --erase: give --erase MASK with it.")
    filled = fill or "blur"
    asked = (model,) if beside is None else (model, beside)
    read = [before, *(one for one in (after, erase, region) if one), *map(model_file, asked)]
    FILES.check(results.out, read)
    models = [load_any(name, device) for name in asked]
    if len(models) == 2:
        check_comparable(*models)
    names: tuple[str, ...] = pair_names(*models) if len(models) == 2 else (models[0].name,)
    first = read_image(before)
    size = first.shape[-2], first.shape[-1]
    second = first
    if after is not None:
        second = read_image(after)
    elif erase is not None:
        second = erased(first, read_mask(erase, size), filled)
    target: Target
    if pixel is not None:
        target = PixelTarget(*pixel, class_, rival)
    elif region is not None:
        target = RegionTarget(read_mask(region, size), class_, rival)
    check_fit(target, size, models[0].class_names)
    with report_folder(results.out, read, FILES) as folder:
        changes = []
        for network, name in zip(models, names, strict=True):
            pair = FrozenPair.of(network, first, second)
            (ledger,) = pair.ledgers([target])
            # What the first model filled in is asked of the second.
            target = ledger.target
            changes.append(NamedChange(name, ledger))
        images = {"before": readable_name(before.name), "after": _after_words(after, erase, filled)}
        facts = about_run(images=images, model=names[0]) | changes[0].ledger.to_dict()
        if beside:
            facts["beside"] = {"model": names[1]} | changes[1].ledger.to_dict()
        if folder is not None:
            write_report(folder, "change", facts, {"change": draw_change(first, second, changes)})
            write_atomic(folder / "change.txt", change_caption(changes, images["before"], images["after"]) + "\n")
    if results.json:
        print(to_json(facts))
        return
    for one in changes:
        print(f"{one.name}: {one.ledger.sentence()}; residual {one.ledger.residual:.1g}")
    if erase:
        print(f"The second picture is the first without the marked part ({filled}); no model was trained on such ones.")


def _after_words(after: Path | None, erase: Path | None, fill: str) -> str:
    if after is not None:
        return readable_name(after.name)
    return f"the same with {readable_name(erase.name)} erased ({fill})" if erase else ""
