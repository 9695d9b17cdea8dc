"""Tables as text: Markdown to read, LaTeX (booktabs) to set; the paper's number and ours side by side."""

from __future__ import annotations

import re

from rsp_lab import text
from rsp_lab.models.paper.printed import PairedCell, PairedTable

_SPECIAL = {
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "±": r"$\pm$",
    "−": "$-$",
    "–": "--",
    "^": r"\textasciicircum{}",
}


def markdown_table(table: PairedTable) -> str:
    """A pipe table with its title above and its notes below."""
    heads = [*table.labels, *(f"{name} {whose}" for name in table.measures for whose in ("paper", "ours"))]
    rows = [[*labels, *_numbers(cells)] for _, labels, cells in table.rows]
    lines = [f"**Table {table.number}.** {table.title}", "", *text.markdown_table(heads, rows, len(table.labels))]
    return "\n".join([*lines, "", *(f"- {note}." for note in table.notes)]) + "\n"


def latex_table(table: PairedTable) -> str:
    r"""A ``table*`` environment that needs ``\usepackage{booktabs}``; the label is ``tab:rsp-`` and the number."""
    columns = "l" * len(table.labels) + "r" * (2 * len(table.measures))
    first = [escape(name) for name in table.labels] + [
        rf"\multicolumn{{2}}{{c}}{{{escape(m)}}}" for m in table.measures
    ]
    start = len(table.labels) + 1
    rules = [rf"\cmidrule(lr){{{start + 2 * i}-{start + 2 * i + 1}}}" for i in range(len(table.measures))]
    second = [""] * len(table.labels) + ["paper", "ours"] * len(table.measures)
    body = [" & ".join(map(escape, [*labels, *_numbers(cells)])) + r" \\" for _, labels, cells in table.rows]
    notes = " ".join(f"{escape(note)}." for note in table.notes)
    return "\n".join(
        [
            r"\begin{table*}",
            r"\centering",
            r"\setlength{\belowcaptionskip}{4pt}",
            rf"\caption{{{escape(table.title)}. {notes}}}",
            rf"\label{{tab:rsp-{table.number.lower()}}}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            " & ".join(first) + r" \\",
            "".join(rules),
            " & ".join(second) + r" \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table*}",
            "",
        ]
    )


def escape(words: str) -> str:
    """Words with the characters that LaTeX reads otherwise escaped; powers and sizes are set as mathematics."""
    escaped = "".join(_SPECIAL.get(letter, letter) for letter in words)
    escaped = re.sub(r"(\d+)\\textasciicircum\{\}(\d+)", r"$\1^{\2}$", escaped)
    return re.sub(r"(\d+) x (\d+)", r"$\1 \\times \2$", escaped)


def _numbers(cells: tuple[PairedCell, ...]) -> list[str]:
    return [number for cell in cells for number in (cell.paper, cell.ours or text.MISSING)]
