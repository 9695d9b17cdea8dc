"""Deletion and insertion against photographs put together pixel by pixel, and against a model whose answer is known."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rsp_lab.analysis.attribution import target_function
from rsp_lab.analysis.attribution.references import reference_image
from rsp_lab.analysis.faithfulness.at_input import Faithfulness, block_means, block_order, input_curves
from rsp_lab.analysis.faithfulness.curves import LEAST_CHANGE, Control, Curves, Spread
from rsp_lab.analysis.targets.target import PixelTarget, RegionTarget, Target
from rsp_lab.capture.hooks import hooks
from rsp_lab.models import presets
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.text import fixed
from tests.kit.networks import NAMES, network, noise_image

pytestmark = pytest.mark.usefixtures("one_thread")
SIZE = (35, 52)
CELL = 8
GRID = (5, 7)
PIXEL = PixelTarget(20, 31, "rider", "person")


def build(dtype: torch.dtype = torch.float64) -> Segmenter:
    return network(presets.rsp2(), dtype=dtype, pyramid=16)


def picture() -> Tensor:
    return noise_image(SIZE)


def curves_along(
    model: nn.Module,
    image: Tensor,
    target: Target,
    values: Tensor,
    *,
    name: str = "values",
    **settings: Any,
) -> Faithfulness:
    """Along one map alone."""
    return input_curves(model, image, target, {name: values}, **settings)[name]


def some_map(seed: int = 1) -> Tensor:
    return torch.randn(SIZE, generator=torch.Generator().manual_seed(seed))


def region() -> RegionTarget:
    mask = torch.zeros(SIZE, dtype=torch.bool)
    mask[3:9, 11:22] = True
    return RegionTarget(mask, "road", "rider")


class Weighted(nn.Module):
    """Logits of a class at every cell: the image times a map of the class, summed over the whole image."""

    def __init__(self, maps: Tensor) -> None:
        super().__init__()
        self.maps = nn.Parameter(maps)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        logits = torch.einsum("bcyx,kcyx->bk", image, self.maps)
        return {"out": logits[:, :, None, None].expand(-1, -1, 4, 5)}


def naive_order(values: Tensor) -> list[tuple[int, int]]:
    """Blocks (row, column) by the mean of their pixels, by loops; the values of no two blocks may be equal."""
    means = {}
    for row in range(GRID[0]):
        for column in range(GRID[1]):
            pixels = [
                float(values[y, x])
                for y in range(row * CELL, min((row + 1) * CELL, SIZE[0]))
                for x in range(column * CELL, min((column + 1) * CELL, SIZE[1]))
            ]
            means[row, column] = sum(pixels) / len(pixels)
    return sorted(means, key=lambda block: -means[block])


def naive_value(model: nn.Module, image: Tensor, blank: Tensor, blanked: set[tuple[int, int]], target: Target) -> float:
    """The target, of an image copied pixel by pixel, from logits at image size."""
    made = image.clone()
    for y in range(SIZE[0]):
        for x in range(SIZE[1]):
            if (y // CELL, x // CELL) in blanked:
                made[..., y, x] = blank[..., y, x]
    with torch.no_grad():
        logits = model(made)[0]
    direction = target.direction(NAMES)
    return float(torch.einsum("cyx,c,yx->", logits, direction, target.weights(SIZE)))


@pytest.mark.parametrize("target", [PIXEL, region()], ids=lambda t: t.describe())
@pytest.mark.parametrize("reference", ["blur", "black"])
def test_curves_are_the_target_on_photographs_put_together_by_loops(target: Target, reference: str) -> None:
    model, image, values, steps = build(), picture().double(), some_map(), 6

    found = curves_along(model, image, target, values, name="a map", reference=reference, steps=steps, cell=CELL)

    blank, order = reference_image(image, reference), naive_order(values)
    assert (found.name, found.blocks, found.shares[0], found.shares[-1]) == ("a map", 35, 0, 1)
    for place, share in enumerate(found.shares):
        count = round(share * 35)
        assert abs(count - place * 35 / steps) <= 0.5
        first, others = set(order[:count]), set(order[count:])
        expected = (naive_value(model, image, blank, blanked, target) for blanked in (first, others))
        assert (found.deletion[place], found.insertion[place]) == pytest.approx(tuple(expected), abs=1e-9)
    assert found.target_value == found.deletion[0] == found.insertion[-1]
    assert found.reference_value == found.deletion[-1] == found.insertion[0]


def test_a_target_left_open_is_the_prediction_over_its_runner_up() -> None:
    model, image, shares = build(), picture(), list[float]()
    with torch.no_grad():
        first, second = (NAMES[i] for i in model(image)[0, :, 20, 31].argsort(descending=True)[:2].tolist())
    found = curves_along(model, image, PixelTarget(20, 31), some_map(), steps=3, report=shares.append)
    assert found == curves_along(model, image, PixelTarget(20, 31, first, second), some_map(), steps=3)
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_an_image_in_8_bits_is_the_same_image() -> None:
    model, image = build(torch.float32), (255 * picture()).byte()
    found = [curves_along(model, one, PIXEL, some_map(), steps=3) for one in (image, image[0], image / 255)]
    assert found[0] == found[1] == found[2]


def test_random_orders_are_random_and_repeatable() -> None:
    model, image = build(), picture()
    runs = [curves_along(model, image, PIXEL, some_map(), steps=5, seed=seed, random_seeds=4) for seed in (0, 0, 2)]

    assert runs[0].to_dict() == runs[1].to_dict()
    first, other = runs[0].control, runs[2].control
    assert (first.seeds, other.seeds) == ((0, 1, 2, 3), (2, 3, 4, 5))
    assert first.curves[2:] == other.curves[:2]
    assert len({curves.deletion for curves in first.curves}) == 4
    ends = {(curves.deletion[0], curves.deletion[-1]) for curves in first.curves}
    assert ends == {(runs[0].target_value, runs[0].reference_value)}


def test_a_random_order_is_inserted_backwards() -> None:
    image = noise_image((40, 48))  # 30 blocks, so that the shares of both ways are the same
    found = curves_along(build(), image, PIXEL, torch.rand(40, 48), steps=5)
    for curves in found.control.curves:
        assert curves.insertion == curves.deletion[::-1]


def test_a_map_that_ranks_nothing_is_a_random_order() -> None:
    found = curves_along(build(), picture(), PIXEL, torch.zeros(SIZE), seed=3)
    assert found.deletion == found.control.curves[0].deletion
    assert not any(found.beats_random.values())


def test_the_right_map_of_a_linear_model_is_the_best_and_its_opposite_the_worst() -> None:
    maps = torch.randn(3, 3, *SIZE, dtype=torch.float64)
    model, image = Weighted(maps).eval(), picture().double()
    target = PixelTarget(20, 31, "road", plain_logit=True)
    blank = reference_image(image, "mean")
    exact = (maps[0] * (image - blank)[0]).sum(0)
    given = {"exact": exact, "opposite": -exact}

    best, worst = (
        input_curves(
            model, image, target, given, reference="mean", cell=1, steps=20, random_seeds=5, class_names=NAMES
        )[name]
        for name in given
    )

    assert best.beats_random == {"deletion": True, "insertion": True}
    assert worst.curves.deletion_area > worst.control.deletion_area.largest
    assert worst.curves.insertion_area < worst.control.insertion_area.least
    falls = exact.flatten().sort(descending=True).values.cumsum(0)
    for share, value in zip(best.shares[1:], best.deletion[1:], strict=True):
        assert value == pytest.approx(best.target_value - float(falls[round(share * falls.numel()) - 1]), abs=1e-8)
    assert best.curves.gap > 0 > worst.curves.gap


def test_several_maps_are_each_what_they_are_alone_and_share_one_control() -> None:
    model, image = build(), picture().double()
    maps = {"a": some_map(1), "b": some_map(2)}

    together = input_curves(model, image, PIXEL, maps, steps=4)

    assert together["a"].control is together["b"].control
    for name, values in maps.items():
        alone = curves_along(model, image, PIXEL, values, steps=4)
        assert together[name].deletion == pytest.approx(alone.deletion, abs=1e-12)
        assert together[name].insertion == pytest.approx(alone.insertion, abs=1e-12)
        assert together[name].control.deletion_area.median == pytest.approx(alone.control.deletion_area.median)


def test_values_do_not_depend_on_how_many_images_go_together(monkeypatch: pytest.MonkeyPatch) -> None:
    model, image = build(), picture().double()
    together = curves_along(model, image, PIXEL, some_map(), steps=4)
    seen: list[int] = []
    monkeypatch.setattr(target_function, "PIXELS_AT_ONCE", 2 * SIZE[0] * SIZE[1] + 1)
    with hooks(model, {"logits": lambda logits, _: seen.append(len(logits))}):
        alone = curves_along(model, image, PIXEL, some_map(), steps=4)

    assert max(seen) == 2
    assert alone.deletion == pytest.approx(together.deletion, abs=1e-12)


def test_no_photograph_goes_through_the_network_twice() -> None:
    model, image, seen = build(torch.float32), noise_image((40, 48)), 0

    def count(logits: Tensor, _: object) -> None:
        nonlocal seen
        seen += len(logits)

    with hooks(model, {"logits": count}):
        input_curves(model, image, PIXEL, {"a": torch.rand(40, 48), "b": torch.rand(40, 48)}, steps=5)
    # The image, the reference, four between them each way for two maps, and four for each of three random orders.
    assert seen == 2 + 2 * 2 * 4 + 3 * 4


def test_a_second_map_takes_over_the_control_of_the_first() -> None:
    model, image, seen = build(), picture(), []
    first = curves_along(model, image, PIXEL, some_map(1), steps=4)
    with hooks(model, {"logits": lambda logits, _: seen.append(len(logits))}):
        second = curves_along(model, image, PIXEL, some_map(2), steps=4, beside=first)

    assert sum(seen) == 2 + 2 * 3
    assert second.control is first.control
    alone = curves_along(model, image, PIXEL, some_map(2), steps=4)
    assert second.deletion == pytest.approx(alone.deletion, abs=1e-12)
    assert second.beats_random == alone.beats_random


@pytest.mark.parametrize(
    "other",
    [{"reference": "black"}, {"cell": 4}, {"seed": 1}, {"random_seeds": 2}, {"steps": 5}, {"target": region()}],
    ids=lambda other: next(iter(other)),
)
def test_a_control_of_another_question_is_refused(other: dict[str, Any]) -> None:
    first = curves_along(build(), picture(), PIXEL, some_map(), steps=4)
    with pytest.raises(ValueError, match=r"of another image, target or settings \(rider over person at"):
        curves_along(
            build(), picture(), **{"target": PIXEL, "values": some_map(), "steps": 4, "beside": first, **other}
        )


def test_a_control_of_another_image_or_model_is_refused() -> None:
    first = curves_along(build(), picture(), PIXEL, some_map(), steps=4)
    with pytest.raises(ValueError, match="of another image"):
        curves_along(build(), picture().flip(-1), PIXEL, some_map(), steps=4, beside=first)
    other = build()
    with torch.no_grad():
        other.head.classifier.weight += 1e-2 * torch.randn_like(other.head.classifier.weight)
    with pytest.raises(ValueError, match="of another model: the target is"):
        curves_along(other, picture(), PIXEL, some_map(), steps=4, beside=first)


def test_progress_rises_to_one_and_can_end_the_call() -> None:
    shares: list[float] = []
    curves_along(build(), picture(), PIXEL, some_map(), steps=3, report=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1

    def stop(share: float) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        curves_along(build(), picture(), PIXEL, some_map(), report=stop)


def test_areas_by_hand() -> None:
    curves = Curves((0, 0.5, 1), (4, 1, 2), (2, 3.5, 4))
    assert curves.deletion_area == (4 / 2 + 1 + 2 / 2) / 2 == 2
    assert curves.insertion_area == (2 / 2 + 3.5 + 4 / 2) / 2 == 3.25
    assert curves.gap == 1.25
    assert (curves.normalised_deletion, curves.normalised_insertion) == (0, 0.625)
    uneven = Curves((0, 0.25, 1), (4, 0, 0), (0, 0, 4))
    assert (uneven.deletion_area, uneven.insertion_area) == (0.5, 1.5)


@pytest.mark.parametrize(("change", "given"), [(LEAST_CHANGE, True), (0.9 * LEAST_CHANGE, False), (-3.0, False)])
def test_areas_are_normalised_only_where_the_image_raises_the_target(change: float, given: bool) -> None:
    curves = Curves((0, 1), (change, 0), (0, change))
    assert (curves.normalised_deletion is not None) == given
    assert (curves.to_dict()["normalised_insertion"] is not None) == given


def test_control_is_median_and_range_over_the_orders() -> None:
    curves = tuple(Curves((0, 1), (float(i), 0), (0, 2.0 * i)) for i in (5, 1, 2))
    control = Control((7, 8, 9), curves)
    assert control.deletion_area == Spread(1, 0.5, 2.5)
    assert control.insertion_area == Spread(2, 1, 5)
    assert control.gap == Spread(1, 0.5, 2.5)
    assert control.deletion == (Spread(2, 1, 5), Spread(0, 0, 0))
    assert str(control.gap) == "1.00, 0.50 to 2.50"


def test_to_dict_and_sentence_say_the_figures() -> None:
    found = curves_along(build(), picture(), PIXEL, some_map(), name="a map", steps=4)
    data = json.loads(json.dumps(found.to_dict()))
    assert data["deletion"] == pytest.approx(found.deletion, abs=1e-6)
    assert data["random"]["insertion_area"]["median"] == pytest.approx(found.control.insertion_area.median, abs=1e-6)
    assert (data["cell"], data["blocks"], data["unit"]) == (8, 35, "logits")
    sentence = found.sentence()
    for said in (
        "a map",
        "rider over person",
        fixed(found.curves.deletion_area),
        f"{fixed(found.target_value)} on the image",
    ):
        assert said in sentence


def test_blocks_that_are_cut_off_count_by_their_mean() -> None:
    values = torch.zeros(SIZE)
    values[32:, 48:] = 1.0  # the corner block, of 3 x 4 pixels
    values[0, 0] = 63.0  # the first block's mean is just below 1
    assert block_means(values, CELL)[4, 6] == 1
    assert block_order(values, CELL)[:2].tolist() == [34, 0]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"cell": 0}, "cell must be at least 1, got 0"),
        ({"cell": 36}, "cell must be 1 to 35"),
        ({"steps": 0}, "steps must be at least 1"),
        ({"steps": 36}, "steps must be 1 to 35, the blocks of the image"),
        ({"random_seeds": 0}, "random_seeds must be at least 1"),
        ({"reference": "blurred"}, "Did you mean 'blur'"),
        ({"class_names": ("road",)}, "no class is named 'rider'"),
        ({"class_names": (*NAMES, "sky")}, "answers 3 classes, class_names has 4"),
    ],
)
def test_settings_that_do_not_fit(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        curves_along(build(), picture(), PIXEL, some_map(), **settings)


@pytest.mark.usefixtures("unchecked")
def test_maps_and_models_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"'values' is \(35, 51\), the image \(35, 52\)"):
        curves_along(build(), picture(), PIXEL, some_map()[:, 1:])
    broken = some_map()
    broken[3, 4] = float("nan")
    with pytest.raises(ValueError, match="not finite"):
        curves_along(build(), picture(), PIXEL, broken)
    for wrong in ({}, some_map()):
        with pytest.raises(ValueError, match="maps must be one or more by name"):
            input_curves(build(), picture(), PIXEL, wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="training mode"):
        curves_along(build().train(), picture(), PIXEL, some_map())
    with pytest.raises(ValueError, match="lies outside the image"):
        curves_along(
            build(),
            picture(),
            PixelTarget(35, 0, "road", plain_logit=True),
            some_map(),
        )
    with pytest.raises(ValueError, match="does not name its classes"):
        curves_along(Weighted(torch.zeros(3, 3, *SIZE)).eval(), picture(), PIXEL, some_map())


@pytest.mark.usefixtures("unchecked")
def test_maps_of_numpy_count_as_those_of_torch() -> None:
    values = torch.rand(SIZE, generator=torch.Generator().manual_seed(2))
    model, target = network(presets.rsp4()), PixelTarget(3, 5)
    found = input_curves(
        model,
        noise_image(size=SIZE),
        target,
        {"torch": values, "numpy": values.numpy(), "mirrored": values.numpy()[::-1].copy()[::-1]},
        steps=2,
        cell=CELL,
        random_seeds=1,
    )
    assert found["torch"].curves == found["numpy"].curves == found["mirrored"].curves
    with pytest.raises(ValueError, match=r"cell must be a whole number, got 8\.5"):
        curves_along(build(), picture(), PIXEL, some_map(), cell=8.5)
    with pytest.raises(ValueError, match=r"the map 'list' is \[1\]: give a tensor or an array of numpy"):
        input_curves(model, noise_image(size=SIZE), target, {"list": [1]})  # type: ignore[dict-item]
