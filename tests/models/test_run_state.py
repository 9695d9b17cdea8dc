"""The states that a run kept: in order, of one network, and spaced by the logarithm of their updates."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from rsp_lab.models.presets import tiny_baseline
from rsp_lab.models.run_state import LAST, CheckpointError, KeptState, kept_states, load_model, spaced
from tests.kit.films import CONFIG, kept_run, network, write_state


def states(*updates: int) -> list[KeptState]:
    return [KeptState(Path("none"), one, CONFIG, "") for one in updates]


def test_states_come_by_their_updates_and_the_last_one_once(tmp_path: Path) -> None:
    kept_run(tmp_path, (20, 3))
    write_state(tmp_path, 20, name=LAST)
    assert [state.updates for state in kept_states(tmp_path)] == [3, 20]

    write_state(tmp_path, 25, name=LAST)
    found = kept_states(tmp_path)

    assert [(state.updates, state.data) for state in found] == [
        (3, "small-scenes"),
        (20, "small-scenes"),
        (25, "small-scenes"),
    ]
    loaded = load_model(found[0].path)
    assert not loaded.training
    assert all(torch.equal(value, network(3).state_dict()[name]) for name, value in loaded.state_dict().items())


def test_a_run_without_kept_states_says_how_to_keep_them(tmp_path: Path) -> None:
    write_state(tmp_path, 5, name=LAST)

    with pytest.raises(CheckpointError, match=r"holds no kept states.* keep_every .* keep "):
        kept_states(tmp_path)
    with pytest.raises(CheckpointError, match="there is no such folder"):
        kept_states(tmp_path / "none")


@pytest.mark.parametrize(
    ("config", "differs"),
    [
        (replace(CONFIG, class_names=(*CONFIG.class_names[:-1], "cart")), "class_names"),
        (tiny_baseline(CONFIG.class_names, CONFIG.label_table), "head"),
    ],
)
def test_states_of_two_networks_are_refused(tmp_path: Path, config: type(CONFIG), differs: str) -> None:
    write_state(tmp_path, 1)
    write_state(tmp_path, 2, config)

    with pytest.raises(CheckpointError, match=f"another network than step-00000001.* \\(other .*{differs}"):
        kept_states(tmp_path)


def test_chosen_states_are_even_in_the_logarithm_as_far_as_there_are_any() -> None:
    every = states(*range(4, 601, 4))

    assert [state.updates for state in spaced(every, 5)] == [4, 12, 44, 164, 600]
    many = [state.updates for state in spaced(every, 14)]
    assert many[:4] == [4, 8, 12, 16]
    assert (len(many), many[-1]) == (14, 600)
    assert many == sorted(set(many))
    assert spaced(every[:3], 5) == tuple(every[:3])
    with pytest.raises(ValueError, match="2 states at least, got 1"):
        spaced(every, 1)
