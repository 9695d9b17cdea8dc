"""What is fuzzed: each kind makes one case from a generator, a folder of its own and the valid specimens."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import struct
from collections.abc import Callable
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open
from torch import Tensor

from app.app_pages.runs.logs import read_run
from app.shell.link import parsed_pixel
from rsp_lab.analysis.arena.run import run_arena
from rsp_lab.analysis.film.curves import film_panels
from rsp_lab.analysis.film.film import Film
from rsp_lab.analysis.film.film_file import read_film
from rsp_lab.analysis.panoptic.quality import panoptic_quality
from rsp_lab.analysis.scan.scan import Scan
from rsp_lab.analysis.scan.scan_file import read_scan
from rsp_lab.analysis.trade.run import run_trade
from rsp_lab.capture.record import Record
from rsp_lab.cli import main as rsp_lab_main
from rsp_lab.data.images import read_image
from rsp_lab.data.label_files import read_label
from rsp_lab.data.labels import CITYSCAPES, checked_labels
from rsp_lab.data.panoptic.coco import CocoPanoptic, split_paths
from rsp_lab.data.sample import Sample
from rsp_lab.models import weights
from rsp_lab.models.run_state import LAST
from rsp_lab.models.segmenter import Segmenter
from tests.fuzz.case import Case
from tests.fuzz.damage import damaged_bytes, damaged_json, damaged_tree
from tests.fuzz.specimens import SIZE, TRADE, Specimens
from tests.kit.coco_layout import write_small_coco
from trainers.commands import main as trainers_main
from trainers.data.coco_check import check_coco
from trainers.training.checkpoint import resume
from trainers.training.learner import Learner

Kind = Callable[[random.Random, Path, Specimens], Case]
REFUSALS = (ValueError, OSError)
_TO_RAW = np.full(256, 255)
_TO_RAW[: len(CITYSCAPES)] = CITYSCAPES.train_to_raw()


def whole_image(rng: random.Random, folder: Path, valid: Specimens) -> Case:
    """An undamaged picture in some mode and format: what is read are its pixels."""
    picture = Image.fromarray(valid.pixels)
    kind = rng.choice(("png", "tiff", "bmp", "ppm", "webp", "rgba", "palette", "oriented", "wide"))
    path = folder / f"whole.{kind if kind in ('png', 'tiff', 'bmp', 'ppm', 'webp') else 'png'}"
    expected = valid.pixels
    if kind == "rgba":
        picture = picture.convert("RGBA")
    elif kind == "palette":
        picture = picture.quantize(rng.randint(2, 256))
        expected = np.array(picture.convert("RGB"))
    elif kind == "oriented":
        turned = rng.randint(1, 8)
        exif = Image.Exif()
        exif[0x0112] = turned
        picture.save(path, exif=exif)
        expected = _upright(valid.pixels, turned)
    elif kind == "wide":
        picture = Image.fromarray((valid.pixels[..., 0].astype(np.uint16)) * 257)
        expected = np.repeat(valid.pixels[..., :1], 3, axis=2)
    if kind != "oriented":
        picture.save(path, **({"lossless": True} if kind == "webp" else {}))

    def right(found: Tensor) -> bool:
        return bool((found.permute(1, 2, 0).numpy() == expected).all())

    return Case(lambda: read_image(path), (), right, inputs=(path,))


def damaged_image(rng: random.Random, folder: Path, valid: Specimens) -> Case:
    """A damaged picture: an image of three channels, or a refusal."""
    stream = io.BytesIO()
    form = rng.choice(("PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP"))
    exif = Image.Exif()
    exif[0x0112], exif[0x0128], exif[0x011A] = rng.randint(0, 9), 2, 72.0
    Image.fromarray(valid.pixels).save(
        stream, form, **({"exif": exif} if form in ("PNG", "JPEG", "WEBP", "TIFF") else {})
    )
    path = folder / f"damaged.{form.lower()}"
    path.write_bytes(damaged_bytes(stream.getvalue(), rng))

    def right(found: Tensor) -> bool:
        return found.dtype == torch.uint8 and found.ndim == 3 and found.shape[0] == 3

    return Case(lambda: read_image(path), REFUSALS, right, inputs=(path,))


def whole_label(rng: random.Random, folder: Path, valid: Specimens) -> Case:
    """Undamaged label ids stored in one of many ways: the ids that were meant, or a refusal; never others."""
    raw = _TO_RAW[valid.label]
    stored = raw.astype(np.uint8)
    kind = rng.choice(("grey", "quantized", "index", "wide", "rgb", "rgba", "transparent", "jpeg", "bmp", "tiff"))
    path = folder / f"label.{kind if kind in ('bmp', 'tiff') else 'jpg' if kind == 'jpeg' else 'png'}"
    picture = Image.fromarray(stored)
    if kind == "quantized":
        picture = picture.quantize()
    elif kind == "index":
        picture = picture.copy()
        colours = np.random.default_rng(rng.randrange(2**32)).integers(0, 256, (256, 3), dtype=np.uint8)
        picture.putpalette(colours.tobytes())
    elif kind == "wide":
        picture = Image.fromarray(raw.astype(np.uint16))
    elif kind in ("rgb", "rgba"):
        picture = picture.convert(kind.upper())
    elif kind == "transparent":
        picture = Image.fromarray(np.dstack([stored] * 3 + [np.roll(stored, 1)]).astype(np.uint8))
    picture.save(path)
    return Case(
        lambda: read_label(path, CITYSCAPES),
        REFUSALS if kind in ("jpeg", "transparent", "quantized", "index", "wide", "rgb", "rgba") else (),
        lambda found: bool((found.numpy() == valid.label).all()),
        inputs=(path,),
    )


def damaged_label(rng: random.Random, folder: Path, valid: Specimens) -> Case:
    """A damaged label file: train ids of the table and 255 alone, or a refusal."""
    path = folder / "damaged.png"
    stream = io.BytesIO()
    Image.fromarray(_TO_RAW[valid.label].astype(np.uint8)).save(stream, "PNG")
    path.write_bytes(damaged_bytes(stream.getvalue(), rng))
    known = {*range(len(CITYSCAPES)), 255}
    return Case(
        lambda: read_label(path, CITYSCAPES), REFUSALS, lambda found: set(found.unique().tolist()) <= known, (path,)
    )


def label_array(rng: random.Random, folder: Path, valid: Specimens) -> Case:
    """Arrays that are no train ids: refused, or unchanged where they are."""
    array: Any = valid.label.astype(rng.choice((np.uint8, np.int16, np.int64, np.float32, bool)))
    if array.dtype not in (bool, np.float32) and rng.random() < 0.5:
        array = array.astype(np.int64)
        array[rng.randrange(SIZE[0]), rng.randrange(SIZE[1])] = rng.choice((-1, 19, 33, 77, 256, 10**6))
    if rng.random() < 0.2:
        array = array[:-1]
    fine = (
        array.dtype.kind in "iu"
        and array.shape == SIZE
        and bool((((array >= 0) & (array < len(CITYSCAPES))) | (array == 255)).all())
    )
    return Case(
        lambda: checked_labels(array, CITYSCAPES.classes, SIZE),
        () if fine else REFUSALS,
        lambda found: fine and bool((found.numpy() == array).all()),
    )


def damaged_weights(rng: random.Random, folder: Path, valid: Specimens) -> Case:
    """A weights file with a damaged header or body: its own tensors, or a refusal that costs nothing."""
    path = folder / "weights.safetensors"
    path.write_bytes(_damaged_tensors(rng.choice((valid.weights, valid.twin)).read_bytes(), rng))

    def right(model: Segmenter) -> bool:
        with safe_open(path, "pt") as file:
            return all(
                torch.equal(value.nan_to_num(), file.get_tensor(name).to(value.dtype).nan_to_num())
                for name, value in model.state_dict().items()
            )

    return Case(lambda: weights.load(path), REFUSALS, right, (path,))


def damaged_record(rng: random.Random, folder: Path, valid: Specimens) -> Case:
    """A damaged record: its own tensors, or a refusal."""
    path = folder / "record.safetensors"
    path.write_bytes(_damaged_tensors(valid.record.read_bytes(), rng))

    def right(record: Record) -> bool:
        with safe_open(path, "pt") as file:
            stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        return len(stored) == len(record) and all(
            any(
                torch.equal(value.nan_to_num(), other.nan_to_num())
                for other in stored.values()
                if other.shape == value.shape
            )
            for value in record.values()
        )

    return Case(lambda: Record.load(path), REFUSALS, right, (path,))


def damaged_state(rng: random.Random, folder: Path, valid: Specimens) -> Case:
    """A run's damaged state: refused before anything in the learner changes, or taken up."""
    run = folder / "run"
    shutil.copytree(valid.run, run)
    (run / LAST).write_bytes(_damaged_tensors((valid.run / LAST).read_bytes(), rng))
    torch.manual_seed(0)
    learner = Learner.build(Segmenter(valid.config.model), valid.config)
    before = {name: value.clone() for name, value in learner.model.state_dict().items()}

    def request() -> Any:
        try:
            return resume(run, valid.config, learner)
        except REFUSALS:
            same = all(torch.equal(value, before[name]) for name, value in learner.model.state_dict().items())
            if same:
                raise
            return None

    return Case(request, REFUSALS, lambda progress: progress is not None, (run / LAST,), output=run)


