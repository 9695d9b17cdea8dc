"""The command line: words to calls. Wrong input ends in one line on stderr and exit code 2."""

from __future__ import annotations

import json as json_module
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import tyro
from rich.console import Console
from rich.table import Table

from rsp_lab import bench as measurements
from rsp_lab._version import __version__
from rsp_lab.analysis import compare as comparison
from rsp_lab.analysis import explain as explanation
from rsp_lab.analysis.ledger import LedgerError
from rsp_lab.data import images
from rsp_lab.data.labels import table_for
from rsp_lab.data.street import scene as planted
from rsp_lab.data.street.files import write_cityscapes_layout
from rsp_lab.figures.caption import caption
from rsp_lab.figures.comparison import draw_all
from rsp_lab.figures.contact_sheet import draw_contact_sheet
from rsp_lab.figures.ledger import draw_ledger
from rsp_lab.figures.style import save
from rsp_lab.models import paper_tables, weights

_Json = Annotated[bool, tyro.conf.arg(name="json", help="print JSON instead of a table")]
_Out = Annotated[Path, tyro.conf.arg(aliases=("-o",), metavar="DIR", help="folder to write to; made if missing")]
_Image = Annotated[
    Path, tyro.conf.Positional, tyro.conf.arg(metavar="IMAGE", help="any readable image of 64 x 64 to 4096 x 4096")
]
_Model = Annotated[str, tyro.conf.arg(help="shipped name or path of a .safetensors file")]
_Measure = Annotated[Literal["relation", "capture", "forward", "analysis"], tyro.conf.Positional]

_LARGE_PIXELS = 2_000_000
FORMATS = ("png", "pdf")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _print_rows(rows: list[dict[str, Any]], as_json: bool) -> None:
    """A list of flat objects as JSON or as a table."""
    if as_json:
        print(json_module.dumps(rows, indent=1))
        return
    table = Table()
    for name in rows[0]:
        table.add_column(name, justify="left" if isinstance(rows[0][name], str) else "right")
    for row in rows:
        table.add_row(*("" if value is None else f"{value}" for value in row.values()))
    # As wide as the content when the output is no terminal: a pipe must not cut columns.
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def models(*, json: _Json = False) -> None:
    """The weights that come with the package."""
    rows = []
    for name, path in weights.shipped().items():
        config, metadata = weights.read_header(path)
        rows.append(
            {
                "name": name,
                "encoder": config.pyramid.encoder,
                "steps": " ".join(type(f).__name__.removesuffix("Config") for f in getattr(config.head, "fusions", ())),
                "classes": len(config.class_names),
                "val_miou": metadata.get("validation", {}).get("miou"),
                "data": metadata.get("data"),
                "terms": metadata.get("terms"),
                "megabytes": round(path.stat().st_size / 1e6, 2),
            }
        )
    if not rows:
        raise ValueError("no weights come with this installation; train some with `python -m trainers`.")
    _print_rows(rows, json)


def tables(*, json: _Json = False) -> None:
    """Cost columns of Tables I, III, IV, V, VI: counted from the built modules, beside the paper's print."""
    rows = paper_tables.cost_tables()
    if json:
        _print_rows([row.to_dict() for row in rows], True)
        return
    shown = [
        {
            "table": row.table,
            "row": row.row,
            "G here": f"{row.gmacs:.2f}",
            "G paper": f"{row.gmacs_paper:.1f}",
            "MB here": f"{row.megabytes:.2f}",
            "MB paper": f"{row.megabytes_paper:.1f}",
            "note": row.note and f"({1 + sorted({r.note for r in rows if r.note}).index(row.note)})",
        }
        for row in rows
    ]
    _print_rows(shown, False)
    print("G: multiply-adds of the head (10^9) at 1024 x 2048, 19 classes. MB: float32 parameters (10^6 bytes).")
    print(
        "Open in the paper, ours: softmax over the window; window masked at borders; GroupNorm(32) after the Q convs."
    )
    for number, note in enumerate(sorted({row.note for row in rows if row.note}), start=1):
        print(f"({number}) {note}.")


