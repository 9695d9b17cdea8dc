"""The command about what classes take from each other over a data set."""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import tyro
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from rsp_lab._version import __version__
from rsp_lab.analysis.passes.pair import check_comparable, pair_names
from rsp_lab.analysis.targets.target import class_index
from rsp_lab.analysis.trade.matrix import SIDES, TradeMatrix
from rsp_lab.analysis.trade.run import Shard, TradeQuestion, run_trade
from rsp_lab.cli import arguments
from rsp_lab.cli.output import say
from rsp_lab.data.sources import SOURCES, open_split
from rsp_lab.figures.results.trade import draw_trade, trade_caption
from rsp_lab.figures.style import save
from rsp_lab.files import check_target, digest, to_json, whole_folder, write_atomic, write_json
from rsp_lab.interruption import kept
from rsp_lab.models import weights

_SAID_EVERY = 10.0
"""Seconds between two lines of progress where there is no terminal for a bar."""
COLUMNS = ("side", "target", "source", "level", "mean", "low", "high", "images", "blocks")


def trade(
    data: Annotated[str, tyro.conf.Positional, tyro.conf.arg(help=f"one of {', '.join(SOURCES)}")],
    out: arguments.Out,
    *,
    left: arguments.Model = "camvid-baseline",
    right: arguments.Model = "camvid-rsp4",
    split: str = "val",
    by: Literal["labels", "predictions"] = "labels",
    block: int = 1,
    target: str | None = None,
    limit: int | None = None,
    fresh: bool = False,
    json: arguments.Json = False,
) -> None:
    """What classes take from each other: target class by source class by level over a data set, in both models.

    Writes trade.csv (one line a number, with its 95 % interval over images), trade.json, trade.png, trade.pdf and
    trade.txt, the caption. Interrupted, the same command goes on where it was. Several processes share the images by
    torchrun --nproc-per-node 2 -m rsp_lab trade ..., all with one folder.

    Args:
        split: of the data set.
        by: whose labels name targets and sources: the true ones, or each model's own predictions.
        block: how many successive images are one observation of the intervals: more than 1 for frames of a video.
        target: whose row the picture shows level by level; default: where context sets the models most apart.
        limit: only the first images; a later call may ask for more and goes on.
        fresh: forget what an earlier call has done.
    """
    for name, number in (("limit", limit), ("block", block)):
        if number is not None and number < 1:
            raise ValueError(f"--{name} must be at least 1, got {number}.")
    shard = Shard.of_environment()
    samples = open_split(data, split, labels="required" if by == "labels" else "unread")
    pair = (weights.load(left), weights.load(right))
    check_comparable(*pair)
    names = pair_names(*pair)
    if samples.table.classes != pair[0].config.class_names:
        raise ValueError(
            f"{left} and {right} know other classes than {data} has: name weights that were trained on it with --left "
            "and --right."
        )
    if target is not None:
        class_index(target, pair[0].config.class_names)
    files = weights.resolve(left), weights.resolve(right)
    question = TradeQuestion(names, (digest(files[0]), digest(files[1])), f"{data} {split}", by, block, __version__)
    check_target(out / "trade.json")  # where nothing can be written, it is better to know before the work
    with kept(f"what is done is kept in {out}, and the same command goes on"):
        with _progress(shard) as report:
            result = run_trade(*pair, samples, question, out, count=limit, shard=shard, fresh=fresh, report=report)
        if result is None:
            return
        facts = {"rsp_lab": __version__, "torch": torch.__version__, "data": question.data, **result.to_dict()}
        _write(result, facts, out, target)
    if json:
        print(to_json(facts, indent=None))
        return
    clear, tested = result.clear_entries()
    print("\n".join(result.sentences()) or "No difference between the models has an interval that excludes 0.")
    print(
        f"{clear} of {tested} differences, on one level from one source, have a 95 % interval that excludes 0; "
        f"about {0.05 * tested:.0f} would if there were none."
    )
    say(f"wrote {out}: {result.seen} images, largest relative residual of a ledger {result.residual:.1g}")


def _write(result: TradeMatrix, facts: dict[str, Any], out: Path, target: str | None) -> None:
    with whole_folder(out) as folder:
        write_csv(result, folder / "trade.csv")
        write_json(folder / "trade.json", facts, indent=None)
        write_atomic(folder / "trade.txt", trade_caption(result, target=target) + "\n")
        figure = draw_trade(result, target=target)
        for suffix in arguments.FORMATS:
            save(figure, folder / f"trade.{suffix}")


def write_csv(result: TradeMatrix, path: Path) -> None:
    """One line for each of :meth:`TradeMatrix.rows`; sides are the models' names and "right minus left"."""
    titles = dict(zip(SIDES, (*result.names, "right minus left"), strict=True))
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        table.writerows({**row, "side": titles[row["side"]]} for row in result.rows())


@contextmanager
def _progress(shard: Shard) -> Iterator[Callable[[int, int], None]]:
    """A bar for one process on a terminal, else lines now and then."""
    if shard.size > 1 or not sys.stderr.isatty():
        yield _lines(shard)
        return
    columns = TextColumn("trade"), BarColumn(), MofNCompleteColumn(), TextColumn("images"), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("trade", total=None)
        yield lambda done, count: bar.update(task, completed=done, total=count)


def _lines(shard: Shard) -> Callable[[int, int], None]:
    began = said = time.monotonic()
    before: int | None = None

    def report(done: int, count: int) -> None:
        nonlocal said, before
        before = done - 1 if before is None else before
        now = time.monotonic()
        if now - said < _SAID_EVERY and done < count:
            return
        said = now
        left = (now - began) / (done - before) * (count - done)
        whose = f", process {shard.rank + 1} of {shard.size}" if shard.size > 1 else ""
        say(f"{done} of {count} images{whose}, about {left:.0f} s left")

    return report
