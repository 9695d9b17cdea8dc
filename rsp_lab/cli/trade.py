"""The command about what classes take from each other over a data set."""

from __future__ import annotations

import csv
import hashlib
import json as json_module
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import torch
import tyro

from rsp_lab._version import __version__
from rsp_lab.analysis.compare import check_comparable
from rsp_lab.analysis.trade import SIDES, TradeMatrix
from rsp_lab.analysis.trade_run import Shard, TradeQuestion, run_trade
from rsp_lab.cli import words
from rsp_lab.cli.output import say, whole_folder
from rsp_lab.data.sources import SOURCES, open_split
from rsp_lab.figures.style import save
from rsp_lab.figures.trade import draw_trade
from rsp_lab.models import weights

_SAID_EVERY = 10.0
"""Seconds between two lines of progress."""


def trade(
    data: Annotated[str, tyro.conf.Positional, tyro.conf.arg(help=f"one of {', '.join(SOURCES)}")],
    out: words.Out,
    *,
    left: words.Model = "camvid-baseline",
    right: words.Model = "camvid-rsp4",
    split: str = "val",
    by: Literal["labels", "predictions"] = "labels",
    limit: int | None = None,
    fresh: bool = False,
    json: words.Json = False,
) -> None:
    """What classes take from each other: target class by source class by level over a data set, in both models.

    Writes trade.csv (one line an entry, with 95 % intervals over images), trade.json, trade.png and trade.pdf. It goes
    on where it was interrupted; several processes share the images by torchrun -m rsp_lab trade ...

    Args:
        split: of the data set.
        by: whose labels name targets and sources: the true ones, or each model's own predictions.
        limit: only the first images.
        fresh: forget what an interrupted run has done.
    """
    pair, names, shard = (weights.load(left), weights.load(right)), (left, right), Shard.of_environment()
    check_comparable(pair, names)
    samples = open_split(data, split)
    if SOURCES[data].table.classes != pair[0].config.class_names:
        raise ValueError(f"{left} and {right} know other classes than {data}: choose weights trained on its classes.")
    if limit is not None and limit < 1:
        raise ValueError(f"--limit must be at least 1, got {limit}.")
    images = len(samples) if limit is None else min(limit, len(samples))
    digests = _digest(left), _digest(right)
    question = TradeQuestion(names, f"{data} {split}", by, images, digests)
    out.mkdir(parents=True, exist_ok=True)
    result = run_trade(pair, samples, question, out, shard=shard, fresh=fresh, report=_progress(shard))
    if result is None:
        return
    facts = {"rsp_lab": __version__, "torch": torch.__version__, "data": question.data, **result.to_dict()}
    with whole_folder(out) as folder:
        write_csv(result, folder / "trade.csv")
        (folder / "trade.json").write_text(json_module.dumps(facts, indent=1) + "\n", encoding="utf-8")
        figure = draw_trade(result)
        for suffix in words.FORMATS:
            save(figure, folder / f"trade.{suffix}")
    if json:
        print(json_module.dumps(facts, indent=1))
    else:
        said = result.sentences()
        print("\n".join(said) if said else "No difference between the models whose interval excludes 0.")
        say(f"wrote {out}: {result.seen} images, largest residual of a ledger {result.residual:.1g}")


def write_csv(result: TradeMatrix, path: Path) -> None:
    """One line an entry; sides are the models' names and "right minus left"."""
    titles = dict(zip(SIDES, (*result.names, "right minus left"), strict=True))
    rows = result.rows()
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, ["side", "target", "source", "level", "mean", "low", "high", "images"])
        table.writeheader()
        table.writerows({**row, "side": titles[row["side"]]} for row in rows)


def _progress(shard: Shard) -> Callable[[int, int], None]:
    began, said = time.monotonic(), [0.0]
    start: list[int] = []

    def report(done: int, count: int) -> None:
        start.append(done - 1)
        now = time.monotonic() - began
        if now - said[0] < (1.0 if sys.stderr.isatty() else _SAID_EVERY) and done < count:
            return
        said[0] = now
        left = now / (done - start[0]) * (count - done)
        whose = f" (process {shard.rank + 1} of {shard.size})" if shard.size > 1 else ""
        say(f"{done} of {count} images{whose}, about {left:.0f} s left")

    return report


def _digest(name: str) -> str:
    return hashlib.sha256(weights.resolve(name).read_bytes()).hexdigest()[:16]
