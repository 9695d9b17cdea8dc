"""Decision flows as drawn: widths are logits on one scale, signs have two cues, cuts are drawn and answered."""

from __future__ import annotations

import pytest
import torch
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.text import Text
from torch import nn

import rsp_lab as rl
from rsp_lab.analysis.comparison.flow_picture import FlowPicture
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.figures import style
from rsp_lab.figures.drawing.diagram import tint
from rsp_lab.figures.paper.decision_flow import decision_flow_caption, draw_decision_flow
from rsp_lab.palette import AGAINST, FOR
from rsp_lab.text import signed, signed_fixed
from tests.kit.figures import axes_of

pytestmark = pytest.mark.usefixtures("unchecked_module", "one_thread")


@pytest.fixture(
    scope="module", params=[("sum", "rsp4"), ("rsp2", "average", 40, 180)], ids=lambda p: "-".join(map(str, p))
)
def picture(request: pytest.FixtureRequest, given) -> FlowPicture:
    return given(*request.param).picture


@pytest.fixture(scope="module")
def figure(picture: FlowPicture) -> Figure:
    return draw_decision_flow(picture)


def ribbons(figure: Figure) -> dict[str, PathPatch]:
    found = (p for p in axes_of(figure, "canvas").patches if isinstance(p, PathPatch))
    return {str(patch.get_gid()): patch for patch in found}


def words(figure: Figure) -> str:
    return " ".join(" ".join(text.get_text() for text in figure.findobj(Text)).split())


def test_ribbons_are_as_wide_as_their_logits_on_one_scale(picture: FlowPicture, figure: Figure) -> None:
    drawn, scales = ribbons(figure), []
    for side, flow in zip(("left", "right"), picture.flows, strict=True):
        for one, value in flow.ribbons.items():
            gid = f"{side} ribbon {one.level} {one.source} {'pixel' if one.sink is None else one.sink}"
            if gid in drawn:
                vertices = drawn[gid].get_path().vertices
                scales.append((vertices[-2, 0] - vertices[0, 0]) / abs(value))

    assert len(scales) > 10
    assert scales == pytest.approx([scales[0]] * len(scales))


def test_its_numbers_add_up(picture: FlowPicture, figure: Figure) -> None:
    """What is written beside levels and pixel is the whole: the levels, the bias and the biases of the steps."""
    drawn = words(figure)

    for flow in picture.flows:
        levels = [sum(node.own for node in nodes) for nodes in flow.nodes.values()]
        assert sum(levels) + flow.bias + flow.step_bias == pytest.approx(flow.total, abs=1e-4)
        assert all(signed_fixed(value) in drawn for value in (*levels, flow.total))
        steps = f" steps {signed_fixed(flow.step_bias)}" if flow.biases else ""
        assert f"bias {signed_fixed(flow.bias)}{steps}" in drawn
    assert any(flow.biases for flow in picture.flows)


def test_a_sign_has_a_colour_and_a_hatch(picture: FlowPicture, figure: Figure) -> None:
    drawn = ribbons(figure)
    for side, flow in zip(("left", "right"), picture.flows, strict=True):
        for one, value in flow.ribbons.items():
            patch = drawn.get(f"{side} ribbon {one.level} {one.source} {'pixel' if one.sink is None else one.sink}")
            if patch is not None:
                assert bool(patch.get_hatch()) == (value < 0)
                assert to_hex(patch.get_facecolor()) == tint(FOR if value >= 0 else AGAINST, 0.85)


def test_every_node_says_what_it_adds_and_the_pixel_what_it_comes_to(picture: FlowPicture, figure: Figure) -> None:
    shown = words(figure)
    for side, flow in enumerate(picture.flows):
        assert f"{picture.says(side)}: {signed_fixed(flow.total)}" in shown
        assert f"= {signed_fixed(flow.total)}" in shown
        for nodes in flow.merged(5).nodes.values():
            for node in nodes:
                assert signed_fixed(node.own) in shown
    assert all(word in shown for word in picture.sentence().split())


def test_a_column_is_narrower_and_merges_more(picture: FlowPicture) -> None:
    narrow = draw_decision_flow(picture, width=style.SINGLE)

    assert narrow.get_size_inches()[0] == style.SINGLE
    assert narrow.get_size_inches()[1] < 8.2
    assert words(narrow).count("more") >= words(draw_decision_flow(picture)).count("more")