def damaged_run_folder(rng: random.Random, folder: Path, valid: Specimens) -> Case:
    """A run folder with damaged log and configuration, as the workbench reads it."""
    run = folder / "run"
    run.mkdir()
    lines = (valid.run / "log.jsonl").read_bytes().splitlines() or [b"{}"]
    place = rng.randrange(len(lines))
    lines[place] = damaged_json(json.loads(lines[place]), rng).replace(b"\n", b" ")
    (run / "log.jsonl").write_bytes(b"\n".join(lines) if rng.random() < 0.7 else damaged_bytes(b"\n".join(lines), rng))
    config = json.loads((valid.run / "config.json").read_text())
    (run / "config.json").write_bytes(damaged_json(config, rng))
    return Case(lambda: read_run("run", run), REFUSALS, lambda facts: facts.name == "run", tuple(run.iterdir()))


def damaged_arena(rng: random.Random, folder: Path, valid: Specimens) -> Case:
    """The arena's damaged state: refused, or completed."""
    state = folder / "arena"
    shutil.copytree(valid.arena, state)
    path = rng.choice(sorted(state.glob("*.json")))
    path.write_bytes(damaged_json(json.loads(path.read_text()), rng))
    model = weights.load(valid.weights)
    return Case(
        lambda: run_arena(model, valid.arena_settings, state),
        REFUSALS,
        lambda result: len(result.pairs) == 1,
        output=state,
    )


