"""The arena as a whole: resumed equals uninterrupted, a planted truth wins, expectations are judged, errors."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace

import pytest
import torch

from rsp_lab.analysis.arena import run
from rsp_lab.analysis.arena.expectations import EXPECTATIONS, judge
from rsp_lab.analysis.arena.methods import METHODS, ArenaMethod, Question
from rsp_lab.analysis.arena.page import arena_page
from rsp_lab.analysis.arena.result import MEASURES, ArenaResult, PairOutcome
from rsp_lab.analysis.arena.run import ArenaSettings, run_arena
from rsp_lab.analysis.attribution.interface import AttributionMethod, MethodOutput
from rsp_lab.analysis.attribution.methods import Occlusion
from rsp_lab.files import StateMismatchError
from rsp_lab.models import presets
from rsp_lab.models.relation import RelationConfig
from rsp_lab.shapes import Window
from tests.kit.arena import HEADS, scene_network, scene_subject
from tests.kit.networks import network

pytestmark = pytest.mark.usefixtures("one_thread", "unchecked_module")
SETTINGS = ArenaSettings(
    size=(64, 128),
    cases=("person-rider",),
    distances=(4,),
    methods=("ledger", "raw_weights", "gradient_x_q", "feature_ablation"),
    seeds=2,
    input_steps=2,
)


@dataclass(frozen=True)
class Redness(AttributionMethod):
    """What is red: of the image alone, and known nowhere else."""

    power: int = 2

    name = "redness"
    title = "red light"
    unit = "a share"
    rule = "the red channel to a power"
    signed = False

    def passes(self, size):
        return 0

    def run(self, function, image, reference):
        return MethodOutput(image[0, 0] ** self.power)


class Norms(ArenaMethod):
    """How large the Q maps are: of the head alone, and known nowhere else."""

    name = "norms"
    title = "norm of Q"
    unit = "a norm"
    rule = "norm of a cell of Q"
    signed = False

    def values(self, question: Question):
        return {level: q[0].norm(dim=0) for level, q in question.frozen.q.items()}


@pytest.fixture(scope="module")
def models():
    sums, relations = scene_network(presets.baseline()), scene_network()
    sums.name, relations.name = "sums", "relations"
    return sums, relations


@pytest.fixture(scope="module")
def whole(models, tmp_path_factory):
    return run_arena(models, SETTINGS, tmp_path_factory.mktemp("whole") / "state")


def test_resumed_equals_uninterrupted(models, whole, tmp_path):
    def stop(done, count):
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_arena(models, SETTINGS, tmp_path, report=stop)
    kept = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.json")}
    assert len(kept) == 2  # the question and one pair
    again = run_arena(models, SETTINGS, tmp_path)
    assert again.to_dict() == whole.to_dict()
    assert all((tmp_path / name).stat().st_mtime_ns == when for name, when in kept.items())
    assert {path.suffix for path in tmp_path.iterdir()} == {".json"}


@pytest.fixture
def asked(monkeypatch):
    """Seeds of the pairs that are measured, which costs nothing here."""
    seeds = []

    def measured(name, model, place, methods, **settings):
        seeds.append(place.seed)
        return PairOutcome(name, place.case, place.distance, place.seed, (1.0, 1.0), 0.1, 0.0, {"random": {}})

    monkeypatch.setattr(run, "pair_outcome", measured)
    return seeds


def test_fresh_measures_anew_and_more_scenes_only_add(models, tmp_path, asked):
    first = run_arena(models, SETTINGS, tmp_path)
    assert len(asked) == 2
    more = run_arena(models, replace(SETTINGS, scenes=2, cases=("person-rider", "car-bus")), tmp_path)
    assert len(asked) == 2 + 6
    assert len(set(asked)) == 4
    assert all(pair in more.pairs for pair in first.pairs)
    (tmp_path / "mine.json").write_text("{}")
    run_arena(models, SETTINGS, tmp_path, fresh=True)
    assert (tmp_path / "mine.json").read_text() == "{}"  # all JSON files of the folder were removed
    (tmp_path / "mine.json").unlink()
    assert len(asked) == 2 + 6 + 2
    renamed = scene_network(presets.baseline()).double()
    renamed.name = "renamed"
    run_arena(renamed, SETTINGS, tmp_path)
    assert len(asked) == 2 + 6 + 2 + 1


@pytest.mark.parametrize("other", [RelationConfig(Window(7, 2)), RelationConfig(normalisation="none")])
def test_the_same_parameters_in_another_network_are_measured_anew(tmp_path, asked, other):
    one, two = scene_network(presets.rsp2()), scene_network(presets.rsp2(other))
    two.load_state_dict(one.state_dict())
    two.name = one.name

    run_arena(one, SETTINGS, tmp_path)
    run_arena(two, SETTINGS, tmp_path)
    assert len(asked) == 2
    run_arena(one, SETTINGS, tmp_path)
    assert len(asked) == 2


def test_methods_of_ones_own_take_part_under_their_words(models, tmp_path):
    settings = replace(SETTINGS, methods=(Redness(power=3), "ledger", Norms(), Occlusion(64, 64)), reference="black")

    result = run_arena(models[1], settings, tmp_path)

    assert list(result.methods) == ["ledger", "occlusion", "redness", "norms", "random"]
    facts = json.loads(json.dumps(result.to_dict()))
    words = {one["name"]: one for one in facts["methods"]}
    assert words["redness"] == {
        "name": "redness",
        "title": "red light",
        "level": "input",
        "unit": "a share",
        "rule": "the red channel to a power",
        "settings": {"power": 3},
    }
    assert (words["norms"]["title"], words["norms"]["level"]) == ("norm of Q", "relation")
    assert words["occlusion"]["settings"] == {"window": 64, "stride": 64}
    assert facts["settings"]["methods"]["redness"] == {"power": 3}
    for name in ("redness", "norms"):
        assert result.estimate("relations", name, "input_score").count == 1
        assert result.estimate("relations", name, "same_model").mean == pytest.approx(1) or name == "norms"
    page = arena_page(result)
    assert "| red light |" in page
    assert "- **norm of Q** (relation level): norm of a cell of Q." in page
    assert "occlusion (window 64, stride 64), red light (power 3)." in page
    assert "replaced by the reference black;" in page
    with pytest.raises(ValueError, match=r"another question \(other methods\)"):
        run_arena(models, replace(settings, methods=(Redness(power=2), *settings.methods[1:])), tmp_path)


def test_every_measure_is_there_and_laws_hold(whole):
    for model in whole.models:
        for method in whole.methods:
            assert whole.estimate(model, method, "live_score").count == 1
            assert whole.estimate(model, method, "same_model").count == 1
    for pair in whole.pairs:
        scores = {m: found["frozen_score"] for m, found in pair.values.items()}
        assert max(scores, key=scores.__getitem__) in {"ledger", "gradient_x_q"}
        assert scores["ledger"] == pytest.approx(max(scores.values()))
        assert pair.residual < 1e-5
        assert all(-1 <= found["input_score"] <= 1 for found in pair.values.values())
    sums = next(pair for pair in whole.pairs if pair.model == "sums")
    assert sums.values["gradient_x_q"] == pytest.approx(sums.values["ledger"], abs=1e-4)
    json.dumps(whole.to_dict())


@pytest.fixture(scope="module")
def mixed(models):
    methods = ("ledger", "raw_weights", "gradient_x_q", "feature_ablation")
    subjects = scene_subject(), scene_subject("gated", gated=True)
    return run_arena((models[1], *subjects), replace(SETTINGS, methods=methods))


def test_networks_of_another_make_take_part_with_what_applies(mixed):
    assert mixed.heads == {"relations": "relations", "foreign": "of another make", "gated": "of another make"}
    assert [set(mixed.left_out(model)) for model in mixed.models] == [set(), {"raw_weights"}, {"raw_weights", "ledger"}]
    of = {pair.model: pair for pair in mixed.pairs}
    scores = {m: found["frozen_score"] for m, found in of["foreign"].values.items()}
    assert scores["ledger"] == max(scores.values())
    assert of["foreign"].residual < 1e-6
    for method in ("ledger", "gradient_x_q", "feature_ablation", "random"):
        assert {"live_score", "input_score", "same_head", "same_model"} <= set(of["foreign"].values[method])
    # Without a ledger there is no scale inside the head, and no change ledger to compare levels with.
    assert of["gated"].residual is None
    for found in of["gated"].values.values():
        assert {"input_score", "same_head", "cue_lift"} & set(found)
        assert not {"live_score", "frozen_score", "level_overlap"} & set(found)
    again = PairOutcome.from_dict(json.loads(json.dumps(of["gated"].to_dict())))
    assert again == of["gated"]


def test_the_page_names_what_is_left_out_and_why(mixed):
    page = arena_page(mixed)
    assert "- **foreign**, without top-down steps, reads" in page
    assert "Left out: raw weights (foreign has no top-down steps of a head of rsp_lab" in page
    assert "**gated**, without top-down steps, reads" in page
    assert "No ledger of it adds up, so nothing is measured inside its head or by level. Left out: " in page
    assert "### Inside the head: foreign" in page
    assert "### Inside the head: gated" not in page
    assert "nan" not in page
    for verdict in judge(mixed):
        methods = {verdict.expectation.method, verdict.expectation.against}
        assert not methods & set(mixed.left_out(verdict.model))
        assert verdict.model == "relations" or verdict.expectation.heads == "all"
    assert {verdict.model for verdict in judge(mixed)} == set(mixed.models)
    json.dumps(mixed.to_dict())


def test_a_subject_that_is_taken_apart_elsewhere_is_another_model(tmp_path, asked):
    subject = scene_subject()
    run_arena(subject, SETTINGS, tmp_path)
    subject.cut = ("low",)
    run_arena(subject, SETTINGS, tmp_path)
    subject.mean.add_(0.1)
    run_arena(subject, SETTINGS, tmp_path)
    run_arena(subject, SETTINGS, tmp_path)
    assert len(asked) == 3


def test_the_page_says_every_method_and_expectation(whole):
    page = arena_page(whole)
    for verdict in judge(whole):
        assert verdict.expectation.sentence() in page
    assert all(method.title in page for method in whole.methods.values())
    assert "nan" not in page
    assert "a uniform map" in page or not any(pair.used for pair in whole.pairs)


def pairs(values, measure="live_score", other=None, margin=1.0):
    found = []
    for seed, value in enumerate(values):
        table = {"ledger": {measure: value}, "random": {measure: 0.0 if other is None else other[seed]}}
        found.append(PairOutcome("m", "car-bus", 4, seed, (margin, margin), 0.1, 0.0, table))
    methods = {name: METHODS[name] for name in ("ledger", "random")}
    return ArenaResult(("m",), {"m": "relations"}, methods, tuple(found), {})


def test_estimates_are_paired_and_t():
    result = pairs([1.0, 2.0, 3.0], other=[0.5, 1.5, 2.5])
    alone, paired = (result.estimate("m", "ledger", "live_score", minus=m) for m in (None, "random"))
    assert (alone.mean, alone.count) == (2.0, 3)
    assert alone.half_width == pytest.approx(4.302653 / math.sqrt(3), rel=1e-5)
    assert (paired.mean, paired.half_width) == (0.5, pytest.approx(0, abs=1e-12))


def test_pairs_whose_cue_is_not_used_do_not_count_for_the_known_answer():
    for measure in MEASURES:
        idle = pairs([1.0, 2.0], measure, margin=0.1).estimate("m", "ledger", measure)
        assert idle.count == (0 if MEASURES[measure].group in ("known", "levels") else 2)


def test_expectations_name_what_there_is_and_give_reasons():
    for expectation in EXPECTATIONS:
        assert expectation.method in METHODS
        assert expectation.measure in MEASURES
        assert isinstance(expectation.against, float) or expectation.against in METHODS
        assert expectation.reason
        assert (expectation.claim == "near") == (expectation.within > 0)
    assert len({e.sentence() for e in EXPECTATIONS}) == len(EXPECTATIONS)


def test_errors(models, tmp_path, asked):
    run_arena(models[0], SETTINGS, tmp_path)
    with pytest.raises(StateMismatchError, match=r"another question \(other seeds\)"):
        run_arena(models, replace(SETTINGS, seeds=3), tmp_path)
    with pytest.raises(ValueError, match="no model takes part"):
        run_arena([], SETTINGS)
    with pytest.raises(ValueError, match="classes of the drawn scenes"):
        run_arena(network(HEADS["sum"], channels=64), SETTINGS)
    with pytest.raises(ValueError, match="two models are called 'sums'"):
        run_arena([models[0], models[0]], SETTINGS)
    with pytest.raises(ValueError, match="this needs a Segmenter"):
        run_arena(torch.nn.Conv2d(3, 2, 1), SETTINGS)
    for wrong, says in (
        ({"scenes": 0}, "scenes must be at least 1"),
        ({"cases": ("cat-dog",)}, "cases must name some of"),
        ({"cases": ("car-bus", "car-bus")}, "cases must differ, got car-bus, car-bus: give each once"),
        ({"distances": (4, 8, 4)}, "distances must differ, got 4, 8, 4: give each once"),
        ({"methods": ("random",)}, "no method beside the random control"),
        ({"methods": ("guess",)}, "no method is named 'guess'"),
        ({"size": (1, 1)}, "a drawn scene has 64 x 128 to 2048 x 4096 pixels"),
        ({"methods": (Occlusion(8), Occlusion(16))}, "two methods are called 'occlusion'"),
        ({"reference": "grey"}, "no reference is named 'grey'"),
    ):
        with pytest.raises(ValueError, match=says):
            ArenaSettings(**wrong)


DEEP = "[" * 10_000 + "]" * 10_000


@pytest.mark.parametrize("text", ["[]", "null", "7", "", "{", DEEP, '{"a": ' * 10_000, '{"seeds": NaN}', "\ud800"])
def test_a_question_that_is_none_is_refused(models, tmp_path, asked, text):
    """``[]`` raised a TypeError, and deep nesting a RecursionError."""
    run_arena(models[0], SETTINGS, tmp_path)
    (tmp_path / "question.json").write_text(text, encoding="utf-8", errors="surrogatepass")
    with pytest.raises(StateMismatchError, match=r"question\.json is damaged or no state of the arena: .*Start over"):
        run_arena(models[0], SETTINGS, tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        "{",
        "[]",
        DEEP,
        {"margins": [1.0]},
        {"margins": [1.0, None]},
        {"margins": None},
        {"values": []},
        {"values": {"random": []}},
        {"values": {"random": {"score": "high"}}},
        {"distance": "4"},
        {"seed": 10**400},
        {"residual": "small"},
        {"left_out": []},
        {"left_out": {"ledger": 1}},
        {"surprise": 1},
    ],
)
def test_an_outcome_that_is_none_is_refused(models, tmp_path, asked, change):
    run_arena(models[0], SETTINGS, tmp_path)
    (kept,) = tmp_path.glob("sums-*.json")
    kept.write_text(change if isinstance(change, str) else json.dumps({**json.loads(kept.read_text()), **change}))
    with pytest.raises(StateMismatchError, match=f"{kept.name}.*(not an outcome|no state) of the arena.*Start over"):
        run_arena(models[0], SETTINGS, tmp_path)
    assert run_arena(models[0], SETTINGS, tmp_path, fresh=True).pairs


def test_nothing_is_written_or_forgotten_before_an_outcome(models, tmp_path, asked, monkeypatch):
    def broken(*_, **__):
        raise ValueError("refused late")

    run_arena(models[0], SETTINGS, tmp_path / "old")
    before = {path.name: path.read_bytes() for path in (tmp_path / "old").iterdir()}
    monkeypatch.setattr(run, "pair_outcome", broken)
    with pytest.raises(ValueError, match="refused late"):
        run_arena(models, SETTINGS, tmp_path / "new")
    with pytest.raises(ValueError, match="refused late"):
        run_arena(models, replace(SETTINGS, seeds=3), tmp_path / "old", fresh=True)
    assert not (tmp_path / "new").exists()
    assert {path.name: path.read_bytes() for path in (tmp_path / "old").iterdir()} == before
