"""Commands of ``rsp-lab`` killed and asked to stop at random moments, and what a next run makes of it.

A drill is passed when whatever stands in the output after the interruption is whole, when the next run of the same
command ends as one that was left alone, and when nothing else is left behind then. SIGTERM must end in one line and
the exit code 130 as well.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from rsp_lab import __main__ as program
from rsp_lab.data.labels import CITYSCAPES
from rsp_lab.data.scenes.files import write_cityscapes_layout
from rsp_lab.data.scenes.scene import draw_scene
from rsp_lab.interruption import EXIT_CODE
from rsp_lab.models import presets, weights
from rsp_lab.models.pyramid import PyramidConfig
from rsp_lab.models.segmenter import Segmenter, SegmenterConfig
from tests.kit.films import kept_run

PATIENCE_S = 600.0
_MACHINE_KEYS = ("seconds", "versions")
# A fork has torch loaded already, so that a run's time is that of its work.
_fork = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Command:
    """A command that writes to ``out``.

    Attributes:
        name: of the command.
        words: all other words but ``-o OUT``.
        suffix: of the output; empty for a folder.
        resumes: its state in the output may be unfinished after an interruption.
        beside: ends of the names of what it keeps beside an output that is a file, for a later call that asks for more.
    """

    name: str
    words: tuple[str, ...]
    suffix: str = ""
    resumes: bool = False
    beside: tuple[str, ...] = ()


@dataclass
class Counts:
    """What came of the interruptions of one command.

    Attributes:
        kills, stops: by SIGKILL, by SIGTERM, that hit a run before its end.
        unlike_stops: stops that did not end in the exit code 130 and one line.
        half_written: outputs that were neither absent nor whole after an interruption.
        differing: next runs that failed, or ended unlike one that was left alone.
        left_behind: runs after which something else lay in or beside the output.
    """

    kills: int = 0
    stops: int = 0
    unlike_stops: int = 0
    half_written: int = 0
    differing: int = 0
    left_behind: int = 0

    @property
    def passed(self) -> bool:
        return not (self.unlike_stops or self.half_written or self.differing or self.left_behind)


def commands(folder: Path) -> tuple[Command, ...]:
    """The commands of the drill, on a small image and small models that are made in ``folder``."""
    scene = draw_scene(0, 64, 128)
    Image.fromarray(scene.image.permute(1, 2, 0).numpy()).save(folder / "image.png")
    write_cityscapes_layout([draw_scene(seed, 64, 128) for seed in range(3)], folder / "cityscapes", "val")
    os.environ["CITYSCAPES_ROOT"] = str(folder / "cityscapes")
    torch.manual_seed(0)
    for name, at in (("left", ()), ("right", (54,))):
        head = presets.top_down(top=5, at=at, channels=64)
        config = SegmenterConfig(PyramidConfig("tiny", 32, top=5), head, CITYSCAPES.classes, CITYSCAPES.name)
        weights.save(Segmenter(config).eval(), folder / f"{name}.safetensors", {"data": "cityscapes"})
    left, right = (str(folder / f"{name}.safetensors") for name in ("left", "right"))
    pair, image = ("--left", left, "--right", right), str(folder / "image.png")
    arena = ("--models", right, "--size", "64", "128", "--methods", "ledger", "--seeds", "1", "--cases", "car-bus")
    film = ("--states", "2", "--case", "car-bus", "--scenes", "1")
    return (
        Command("compare", (image, *pair)),
        Command("export-html", (image, *pair), suffix=".html"),
        Command("figures", ("relation_grids", "--image", image, *pair)),
        Command("trade", ("cityscapes", "--split", "val", *pair), resumes=True),
        Command("arena", arena, resumes=True),
        Command("scan", ("cityscapes", "--split", "val", *pair), suffix=".json", beside=(".state.json",)),
        Command("film", (str(kept_run(folder / "run")), *film), resumes=True),
    )


def drill(command: Command, folder: Path, interruptions: Sequence[signal.Signals], seed: int) -> Counts:
    """Interrupts a command as often and in the ways that ``interruptions`` say, each at a random moment of its work."""
    home = folder / command.name
    home.mkdir()
    rng, counts = random.Random(f"{seed}/{command.name}"), Counts()
    began = time.monotonic()
    code, text = _finished(command, home / f"whole{command.suffix}", folder)
    if code:
        raise RuntimeError(f"{command.name} without an interruption failed: {text}")
    duration, whole = time.monotonic() - began, contents(home / f"whole{command.suffix}")
    for number, request in enumerate(interruptions):
        place = home / str(number)
        place.mkdir()
        out = place / f"out{command.suffix}"
        process = _started(command, out, folder)
        process.join(rng.uniform(0.02, 0.95) * duration)
        hit = process.is_alive()
        if hit:
            os.kill(process.pid or 0, request)
        process.join(PATIENCE_S)
        if hit and process.exitcode != 0:
            _judge_end(process.exitcode, request, _text(folder), counts)
            if not command.resumes:
                counts.half_written += out.exists() and contents(out) != whole
        code, _ = _finished(command, out, folder)
        counts.differing += bool(code) or contents(out) != whole
        counts.left_behind += {path.name for path in place.iterdir()} != {
            out.name,
            *(out.stem + end for end in command.beside),
        }
    return counts


def _judge_end(code: int | None, request: signal.Signals, text: str, counts: Counts) -> None:
    if request == signal.SIGKILL:
        counts.kills += 1
        return
    counts.stops += 1
    last = text.strip().splitlines()[-1:]
    counts.unlike_stops += code != EXIT_CODE or "Traceback" in text or not last or not last[0].startswith("rsp-lab: ")


def contents(out: Path) -> Any:
    """What must repeat of an output: all files by their digests; JSON without what it says about the machine."""
    if out.is_dir():
        return {path.relative_to(out).as_posix(): contents(path) for path in sorted(out.rglob("*")) if path.is_file()}
    data = out.read_bytes()
    if out.suffix == ".json":
        facts = json.loads(data)
        return {key: value for key, value in facts.items() if key not in _MACHINE_KEYS}
    return hashlib.sha256(data).hexdigest()


def _run(command: Command, out: Path, errors: Path) -> None:
    """The command in this process; ends the process with its exit code."""
    torch.set_num_threads(1)
    with errors.open("w", buffering=1) as stream, redirect_stderr(stream), redirect_stdout(StringIO()):
        # A signal before the command and after it writes its line past Python.
        os.dup2(stream.fileno(), 2)
        try:
            sys.argv[:] = ["rsp-lab", command.name, *command.words, "-o", str(out)]
            program.main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
    os._exit(code)


def _started(command: Command, out: Path, folder: Path) -> Any:
    process = _fork.Process(target=_run, args=(command, out, folder / "errors"))
    process.start()
    return process


def _finished(command: Command, out: Path, folder: Path) -> tuple[int, str]:
    process = _started(command, out, folder)
    process.join(PATIENCE_S)
    if process.is_alive():
        process.kill()
        process.join()
        return -9, "did not end"
    return process.exitcode or 0, _text(folder)


def _text(folder: Path) -> str:
    return (folder / "errors").read_text() if (folder / "errors").exists() else ""


def run_drill(interruptions: int, seed: int, names: Sequence[str] = ()) -> dict[str, Counts]:
    """Every command, or those named, interrupted ``interruptions`` times by SIGKILL and SIGTERM in turns."""
    requests = [(signal.SIGKILL, signal.SIGTERM)[number % 2] for number in range(interruptions)]
    with tempfile.TemporaryDirectory(prefix="rsp-lab-drill-") as temporary:
        folder = Path(temporary)
        return {
            command.name: drill(command, folder, requests, seed)
            for command in commands(folder)
            if not names or command.name in names
        }


def as_rows(results: dict[str, Counts]) -> list[list[str]]:
    """A table of the counts, titles first."""
    titles = list(asdict(Counts()))
    return [
        ["", *(title.replace("_", " ") for title in titles)],
        *([name, *(str(getattr(counts, title)) for title in titles)] for name, counts in results.items()),
    ]
