"""The same recipes under several seeds, one folder a run: what tells a difference between heads from chance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rsp_lab.data.scenes.dataset import SceneSplit
from rsp_lab.data.scenes.scene import Scene
from rsp_lab.data.sources import open_split
from rsp_lab.devices import resolve_device
from trainers.config.run import RunConfig
from trainers.runs.records import findings_of, read_records
from trainers.runs.run import run_recipe
from trainers.runs.study import drawn, write_findings


@dataclass(frozen=True)
class RepeatedRun:
    """One finished run.

    Attributes:
        header: of its weights: data, seed, budget, validation scores, and the run's configuration.
    """

    header: dict[str, Any]

    @property
    def recipe(self) -> str:
        return str(self.header["recipe"])

    @property
    def seed(self) -> int:
        return int(self.header["seed"])

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes that have an IoU: they occur in the labels or are predicted."""
        return tuple(name for name, iou in self.header["validation"]["iou"].items() if iou is not None)

    def score(self, name: str) -> float:
        """``"miou"``, ``"pixel_accuracy"``, or the IoU of a class in :attr:`classes`, from 0 to 1."""
        validation = self.header["validation"]
        return float(validation[name] if name in validation else validation["iou"][name])


def run_repeats(
    root: Path,
    recipes: Sequence[Callable[[], RunConfig]],
    seeds: Sequence[int],
    steps: int | None = None,
    num_threads: int = 0,
    device: str = "auto",
) -> None:
    """Trains ``root/RECIPE-SEED`` for every recipe and seed; resumes, and leaves alone what is finished.

    Runs on drawn scenes are then asked about ambiguous regions, as those of a study are.

    The last weights count: a run is scored once, at its end, so that none is chosen by the score it is reported with.

    Args:
        recipes: all on one data set, which is read once.
        steps: updates per run, if not those of the recipe.
        num_threads: threads of the computation; 0 leaves torch's default.
        device: of :data:`~rsp_lab.devices.DEVICES`; with float64, in which answers about regions are looked at.

    Raises:
        CheckpointError: if a folder holds a run of another configuration.
        ValueError: if there is no recipe or no seed, or the recipes' data differ.
    """
    configs = [recipe() for recipe in recipes]
    data = {config.data for config in configs}
    if not seeds or len(data) != 1:
        raise ValueError(
            f"repeats need seeds and recipes on one data set; got seeds {list(seeds)} and data {sorted(data)}."
        )
    place = resolve_device(device, float64=True)
    samples = tuple(open_split(configs[0].data, split, cache=True) for split in ("train", "val"))
    scenes: list[Scene] = []
    for seed in seeds:
        for config in configs:
            updates = config.steps if steps is None else steps
            own = replace(
                config, seed=seed, num_threads=num_threads, device=str(place), steps=updates, eval_every=updates
            )
            run = root / f"{config.name}-{seed}"
            run_recipe(own, run, (samples[0], samples[1]))
            if isinstance(samples[0], SceneSplit) and findings_of(run) is None:
                scenes = scenes or drawn(samples[0].size)
                write_findings(run, scenes, place)


def read_repeats(root: Path) -> list[RepeatedRun]:
    """The finished runs of a folder, or their records, by recipe, then by seed.

    Raises:
        ValueError: if there is none, or if their data, budgets or settings but for head and seed differ.
    """
    found = [RepeatedRun(record.header) for record in read_records(root)]
    if not found:
        raise ValueError(f"{root}: holds no finished run. Train some: python -m trainers repeat RECIPE -o {root}.")
    return one_setting(found, root)


def one_setting(runs: Sequence[RepeatedRun], root: Path) -> list[RepeatedRun]:
    """Runs by recipe, then by seed, which differ in network and seed alone.

    Raises:
        ValueError: if their data, budgets or settings differ; ``root`` is the folder that holds them.
    """
    settings = {repr([run.header[key] for key in ("data", "budget")] + [_setting(run)]) for run in runs}
    if len(settings) > 1:
        raise ValueError(f"{root}: its runs differ in data, budget or training, so they compare nothing. Part them.")
    return sorted(runs, key=lambda run: (run.recipe, run.seed))


def _setting(run: RepeatedRun) -> list[Any]:
    return [run.header["run"][key] for key in ("augment", "optimiser", "schedule")]
