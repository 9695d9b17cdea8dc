"""``rsp-lab trade``: what classes take from each other over a data set."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated, Literal

import tyro

from rsp_lab._version import __version__
from rsp_lab.analysis.passes.pair import check_comparable, pair_names
from rsp_lab.analysis.streaming import Shard
from rsp_lab.analysis.targets.target import class_index
from rsp_lab.analysis.trade.matrix import SIDES, TradeMatrix
from rsp_lab.analysis.trade.run import TradeQuestion, run_trade
from rsp_lab.cli import arguments
from rsp_lab.cli.output import say
from rsp_lab.cli.progress import progress_on_stderr
from rsp_lab.cli.reports import ReportFiles, kept_state, report_facts, write_report
from rsp_lab.data.sources import SOURCES, open_split
from rsp_lab.figures.results.trade import draw_trade, trade_caption
from rsp_lab.files import digest, to_json, write_atomic
from rsp_lab.interruption import kept

FILES = ReportFiles("trade.json", ("trade",), ("trade.csv", "trade.txt"))
COLUMNS = ("side", "target", "source", "level", "mean", "low", "high", "images", "blocks")


def trade(
    data: Annotated[str, tyro.conf.Positional, tyro.conf.arg(help=f"one of {', '.join(SOURCES)}")],
    *,
    results: arguments.KeptResults,
    models: arguments.Models = arguments.CAMVID_PAIR,
    split: str = "val",
    by: Literal["labels", "predictions"] = "labels",
    block: int = 1,
    target: str | None = None,
    limit: int | None = None,
) -> None:
    """What classes take from each other: target class by source class by level over a data set, in both models.

    Writes trade.csv (one line per number, with its 95 % interval over images), trade.json, trade.png, trade.pdf and
    trade.txt, the caption. Interrupted, the same command goes on where it was. Several processes share the images by
    torchrun --nproc-per-node 2 -m rsp_lab trade ..., all with one folder.

    Args:
        split: of the data set.
        by: whose labels name targets and sources: the true ones, or each model's own predictions.
        block: how many successive images are one observation of the intervals: more than 1 for frames of a video.
        target: whose row the picture shows level by level; default: where context sets the models most apart.
        limit: only the first images; a later call may ask for more and goes on.
    """
    for name, number in (("limit", limit), ("block", block)):
        if number is not None and number < 1:
            raise ValueError(f"--{name} must be at least 1, got {number}.")
    FILES.check(results.out)
    shard = Shard.of_environment()
    samples = open_split(data, split, labels="required" if by == "labels" else "unread", things=False)
    pair, out = models.load(), results.out
    check_comparable(*pair)
    names = pair_names(*pair)
    if samples.table.classes != pair[0].class_names:
        raise ValueError(
            f"{models.left} and {models.right} know other classes than {data} has: name weights that were trained on "
            "it with --left and --right."
        )
    if target is not None:
        class_index(target, pair[0].class_names)
    left, right = map(digest, models.files)
    question = TradeQuestion(names, (left, right), f"{data} {split}", by, block, __version__)
    with kept(kept_state(out, out, "trade*.state.safetensors")):
        with progress_on_stderr("trade", "images", process=(shard.rank, shard.size)) as report:
            result = run_trade(
                *pair, samples, question, out, count=limit, shard=shard, fresh=results.fresh, report=report
            )
        if result is None:
            return
        facts = report_facts(result, data=question.data)
        with FILES.folder(out) as folder:
            write_csv(result, folder / "trade.csv")
            write_atomic(folder / "trade.txt", trade_caption(result, target=target) + "\n")
            write_report(folder, "trade", facts, {"trade": draw_trade(result, target=target)}, indent=None)
    if results.json:
        print(to_json(facts, indent=None))
        return
    clear, tested = result.clear_entries()
    print("\n".join(result.sentences()) or "No difference between the models has an interval that excludes 0.")
    print(
        f"{clear} of {tested} differences, on one level from one source, have a 95 % interval that excludes 0; "
        f"about {0.05 * tested:.0f} would if there were none."
    )
    say(f"wrote {out}: {result.seen} images, largest relative residual of a ledger {result.residual:.1g}")


def write_csv(result: TradeMatrix, path: Path) -> None:
    """One line for each of :meth:`TradeMatrix.rows`; sides are the models' names and "right minus left"."""
    titles = dict(zip(SIDES, (*result.names, "right minus left"), strict=True))
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        table.writerows({**row, "side": titles[row["side"]]} for row in result.rows())
