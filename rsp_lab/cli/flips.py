"""``rsp-lab flips``: where two models part, and what tipped each region."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import tyro

from rsp_lab.analysis.comparison.flips import LEAST, flip_stories
from rsp_lab.analysis.passes.pair import check_comparable
from rsp_lab.cli import arguments
from rsp_lab.cli.output import say
from rsp_lab.cli.reports import ReportFiles, report_facts, report_folder, write_report
from rsp_lab.data import label_files
from rsp_lab.data.images import read_image
from rsp_lab.data.tables import table_for
from rsp_lab.figures.results.flips import draw_flips
from rsp_lab.files import readable_name, to_json

FILES = ReportFiles("flips.json", ("flips",))


def flips(
    image: arguments.Image,
    *,
    models: arguments.Models = arguments.CAMVID_PAIR,
    labels: Annotated[Path | None, tyro.conf.arg(metavar="PNG")] = None,
    n: Annotated[int, tyro.conf.arg(aliases=("-n",))] = 3,
    verdict: Literal["better", "worse"] | None = None,
    results: arguments.Results = arguments.PRINTED,
) -> None:
    """Where two models part on one photograph, strongest first, each region with what tipped it.

    With -o, also writes flips.png, flips.pdf and flips.json, where there is such a region.

    Args:
        labels: the image's true label ids; they say who is right.
        n: stories at the most.
        verdict: with --labels, only the stories in which the right model is right more often (better) or less often
            (worse) than the left one.
    """
    if n < 1:
        raise ValueError(f"-n must be at least 1, got {n}.")
    if verdict is not None and labels is None:
        raise ValueError("--verdict needs --labels: they say who is right.")
    read = [image, *models.files, *([labels] if labels else [])]
    FILES.check(results.out, read)
    picture, pair = read_image(image), models.load()
    check_comparable(*pair)
    table = table_for(pair[1].class_names, pair[1].label_table)
    truth = None if labels is None else label_files.read_label(labels, table).long()
    # A verdict is given after ranking: all regions are candidates then.
    found = flip_stories(*pair, picture, count=n if verdict is None else picture.numel(), labels=truth)
    if verdict is not None:
        found = found.better() if verdict == "better" else found.worse()
    found = replace(found, stories=found.stories[:n])
    facts = report_facts(found, image=readable_name(image.name))
    wanted = results.out if found.stories else None
    with report_folder(wanted, read, FILES) as folder:
        if folder is not None:
            write_report(folder, "flips", facts, {"flips": draw_flips(picture, found)})
    if wanted is not None:
        say(f"wrote {wanted}")
    if results.json:
        print(to_json(facts))
        return
    for number, story in enumerate(found.stories, 1):
        print(f"{number}. {story.sentence()}")
    if not found.stories:
        print(_nothing(found.regions, verdict))


def _nothing(regions: int, verdict: str | None) -> str:
    """Why there is no story."""
    if not regions:
        return f"The two models agree, but for regions of fewer than {LEAST} pixels if any; nothing was written."
    return f"In none of the {regions} regions where the two part is the right model {verdict}; nothing was written."
