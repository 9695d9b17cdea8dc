"""Tables I-VI: the printed numbers, ours beside them, and both in Markdown and LaTeX."""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models.segmentation import deeplabv3_resnet50

from rsp_lab.figures.paper.tables import escape, latex_table, markdown_table
from rsp_lab.models.inspection.cost import head_cost, system_cost
from rsp_lab.models.paper.costs import cost_tables
from rsp_lab.models.paper.printed import PairedTable, paired_tables
from rsp_lab.models.presets import resnet_fpn, rsp4_d
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.text import MISSING

KEY = "I/RSP-4, ResNet-50-FPN"


@pytest.fixture(scope="module")
def tables() -> dict[str, PairedTable]:
    return {table.number: table for table in paired_tables({KEY: 77.14})}


def test_costs_are_those_of_the_cost_tables(tables: dict[str, PairedTable]) -> None:
    for row in cost_tables():
        cells = {key: cells for key, _, cells in tables[row.table].rows}[row.row]
        assert (cells[-2].ours, cells[-1].ours) == (f"{row.gmacs:.2f}", f"{row.megabytes:.2f}")
        assert (cells[-2].paper, cells[-1].paper) == (f"{row.gmacs_paper:.1f}", f"{row.megabytes_paper:.1f}")


def test_labels_stand_with_their_own_costs(tables: dict[str, PairedTable]) -> None:
    for number in ("IV", "VI"):
        for key, (_, rsp, _), _ in tables[number].rows:
            assert rsp == "-" or rsp.strip("()") in key
    for key, (model, backbone), _ in tables["I"].rows:
        assert key == f"{model.partition(' [')[0]}, {backbone}"


def test_our_scores_stand_where_they_are_given_and_nowhere_else(tables: dict[str, PairedTable]) -> None:
    ours = {f"{n}/{key}": cells[0].ours for n, table in tables.items() for key, _, cells in table.rows}
    assert ours.pop(KEY) == "77.1"
    assert set(ours.values()) == {None}
    with pytest.raises(ValueError, match="no table has the row 'I/RSP-5'; keys are like I/Baseline"):
        paired_tables({"I/RSP-5": 80.0})


def test_systems_agree_with_the_print_as_far_as_they_are_counted(tables: dict[str, PairedTable]) -> None:
    kinds = {key: labels[-1] for key, labels, _ in tables["II"].rows}
    assert {key for key, kind in kinds.items() if kind == "cited"} == {
        "PSANet101, ResNet-101-D8",
        "Mapillary, WideResNet-38-D8",
    }
    assert {key for key, kind in kinds.items() if kind == "reconstructed"} == {"SETR-PUP, T-Large", "OCR, HRNetV2"}
    for key, _, cells in tables["II"].rows:
        for cell in cells[1:]:
            assert (cell.ours is None) == (kinds[key] == "cited")
            # The rebuilt networks are as near as a reading of their papers brings them.
            bound = 0.11 if kinds[key] == "reconstructed" else 0.08
            assert cell.ours is None or abs(float(cell.ours) - float(cell.paper)) < bound, key


def test_system_cost_is_half_of_what_the_flop_counter_counts() -> None:
    def build() -> nn.Module:
        return deeplabv3_resnet50(weights=None, weights_backbone=None, num_classes=5, aux_loss=False)

    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        network, image = build().eval(), torch.empty(1, 3, 64, 96)
        network(image)
    assert 2 * system_cost(build, (64, 96)).multiply_adds == counter.get_total_flops()


def test_matrix_products_are_counted_once() -> None:
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 4)

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            tokens = self.linear(image.flatten(2).mT)
            return (tokens @ tokens.mT) @ tokens

    cost = system_cost(Attention, (2, 5))
    assert cost.multiply_adds == 10 * 3 * 4 + 2 * 10 * 10 * 4
    assert cost.activations == 10 * 4 + 10 * 10 + 10 * 4


def test_system_cost_holds_the_heads_cost() -> None:
    config = resnet_fpn("resnet18", rsp4_d(), ("a", "b"))
    whole = system_cost(lambda: Segmenter(config), (128, 256))
    pyramid = system_cost(lambda: Segmenter(config).pyramid, (128, 256))
    assert whole.multiply_adds - pyramid.multiply_adds == head_cost(rsp4_d(), (128, 256), classes=2).multiply_adds


def test_markdown_has_a_cell_for_every_column(tables: dict[str, PairedTable]) -> None:
    for table in tables.values():
        lines = [line for line in markdown_table(table).splitlines() if line.startswith("|")]
        assert {line.count("|") for line in lines} == {1 + len(table.labels) + 2 * len(table.measures)}
        assert len(lines) == 2 + len(table.rows)
    assert "| 77.5 ± 0.2 | 77.1 | 53.7 | 53.68 | 7.8 | 7.75 |" in markdown_table(tables["I"])
    assert f"| cited | 77.9 | {MISSING} | 2.0 | {MISSING} | 2.0 | {MISSING} |" in markdown_table(tables["II"])


def test_latex_is_balanced_and_escaped(tables: dict[str, PairedTable]) -> None:
    for table in tables.values():
        text = latex_table(table)
        columns = len(table.labels) + 2 * len(table.measures)
        body = text.split(r"\midrule")[1].split(r"\bottomrule")[0].strip().splitlines()
        assert {line.count("&") for line in body} == {columns - 1}
        assert text.count("{") == text.count("}")
        assert text.isascii()
        assert not re.search(r"(?<!\\)[#%_]", text)
        assert len(re.findall(r"\\begin\{", text)) == len(re.findall(r"\\end\{", text))
    assert escape("a_b & 5 % ± #1") == r"a\_b \& 5 \% $\pm$ \#1"
    assert escape("10^9 at 1024 x 2048") == r"$10^{9}$ at $1024 \times 2048$"