def damaged_trade(rng: random.Random, folder: Path, valid: Specimens) -> Case:
    """The trade matrix's damaged state: refused, or gone on with."""
    state = folder / "trade"
    shutil.copytree(valid.trade, state)
    path = rng.choice(sorted(path for path in state.iterdir() if path.is_file()))
    path.write_bytes(_damaged_tensors(path.read_bytes(), rng))
    pair = weights.load(valid.weights), weights.load(valid.twin)
    return Case(
        lambda: run_trade(*pair, valid.samples, TRADE, state),
        REFUSALS,
        lambda result: result is not None and result.names == TRADE.names,
        output=state,
    )


def damaged_film(rng: random.Random, folder: Path, valid: Specimens) -> Case:
    """A damaged film: refused, or one that the workbench and a figure can tell."""
    path = folder / "film.json"
    path.write_bytes(damaged_json(json.loads(valid.film), rng))

    def right(film: Film) -> bool:
        words = [film.sentence(), *(film.at(place) for place in range(len(film.states)))]
        return all(words) and bool(film_panels(film)) and len(film.to_dict()["states"]) == len(film.states)

    return Case(lambda: read_film(path), REFUSALS, right, (path,))


def damaged_scan(rng: random.Random, folder: Path, valid: Specimens) -> Case:
    """A damaged scan: refused, or one whose rates and cards can be told."""
    path = folder / "scan.json"
    path.write_bytes(damaged_json(json.loads(valid.scan), rng))

    def right(scan: Scan) -> bool:
        return all(scan.sentences()) and all(card.sentence() for card in scan.cards)

    return Case(lambda: read_scan(path), REFUSALS, right, (path,))


