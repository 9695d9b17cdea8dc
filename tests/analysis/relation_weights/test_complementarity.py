"""The complementarity score against numpy, and its nulls against enumeration and models of known answer."""

from __future__ import annotations

import json
import math
from itertools import permutations

import numpy as np
import pytest
import torch
from torch import Tensor

from rsp_lab.analysis.relation_weights.complementarity import (
    Complementarity,
    Null,
    RandomNetworks,
    channel_correlations,
    complementarity,
    complementarity_score,
    null_of,
    shuffled_scores,
)
from rsp_lab.analysis.relation_weights.key_query import key_query
from rsp_lab.capture.capture import run_with_capture
from rsp_lab.models.presets import tiny, tiny_baseline, top_down
from rsp_lab.models.relation import RelationConfig, relation_modules
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.shapes import Window
from tests.kit.arena import scene_subject

NAMES = ("road", "rider", "person")


def maps(m: int = 5, y: int = 7, x: int = 11) -> tuple[Tensor, Tensor]:
    return torch.randn(m, y, x, dtype=torch.float64), torch.randn(m, y, x, dtype=torch.float64) + 3


def test_correlations_are_numpy_s() -> None:
    query, key = maps()
    expected = np.corrcoef(query.flatten(1).numpy(), key.flatten(1).numpy())[:5, 5:]

    np.testing.assert_allclose(channel_correlations(query, key).numpy(), expected, atol=1e-12)
    assert complementarity_score(channel_correlations(query, key)) == pytest.approx(-expected.diagonal().mean())


def test_by_hand() -> None:
    """Channel 0 complements (-1), channel 1 agrees (+1), channel 2 of the key is constant (0): score 0, then 1/3."""
    row = torch.tensor([[[0.0, 1, 2, 3]]])
    query = torch.cat([row, row, row])
    key = torch.cat([3 - row, 5 * row, torch.full_like(row, 0.1)])

    assert channel_correlations(query, key)[0].tolist() == pytest.approx([-1, 1, 0])
    assert complementarity_score(channel_correlations(query, key)) == pytest.approx(0, abs=1e-12)
    assert complementarity_score(channel_correlations(query, key * torch.tensor([1.0, 0, 1]).view(3, 1, 1))) == (
        pytest.approx(1 / 3)
    )


def test_what_leaves_the_weights_alone_leaves_the_score_alone() -> None:
    query, key = maps()
    sign = torch.tensor([1.0, -1, 1, -1, -1], dtype=torch.float64).view(5, 1, 1)
    shift = torch.randn(5, 1, 1, dtype=torch.float64)
    expected = complementarity_score(channel_correlations(query, key))

    assert complementarity_score(channel_correlations(query * sign, key * sign + shift)) == pytest.approx(expected)


def test_shuffling_draws_every_permutation_alike() -> None:
    """Three channels have six permutations: the draws take exactly their scores, each about a sixth of the time."""
    matrix = torch.randn(3, 3, dtype=torch.float64)
    scores = [-sum(float(matrix[i, j]) for i, j in enumerate(order)) / 3 for order in permutations(range(3))]
    drawn = shuffled_scores(matrix, 6000, seed=1)

    for score in scores:
        assert int((drawn - score).abs().lt(1e-12).sum()) == pytest.approx(1000, abs=150)
    assert float(drawn.mean()) == pytest.approx(-float(matrix.mean()), abs=0.05)
    assert torch.equal(drawn, shuffled_scores(matrix, 6000, seed=1))
    assert not torch.equal(drawn, shuffled_scores(matrix, 6000, seed=2))


def test_null_by_hand() -> None:
    """Draws 0, 1, 2, 3, 4: of a score of 3, three lie below, one ties; 0, 1, 3 and 4 are 1 or more from the mean 2."""
    null = null_of("five", 3.0, torch.arange(5.0))

    assert (null.mean, null.n) == (2, 5)
    assert null.percentile == pytest.approx(70)
    assert null.p == pytest.approx(5 / 6)
    assert (null.low, null.high) == pytest.approx((0.1, 3.9))
    assert null_of("five", 9.0, torch.arange(5.0)).p == pytest.approx(1 / 6)
    assert null_of("one", 9.0, torch.zeros(1)).percentile == 100


