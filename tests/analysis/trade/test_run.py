"""Runs that are interrupted, go on, are shared, and meet states that are not theirs."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from rsp_lab.analysis import streaming
from rsp_lab.analysis.streaming import Shard
from rsp_lab.analysis.trade.image import ImageTrade
from rsp_lab.analysis.trade.run import TradeQuestion, empty_sum, run_trade, state_path, trade_matrix, with_block
from rsp_lab.analysis.trade.statistics import TradeSum
from rsp_lab.data.sample import Sample
from rsp_lab.files import StateMismatchError
from rsp_lab.models import presets
from rsp_lab.models.heads import TopDownConfig
from rsp_lab.models.pyramid import PyramidConfig
from rsp_lab.models.segmenter import Segmenter, SegmenterConfig

pytestmark = pytest.mark.usefixtures("one_thread", "unchecked_module")
NAMES = ("road", "sky", "tree")
QUESTION = TradeQuestion(("baseline", "rsp4"), ("a", "b"), "noise")
COUNT = 5


def _samples(count: int) -> list[Sample]:
    """Noise; the first class is in every second image only, and some pixels have no class."""
    rng = np.random.default_rng(0)
    images = torch.from_numpy(rng.integers(0, 256, (count, 3, 48, 64), dtype=np.uint8))
    labels = torch.from_numpy(rng.integers(0, 4, (count, 6, 8), dtype=np.uint8).repeat(8, 1).repeat(8, 2))
    labels[labels == 3] = 255
    labels[1::2] = labels[1::2].clamp(min=1)
    labels[labels == 3] = 255
    return [Sample(f"image {i}", image, label) for i, (image, label) in enumerate(zip(images, labels, strict=True))]


def _model(head: TopDownConfig, seed: int) -> Segmenter:
    torch.manual_seed(seed)
    config = replace(head, channels=64)
    return Segmenter(SegmenterConfig(PyramidConfig("tiny", 32, top=7), config, NAMES)).eval()


SAMPLES = _samples(COUNT)
MODELS = _model(presets.baseline_q67(), 0), _model(presets.rsp4(), 1)
MODELS[0].name, MODELS[1].name = "baseline", "rsp4"


class Interrupting:
    """Samples that are interrupted, as by Ctrl-C, before one is read; which ones were read is counted."""

    def __init__(self, before: int | None = None) -> None:
        self.before, self.read = before, []

    def __len__(self) -> int:
        return len(SAMPLES)

    def __getitem__(self, index: int):
        if index == self.before:
            raise KeyboardInterrupt
        self.read.append(index)
        return SAMPLES[index]


def run(folder: Path, samples=SAMPLES, block: int = 1, **options):
    return run_trade(*MODELS, samples, replace(QUESTION, block=block), folder, **options)


def test_a_run_is_the_matrix(tmp_path):
    told = []
    result = run(tmp_path, report=lambda done, count: told.append((done, count)))

    assert result.to_dict() == trade_matrix(*MODELS, SAMPLES).to_dict()
    assert told == [(n, COUNT) for n in range(1, COUNT + 1)]
    assert [path.name for path in tmp_path.iterdir()] == ["trade.state.safetensors"]


@pytest.mark.parametrize(("before", "block"), [(2, 1), (3, 2)])
def test_an_interrupted_run_goes_on_to_the_same_bytes(tmp_path, before, block):
    broken, whole = tmp_path / "broken", tmp_path / "whole"
    broken.mkdir()
    whole.mkdir()
    expected = run(whole, block=block)
    with pytest.raises(KeyboardInterrupt):
        run(broken, Interrupting(before), block)

    going_on = Interrupting()
    result = run(broken, going_on, block)

    # The last image done is read again, to see that the images are the same.
    first = before // block * block
    assert going_on.read == list(range(first - 1, COUNT))
    assert result.to_dict() == expected.to_dict()
    name = state_path(Path(), Shard()).name
    assert (broken / name).read_bytes() == (whole / name).read_bytes()


def test_a_killed_run_goes_on_from_its_last_save(tmp_path, monkeypatch):
    """Without a last word: what was saved on the way is what there is."""
    monkeypatch.setattr(streaming, "SAVE_SECONDS", 0.0)
    saved = []
    monkeypatch.setattr(TradeSum, "save", lambda total, path, asked: saved.append((total.done, path, asked)))
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Interrupting(3))
    assert [done for done, _, _ in saved] == [1, 2, 3]


@pytest.mark.parametrize("block", [1, 2])
def test_a_run_that_asks_for_more_images_goes_on(tmp_path, block):
    run(tmp_path, count=3, block=block)
    more = Interrupting()

    result = run(tmp_path, more, block)

    assert more.read[1:] == list(range(3 // block * block, COUNT))
    assert result.to_dict() == trade_matrix(*MODELS, SAMPLES, block=block).to_dict()
    with pytest.raises(StateMismatchError, match=r"images already, more than are asked for.*start over"):
        run(tmp_path, count=2, block=block)
    assert run(tmp_path, count=2, block=block, fresh=True).seen == 2


def test_a_finished_run_is_not_done_again(tmp_path):
    first = run(tmp_path)
    again = Interrupting()
    assert run(tmp_path, again).to_dict() == first.to_dict()
    assert again.read == [COUNT - 1]


def test_the_state_does_not_grow(tmp_path):
    sizes = []
    for count in (1, 3):
        run(tmp_path, count=count)
        sizes.append(state_path(tmp_path, Shard()).stat().st_size)
    # Only the digits of the residual and of the counts may differ.
    assert max(sizes) - min(sizes) < 32


def test_memory_does_not_grow_with_images():
    """numpy reports its arrays to tracemalloc, in a domain of their own; a sum that kept anything of each image would
    hold it there. What else a process holds, other threads may change at any moment."""
    total, rng = TradeSum.empty(("a", "b"), (2, 3)), np.random.default_rng(0)

    def image() -> ImageTrade:
        values, one = rng.normal(size=(2, 2, 3)), np.ones(2)
        return ImageTrade((2, 3), one > 0, one.astype(np.int64), values, one, values.sum((1, 2)) + one, 0.0)

    def arrays() -> int:
        of_numpy = tracemalloc.DomainFilter(inclusive=True, domain=np.lib.tracemalloc_domain)
        traces = tracemalloc.take_snapshot().filter_traces([of_numpy])
        return sum(trace.size for trace in traces.traces)

    held = []
    tracemalloc.start()
    for count in range(400):
        total = total.plus([(image(), image())])
        if count in (99, 399):
            held.append(arrays())
    tracemalloc.stop()
    assert held[0] > 0
    assert held[1] <= held[0]


def test_states_that_are_not_this_question_s(tmp_path):
    run(tmp_path, count=2)
    for name, change in (
        ("by", {"by": "predictions"}),
        ("data", {"data": "other noise"}),
        ("digests", {"digests": ("a", "c")}),
        ("names", {"names": ("rsp4", "baseline")}),
        ("block", {"block": 2}),
        ("version", {"version": "9"}),
    ):
        with pytest.raises(StateMismatchError, match=rf"another question \(other {name}\).*or start over") as error:
            run_trade(*MODELS, SAMPLES, replace(QUESTION, **change), tmp_path)
        assert "--" not in str(error.value), "a library knows no options of a program"
    with pytest.raises(StateMismatchError, match="other images of that name"):
        run(tmp_path, [*SAMPLES[1:], SAMPLES[0]])


def test_damaged_states(tmp_path):
    run(tmp_path, count=2)
    path = state_path(tmp_path, Shard())
    whole = path.read_bytes()
    for content in (b"", b"no tensors", whole[: len(whole) // 2], whole.replace(b'"question', b'"quest_on')):
        path.write_bytes(content)
        with pytest.raises(StateMismatchError, match=r"state of a trade matrix.*Start over"):
            run(tmp_path)
    assert run(tmp_path, count=2, fresh=True).seen == 2
    # Tensors of a matrix of other classes under the right question.
    other = TradeSum.empty(("a", "b"), (2,))
    other.save(path, {**QUESTION.to_dict(), "shard": [0, 1]})
    with pytest.raises(StateMismatchError, match=r"state of a trade matrix \(its arrays are of other classes"):
        run(tmp_path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"blocks": 10**9}, "1000000000 blocks have not 2 images"),
        ({"blocks": -1}, "blocks is -1"),
        ({"done": 2.5}, "done is 2.5"),
        ({"done": None}, "done is None"),
        ({"last": 7}, "last is 7"),
        ({"residual": "small"}, "residual is 'small'"),
        ({"residual": float("nan")}, "NaN is no number"),
        ({"question": []}, "it has no question"),
        (None, "is null, expected an object"),
        ([], "is a list, expected an object"),
    ],
)
def test_states_that_someone_edited(tmp_path, changes, words):
    run(tmp_path, count=2)
    path = state_path(tmp_path, Shard())
    facts = json.loads(safe_open(path, "np").metadata()["trade"])
    facts = {**facts, **changes} if isinstance(changes, dict) else changes
    save_file(load_file(path), path, {"trade": json.dumps(facts)})

    with pytest.raises(StateMismatchError, match=words):
        run(tmp_path)


def test_a_refused_request_leaves_nothing(tmp_path):
    for samples, options in ((SAMPLES, {"block": 0}), (SAMPLES, {"count": 0}), ([], {})):
        with pytest.raises(ValueError, match="must be at least 1"):
            run(tmp_path / "new", samples, **options)
    assert not (tmp_path / "new").exists()


def test_a_failing_image_keeps_what_was_done(tmp_path):
    bad = [*SAMPLES[:2], replace(SAMPLES[2], label=None), *SAMPLES[3:]]
    with pytest.raises(ValueError, match="image 2 has no label"):
        run(tmp_path, bad)
    assert run(tmp_path).to_dict() == trade_matrix(*MODELS, SAMPLES).to_dict()


def test_packing_keeps_every_number():
    total = TradeSum.empty(("a", "b"), (2, 3))
    rng = np.random.default_rng(1)
    values = rng.normal(size=(2, 2, 3))
    trade = ImageTrade((2, 3), np.array([True, False]), np.array([7, 0]), values, values[:, 0, 0], values[:, 1, 1], 0.5)
    total = total.plus([(trade, trade)]).plus([(trade, trade), (trade, trade)])
    back = TradeSum.empty(("a", "b"), (2, 3)).unpacked(total.packed())
    assert (back.residual, back.blocks, back.done) == (0.5, 2, 3)
    for name, held in total.tensors().items():
        assert back.tensors()[name].dtype == held.dtype
        np.testing.assert_array_equal(back.tensors()[name], held)


def test_each_share_has_a_state_of_its_own():
    assert state_path(Path("a"), Shard(2, 3)) == Path("a/trade-3-of-3.state.safetensors")


@pytest.mark.parametrize("block", [1, 2])
def test_shares_join_to_the_whole(block):
    blocks = [SAMPLES[start : start + block] for start in range(0, COUNT, block)]
    shares = []
    for rank in range(2):
        total = empty_sum(MODELS, "labels")
        for images in blocks[rank::2]:
            total = with_block(total, MODELS, images)
        shares.append(total)

    joined = shares[0].joined(shares[1]).result(QUESTION.names, "labels", block)

    whole = trade_matrix(*MODELS, SAMPLES, block=block)
    for ours, theirs in ((whole.values, joined.values), (whole.bias, joined.bias), (whole.total, joined.total)):
        np.testing.assert_allclose(theirs.mean, ours.mean, rtol=0, atol=1e-12)
        np.testing.assert_allclose(theirs.half_width, ours.half_width, rtol=1e-6, atol=1e-9)
    for name in ("images", "blocks", "pixels"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(whole, name))
    assert (joined.seen, joined.residual) == (COUNT, whole.residual)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (
            [torch.zeros(3, 64, 128, dtype=torch.uint8)],
            r"got a Tensor of shape \(3, 64, 128\) as a sample: pass samples",
        ),
        (None, "got None as samples: pass a data set"),
        (SAMPLES[0], r"alone: pass a list, as in \[sample\]"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_images_alone_are_no_samples(samples, message):
    with pytest.raises(ValueError, match=message):
        trade_matrix(*MODELS, samples)