def command_line(rng: random.Random, folder: Path, valid: Specimens) -> Case:
    """A command with wrong, odd or right words: exit code 0 or 2, never a traceback, nothing left behind."""
    out = folder / "out"
    values = (
        "",
        "-1",
        "0",
        "1",
        "64",
        "128",
        "1e400",
        "nan",
        "x",
        str(valid.image),
        str(valid.weights),
        str(folder),
        "/dev/null",
        "car",
    )
    words = rng.choice(
        (
            [
                "explain",
                str(valid.image),
                "--pixel",
                "3",
                "5",
                "--left",
                str(valid.twin),
                "--right",
                str(valid.weights),
            ],
            ["models", "--json"],
            ["scenes", "-o", str(out), "-n", "1", "--size", "64", "128"],
            ["flips", str(valid.image), "-o", str(out), "--left", str(valid.twin), "--right", str(valid.weights)],
            [
                "export-html",
                str(valid.image),
                "-o",
                str(out / "x.html"),
                "--left",
                str(valid.twin),
                "--right",
                str(valid.weights),
            ],
            ["check-data", "camvid", str(folder)],
            ["evaluate", str(valid.weights), "--scales", "1"],
            ["scenes_tiny_rsp4", "--steps", "1"],
        )
    )
    start = 1
    for _ in range(rng.randint(1, 3)):
        place = rng.randint(start, len(words))
        match rng.randrange(4):
            case 0:
                words = [*words[:place], rng.choice(values), *words[place + 1 :]]
            case 1:
                words = [*words[:place], *words[place + 1 :]]
            case 2:
                words = [
                    *words[:place],
                    rng.choice(("--seed", "--size", "--class", "--json", "--nonsense", "-o")),
                    *words[place:],
                ]
            case 3:
                words = [*words[:place], rng.choice(values), *words[place:]]
    program = trainers_main if words[0] in ("check-data", "evaluate", "scenes_tiny_rsp4") else rsp_lab_main.main
    if words[0] == "evaluate":  # the data set itself takes minutes: only what is refused before it is read
        words += ["--data", "nowhere"]
    if words[0] == "scenes_tiny_rsp4":
        words += ["--batch-size", "0"]

    def right(answer: tuple[int, str]) -> bool:
        code, said = answer
        return code in (0, 2) and "Traceback" not in said and (code == 0 or bool(said.strip()))

    inputs = (valid.image, valid.weights, valid.twin)
    return Case(lambda: _answer(program, words), (), right, inputs, output=out)


def odd_output(rng: random.Random, folder: Path, valid: Specimens) -> Case:
    """An output that is no regular file, or the request's own input: refused, and everything stays as it was."""
    image = folder / "image.png"
    shutil.copy(valid.image, image)
    target = folder / "target"
    kind = rng.choice(("input", "link to the input", "pipe", "folder", "missing folder"))
    if kind == "input":
        target = image
    elif kind == "link to the input":
        target.symlink_to(image)
    elif kind == "pipe":
        os.mkfifo(target)
    elif kind == "folder":
        target.mkdir()
    elif kind == "missing folder":
        target = folder / "no" / "such" / "folder" / "x.html"
    before = target.lstat().st_mode if kind != "missing folder" else None
    record = Record.load(valid.record)

    def export() -> Any:
        pair = ["--left", str(valid.twin), "--right", str(valid.weights)]
        return _answer(rsp_lab_main.main, ["export-html", str(image), "-o", str(target), *pair])

    def save() -> Any:
        try:
            record.save(target)
        except REFUSALS as refusal:
            return 2, str(refusal)
        return 0, ""

    def right(answer: tuple[int, str]) -> bool:
        code, said = answer
        if kind == "missing folder":
            return code in (0, 2)
        return code == 2 and bool(said.strip()) and target.lstat().st_mode == before

    # Only a command knows what it reads: a record is saved over any regular file that is named.
    run = export if kind in ("input", "link to the input") or rng.random() < 0.3 else save
    return Case(run, (), right, (image,), output=folder / "no" if kind == "missing folder" else None)


def link(rng: random.Random, folder: Path, valid: Specimens) -> Case:
    """A pixel in a link: inside the image, or a message."""
    text = rng.choice(
        ("3,5", "0,0", "63,127", "64,0", "-1,2", "1e400,1", "a,b", "", "1,2,3", "9" * 400 + ",1", "٣,٥", " 3,5")
    )
    if rng.random() < 0.5:
        text = damaged_bytes(text.encode(), rng).decode("utf-8", "replace")

    def right(answer: tuple[tuple[int, int] | None, str | None]) -> bool:
        pixel, message = answer
        return (pixel is None) == bool(message) and (
            pixel is None or all(0 <= p < s for p, s in zip(pixel, SIZE, strict=True))
        )

    return Case(lambda: parsed_pixel(text, SIZE), (), right)