def small(query_from: str = "low", seed: int = 0) -> Segmenter:
    torch.manual_seed(seed)
    relation = RelationConfig(Window(3), reduction=4, query_from=query_from)
    return Segmenter(tiny(top_down(top=5, at=(54, 43), fusion=relation, channels=64), NAMES)).eval()


@pytest.fixture(scope="module")
def images() -> list[Tensor]:
    generator = torch.Generator().manual_seed(7)
    return [torch.rand(1, 3, *size, generator=generator) for size in ((65, 97), (99, 67))]


def test_the_score_of_a_model_is_the_mean_of_its_channels(images: list[Tensor]) -> None:
    """Mean correlation by numpy, spread over images, and the covariance as a difference of content scores."""
    model = small()
    found = complementarity(model, images, random_models=0, draws=50)
    assert [f.step for f in found] == ["step54", "step43"]
    for result in found:
        scores, covariances = [], []
        for image in images:
            with torch.no_grad():
                _, record = run_with_capture(model, image, taps=f"{result.step}.*")
            query, key = (record[f"{result.step}.{part}"][0].flatten(1).double().numpy() for part in ("query", "key"))
            scores.append(-np.mean([np.corrcoef(q, k)[0, 1] for q, k in zip(query, key, strict=True)]))
            content = query.T @ key
            covariances.append(content.diagonal().mean() - content.mean())
        assert result.scores == pytest.approx(scores, abs=1e-5)
        assert result.score == pytest.approx(np.mean(scores), abs=1e-5)
        assert result.deviation == pytest.approx(np.std(scores, ddof=1), abs=1e-5)
        assert result.covariance == pytest.approx(np.mean(covariances), abs=1e-4)
        assert result.random is None
        assert result.same_source is None
    pair = key_query("step43", record["step43.query"][0], record["step43.key"][0])
    assert float(channel_correlations(record["step43.query"][0], record["step43.key"][0]).diagonal().median()) == (
        pytest.approx(pair.median_correlation, abs=1e-5)
    )


def test_key_made_of_minus_query_complements_perfectly(images: list[Tensor]) -> None:
    model = small("high")
    with torch.no_grad():
        for module in relation_modules(model).values():
            module.f_k.weight.copy_(-2 * module.f_q.weight)
    for result in complementarity(model, images[:1], random_models=3, draws=199):
        assert result.score == pytest.approx(1, abs=1e-5)
        assert math.isnan(result.deviation)
        assert result.covariance < 0
        assert result.shuffled.percentile == 100
        assert result.shuffled.p == pytest.approx(1 / 200)
        assert result.random is not None
        assert result.random.p == 1 / 4
        assert result.random.high < 0.9


@pytest.mark.parametrize("steps", [(54, 43), (54,)])
def test_scores_of_random_weights_are_those_of_a_whole_network(steps: tuple[int, ...], images: list[Tensor]) -> None:
    """Levels below all relations, which no key or query reads, are left out."""
    relation = RelationConfig(Window(3), reduction=4)
    config = tiny(top_down(top=5, at=steps, fusion=relation, channels=64), NAMES)
    torch.manual_seed(5)
    whole = Segmenter(config).eval()

    expected = {found.step: found.score for found in complementarity(whole, images[0], random_models=0, draws=1)}
    assert list(expected) == [f"step{step}" for step in steps]
    networks = RandomNetworks(Segmenter(config))
    assert networks.scores(images[0], 4) != expected
    assert networks.scores(images[0], 5) == expected


