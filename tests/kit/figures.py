"""Parts of a drawn figure."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from rsp_lab.figures import style


def axes_of(figure: Figure, label: str) -> Axes:
    (axes,) = [axes for axes in figure.axes if axes.get_label() == label]
    return axes


def words_of(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


def shown_texts(figure: Figure) -> list[Text]:
    return [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]


def check_words(figure: Figure, width: float = style.DOUBLE, *, name: str = "") -> None:
    """No word is smaller than 7 pt, leaves the sheet or lies on another one, those of scales and diagrams among them;
    ``name`` is the figure's, for the message."""
    assert figure.get_size_inches()[0] == width, name
    renderer = FigureCanvasAgg(figure).get_renderer()
    wide, high = (inches * figure.dpi for inches in figure.get_size_inches())
    boxes = []
    with style.plot_style():
        for text in shown_texts(figure):
            box = text.get_window_extent(renderer)
            assert text.get_fontsize() >= 7, (name, text)
            assert -1 < box.x0 < box.x1 < wide + 1, (name, text)
            assert -1 < box.y0 < box.y1 < high + 1, (name, text)
            boxes.append((text, box.padded(-1)))
    for index, (text, box) in enumerate(boxes):
        for other, other_box in boxes[index + 1 :]:
            assert not box.overlaps(other_box), (name, text, other)
