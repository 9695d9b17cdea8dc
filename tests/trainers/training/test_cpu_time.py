"""A paper's run on a CPU says what it would take; the number follows from counts and a speed by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from rsp_lab.models import presets
from rsp_lab.models.inspection.cost import system_cost
from rsp_lab.models.segmenter import Segmenter
from trainers.config.paper import PAPER_RECIPES, cityscapes
from trainers.runs import run as run_module
from trainers.training.cpu_time import cpu_notice, cpu_seconds, training_speed


def test_seconds_by_hand() -> None:
    """A crop of 512 x 1024 is a quarter of the image at which Table II counts."""
    config = PAPER_RECIPES["cityscapes_rsp4_r50"]()
    seconds = cpu_seconds(config, speed=1e12)

    whole = system_cost(lambda: Segmenter(config.model), (1024, 2048)).multiply_adds
    assert seconds == pytest.approx(65_000 * 32 * 3 * whole / 4 / 1e12, rel=0.01)
    assert cpu_seconds(config, speed=2e12) == pytest.approx(seconds / 2)
    assert cpu_seconds(replace(config, steps=6_500), speed=1e12) == pytest.approx(seconds / 10)


def test_words_name_the_work_the_rule_and_the_way_out() -> None:
    said = cpu_notice(cityscapes("any", presets.baseline()), speed=50e9)

    assert "the run would take about" in said
    assert " days: 65,000 updates of 32 images of 512 x 1024, 3 x " in said
    assert "50 x 10^9 a second" in said
    assert "Ctrl-C stops it after an update" in said


def test_the_speed_is_measured_under_the_threads_of_the_run() -> None:
    before = torch.get_num_threads()
    assert training_speed(1) > 1e6
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(("paper", "gpu", "told"), [(True, False, True), (True, True, False), (False, False, False)])
def test_a_run_of_the_paper_without_a_gpu_is_told_before_its_first_update(
    paper: bool, gpu: bool, told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = (
        cityscapes("small", presets.baseline())
        if paper
        else run_module.RunConfig("other", presets.tiny_rsp4(("a", "b")))
    )
    device = torch.device("cuda" if gpu else "cpu")
    monkeypatch.setattr(run_module, "training_speed", lambda _threads: 1e9)

    notices = run_module.notices_of(config, device)
    assert any("no GPU here" in line for line in notices) == told
