"""Two states of a run that never was, and the film of them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from rsp_lab.analysis.film.film import Film
from rsp_lab.analysis.film.run import FilmQuestion, film_state, scene_question
from rsp_lab.data.labels import CITYSCAPES
from rsp_lab.files import to_json
from rsp_lab.models.config_json import config_to_json
from rsp_lab.models.presets import tiny_rsp4
from rsp_lab.models.run_state import FORMAT, HEADER, STEP, KeptState
from rsp_lab.models.segmenter import Segmenter, SegmenterConfig

CONFIG = tiny_rsp4(CITYSCAPES.classes, CITYSCAPES.name)
CASE = "car-bus"
UPDATES = (2, 8)


def network(updates: int, config: SegmenterConfig = CONFIG) -> Segmenter:
    """The network after so many updates: other random weights for each number."""
    torch.manual_seed(updates)
    return Segmenter(config).eval()


def write_state(
    run: Path, updates: int, config: SegmenterConfig = CONFIG, *, data: str = "small-scenes", name: str = ""
) -> Path:
    """A state as training writes it, without its optimiser."""
    facts: dict[str, Any] = {
        "format": FORMAT,
        "progress": {"step": updates},
        "fingerprint": {"data": data},
        "model": config_to_json(config),
    }
    run.mkdir(parents=True, exist_ok=True)
    path = run / (name or f"{STEP}{updates:08d}.safetensors")
    tensors = {f"model/{key}": value.contiguous() for key, value in network(updates, config).state_dict().items()}
    save_file(tensors, path, {HEADER: to_json(facts, indent=None)})
    return path


def kept_run(run: Path, updates: tuple[int, ...] = UPDATES, **options: Any) -> Path:
    """A run's folder with these states."""
    for one in updates:
        write_state(run, one, **options)
    return run


@cache
def question() -> FilmQuestion:
    """About the first test scene, small, with one scene of each case."""
    state = KeptState(Path("none"), UPDATES[-1], CONFIG, "small-scenes")
    return scene_question(state, "a run", "0", case=CASE, scenes=1)


@cache
def film() -> Film:
    """Of both states; made once."""
    asked = question()
    return Film.of(asked, (film_state(network(one), asked, one, f"{one:016d}") for one in UPDATES))