def test_random_weights_are_no_exception_under_their_own_null(images: list[Tensor]) -> None:
    """A model that is itself one of three draws ties with it: its percentile is an odd number of sixths."""
    model = small(seed=11)
    found = complementarity(model, images[:1], random_models=3, draws=10, seed=10)
    assert all(f.random is not None and f.random.n == 3 for f in found)
    for result in found:
        assert result.random is not None
        assert round(result.random.percentile * 6 / 100, 6) in (1, 3, 5)


def test_equal_arguments_give_equal_results_and_the_random_state_is_left_alone(images: list[Tensor]) -> None:
    model, other = small(), small("high", 1)
    before = torch.get_rng_state()
    first, second = (complementarity(model, images[1:], random_models=2, same_source=other, draws=99) for _ in range(2))

    assert torch.equal(before, torch.get_rng_state())
    assert first == second
    expected = complementarity(other, images[1:], random_models=0, draws=1)
    assert [f.same_source for f in first] == [f.score for f in expected]
    json.dumps([f.to_dict() for f in first], allow_nan=False)
    single = complementarity(model, images[:1], random_models=0, draws=9)[0].to_dict()
    assert single["deviation"] is single["random"] is single["same_source"] is None


def test_a_batch_is_as_its_images() -> None:
    model, batch = small(), torch.rand(3, 3, 65, 97, generator=torch.Generator().manual_seed(8))
    expected = complementarity(model, list(batch.split(1)), random_models=0, draws=9)
    assert complementarity(model, batch, random_models=0, draws=9) == expected
    assert complementarity(model, batch[1:2], random_models=0, draws=9)[0].scores == expected[0].scores[1:2]


def test_a_model_that_only_sums_has_none(images: list[Tensor]) -> None:
    assert complementarity(Segmenter(tiny_baseline(NAMES)).eval(), images) == ()


def test_refusals(images: list[Tensor]) -> None:
    model = small()
    with pytest.raises(ValueError, match="got 0 images, 2000 draws and 8 random models"):
        complementarity(model, [])
    with pytest.raises(ValueError, match="0 draws"):
        complementarity(model, images, draws=0)
    with pytest.raises(ValueError, match="takes its query from the low level at step54, step43"):
        complementarity(model, images, same_source=model)
    with pytest.raises(ValueError, match=r"no \+SELF model: it has no relation"):
        complementarity(model, images, same_source=Segmenter(tiny_baseline(NAMES)))


def test_what_a_pass_would_change_is_left_alone(images: list[Tensor]) -> None:
    model = small().train()
    with pytest.raises(ValueError, match=r"in training mode.*call model\.eval"):
        complementarity(model, images, draws=9, random_models=0)
    source = Segmenter(tiny(top_down(top=5, at=(54,), fusion=RelationConfig(query_from="high")), NAMES)).train()
    with pytest.raises(ValueError, match=r"in training mode.*call model\.eval"):
        complementarity(model.eval(), images, draws=9, random_models=0, same_source=source)


@pytest.mark.usefixtures("unchecked")
def test_a_network_of_another_make_is_refused(images: list[Tensor]) -> None:
    with pytest.raises(ValueError, match="needs a Segmenter"):
        complementarity(scene_subject(), images)  # type: ignore[arg-type]


def test_summaries_say_numbers_and_only_those_that_there_are() -> None:
    null = Null("shuffled channels", -0.01, -0.2, 0.2, 97.5, 0.05, 200)
    lines = repr(Complementarity("step54", 0.25, (0.25,), math.nan, 0.5, null)).splitlines()
    assert lines == [
        "Complementarity of step54",
        "  score       0.25",
        "  covariance  0.5",
        "  shuffled    shuffled channels: mean −0.01, middle 95 % −0.2 to 0.2, p 0.05, 200 draws",
    ]
    both = repr(Complementarity("step54", -0.0, (0.5, -0.5), 0.7, 0.5, null, null, 0.1))
    assert all(
        word in both
        for word in ("score        0\n", "scores       (0.5, −0.5)", "deviation    0.7", "same source  0.1")
    )
