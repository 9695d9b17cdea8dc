"""The command that draws the paper's figures and sets its tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.cli.arguments import WIDTHS, Device, Width
from rsp_lab.cli.output import Json, print_rows, say
from rsp_lab.cli.reports import ReportFiles
from rsp_lab.data.images import read_image
from rsp_lab.data.label_files import read_label
from rsp_lab.data.scenes.dataset import FIRST_SEED, SIZE
from rsp_lab.data.scenes.scene import draw_scene
from rsp_lab.data.tables import table_for
from rsp_lab.figures.catalogue import FIGURES, PAPER, figure_kind
from rsp_lab.figures.figure_input import FigureInput, semantic_branches
from rsp_lab.figures.paper.tables import latex_table, markdown_table
from rsp_lab.figures.style import DOUBLE, save
from rsp_lab.files import read_json, readable_name, to_json, write_atomic
from rsp_lab.models.inspection.cost import PAPER_INPUT
from rsp_lab.models.load_any import load_whole
from rsp_lab.models.paper.printed import paired_tables

SCENE = FIRST_SEED["val"]
"""Seed of the scene that is drawn where no image is given: the first of the val split, on which nothing was trained."""

TABLES = "tables"
GROUPS: dict[str, tuple[str, ...]] = {
    "fig5": ("fig5a", "fig5b"),
    "paper": (*PAPER, TABLES),
    "all": (*(kind.paper or name for name, kind in FIGURES.items() if kind.about != "scenes"), TABLES),
}
"""Names that stand for several; what a group holds and these models do not have is left out."""

_OF: dict[str, tuple[str, ...]] = {
    "step": ("dataflow",),
    "channel": ("context_flow", "context_paths"),
    "labels": ("predictions", "decision_flow", "flips"),
    "scenes": ("distance",),
    "scores": (TABLES,),
}
"""Of each option that not every figure looks at: those that do."""

Format = Literal["pdf", "svg", "png"]
Which = Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="FIGURE", help="see --list")]


def figures(
    which: Which = (),
    *,
    out: Annotated[Path | None, tyro.conf.arg(aliases=("-o",), metavar="DIR")] = None,
    image: tuple[Path, ...] = (),
    labels: Annotated[Path | None, tyro.conf.arg(metavar="PNG")] = None,
    left: str | None = None,
    right: str | None = None,
    model: str | None = None,
    pixel: tuple[int, int] | None = None,
    channel: int | None = None,
    step: str | None = None,
    format_: Annotated[tuple[Format, ...], tyro.conf.arg(name="format")] = ("pdf", "png"),
    width: Width = "page",
    scores: Annotated[Path | None, tyro.conf.arg(metavar="JSON")] = None,
    scenes: int | None = None,
    device: Device = "auto",
    list_: Annotated[bool, tyro.conf.arg(name="list")] = False,
    json: Json = False,
) -> None:
    """The paper's figures and tables, and those of the analyses, for your models and images; --list names them.

    Beside each figure stands a caption (.txt) that names models, image, pixel, rules and scales. The same input gives
    the same bytes. tables writes tables.md and tables.tex.

    Args:
        out: folder to write to; made if missing.
        image: one or more images; default: a drawn scene that the program draws.
        labels: true label ids of the one image, for predictions and flips.
        left: weights; default: camvid-baseline for your images, scenes-baseline for the drawn scene.
        right: weights; default: camvid-rsp4, scenes-rsp4 for the drawn scene.
        model: weights of one model that is drawn alone, in place of left and right.
        pixel: row and column to look at; default: inside the largest disagreement, for one model the centre.
        channel: of the maps; default: by class selectivity.
        step: of the data flow, e.g. step54; default: the middle one.
        format_: of the figures, one or more.
        width: of the page (7.16 inches) or of one column (3.5) where the figure has that form.
        scores: our scores for tables, a JSON object such as {"I/RSP-4, ResNet-50-FPN": 77.1}, in per cent.
        scenes: of each case and distance, for distance; default: 8.
        list_: say what there is, and draw nothing.
    """
    if list_:
        _print_list(json)
        return
    names = _names(which)
    if out is None:
        raise ValueError("name a folder to write to: -o DIR.")
    if model is not None and (left is not None or right is not None):
        raise ValueError("--model draws one model alone: give it, or --left and --right.")
    if labels is not None and len(image) != 1:
        raise ValueError(f"--labels are of one image, got {len(image)}: give one --image with it.")
    _check_used(names, step=step, channel=channel, labels=labels, scenes=scenes, scores=scores)
    if scenes is not None and scenes < 1:
        raise ValueError(f"--scenes must be at least 1, got {scenes}.")
    doubled = [stem for stem, count in Counter(path.stem for path in image).items() if count > 1]
    if doubled:
        raise ValueError(f"two images are called {doubled[0]!r}, and so would their figures: rename one.")
    records: list[dict[str, Any]] = []
    files = _files(names, [path.stem for path in image] if len(image) > 1 else [""], format_)
    with files.folder(out, [*image, *(path for path in (labels, scores) if path)]) as folder:
        if TABLES in names:
            records.append(_write_tables(folder, scores))
        drawn = {name: grouped for name, grouped in names.items() if name != TABLES}
        if drawn:
            kind = "camvid" if image else "scenes"
            chosen = (model,) if model else (left or f"{kind}-baseline", right or f"{kind}-rsp4")
            options: dict[str, Any] = {"channel": channel, "step": step, "scenes": 8 if scenes is None else scenes}
            options["target"] = None if pixel is None else PixelTarget(*pixel)
            options["width"] = WIDTHS[width]
            for number, given in enumerate(_inputs(image, labels, chosen, device, options)):
                stem = image[number].stem if len(image) > 1 else ""
                wanted = {n: g for n, g in drawn.items() if _each(n) or not number}
                records += _draw(folder, wanted, given, stem, format_)
    if json:
        print(to_json(records))
    say(f"wrote {sum(len(record['files']) for record in records)} files to {out}")


def _names(which: tuple[str, ...]) -> dict[str, bool]:
    """Each figure once, by the name that its files get, and whether only a group named it."""
    known = ", ".join((*FIGURES, TABLES, *PAPER, *GROUPS))
    if not which:
        raise ValueError(f"name what to draw: {known}; --list says what they are.")
    names: dict[str, bool] = {}
    for word in which:
        for name in GROUPS.get(word, (word,)):
            if name != TABLES and PAPER.get(name, name) not in FIGURES:
                raise ValueError(f"{name!r} is no figure here; expected some of {known}.")
            twin = next((other for other in names if PAPER.get(other, other) == PAPER.get(name, name)), name)
            names[twin] = names.get(twin, True) and word in GROUPS
    return names


def _check_used(names: Collection[str], **options: object) -> None:
    """Refuses an option that none of the figures looks at."""
    drawn = {PAPER.get(name, name) for name in names}
    for option, given in options.items():
        if given is not None and not drawn & set(_OF[option]):
            raise ValueError(f"--{option} is of {' or '.join(_OF[option])}: name one of them, or leave it off.")


def _files(names: Collection[str], stems: Sequence[str], formats: Sequence[Format]) -> ReportFiles:
    """What may be written: of each figure, for every image where it is about images."""
    drawn = [name for name in names if name != TABLES]
    bases = tuple(dict.fromkeys(_base(name, stem) for name in drawn for stem in (stems if _each(name) else [""])))
    tables = ("tables.md", "tables.tex") if TABLES in names else ()
    return ReportFiles(None, bases, (*(f"{base}.txt" for base in bases), *tables), tuple(formats))


def _each(name: str) -> bool:
    """Whether there is one such figure of every image."""
    return figure_kind(name).about == "image"


def _base(name: str, stem: str) -> str:
    return f"{name}-{stem}" if stem else name


def _inputs(
    images: tuple[Path, ...], labels: Path | None, names: tuple[str, ...], device: str, options: dict[str, Any]
) -> Iterator[FigureInput]:
    whole = tuple(load_whole(name, device) for name in names)
    models, options = semantic_branches(whole), {**options, "whole": whole}
    last = models[-1]
    if not images:
        scene = draw_scene(SCENE, *SIZE)
        truth = scene.label if last.label_table == "cityscapes" else None
        name = f"drawn scene, seed {SCENE}"
        yield FigureInput(models, scene.image, name, labels=truth, geometry=PAPER_INPUT, **options)
    for path in images:
        truth = None if labels is None else read_label(labels, table_for(last.class_names, last.label_table))
        yield FigureInput(models, read_image(path), readable_name(path.name), labels=truth, **options)


def _draw(
    folder: Path, names: dict[str, bool], given: FigureInput, stem: str, formats: Sequence[Format]
) -> list[dict[str, Any]]:
    records = []
    for name, grouped in names.items():
        kind = figure_kind(name)
        reason = kind.refusal(given)
        if reason is not None and grouped:
            say(f"{name} is left out: {reason}")
            continue
        if given.width < DOUBLE and not kind.column:
            say(f"{name} has the width of a page only")
        each = _each(name)
        say(f"drawing {name}{f' of {stem}' if stem and each else ''}")
        figure, caption, data = kind.draw(given)
        base = _base(name, stem if each else "")
        files = [save(figure, folder / f"{base}.{ending}").name for ending in dict.fromkeys(formats)]
        write_atomic(folder / f"{base}.txt", caption + "\n")
        record = {"figure": name, "image": given.image_name if each else None, "models": [*given.names]}
        records.append({**record, "files": [*files, f"{base}.txt"], "caption": caption, "data": data})
    return records


def _write_tables(folder: Path, scores: Path | None) -> dict[str, Any]:
    say("counting the tables' costs")
    tables = paired_tables(_read_scores(scores))
    write_atomic(folder / "tables.md", "\n".join(map(markdown_table, tables)))
    text = "\n".join(["% Made by rsp_lab. Needs \\usepackage{booktabs} in the preamble.", *map(latex_table, tables)])
    write_atomic(folder / "tables.tex", text)
    data = [table.to_dict() for table in tables]
    return {"figure": TABLES, "image": None, "files": ["tables.md", "tables.tex"], "data": data}


def _read_scores(path: Path | None) -> dict[str, float]:
    if path is None:
        return {}
    remedy = 'Give one object of numbers, such as {"I/RSP-4, ResNet-50-FPN": 77.1}.'
    found = read_json(path, "table of scores", remedy=remedy)
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in found.values()):
        raise ValueError(f"{path}: not all of its scores are numbers. {remedy}")
    return {str(key): float(value) for key, value in found.items()}


def _print_list(as_json: bool) -> None:
    rows = [
        {
            "name": name,
            "paper": kind.paper,
            "shows": kind.shows,
            "width": "page or column" if kind.column else "page",
            "each image": "yes" if kind.about == "image" else "no",
        }
        for name, kind in FIGURES.items()
    ]
    blank = {"paper": "", "width": ""}
    rows.append({"name": TABLES, **blank, "shows": "Tables I to VI, the paper's numbers and ours.", "each image": "no"})
    rows += [{"name": name, **blank, "shows": ", ".join(parts), "each image": ""} for name, parts in GROUPS.items()]
    print_rows(rows, as_json)
