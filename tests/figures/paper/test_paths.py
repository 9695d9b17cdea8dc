"""Context paths: what is passed and refused adds up, and what is drawn is that."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from rsp_lab.analysis.comparison.context_paths import ContextPaths, context_paths, core, decision_of, middle
from rsp_lab.analysis.ledger.ledger import context_ledger
from rsp_lab.analysis.ledger.selection import rejection_map
from rsp_lab.analysis.targets.target import PixelTarget, RegionTarget
from rsp_lab.figures import style
from rsp_lab.figures.drawing.outline import outline
from rsp_lab.figures.paper.flow import flow_map
from rsp_lab.figures.paper.paths import SHARE, draw_context_paths
from tests.kit.figures import axes_of

CASES = [("sum", "rsp4"), ("rsp4", "rsp2", 40, 180), ("average", "rsp2"), ("unnormalised", "rsp1", 180, 40)]


@pytest.fixture(params=CASES, ids=lambda case: "-".join(map(str, case)), scope="module")
def case(request: pytest.FixtureRequest, compared):
    comparison = compared(*request.param)
    return comparison, context_paths(comparison)


def test_a_sum_passes_what_the_levels_above_contribute(compared) -> None:
    comparison = compared("sum", "rsp4")
    (left, _), target = context_paths(comparison), decision_of(comparison)
    sums = context_ledger(comparison.left.looked.frozen, comparison.left.looked.image, target).sums

    for step in left.steps:
        above = sum(value for level, value in sums.items() if level > step.low)
        assert float(step.taken.sum()) == pytest.approx(above, abs=1e-5)
        assert step.passes_all
        assert float(step.refusal.sum()) == 0


def test_parts_add_up_cell_by_cell(case) -> None:
    comparison, paths = case
    for path, view in zip(paths, (comparison.left, comparison.right), strict=True):
        assert path.residual <= view.looked.frozen.tolerance
        for step in path.steps:
            torch.testing.assert_close(step.taken_for - step.taken_against, step.taken)
            added_for = (step.taken_for - step.offered.clamp_min(0)).clamp_min(0)
            added_against = (step.taken_against - (-step.offered).clamp_min(0)).clamp_min(0)
            net = step.refused_for - added_for - step.refused_against + added_against
            torch.testing.assert_close(net, step.offered - step.taken)


def test_relations_agree_with_the_rejection_map(compared) -> None:
    comparison = compared("sum", "rsp4")
    _, right = context_paths(comparison)
    found = rejection_map(comparison.right.looked.frozen, comparison.right.looked.image, decision_of(comparison))

    for step in right.steps:
        torch.testing.assert_close(step.offered - step.taken, found[step.name].values)


def test_the_decision_is_what_the_models_part_over(compared) -> None:
    comparison = compared("sum", "rsp4")
    target, (left, right) = decision_of(comparison), comparison.answers
    if left.label == right.label:
        assert target == PixelTarget(*comparison.pixel, right.label, right.runner_up)
        return
    assert isinstance(target, RegionTarget)
    assert (target.class_name, target.rival) == (right.label, left.label)
    names = comparison.class_names
    assert {names[i] for i in np.unique(comparison.left.labels[target.mask.numpy()])} == {left.label}
    assert {names[i] for i in np.unique(comparison.right.labels[target.mask.numpy()])} == {right.label}
    assert bool(target.mask[comparison.pixel])


def test_the_core_is_the_fewest_cells_with_the_share() -> None:
    values = torch.tensor([[5.0, 1.0, 0.0], [3.0, 1.0, 0.0]])
    assert core(values, 0.5).tolist() == [[True, False, False], [False, False, False]]
    assert core(values, 0.8).tolist() == [[True, False, False], [True, False, False]]
    assert int(core(values, 1.0).sum()) == 4
    assert not core(torch.zeros(2, 2)).any()
    with pytest.raises(ValueError, match="above 0"):
        core(values, 0)


def test_the_middle_is_in_pixels() -> None:
    values = torch.zeros(2, 4)
    values[1, 0] = values[1, 1] = 1
    assert middle(values, (20, 40)) == pytest.approx((14.5, 9.5))
    assert middle(torch.zeros(2, 4), (20, 40)) is None


def strokes(figure, paths: tuple[ContextPaths, ContextPaths]) -> dict[str, float]:
    found = {artist.get_gid(): artist for artist in figure.findobj() if artist.get_gid()}
    return {
        f"{side} {kind} {step.name}": found[gid].get_linewidth()
        if (gid := f"{side} {kind} {step.name} all") in found
        else 0
        for side, path in zip(("left", "right"), paths, strict=True)
        for step in path.steps
        for kind in ("passed", "refused")
    }


def test_paths_are_as_wide_as_their_logits(case) -> None:
    comparison, paths = case
    widths = strokes(draw_context_paths(comparison, paths), paths)
    logits = {
        f"{side} {kind} {step.name}": float(values.sum())
        for side, path in zip(("left", "right"), paths, strict=True)
        for step in path.steps
        for kind, values in (("passed", step.passage), ("refused", step.refusal))
    }
    unit = max(widths.values()) / max(logits.values())
    for name, value in logits.items():
        assert widths[name] == pytest.approx(unit * value, abs=0.25), name


def test_maps_and_outlines_are_the_data(compared) -> None:
    comparison = compared("sum", "rsp4")
    paths = context_paths(comparison)
    figure, channel = draw_context_paths(comparison, paths), comparison.channel.channel
    rows, columns = comparison.image_size

    for step, flow in zip(paths[1].steps, comparison.right.flow, strict=True):
        axes = axes_of(figure, f"right level {step.low} context")
        np.testing.assert_array_equal(axes.images[0].get_array(), flow_map(flow, "context", channel))
        mask = core(step.passage, SHARE).numpy()
        (border,) = [patch for patch in axes.patches if patch.get_gid() == "passed"]
        seen = border.get_path().vertices
        ys, xs = np.nonzero(mask)
        cell = rows / mask.shape[0], columns / mask.shape[1]
        assert seen.min(0) == pytest.approx((xs.min() * cell[1] - 0.5, ys.min() * cell[0] - 0.5))
        assert seen.max(0) == pytest.approx(((xs.max() + 1) * cell[1] - 0.5, (ys.max() + 1) * cell[0] - 0.5))


def test_an_outline_has_one_piece_a_cell_border() -> None:
    from matplotlib.figure import Figure

    axes = Figure().add_subplot()
    mask = torch.tensor([[True, True, False], [True, False, False]])
    outline(axes, mask, "red", (2, 3), 1.0)
    pieces = axes.patches[0].get_path().vertices.reshape(-1, 2, 2)

    # Three cells have twelve borders, two of which are shared twice.
    assert len(pieces) == 8
    assert np.allclose(np.abs(pieces[:, 0] - pieces[:, 1]).sum(1), 1)


def test_words_stay_apart_and_on_the_sheet(case) -> None:
    comparison, paths = case
    figure = draw_context_paths(comparison, paths)
    renderer = FigureCanvasAgg(figure).get_renderer()
    with style.plot_style():
        texts = [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]
        boxes = [text.get_window_extent(renderer).padded(-1) for text in texts]
    width, height = (inches * figure.dpi for inches in figure.get_size_inches())
    assert figure.get_size_inches()[0] == style.DOUBLE
    for index, box in enumerate(boxes):
        assert -1 < box.x0 < box.x1 < width + 1, texts[index]
        assert -1 < box.y0 < box.y1 < height + 1, texts[index]
        for other in range(index):
            assert not box.overlaps(boxes[other]), (texts[index], texts[other])