def damaged_coco(rng: random.Random, folder: Path, _valid: Specimens) -> Case:
    """A data set in COCO's layout with a damaged file: samples and scores or a refusal, and a report in any case."""
    write_small_coco(folder)
    paths = split_paths(folder, "val")
    victim = rng.choice((paths.panoptic, paths.instances, *paths.masks.iterdir(), *paths.images.iterdir()))
    if victim.suffix == ".json" and rng.random() < 0.8:
        content = json.loads(victim.read_text())
        tree = damaged_json(content, rng) if rng.random() < 0.5 else json.dumps(damaged_tree(content, rng)).encode()
        victim.write_bytes(tree)
    else:
        victim.write_bytes(damaged_bytes(victim.read_bytes(), rng))
    if rng.random() < 0.3:
        return Case(lambda: check_coco(folder), (), lambda reports: [one.split for one in reports] == ["val"])
    if rng.random() < 0.5:
        whole = folder / "whole"
        write_small_coco(whole)
        files = [split_paths(place, "val").panoptic for place in rng.sample((whole, folder), 2)]
        return Case(lambda: panoptic_quality(*files), REFUSALS, lambda quality: quality.images in range(4))

    def right(samples: list[Sample]) -> bool:
        return all(sample.label is not None and sample.instances is not None for sample in samples)

    return Case(lambda: list(CocoPanoptic(folder, "val")), REFUSALS, right)


def _answer(program: Callable[[list[str]], Any], words: list[str]) -> tuple[int, str]:
    """Exit code and standard error of a command line."""
    errors: io.StringIO = io.StringIO()
    code: Any = 0
    # Odd words may name outputs of any kind: they belong nowhere but in a folder of their own.
    with redirect_stderr(errors), redirect_stdout(io.StringIO()), TemporaryDirectory() as here, chdir(here):
        try:
            code = program(list(words)) or 0
        except SystemExit as end:
            code = end.code or 0
    return int(code) if str(code).isdigit() else 1, errors.getvalue()


def _damaged_tensors(data: bytes, rng: random.Random) -> bytes:
    """A safetensors file whose header tells something else, or whose bytes are damaged."""
    length = int(struct.unpack("<Q", data[:8])[0])
    body, header = data[8 + length :], json.loads(data[8 : 8 + length])
    match rng.randrange(5):
        case 0:
            return damaged_bytes(data, rng)
        case 1:
            damaged = damaged_json(header, rng)
        case 2:
            damaged = json.dumps(damaged_tree(header, rng)).encode()
        case _:
            labels = header.get("__metadata__", {})
            for name, value in labels.items():
                try:
                    labels[name] = damaged_json(json.loads(value), rng).decode("utf-8", "replace")
                except ValueError:
                    labels[name] = ""
            damaged = json.dumps(header).encode()
    promised = rng.choice((len(damaged),) * 8 + (2**31, 2**63 - 1, 0))
    return struct.pack("<Q", promised) + damaged + body


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """The picture that a viewer shows for an EXIF orientation, by the standard's table."""
    turned: dict[int, Callable[[np.ndarray], np.ndarray]] = {
        1: lambda p: p,
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.transpose(1, 0, 2),
        6: lambda p: np.rot90(p, -1),
        7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
        8: lambda p: np.rot90(p, 1),
    }
    return turned[orientation](pixels)


KINDS: dict[str, tuple[Kind, int]] = {
    "whole image": (whole_image, 4),
    "damaged image": (damaged_image, 6),
    "whole label": (whole_label, 4),
    "damaged label": (damaged_label, 4),
    "label array": (label_array, 3),
    "weights": (damaged_weights, 6),
    "record": (damaged_record, 5),
    "state of a run": (damaged_state, 3),
    "run folder": (damaged_run_folder, 5),
    "state of the arena": (damaged_arena, 2),
    "state of a trade": (damaged_trade, 2),
    "film": (damaged_film, 3),
    "scan": (damaged_scan, 3),
    "command line": (command_line, 5),
    "COCO layout": (damaged_coco, 5),
    "odd output": (odd_output, 4),
    "link": (link, 4),
}
"""Every kind with its share of the cases."""