def scenes_(
    out: _Out,
    *,
    n: Annotated[int, tyro.conf.arg(aliases=("-n",))] = 8,
    seed: int = 0,
    size: tuple[int, int] = (256, 512),
    case: str | None = None,
    distance: int | None = None,
    split: Literal["train", "val", "test"] = "train",
    pairs: bool = False,
    sheet: Path | None = None,
) -> None:
    """Draws street scenes in which the deciding context is known, in Cityscapes' folder layout.

    Writes leftImg8bit/SPLIT/CASE/*.png and, under gtFine, label and instance ids, the masks of the ambiguous region,
    its cue and its decoys, and the facts as JSON.

    Args:
        n: scenes to draw.
        seed: of the first scene; the next ones count up.
        size: rows and columns, 64 128 to 2048 4096.
        case: person-rider, road-pavement or car-bus; default: they take turns.
        distance: from the region to its cue in pixels; default: at random.
        split: folder below leftImg8bit and gtFine.
        pairs: write both readings of each scene, which differ in the cue's pixels and the region's class alone.
        sheet: also draw all scenes with their outlines on one sheet (.png, .pdf or .svg).
    """
    if n < 1:
        raise ValueError(f"-n must be at least 1, got {n}.")
    drawn: list[planted.PlantedScene] = []
    for number in range(seed, seed + n):
        if pairs:
            drawn += planted.plant_pair(number, *size, case=case, distance=distance)
        else:
            drawn.append(planted.plant(number, *size, case=case, distance=distance))
    write_cityscapes_layout(drawn, out, split)
    _say(f"{len(drawn)} scenes in {out}")
    if sheet is not None:
        _say(f"sheet in {save(draw_contact_sheet(drawn), sheet, dpi=200)}")


@contextmanager
def _whole_folder(out: Path) -> Iterator[Path]:
    """A temporary folder whose files move to ``out`` when all of them are written, or not at all.

    Folders that had to be made for ``out`` go again when nothing was written.
    """
    try:
        made = [folder for folder in (out, *out.parents) if not folder.exists()]
        out.mkdir(parents=True, exist_ok=True)
        unfinished = tempfile.TemporaryDirectory(dir=out, prefix=".unfinished-")
    except OSError as error:
        reason = error.strerror or str(error)
        raise ValueError(f"cannot write to {out}: {reason}. Choose another folder with -o.") from error
    try:
        with unfinished as folder:
            yield Path(folder)
            files = sorted(Path(folder).iterdir())
            for file in files:
                if (out / file.name).is_dir():
                    raise ValueError(f"{out / file.name} is a folder and in the way. Choose another folder with -o.")
            for file in files:
                os.replace(file, out / file.name)
    except BaseException:
        with suppress(OSError):
            for path in made:
                path.rmdir()
        raise


def compare(
    image: _Image,
    out: _Out,
    *,
    left: _Model = "camvid-baseline",
    right: _Model = "camvid-rsp4",
    pixel: tuple[int, int] | None = None,
    channel: int | None = None,
) -> None:
    """Two models side by side on one photograph: predictions, context flow, key and query, relation weights.

    Writes predictions, context_flow, key_query and relation_grids as PNG and PDF, captions.txt and summary.json.

    Args:
        pixel: row and column to look at; default: inside the largest disagreement.
        channel: to show in the context flow; default: by class selectivity, the rule is written to summary.json.
    """
    began = time.perf_counter()
    picture = images.read_image(image)
    pair, names = (weights.load(left), weights.load(right)), (left, right)
    comparison.check_request(picture, pair, names, pixel=pixel, channel=channel)
    height, width = picture.shape[-2:]
    with _whole_folder(out) as folder:
        if height * width > _LARGE_PIXELS:
            _say(f"{height} x {width} pixels: {comparison.expected_cost(picture, pair, names)}")
        _say(f"running {left} and {right} on {height} x {width} pixels")
        result = comparison.compare(picture, pair, names, pixel=pixel, channel=channel)
        _say("drawing")
        figures = draw_all(result, table_for(result.class_names, pair[1].config.label_table))
        for name, figure in figures.items():
            for suffix in FORMATS:
                save(figure, folder / f"{name}.{suffix}")
        captions = "\n\n".join(f"{name}: {caption(result, name)}" for name in figures)
        (folder / "captions.txt").write_text(captions + "\n", encoding="utf-8")
        summary = {"image": image.name, "rsp_lab": __version__, "torch": torch.__version__, **result.to_dict()}
        (folder / "summary.json").write_text(json_module.dumps(summary, indent=1) + "\n", encoding="utf-8")
    print(result.sentence())
    _say(f"wrote {out} in {time.perf_counter() - began:.1f} s")


