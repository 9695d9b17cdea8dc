"""Faults on purpose: ``python -m trainers.faults`` kills short runs again and again and breaks what they stand on.

A semantic and a panoptic run are killed; what a run stands on is broken under the semantic one. A fault is passed when
the run ends with a clear error and its last good state is intact, or, for kills, when it ends as one that was never
killed.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import torch
import tyro
from PIL import Image

from rsp_lab.data.panoptic.categories import STREET_PANOPTIC
from rsp_lab.data.panoptic.pictures import ResizeConfig
from rsp_lab.data.panoptic.street_scenes import PanopticScenes
from rsp_lab.data.scenes.scene import LEAST
from rsp_lab.files import write_json
from rsp_lab.interruption import EXIT_CODE, Interrupted, interruptible
from rsp_lab.models.panoptic.presets import small_panoptic
from rsp_lab.models.presets import top_down
from rsp_lab.models.run_state import LAST
from trainers.commands import main as trainers_main
from trainers.config.run import RunConfig
from trainers.runs.run import run_recipe
from trainers.training.checkpoint import BEST
from trainers.training.logs import LOG, MACHINE_KEYS
from trainers.training.losses import Criterion

_RECIPE = "camvid_tiny_baseline"
_SHORT: tuple[str, ...] = (
    "--augment.crop",
    "64",
    "64",
    "--batch-size",
    "2",
    "--num-threads",
    "1",
    "--workers",
    "0",
    "--steps",
    "6",
)
_SHORT += ("--log-every", "1", "--eval-every", "3", "--checkpoint-every", "1")
_PATIENCE_S = 600.0

Start = Callable[..., None]
"""What a forked process does, given the run's folder and the file for its words."""

# A fork has torch loaded already, so that a run's time is that of its updates; nothing is computed before it.
_fork = multiprocessing.get_context("fork")


def made_up_camvid(root: Path) -> None:
    """A few small images of noise over blocks of classes, in CamVid's layout."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 4), ("val", 1)):
        for folder in (split, f"{split}annot"):
            (root / folder).mkdir(parents=True)
        for index in range(count):
            label = np.kron(rng.integers(0, 12, (4, 5)), np.ones((16, 16))).astype(np.uint8)
            image = (label[:, :, None] * 20 + rng.integers(0, 30, (64, 80, 3))).astype(np.uint8)
            Image.fromarray(image).save(root / split / f"{index}.png")
            Image.fromarray(label).save(root / f"{split}annot" / f"{index}.png")


def run_once(run: Path, said: Path, *options: str) -> None:
    """One run of the recipe in this process, its words in the file ``said``; ends the process with its exit code."""
    torch.set_num_threads(1)
    words = StringIO()
    with redirect_stderr(words), redirect_stdout(words):
        code = trainers_main([_RECIPE, "--out", str(run), *_SHORT, *options])
    said.write_text(words.getvalue())
    os._exit(code)


class FewScenes(PanopticScenes):
    """The first scenes of a split, at their smallest size."""

    def __len__(self) -> int:
        return 4 if self.split == "train" else 1


def run_panoptic(run: Path, said: Path) -> None:
    """The same of a small panoptic network on a few scenes."""
    torch.set_num_threads(1)
    samples = FewScenes("train", LEAST, cache=True), FewScenes("val", LEAST, cache=True)
    things, stuff = (tuple(c.name for c in part) for part in (STREET_PANOPTIC.things, STREET_PANOPTIC.stuff))
    config = RunConfig(
        name="panoptic",
        model=small_panoptic(top_down(top=5), things, stuff, STREET_PANOPTIC.name),
        data="small-panoptic-scenes",
        augment=ResizeConfig(short_side=(48, 64), step=16, longest=LEAST[1], multiple=32),
        steps=6,
        batch_size=2,
        log_every=1,
        eval_every=3,
        checkpoint_every=1,
        num_threads=1,
        workers=0,
    )
    words = StringIO()
    with redirect_stderr(words), redirect_stdout(words):
        run_recipe(config, run, samples)
    said.write_text(words.getvalue())
    os._exit(0)


def finished(run: Path, said: Path, *options: str, start: Start = run_once) -> tuple[int, str]:
    """Exit code and last words of a run in a process of its own."""
    process = _fork.Process(target=start, args=(run, said, *options))
    process.start()
    process.join(_PATIENCE_S)
    if process.is_alive():
        process.kill()
        process.join()
        return -9, "did not end"
    lines = said.read_text().strip().splitlines() if said.exists() else []
    return process.exitcode or 0, lines[-1] if lines else ""


def outcome(run: Path) -> tuple[bytes, bytes, list[dict[str, object]]]:
    """What must repeat: the last state, the best weights, and the log without what it says about the machine."""
    lines = map(json.loads, (run / LOG).read_text(encoding="utf-8").splitlines())
    log = [{key: value for key, value in line.items() if key not in MACHINE_KEYS} for line in lines]
    return (run / LAST).read_bytes(), (run / BEST).read_bytes(), log


def kill_at_random(folder: Path, kills: int, seed: int, start: Start = run_once) -> dict[str, int]:
    """Kills runs at random moments until ``kills`` hit; each run ends as the one that was left alone, or it counts."""
    began = time.monotonic()
    code, words = finished(folder / "whole", folder / "said", start=start)
    if code:
        raise RuntimeError(f"the run without faults failed: {words}")
    duration = time.monotonic() - began
    whole = outcome(folder / "whole")
    rng = random.Random(seed)
    counts = {"kills": 0, "while a file was being written": 0, "runs": 0, "runs that differ": 0}
    while counts["kills"] < kills:
        counts["runs"] += 1
        run = folder / f"killed-{counts['runs']}"
        alive = True
        while alive and counts["kills"] < kills:
            process = _fork.Process(target=start, args=(run, folder / "said"))
            process.start()
            process.join(rng.uniform(0, 0.7 * duration))
            alive = process.is_alive()
            if alive:
                process.kill()
                counts["kills"] += 1
            process.join()
            if alive and run.is_dir():
                counts["while a file was being written"] += any(run.glob(".*"))
        code, _ = finished(run, folder / "said", start=start)
        counts["runs that differ"] += bool(code) or outcome(run) != whole or any(run.glob(".*"))
    return counts


@contextmanager
def replaced(path: Path, content: bytes | None) -> Iterator[None]:
    """Another content in a file's place, or none, for a while."""
    before = path.read_bytes()
    path.write_bytes(content) if content is not None else path.unlink()
    try:
        yield
    finally:
        path.write_bytes(before)


