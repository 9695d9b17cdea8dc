"""The figure of a film: curves are the film's, in both widths, and no letter is too small."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from rsp_lab.figures.results.film import draw_film, film_caption
from rsp_lab.figures.style import DOUBLE, SINGLE, plot_style
from tests.kit.figures import axes_of, words_of
from tests.kit.films import film


@pytest.mark.parametrize("width", [SINGLE, DOUBLE])
def test_curves_stand_over_the_updates(width: float) -> None:
    made = film()
    figure = draw_film(made, width=width)
    axes = axes_of(figure, "margin and its parts")
    (line,) = [line for line in axes.lines if line.get_gid() == "margin"]

    np.testing.assert_allclose(np.asarray(line.get_xydata()), [(s.updates, s.margin) for s in made.states])
    assert axes.get_xscale() == "log"
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["2", "8"]
    with plot_style():
        FigureCanvasAgg(figure).draw()
    texts = [text for text in figure.findobj(Text) if isinstance(text, Text) and text.get_text().strip()]
    assert min(text.get_fontsize() for text in texts) >= 7
    for text in figure.texts:
        box = text.get_window_extent().transformed(figure.transFigure.inverted())
        assert box.x0 >= -1e-6
        assert box.x1 <= 1 + 1e-6, text.get_text()


def test_words_say_what_happened() -> None:
    made = film()

    assert made.sentence().split(" logits")[0] in " ".join(words_of(draw_film(made)))
    assert all(words in film_caption(made) for words in (made.sentence(), made.image_name, "Largest relative residual"))
    with pytest.raises(ValueError, match="one state has no curves"):
        draw_film(replace(made, states=made.states[:1]))