def explain(
    image: _Image,
    *,
    pixel: tuple[int, int],
    class_: Annotated[str | None, tyro.conf.arg(name="class")] = None,
    rival: str | None = None,
    left: _Model = "camvid-baseline",
    right: _Model = "camvid-rsp4",
    out: Annotated[Path | None, tyro.conf.arg(aliases=("-o",), metavar="DIR")] = None,
    json: _Json = False,
) -> None:
    """The story of one pixel in two models: what each level and cell adds to the decision, what was refused, the gaze.

    Args:
        pixel: row and column.
        class_: whose logit; default: what the right model says.
        rival: class it is held against; default: what the left model says, or else the right model's runner-up.
        out: folder for explain.png, explain.pdf and explain.json; made if missing. Default: nothing is written.
    """
    picture, pair = images.read_image(image), (weights.load(left), weights.load(right))
    about: dict[str, Any] = {"pixel": pixel, "class_name": class_, "rival": rival}
    explanation.check_explainable(picture, pair, (left, right), **about)
    with nullcontext() if out is None else _whole_folder(out) as folder:
        told = explanation.explain(picture, pair, (left, right), **about)
        facts = {"image": image.name, "rsp_lab": __version__, "torch": torch.__version__, **told.to_dict()}
        if folder is not None:
            figure = draw_ledger(told)
            for suffix in FORMATS:
                save(figure, folder / f"explain.{suffix}")
            (folder / "explain.json").write_text(json_module.dumps(facts, indent=1) + "\n", encoding="utf-8")
    print(json_module.dumps(facts, indent=1) if json else told.text())


def bench(what: _Measure, *, json: _Json = False, threads: int | None = None) -> None:
    """Measures speed and memory side by side in one run: relation, capture, whole forward passes, or analysis.

    Args:
        what: relation: fast path against unfolding; capture: with all steps captured against plain; forward: RSP-4
            against its baseline on ResNet-50; analysis: ledgers against forward passes of the same model.
        threads: of torch; default: torch's own choice.
    """
    if threads is not None and threads < 1:
        raise ValueError(f"--threads must be at least 1, got {threads}.")
    runs: dict[str, Callable[..., list[dict[str, Any]]]] = {
        "relation": measurements.bench_relation,
        "capture": measurements.bench_capture,
        "forward": measurements.bench_forward,
        "analysis": measurements.bench_analysis,
    }
    with measurements.threads(threads):
        _print_rows(runs[what](report=_say), json)


def main(arguments: list[str] | None = None) -> None:
    """Entry point of ``rsp-lab``."""
    looks: dict[str, Callable[..., Any]] = {"compare": compare, "explain": explain, "bench": bench}
    commands: dict[str, Callable[..., Any]] = {"models": models, "tables": tables, "scenes": scenes_, **looks}
    try:
        tyro.extras.subcommand_cli_from_dict(commands, prog="rsp-lab", args=arguments)
    except BrokenPipeError:
        # The reader of the output, such as head, is gone; what is still buffered for it must not raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except (ValueError, OSError, MemoryError, LedgerError) as error:
        _say(f"rsp-lab: {' '.join(str(error).split()) or type(error).__name__}")
        raise SystemExit(2) from None
    except RuntimeError as error:
        # torch has no class of its own for it.
        if "can't allocate memory" not in str(error):
            raise
        _say("rsp-lab: not enough memory for this image; give a smaller one")
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        _say("rsp-lab: interrupted; nothing was written")
        raise SystemExit(130) from None
