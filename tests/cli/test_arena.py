"""rsp-lab arena: expectations first, the files, going on, and what it refuses."""

from __future__ import annotations

import csv
import json
import os

import pytest

from rsp_lab.analysis.arena import run
from rsp_lab.analysis.arena.expectations import EXPECTATIONS
from rsp_lab.analysis.arena.result import MEASURES, PairOutcome
from rsp_lab.cli import main

METHODS = ("ledger", "occlusion", "random")


@pytest.fixture(autouse=True)
def asked(monkeypatch):
    """Pairs that are measured; what a pair costs is the business of tests/analysis."""
    seeds = []

    def measured(name, model, place, methods, **settings):
        seeds.append(place.seed)
        values = {
            m: dict.fromkeys(MEASURES, 0.1 * i + 0.01 * (place.seed % 7))
            for i, m in enumerate(method.name for method in methods)
        }
        return PairOutcome(name, place.case, place.distance, place.seed, (1.0, 1.0), 0.1, 1e-7, values)

    monkeypatch.setattr(run, "pair_outcome", measured)
    return seeds


def words(out, *more):
    return ["arena", "-o", str(out), "--size", "64", "128", "--distances", "4", "8", "--methods", *METHODS, *more]


def test_it_says_what_is_expected_before_it_measures_and_writes_all_files(tmp_path, capsys, asked):
    main.main(words(tmp_path / "out", "--page", str(tmp_path / "docs" / "arena.md")))
    printed = capsys.readouterr()
    assert printed.err.index(EXPECTATIONS[-1].sentence()) < printed.err.index("pairs, about")
    assert "held" in printed.out
    out = tmp_path / "out"
    assert {p.name for p in out.iterdir()} == {
        "arena.csv", "arena.json", "arena.md", "arena.png", "arena.pdf", "state",
    }  # fmt: skip
    facts = json.loads((out / "arena.json").read_text())
    assert len(facts["pairs"]) == len(asked) == 3 * 2 * 2
    assert {e["outcome"] for e in facts["expectations"]} <= {"held", "failed", "undecided"}
    with (out / "arena.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["method"] for row in rows} == set(METHODS)
    page = (tmp_path / "docs" / "arena.md").read_text()
    assert page == (out / "arena.md").read_text().replace("(arena.png)", "(images/arena.png)")
    assert (tmp_path / "docs" / "images" / "arena.png").is_file()


def test_it_goes_on_and_prints_json_alone(tmp_path, capsys, asked):
    main.main(words(tmp_path, "--json"))
    first = json.loads(capsys.readouterr().out)
    main.main(words(tmp_path, "--json"))
    assert json.loads(capsys.readouterr().out) == first
    assert len(asked) == 12


def test_interrupted_before_the_first_pair_it_says_so(tmp_path, capsys, monkeypatch):
    def stopped(*a, **k):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "pair_outcome", stopped)
    with pytest.raises(SystemExit) as ended:
        main.main(words(tmp_path))
    assert ended.value.code == 130
    assert "nothing was kept yet" in capsys.readouterr().err


def test_a_function_of_a_file_makes_a_model_of_any_make(tmp_path, capsys, monkeypatch, foreign):
    def measured(name, model, place, methods, **settings):
        why = {} if name.startswith("scenes") else {"ledger": "it has no top-down path"}
        values = {method.name: dict.fromkeys(MEASURES, 0.1) for method in methods if method.name not in why}
        residual = None if why else 1e-7
        return PairOutcome(name, place.case, place.distance, place.seed, (1.0, 1.0), 0.1, residual, values, why)

    monkeypatch.setattr(run, "pair_outcome", measured)

    main.main(words(tmp_path / "out", "--models", "scenes-rsp4-tiny", f"{foreign}:other"))

    assert "left out of other: context ledger (it has no top-down path)" in capsys.readouterr().err
    facts = json.loads((tmp_path / "out" / "arena.json").read_text())
    assert facts["heads"] == {"scenes-rsp4-tiny": "relations", "other": "of another make"}
    assert facts["left_out"] == {"scenes-rsp4-tiny": {}, "other": {"ledger": "it has no top-down path"}}
    assert "Left out: context ledger (it has no top-down path)" in (tmp_path / "out" / "arena.md").read_text()


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--scenes", "0"], "scenes must be at least 1"),
        (["--models", "camvid-rsp4"], "trained on them"),
        (["--models", "scenes-rsp4", "scenes-rsp4"], "named twice"),
        (["--cases", "cat-dog"], "must name some of"),
        (["--methods", "oclusion"], "Did you mean 'occlusion'"),
        (["--distances", "999"], "pixels away"),
        (["--size", "1", "1"], "64 x 128 to 2048 x 4096"),
    ],
)
def test_what_it_refuses(tmp_path, fails, more, says):
    """Nothing is written by a request that is refused, so that the right one is no other question."""
    assert says in fails(words(tmp_path / "out", *more))
    assert not (tmp_path / "out").exists()


def test_another_question_names_the_options_that_help(tmp_path, fails):
    main.main(words(tmp_path))
    refused = fails(words(tmp_path, "--seeds", "2"))
    assert "belongs to another question (other seeds)" in refused
    assert "(-o names another place, --fresh starts over)" in refused
    assert "Traceback" not in fails(words(tmp_path / "arena.md"))


def test_a_page_that_cannot_be_written_is_known_before_the_work(tmp_path, fails, asked):
    os.mkfifo(tmp_path / "page.md")
    assert "is a pipe" in fails(words(tmp_path / "out", "--page", str(tmp_path / "page.md")))
    assert not asked
    assert not (tmp_path / "out").exists()