def test_cut_ribbons_are_outlines_and_the_answer_is_the_one_without_them(picture: FlowPicture) -> None:
    flow = picture.flows[1]
    cut = max((one for one in flow.ribbons if one.level in flow.chain), key=lambda one: abs(flow.ribbons[one]))
    figure = draw_decision_flow(picture, cuts=((), (tuple(cut),)))

    gid = f"right ribbon {cut.level} {cut.source} {'pixel' if cut.sink is None else cut.sink}"
    assert not ribbons(figure)[gid].get_fill()
    assert f"= {signed_fixed(flow.without([cut]))} (was {signed_fixed(flow.total)})" in words(figure)
    assert f"{signed(flow.without([cut]))} in {flow.name} (1 cut), exact in the frozen head" in words(figure)
    with pytest.raises(ValueError, match="no ribbon"):
        draw_decision_flow(picture, cuts=((), ((9, 9, 9),)))
    with pytest.raises(ValueError, match="give the cuts of each model"):
        draw_decision_flow(picture, cuts=((),))


def test_beside_a_network_of_another_make_each_level_stands_once(given) -> None:
    subject = given("sum", "rsp4")
    torch.manual_seed(3)
    names = subject.models[1].class_names
    network = nn.Sequential(nn.Conv2d(3, 8, 3, 4, 1), nn.GELU(), nn.Conv2d(8, len(names), 1)).eval()
    other = rl.adapt(network, class_names=names, cut=("1",), name="other")
    figure = draw_decision_flow(rl.flow_picture((other, subject.models[1]), subject.image, PixelTarget(20, 30)))

    assert any(gid.startswith("left ribbon 2 0 pixel") for gid in ribbons(figure))
    hatched = [one for gid, one in ribbons(figure).items() if gid.startswith("left") and one.get_hatch()]
    assert hatched
    if hasattr(PathPatch, "set_hatchcolor"):
        # Ribbons of networks without steps are pale: grey on them would be no second cue.
        assert {to_hex(one.get_hatchcolor()) for one in hatched} == {to_hex(AGAINST)}
    assert not any(gid.startswith("right ribbon 2") for gid in ribbons(figure))
    assert "level 2 (stride 4)" in words(figure)
    assert "Without known steps each level goes straight to the pixel." in words(figure)


@pytest.mark.parametrize("width", [style.SINGLE, style.DOUBLE])
def test_no_picture_covers_the_name_of_a_level(given, width: float) -> None:
    """Strides make names of levels long: their end lay below the first node."""
    subject, deep = given("sum", "rsp4", 96, 224), nn.Sequential(nn.Conv2d(3, 8, 3, 32, 1), nn.GELU())
    names = subject.models[1].class_names
    torch.manual_seed(3)
    # Each cell of the level has a part in the answer large enough for a node.
    wide = nn.Conv2d(8, len(names), 7, 1, 3).requires_grad_(False)
    wide.weight *= 50
    other = rl.adapt(nn.Sequential(deep, wide).eval(), class_names=names, cut=("0",))
    flow = rl.flow_picture((other, subject.models[1]), subject.image, PixelTarget(20, 30))
    figure = draw_decision_flow(flow, width=width)

    canvas = axes_of(figure, "canvas")
    labels = [text for text in canvas.texts if "stride 32" in text.get_text() or "(/32)" in text.get_text()]
    covered = [one.get_window_extent() for one in figure.axes if one is not canvas]
    covered += [box.get_window_extent() for box in canvas.findobj(Rectangle) if box is not canvas.patch]
    assert labels
    assert not [box for text in labels for box in covered if text.get_window_extent().overlaps(box)]


def test_one_model_alone_has_one_panel(given) -> None:
    figure = draw_decision_flow(given("rsp4").picture, width=style.SINGLE)

    assert [axes.get_label() for axes in figure.axes if axes.get_label() != "canvas"] == ["model image", "model pixel"]


def test_the_caption_names_rule_bias_and_residual(picture: FlowPicture) -> None:
    caption = decision_flow_caption(picture, "x.png")

    assert picture.sentence() in caption
    assert "Biases, logits: " in caption
    assert "Largest relative residual: " in caption
    assert picture.flows[0].rule[1:] in caption
