"""``rl.explore``: the explorer in a notebook."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jaxtyping import UInt8
from torch import Tensor

from rsp_lab.analysis.comparison.compare import check_request
from rsp_lab.analysis.passes.pair import pair_names
from rsp_lab.analysis.passes.view import view_model
from rsp_lab.data.tables import table_for
from rsp_lab.explorer.payload import build_payload
from rsp_lab.models.load_any import load_any
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject
from rsp_lab.rgb import ImageLike, rgb_pixels

if TYPE_CHECKING:
    from rsp_lab.explorer.notebook import Explorer


def explore(
    left: Segmenter | Subject | str,
    right: Segmenter | Subject | str,
    image: ImageLike,
    *,
    pixel: tuple[int, int] | None = None,
    truth: UInt8[Tensor, "y x"] | None = None,
) -> Explorer:
    """Two models on one photograph, to be looked into with the pointer; shown by a notebook as the cell's last value.

    One forward pass a model; after it everything is answered in the browser. The widget's ``pixel``, ``second`` and
    ``view`` follow the reader.

    Args:
        left: model or subject, or the shipped name or path of one (:func:`rsp_lab.models.load_any.load_any`).
        right: the same.
        image: RGB, uint8 or float in [0, 1]; see :mod:`rsp_lab.rgb`.
        pixel: (y, x) to begin with; default the image's middle.
        truth: the image's labels as train ids, if there are any.

    Raises:
        ImportError: without anywidget.
        ValueError: for models of different classes or without top-down steps, or a pixel outside the image.
    """
    widget = _widget_class()
    pair, pixels = (_loaded(left), _loaded(right)), rgb_pixels(image)
    check_request(*pair, pixels, pixel=pixel)
    ours, theirs = (
        replace(view_model(model, pixels), name=name) for model, name in zip(pair, pair_names(*pair), strict=True)
    )
    table = table_for(pair[1].class_names, pair[1].label_table)
    return widget(build_payload(pixels, pair, (ours, theirs), table, truth), pixel)


def _loaded(model: Segmenter | Subject | str) -> Segmenter | Subject:
    return load_any(model) if isinstance(model, str) else model


def _widget_class() -> type[Explorer]:
    # Optional, and heavy: only a notebook needs it.
    try:
        from rsp_lab.explorer.notebook import Explorer
    except ModuleNotFoundError as error:
        if error.name not in ("anywidget", "traitlets"):
            raise
        raise ImportError(
            "the explorer in a notebook needs anywidget, which is not installed: pip install anywidget, "
            "or write a file that any browser opens, by the command rsp-lab export-html."
        ) from error
    return Explorer
