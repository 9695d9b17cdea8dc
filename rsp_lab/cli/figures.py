"""The command that draws the paper's figures and sets its tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import tyro

from rsp_lab.cli import arguments
from rsp_lab.cli.figure_catalogue import FIGURES, GROUPS, Subject
from rsp_lab.cli.output import print_rows, say
from rsp_lab.data.images import read_image
from rsp_lab.data.label_files import read_label
from rsp_lab.data.labels import table_for
from rsp_lab.data.scenes.dataset import FIRST_SEED, SIZE
from rsp_lab.data.scenes.scene import draw_scene
from rsp_lab.figures.paper.tables import latex_table, markdown_table
from rsp_lab.figures.style import DOUBLE, SINGLE, save
from rsp_lab.files import read_json, to_json, whole_folder, write_atomic
from rsp_lab.models import weights
from rsp_lab.models.paper.printed import paired_tables
from rsp_lab.models.segmenter import Segmenter

SCENE = FIRST_SEED["val"]
"""Seed of the scene that is drawn where no image is given: the first of the val split, on which nothing was trained."""

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
    pixel: tuple[int, int] | None = None,
    channel: int | None = None,
    step: str | None = None,
    format_: Annotated[tuple[Format, ...], tyro.conf.arg(name="format")] = ("pdf", "png"),
    width: Literal["page", "column"] = "page",
    scores: Annotated[Path | None, tyro.conf.arg(metavar="JSON")] = None,
    scenes: int = 8,
    list_: Annotated[bool, tyro.conf.arg(name="list")] = False,
    json: arguments.Json = False,
) -> None:
    """The paper's figures and tables for your models and images: fig1 to fig5, tables, ledger, gaze, distance, all.

    Beside each figure stands a caption (.txt) that names models, image, pixel, rules and scales. The same input gives
    the same bytes. tables writes tables.md and tables.tex.

    Args:
        out: folder to write to; made if missing.
        image: one or more images; default: a drawn scene that the program draws.
        labels: true label ids of the one image, for fig5a.
        left: weights; default: camvid-baseline for your images, scenes-baseline for the drawn scene.
        right: weights; default: camvid-rsp4, scenes-rsp4 for the drawn scene.
        pixel: row and column to look at; default: inside the largest disagreement.
        channel: of the maps; default: by class selectivity.
        step: of fig3, e.g. step54; default: the middle one.
        format_: of the figures, one or more.
        width: of the page (7.16 inches) or of one column (3.5) where the figure has that form.
        scores: our scores for tables, a JSON object such as {"I/RSP-4, ResNet-50-FPN": 77.1}, in per cent.
        scenes: of each case and distance, for distance.
        list_: say what there is, and draw nothing.
    """
    if list_:
        _say_what_there_is(json)
        return
    names = _names(which)
    if out is None:
        raise ValueError("name a folder to write to: -o DIR.")
    if labels is not None and len(image) != 1:
        raise ValueError(f"--labels are of one image, got {len(image)}: give one --image with it.")
    if scenes < 1:
        raise ValueError(f"--scenes must be at least 1, got {scenes}.")
    doubled = [stem for stem, count in Counter(path.stem for path in image).items() if count > 1]
    if doubled:
        raise ValueError(f"two images are called {doubled[0]!r}, and so would their figures: rename one.")
    records: list[dict[str, Any]] = []
    with whole_folder(out, protect=[*image, *(path for path in (labels, scores) if path)]) as folder:
        if "tables" in names:
            records.append(_write_tables(folder, scores))
        drawn = [name for name in names if name != "tables"]
        if drawn:
            models = _models(left, right, given=bool(image))
            asked: dict[str, Any] = {"pixel": pixel, "channel": channel, "step": step, "scenes": scenes}
            asked["width"] = SINGLE if width == "column" else DOUBLE
            for number, subject in enumerate(_subjects(image, labels, models, asked)):
                stem = image[number].stem if len(image) > 1 else ""
                records += _draw(
                    folder, [n for n in drawn if FIGURES[n].per_image or not number], subject, stem, format_
                )
    if json:
        print(to_json(records))
    say(f"wrote {sum(len(record['files']) for record in records)} files to {out}")


def _names(which: tuple[str, ...]) -> tuple[str, ...]:
    if not which:
        raise ValueError(f"name what to draw: {', '.join((*FIGURES, 'tables', *GROUPS))}; --list says what they are.")
    found: dict[str, None] = {}
    for name in which:
        for one in GROUPS.get(name, (name,)):
            if one not in FIGURES and one != "tables":
                known = ", ".join((*FIGURES, "tables", *GROUPS))
                raise ValueError(f"{name!r} is no figure here; expected some of {known}.")
            found[one] = None
    return tuple(found)


def _models(left: str | None, right: str | None, *, given: bool) -> tuple[tuple[Segmenter, Segmenter], tuple[str, str]]:
    kind = "camvid" if given else "scenes"
    names = left or f"{kind}-baseline", right or f"{kind}-rsp4"
    return (weights.load(names[0]), weights.load(names[1])), names


def _subjects(
    images: tuple[Path, ...],
    labels: Path | None,
    models: tuple[tuple[Segmenter, Segmenter], tuple[str, str]],
    asked: dict[str, Any],
) -> Iterator[Subject]:
    pair, names = models
    if not images:
        scene = draw_scene(SCENE, *SIZE)
        known = scene.label.numpy() if pair[1].config.label_table == "cityscapes" else None
        yield Subject(f"drawn scene, seed {SCENE}", scene.image, known, pair, names, given=False, **asked)
    for path in images:
        truth: np.ndarray | None = None
        if labels is not None:
            config = pair[1].config
            truth = read_label(labels, table_for(config.class_names, config.label_table)).numpy()
        yield Subject(path.name, read_image(path), truth, pair, names, given=True, **asked)


def _draw(
    folder: Path, names: list[str], subject: Subject, stem: str, formats: tuple[Format, ...]
) -> list[dict[str, Any]]:
    records = []
    for name in names:
        kind = FIGURES[name]
        if subject.width < DOUBLE and not kind.column:
            say(f"{name} has the width of a page only")
        say(f"drawing {name}{f' of {stem}' if stem and kind.per_image else ''}")
        figure, caption, data = kind.draw(subject)
        base = f"{name}-{stem}" if stem and kind.per_image else name
        files = [save(figure, folder / f"{base}.{ending}").name for ending in dict.fromkeys(formats)]
        write_atomic(folder / f"{base}.txt", caption + "\n")
        shown = subject.image_name if kind.per_image else None
        record = {"figure": name, "image": shown, "models": [*subject.names], "files": [*files, f"{base}.txt"]}
        records.append({**record, "caption": caption, "data": data})
    return records


def _write_tables(folder: Path, scores: Path | None) -> dict[str, Any]:
    say("counting the tables' costs")
    tables = paired_tables(_read_scores(scores))
    write_atomic(folder / "tables.md", "\n".join(map(markdown_table, tables)))
    text = "\n".join(["% Needs \\usepackage{booktabs} in the preamble.", *map(latex_table, tables)])
    write_atomic(folder / "tables.tex", text)
    data = [table.to_dict() for table in tables]
    return {"figure": "tables", "image": None, "files": ["tables.md", "tables.tex"], "data": data}


def _read_scores(path: Path | None) -> dict[str, float]:
    if path is None:
        return {}
    remedy = 'Give one object of numbers, such as {"I/RSP-4, ResNet-50-FPN": 77.1}.'
    found = read_json(path, "table of scores", remedy=remedy)
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in found.values()):
        raise ValueError(f"{path}: not all of its scores are numbers. {remedy}")
    return {str(key): float(value) for key, value in found.items()}


def _say_what_there_is(as_json: bool) -> None:
    rows = [
        {
            "name": name,
            "shows": kind.words,
            "width": "page or column" if kind.column else "page",
            "each image": "yes" if kind.per_image else "no",
        }
        for name, kind in FIGURES.items()
    ]
    rows.append(
        {"name": "tables", "shows": "Tables I to VI, the paper's numbers and ours", "width": "", "each image": "no"}
    )
    rows += [{"name": n, "shows": ", ".join(parts), "width": "", "each image": ""} for n, parts in GROUPS.items()]
    print_rows(rows, as_json)
