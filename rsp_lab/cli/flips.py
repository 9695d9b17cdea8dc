"""The command about where two models part."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import torch
import tyro

from rsp_lab._version import __version__
from rsp_lab.analysis.comparison.flips import flip_stories
from rsp_lab.analysis.passes.pair import check_comparable
from rsp_lab.cli import arguments
from rsp_lab.cli.output import say
from rsp_lab.data import images, label_files
from rsp_lab.data.tables import table_for
from rsp_lab.figures.results.flips import draw_flips
from rsp_lab.figures.style import save
from rsp_lab.files import to_json, whole_folder, write_json
from rsp_lab.models import weights


def flips(
    image: arguments.Image,
    *,
    left: arguments.Model = "camvid-baseline",
    right: arguments.Model = "camvid-rsp4",
    labels: Annotated[Path | None, tyro.conf.arg(metavar="PNG")] = None,
    n: Annotated[int, tyro.conf.arg(aliases=("-n",))] = 3,
    verdict: str | None = None,
    out: Annotated[Path | None, tyro.conf.arg(aliases=("-o",), metavar="DIR")] = None,
    json: arguments.Json = False,
) -> None:
    """Where two models part on one photograph, strongest first, each region with what tipped it.

    Args:
        labels: the image's true label ids; they say who is right.
        n: stories at the most.
        verdict: with --labels, only the stories in which the right model is right more often (better) or less often
            (worse) than the left one.
        out: folder for flips.png, flips.pdf and flips.json; made if missing. Default: nothing is written.
    """
    if n < 1:
        raise ValueError(f"-n must be at least 1, got {n}.")
    if verdict not in (None, "better", "worse") or (verdict is not None and labels is None):
        raise ValueError(f"--verdict is better or worse and needs --labels; got {verdict!r}.")
    picture, models = images.read_image(image), (weights.load(left), weights.load(right))
    check_comparable(*models)
    table = table_for(models[1].config.class_names, models[1].config.label_table)
    truth = None if labels is None else label_files.read_label(labels, table).long()
    # A verdict is given after ranking: all regions are candidates then.
    most = n if verdict is None else picture.numel()
    found = flip_stories(*models, picture, count=most, labels=truth)
    if verdict is not None:
        found = found.better() if verdict == "better" else found.worse()
    found = replace(found, stories=found.stories[:n])
    facts = {"image": image.name, "rsp_lab": __version__, "torch": torch.__version__, **found.to_dict()}
    if out is not None and found.stories:
        read = [image, weights.resolve(left), weights.resolve(right), *([labels] if labels else [])]
        with whole_folder(out, protect=read) as folder:
            figure = draw_flips(picture, found)
            for suffix in arguments.FORMATS:
                save(figure, folder / f"flips.{suffix}")
            write_json(folder / "flips.json", facts)
        say(f"wrote {out}")
    if json:
        print(to_json(facts))
        return
    for number, story in enumerate(found.stories, 1):
        print(f"{number}. {story.sentence()}")
    if not found.stories:
        print(f"No such region of 30 pixels or more among {found.regions}; nothing was written.")
