"""``rsp-lab scan``: what of a data set is worth a look in two models."""

from __future__ import annotations

from glob import escape
from pathlib import Path
from typing import Annotated

import torch
import tyro

from rsp_lab._version import __version__
from rsp_lab.analysis.comparison.flips import LEAST
from rsp_lab.analysis.passes.pair import check_comparable, pair_names
from rsp_lab.analysis.scan.run import ScanQuestion, run_scan
from rsp_lab.analysis.scan.scan_file import STATE, check_scan_target, write_scan
from rsp_lab.analysis.streaming import Shard
from rsp_lab.cli import arguments
from rsp_lab.cli.arguments import CAMVID_PAIR, SCENE_PAIR, ModelPair
from rsp_lab.cli.output import say
from rsp_lab.cli.progress import progress_on_stderr
from rsp_lab.cli.reports import kept_state
from rsp_lab.data.scenes.dataset import SceneSplit
from rsp_lab.data.sources import SOURCES, open_split
from rsp_lab.files import check_target, digest, to_json
from rsp_lab.interruption import kept

SHOWN = 5
"""Cards that are printed."""


def scan(
    data: Annotated[str, tyro.conf.Positional, tyro.conf.arg(help=f"one of {', '.join(SOURCES)}")],
    *,
    out: Annotated[Path, tyro.conf.arg(aliases=("-o",), metavar="FILE")],
    left: Annotated[arguments.Model | None, tyro.conf.arg(metavar="MODEL")] = None,
    right: Annotated[arguments.Model | None, tyro.conf.arg(metavar="MODEL")] = None,
    split: str | None = None,
    limit: int | None = None,
    least: int = LEAST,
    device: arguments.Device = "auto",
    fresh: bool = False,
    json: bool = False,
) -> None:
    """What of a data set is worth a look: where two models part, who is right, what tipped it; and what context turned.

    Writes one JSON file without pictures: rates over all images, and the strongest decisions as cards, which the page
    Gallery of the workbench shows. Interrupted, the same command goes on where it was; what is done is kept beside the
    file, under .state.json. Several processes share the images by torchrun --nproc-per-node 2 -m rsp_lab scan ...; the
    file is the same.

    Args:
        out: the file; only another scan is replaced.
        left: shipped name, .safetensors file or FILE.py:function; default: the shipped baseline for such images.
        right: the same; default: the shipped RSP-4 for such images.
        split: of the data set; default: val, of drawn scenes test, which is what the workbench draws.
        limit: only the first images; of drawn scenes the first scenes, each in both readings. A later call may ask for
            more and goes on.
        least: pixels of the smallest region that counts; smaller ones are mostly boundary jitter.
        fresh: forget what an earlier call has done.
        json: print the file's content instead of its first sentences.
    """
    for name, number in (("limit", limit), ("least", least)):
        if number is not None and number < 1:
            raise ValueError(f"--{name} must be at least 1, got {number}.")
    shard = Shard.of_environment()
    state = out.with_name(f"{out.stem}{STATE}")
    for place in (out, state):
        check_target(place)
    check_scan_target(out)
    split = split or ("test" if "scenes" in data else "val")
    samples = open_split(data, split, labels="optional", things=False)
    standard = SCENE_PAIR if isinstance(samples, SceneSplit) else CAMVID_PAIR
    models = ModelPair(left or standard.left, right or standard.right, device)
    pair = models.load()
    check_comparable(*pair)
    if samples.table.classes != pair[0].class_names:
        raise ValueError(
            f"{models.left} and {models.right} know other classes than {data} has: name weights that were trained on "
            "it with --left and --right."
        )
    ours, theirs = map(digest, models.files)
    question = ScanQuestion(pair_names(*pair), (ours, theirs), data, split, least, __version__)
    unit = "scenes" if isinstance(samples, SceneSplit) else "images"
    with kept(kept_state(state, state.parent, f"{escape(state.stem)}*{state.suffix}")):
        with progress_on_stderr("scan", unit, process=(shard.rank, shard.size)) as report:
            found = run_scan(*pair, samples, question, state, count=limit, shard=shard, fresh=fresh, report=report)
        if found is None:
            return
        write_scan(out, found, torch=torch.__version__)
    if json:
        print(to_json(found.to_dict(), indent=None))
    else:
        print("\n".join(found.sentences()))
        for card in found.cards[:SHOWN]:
            print(f"{card.rank}. {card.sample}, pixel {card.pixel}: {card.sentence()}")
    say(f"wrote {out}: {found.images} images, {len(found.cards)} cards, largest relative residual {found.residual:.1g}")
