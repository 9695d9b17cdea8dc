"""The structure of a built head is what runs, and what is drawn is the structure."""

from __future__ import annotations

import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from torch import nn

from rsp_lab.figures import style
from rsp_lab.figures.paper.structure import draw_structure
from rsp_lab.models import presets
from rsp_lab.models.fusion import AverageConfig, SumConfig
from rsp_lab.models.heads import HeadConfig, TopDownConfig, build_head
from rsp_lab.models.inspection.structure import HeadStructure, head_structure
from rsp_lab.models.relation import RelationConfig
from rsp_lab.shapes import Window

MIXED = TopDownConfig(
    (
        RelationConfig(Window(3, 3)),
        SumConfig(),
        AverageConfig(Window(5)),
        RelationConfig(query_from="high"),
        SumConfig(),
    )
)
HEADS: dict[str, tuple[HeadConfig, str]] = {
    "RSP-2": (presets.rsp2(), "RSP-2"),
    "RSP-4": (presets.rsp4(), "RSP-4"),
    "RSP-4-D": (presets.rsp4_d(), "RSP-4-D"),
    "baseline": (presets.baseline_q67(), "baseline with Q6, Q7"),
    "one module": (presets.rsp4(at=(76,)), "baseline with Q6, Q7 + RSP 76"),
    "SELF": (presets.self2(), "baseline + SELF 54, 43"),
    "CONTEXT": (presets.context2(), "baseline + CONTEXT 54, 43"),
    "mixed": (MIXED, "baseline with Q6, Q7 + RSP 76 + SELF 43 + CONTEXT 54"),
    "Semantic FPN": (presets.semantic_fpn(), "Semantic FPN"),
}


def built(config: HeadConfig) -> nn.Module:
    with torch.device("meta"):
        return build_head(config, 256, 19)


@pytest.fixture(params=HEADS, scope="module")
def case(request: pytest.FixtureRequest) -> tuple[nn.Module, HeadStructure, str]:
    config, name = HEADS[request.param]
    head = built(config)
    return head, head_structure(head), name


def run_order(head: nn.Module) -> set[tuple[str, str]]:
    """What feeds what, seen from the tensors that pass while a top-down head runs."""
    makers: dict[int, str] = {}
    kept, edges = [], set()

    def made(name: str):
        def hook(module, inputs, output):
            kept.append(output)
            makers[id(output)] = name

        return hook

    def fed(name: str):
        def hook(module, inputs):
            edges.update((makers[id(tensor)], name) for tensor in inputs)

        return hook

    pyramid = {x: torch.empty(1, 256, 128 // 2**x, 128 // 2**x, device="meta") for x in head.config.levels}
    for x, values in pyramid.items():
        makers[id(values)] = f"p{x}"
        head.transforms[f"q{x}"].register_forward_pre_hook(fed(f"q{x}"))
        head.taps[f"q{x}"].register_forward_hook(made(f"q{x}"))
    for step in head.steps:
        name = step.fused.name.partition(".")[0]
        step.register_forward_pre_hook(fed(name))
        step.register_forward_hook(made(name))
    head.classifier.register_forward_pre_hook(fed("logits"))
    head(pyramid)
    return edges


def test_edges_are_what_feeds_what_when_the_head_runs(case) -> None:
    head, structure, name = case
    assert structure.name == name
    if structure.steps:
        assert set(structure.edges) == run_order(head)
    assert {node for edge in structure.edges for node in edge} == set(structure.nodes)


def test_facts_of_a_head_are_those_of_its_modules(case) -> None:
    head, structure, _ = case
    assert structure.parameters == sum(p.numel() for p in head.parameters())
    assert (structure.inputs, structure.channels, structure.classes, structure.norm) == (256, 128, 19, True)
    assert sum(structure.blocks.values()) == sum(
        m.kernel_size == (3, 3) for m in head.modules() if isinstance(m, nn.Conv2d)
    )


def test_kinds_and_windows_of_a_mixed_head() -> None:
    steps = head_structure(built(MIXED)).steps
    assert [step.kind for step in steps] == ["RSP", "sum", "CONTEXT", "SELF", "sum"]
    assert [step.window for step in steps] == [Window(3, 3), None, Window(5), Window(7), None]
    assert [step.middle for step in steps] == [64, None, None, 64, None]


def test_what_is_no_head_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="a Conv2d has no structure that is known"):
        head_structure(nn.Conv2d(1, 1, 1))


@pytest.mark.parametrize("width", [style.SINGLE, style.DOUBLE])
def test_arrows_and_fusions_drawn_are_those_of_the_head(case, width: float) -> None:
    _, structure, _ = case
    figure = draw_structure([structure], width=width)
    gids = {artist.get_gid() for artist in figure.findobj() if artist.get_gid()}

    assert figure.get_size_inches()[0] == width
    for start, end in structure.edges:
        assert f"{start} {end}" in gids or (not structure.steps and f"{start} block0" in gids), (start, end)
    for step in structure.steps:
        assert f"{step.name} {step.kind}" in gids


def test_words_are_on_the_sheet_and_not_on_one_another() -> None:
    figure = draw_structure([head_structure(built(config)) for config, _ in HEADS.values()])
    renderer = FigureCanvasAgg(figure).get_renderer()
    with style.plot_style():
        texts = [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]
        boxes = [text.get_window_extent(renderer).padded(-1) for text in texts]
    width, height = (inches * figure.dpi for inches in figure.get_size_inches())
    for index, box in enumerate(boxes):
        assert -1 < box.x0 < box.x1 < width + 1, texts[index]
        assert -1 < box.y0 < box.y1 < height + 1, texts[index]
        assert texts[index].get_fontsize() >= 6
        for other in range(index):
            assert not box.overlaps(boxes[other]), (texts[index], texts[other])


def test_names_must_match_heads() -> None:
    with pytest.raises(ValueError, match="a name for each"):
        draw_structure([head_structure(built(MIXED))], names=["a", "b"])
