"""The ranks of methods in networks of several makes, on the results page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rsp_lab.analysis.arena.methods import METHODS
from rsp_lab.analysis.arena.result import MEASURES, ArenaResult, PairOutcome
from rsp_lab.files import FileError, write_json
from trainers.reports.arena_ranks import OURS, RANK_EXPECTATIONS, SHOWN, arena_section, read_arena
from trainers.runs.study_runs import MAKE_NAMES

NAMES = ("ledger", "gradient_x_input", "integrated_gradients", "occlusion", "random")
HEADS = ("lite0_rsp4", "lite0_baseline", "smp_fpn")


def arena(noise: float, pairs: int = 4) -> ArenaResult:
    """Methods whose values rise in their order in every network, but for noise that is each network's own."""
    rng, outcomes = np.random.default_rng(0), []
    models = [f"runs/makes/scenes_{head}-0/best.safetensors" for head in HEADS]
    for model in models:
        for seed in range(pairs):
            drawn = np.arange(len(NAMES)) + noise * rng.standard_normal((len(SHOWN), len(NAMES)))
            values = {
                name: {m: float(row[i]) for m, row in zip(SHOWN, drawn, strict=True)} for i, name in enumerate(NAMES)
            }
            outcomes.append(PairOutcome(model, "car-bus", 4, seed, (3.0, 3.0), 0.1, None, values))
    heads = dict.fromkeys(models, "sums")
    methods = {name: METHODS[name] for name in NAMES}
    return ArenaResult(tuple(models), heads, methods, tuple(outcomes), {"size": [128, 256]})  # type: ignore[arg-type]


def kept(result: ArenaResult, path: Path, **changes: Any) -> Path:
    return write_json(path, result.to_dict() | changes)


def test_what_the_arena_wrote_comes_back_by_the_names_of_the_page(tmp_path: Path) -> None:
    result = arena(1.0)
    found = read_arena(kept(result, tmp_path / "arena.json"))
    assert found.models == tuple(MAKE_NAMES[head] for head in HEADS)
    assert list(found.methods) == list(NAMES)
    assert [replace(pair, model="") for pair in found.pairs] == [replace(pair, model="") for pair in result.pairs]


def test_an_order_that_all_share_is_said_to_be(tmp_path: Path) -> None:
    text = "\n".join(arena_section(read_arena(kept(arena(0.0), tmp_path / "arena.json"))))
    assert "over 3 of these networks, one seed each: 4 pairs of readings of 128 x 256 pixels" in text
    assert f"| {MEASURES['input_score'].title} | 4 | 1.00 |" in text
    assert "By no measure does the architecture move it more than the picture does." in text
    assert "| rank by pixels, whole model | RSP-4 | Baseline + Q6, Q7 | smp FPN |" in text
    assert "| occlusion | 1 | 1 | 1 |" in text
    assert "| tau above 0.5 (pixels, whole model) |" in text
    assert "| 1.00 ± 0.00 | 4 | held |" in text
    ours = next(line for line in text.splitlines() if line.startswith("| our two heads agree more"))
    assert ours.endswith("| 0.00 ± 0.00 | 4 | failed |")


def test_an_order_that_nobody_shares_is_said_not_to_be(tmp_path: Path) -> None:
    text = "\n".join(arena_section(read_arena(kept(arena(100.0, 12), tmp_path / "arena.json"))))
    assert "An order is shared (the interval excludes 0) by: no measure." in text
    assert "| undecided |" in text


def test_every_expectation_can_be_judged() -> None:
    assert {one.measure for one in RANK_EXPECTATIONS} <= set(SHOWN)
    assert set(OURS) <= set(MAKE_NAMES.values())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"heads": {"scenes-rsp4": "relations"}}, "scenes-rsp4 is no run of a recipe scenes_"),
        ({"pairs": [{"model": 3}]}, "its fields are model"),
        ({"methods": [{"name": "guess"}]}, "guess"),
    ],
)
def test_another_file_is_refused(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    path = kept(arena(1.0), tmp_path / "arena.json", **changes)
    with pytest.raises(FileError, match=f"is no result of the arena on decoders of several makes .*{said}"):
        read_arena(path)
