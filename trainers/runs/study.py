"""The runs behind the results page: every head, several seeds, one after the other, each then asked about regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from rsp_lab.analysis.scenes.answers import region_answers, sweep, sweep_distances
from rsp_lab.data.scenes import dataset
from rsp_lab.data.scenes.difficulty import DEFAULT
from rsp_lab.data.scenes.proof import SETTINGS
from rsp_lab.data.scenes.scene import CASES, Scene
from rsp_lab.data.sources import open_split
from rsp_lab.devices import resolve_device
from rsp_lab.files import digest, write_json
from rsp_lab.models.run_state import load_model
from trainers.config.recipes import STUDY, study
from trainers.runs.export import best_weights
from trainers.runs.records import FINDINGS, findings_of
from trainers.runs.relation_facts import relation_facts
from trainers.runs.run import run_recipe

SWEEP_SCENES = 20
"""Seeds for each case and distance at the default difficulty; both readings of each are asked."""
HARD_SCENES = 10
"""Seeds for each case and harder setting, at :func:`middle_distance`; both readings of each are asked."""


def run_study(
    root: Path,
    seeds: Sequence[int],
    heads: Sequence[str],
    steps: int | None = None,
    num_threads: int = 0,
    device: str = "auto",
) -> None:
    """Trains ``root/HEAD-SEED`` for every head and seed, and writes each run's answers about ambiguous regions.

    Runs that are finished are left alone, one that was interrupted is taken up again. Several processes may share a
    study if they are given different seeds or heads.

    Args:
        heads: keys of :data:`trainers.config.recipes.STUDY`.
        steps: updates per run, if not those of the recipe.
        num_threads: threads of the computation; 0 leaves torch's default.
        device: of :data:`~rsp_lab.devices.DEVICES`; with float64, in which answers about regions are looked at.

    Raises:
        CheckpointError: if a folder holds a run of another configuration, e.g. of another number of steps.
        ValueError: for an unknown head, or none, or no seed.
    """
    unknown = [head for head in heads if head not in STUDY]
    if unknown or not heads or not seeds:
        got = ", ".join(unknown) or "none"
        raise ValueError(f"a study needs seeds, and heads out of {', '.join(STUDY)}; got {got}.")
    place = resolve_device(device, float64=True)
    samples = open_split("small-scenes", "train", cache=True), open_split("small-scenes", "val", cache=True)
    scenes: list[Scene] = []
    for seed in seeds:
        for head in heads:
            config = replace(study(head)(), seed=seed, num_threads=num_threads, device=str(place), workers=0)
            config = config if steps is None else replace(config, steps=steps, eval_every=steps)
            run = root / f"{head}-{seed}"
            run_recipe(config, run, samples)
            if findings_of(run) is None:
                scenes = scenes or drawn(dataset.SMALL)
                write_findings(run, scenes, place)


def write_findings(run: Path, scenes: Sequence[Scene], device: torch.device) -> None:
    """Asks a run's best weights about the ambiguous regions of ``scenes``; kept in the run's folder."""
    weights = best_weights(run)
    model = load_model(weights).semantic.to(device)
    answers = region_answers(model, tqdm(scenes, desc=f"regions {run.name}", unit="scene"))
    kept: dict[str, Any] = {
        "weights_digest": digest(weights),
        "answers": [answer.to_dict() for answer in answers],
        "relations": [facts.to_dict() for facts in relation_facts(model, scenes)],
    }
    write_json(run / FINDINGS, kept, indent=None)


def middle_distance(size: tuple[int, int]) -> int:
    """Distance of the cue in scenes that are harder in another way, in pixels: the middle one of the sweep."""
    distances = sweep_distances(*size)
    return distances[len(distances) // 2]


def drawn(size: tuple[int, int]) -> list[Scene]:
    """The scenes of a study: first all distances at the default difficulty, then every harder setting that is proven
    to leak nothing (:data:`rsp_lab.data.scenes.proof.SETTINGS`)."""
    middle, harder = (middle_distance(size),), [setting for setting in SETTINGS if setting != DEFAULT]
    total = 2 * len(CASES) * (len(sweep_distances(*size)) * SWEEP_SCENES + len(harder) * HARD_SCENES)
    parts = (sweep(size, SWEEP_SCENES), *(sweep(size, HARD_SCENES, middle, setting) for setting in harder))
    return list(tqdm(chain.from_iterable(parts), total=total, desc="drawing", unit="scene"))
