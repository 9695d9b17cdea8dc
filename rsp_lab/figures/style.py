"""The one look of all figures: colours of levels, maps, type, column widths, and how a figure becomes a file."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.colors import Colormap, LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure

from rsp_lab.figures.fonts import font_families, quiet_weights
from rsp_lab.figures.letters import warned_letters
from rsp_lab.files import MAKER, AnyPath, write_atomic
from rsp_lab.palette import LEVEL_COLOURS, LEVEL_DASHES

Dash = Literal["solid"] | tuple[float, tuple[int, ...]]

SINGLE = 3.5
"""Width of one column, inches."""
DOUBLE = 7.16
"""Width of both columns, inches."""

TEXT = 8.0
SMALL = 7.0
"""Points; nothing is smaller."""

INK = "#1a1a1a"
QUIET = "#5f5f5f"
FAINT = "#b8b8b8"

DIVERGING = "RdBu_r"
"""Signed quantities, white at 0; red and blue stay apart for all common colour deficiencies."""

FULL = 0.9
"""Opacity of the largest weight, so that the photograph shimmers through even there."""

RC: Mapping[str, Any] = {
    "font.size": TEXT,
    "axes.linewidth": 0.5,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.unicode_minus": True,
    "text.color": INK,
    "text.parse_math": False,  # a name may hold a dollar sign
    "text.hinting": "none",  # letters as wide on a screen as in print
    "text.usetex": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "xtick.major.size": 2.0,
    "ytick.major.size": 2.0,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.major.pad": 1.5,
    "ytick.major.pad": 1.5,
    "hatch.linewidth": 0.4,
    "hatch.color": FAINT,
    "image.resample": True,
    "figure.dpi": 150,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "savefig.bbox": None,
    "savefig.transparent": False,
    "pdf.fonttype": 42,
    "pdf.compression": 6,
    "svg.fonttype": "path",
    "svg.hashsalt": "rsp_lab",
    "svg.image_inline": True,
}

# Who made it, by which the command line knows what it may replace; and nothing that would make two files of one figure
# differ: no date, and no version of a library.
_METADATA: Mapping[str, dict[str, str | None]] = {
    ".png": {"Software": MAKER},
    ".pdf": {"CreationDate": None, "Creator": MAKER, "Producer": None},
    ".svg": {"Date": None, "Creator": MAKER},
}


@contextmanager
def plot_style() -> Iterator[None]:
    """The look as a context; nothing of it outlives the context.

    Letters that no installed font has end in one :class:`~rsp_lab.figures.letters.MissingLettersWarning`.
    """
    # matplotlib types the keys as literals of its own version.
    settings: Any = {**RC, "font.family": font_families()}
    with warned_letters(), quiet_weights(), mpl.rc_context(settings):
        yield


class ShownFigure(Figure):
    """A figure that a notebook shows as a picture, also where nothing imported pyplot, which would see to it."""

    def _repr_png_(self) -> bytes:
        content = io.BytesIO()
        with plot_style():
            self.savefig(content, format="png", dpi=RC["figure.dpi"])
        return content.getvalue()


def level_colour(level: int) -> str:
    """The level's colour, the same in every picture."""
    return LEVEL_COLOURS.get(level, QUIET)


def level_dash(level: int) -> Dash:
    """The level's dash pattern as a matplotlib line style."""
    pattern = LEVEL_DASHES.get(level, ())
    return (0.0, pattern) if pattern else "solid"


def weight_map(level: int) -> Colormap:
    """Share of weight: the level's colour from transparent (0) to nearly full (the scale's end)."""
    rgb = to_rgb(level_colour(level))
    return LinearSegmentedColormap.from_list(f"level{level}", [(*rgb, 0.0), (*rgb, FULL)])


def signed_weight_map() -> Colormap:
    """Weights that may be negative: the diverging map, transparent at 0."""
    base = mpl.colormaps[DIVERGING]
    stops = [(*base(i / 32)[:3], FULL * abs(i / 16 - 1)) for i in range(33)]
    return LinearSegmentedColormap.from_list("signed_weights", stops)


def check_ending(path: str | Path) -> Path:
    """A path whose ending :func:`save` knows.

    Raises:
        ValueError: for another ending.
    """
    path = Path(path)
    if path.suffix.lower() not in _METADATA:
        raise ValueError(f"cannot write {path.name}: figures are written as {', '.join(_METADATA)}; change the ending.")
    return path


def save(figure: Figure, path: str | Path, *, dpi: int = 300, protect: Iterable[AnyPath] = ()) -> Path:
    """Write a figure as PNG, PDF or SVG, chosen by the ending; the same figure gives the same bytes.

    The file appears whole or not at all. Fonts are embedded (PDF) or outlined (SVG).

    Args:
        figure: to write.
        path: with the ending .png, .pdf or .svg; missing folders are made.
        dpi: pixels an inch of a PNG, and of the photographs inside PDF and SVG.
        protect: files that are being read, and so must not be replaced.

    Raises:
        ValueError: for another ending.
        FileError: if the file cannot be written, or may not be replaced.
    """
    path = check_ending(path)
    ending = path.suffix.lower()
    content = io.BytesIO()
    with plot_style():
        figure.savefig(content, format=ending[1:], dpi=dpi, metadata=dict(_METADATA[ending]))
    return write_atomic(path, content.getvalue(), protect=protect)