@contextmanager
def full_disk() -> Iterator[None]:
    """Every write of a file's content fails as on a full disk, in processes forked meanwhile."""
    original = os.fsync

    def fail(fd: object) -> None:
        raise OSError(28, "No space left on device")

    os.fsync = fail
    try:
        yield
    finally:
        os.fsync = original


@contextmanager
def nan_loss() -> Iterator[None]:
    """Every loss is NaN, in processes forked meanwhile."""
    original = Criterion.total
    Criterion.total = lambda *batch: original(*batch) * float("nan")  # type: ignore[method-assign]
    try:
        yield
    finally:
        Criterion.total = original  # type: ignore[method-assign]


def break_things(folder: Path, data: Path) -> dict[str, str]:
    """Each fault on a copy of a run that was killed half way; "ok" or what went wrong."""
    half = folder / "half"
    process = _fork.Process(target=run_once, args=(half, folder / "said"))
    process.start()
    while process.is_alive() and len((half / LOG).read_bytes().splitlines() if (half / LOG).exists() else ()) < 3:
        time.sleep(0.01)
    process.kill()
    process.join()
    image, label = data / "train" / "0.png", data / "trainannot" / "0.png"
    bad_label = folder / "bad.png"
    Image.fromarray(np.full((64, 80), 77, np.uint8)).save(bad_label)
    faults: dict[str, tuple[Callable[[], object], tuple[str, ...], str]] = {
        "full disk": (full_disk, (), "No space left"),
        "unreadable image": (lambda: replaced(image, image.read_bytes()[:200]), (), "train/0.png"),
        "label outside the table": (lambda: replaced(label, bad_label.read_bytes()), (), "trainannot/0.png"),
        "missing label": (lambda: replaced(label, None), (), "0.png"),
        "NaN loss": (nan_loss, (), "the loss is nan at step"),
        "changed configuration": (lambda: replaced(bad_label, b""), ("--seed", "1"), "seed 0 -> 1"),
        "missing folder": (lambda: moved(data), (), "is not a folder"),
    }
    results = {}
    for name, (fault, options, wanted) in faults.items():
        run = folder / name.replace(" ", "-")
        shutil.copytree(half, run)
        before = (run / LAST).read_bytes()
        with fault():  # type: ignore[attr-defined]
            code, words = finished(run, folder / "said", *options)
        if code != 2 or wanted not in words or not words.startswith("error: "):
            results[name] = f"exit code {code}, said: {words}"
        elif name not in ("unreadable image", "label outside the table") and (run / LAST).read_bytes() != before:
            results[name] = "the last good state was changed"
        else:
            code, words = finished(run, folder / "said")
            whole = outcome(run) == outcome(folder / "whole")
            results[name] = "ok" if not code and whole else f"does not resume as if nothing happened: {words}"
    return results


@contextmanager
def moved(folder: Path) -> Iterator[None]:
    """A folder is somewhere else for a while."""
    elsewhere = folder.with_name("elsewhere")
    folder.rename(elsewhere)
    try:
        yield
    finally:
        elsewhere.rename(folder)


def main(kills: int = 20, seed: int = 0, output: Path | None = None) -> int:
    """Runs all faults and prints what came of them.

    Args:
        kills: how often a run is killed at a random moment; a panoptic one a third as often besides.
        seed: of the moments.
        output: a file for the result as JSON too.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        made_up_camvid(folder / "camvid")
        os.environ["CAMVID_ROOT"] = str(folder / "camvid")
        counts = kill_at_random(folder, kills, seed)
        faults = break_things(folder, folder / "camvid")
        panoptic = kill_at_random(folder / "panoptic", -(-kills // 3), seed, run_panoptic)
    for kind, found in (("semantic", counts), ("panoptic", panoptic)):
        print(f"{kind}: {', '.join(f'{name}: {count}' for name, count in found.items())}")
    for name, result in faults.items():
        print(f"{name}: {result}")
    if output is not None:
        write_json(output, {"kills": counts, "panoptic kills": panoptic, "faults": faults}, indent=2)
    differ = counts["runs that differ"] or panoptic["runs that differ"]
    passed = not differ and all(result == "ok" for result in faults.values())
    print("all passed" if passed else "FAILED")
    return 0 if passed else 1


if __name__ == "__main__":
    try:
        with interruptible():
            sys.exit(tyro.cli(main, prog="python -m trainers.faults"))
    except Interrupted as stop:
        print(f"python -m trainers.faults: {stop}", file=sys.stderr)
        sys.exit(EXIT_CODE)
