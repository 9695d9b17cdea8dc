"""The one line above every page: the image, both models, and the question; it opens on the selectors."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.shell.scenes import reading_names
from app.shell.selection import SIDES, Selection
from app.shell.sources import Source
from app.shell.text import escape
from app.store.models import Photograph
from rsp_lab.data.scenes.dataset import SIZE, scene_words

CHANGE = "Change"


@dataclass(frozen=True, eq=False)
class Bar:
    """The line and what stands beside it.

    Attributes:
        line: of the summary.
        selectors: behind the button that opens them.
        tools: of small buttons about the selection.
    """

    line: DeltaGenerator
    selectors: DeltaGenerator
    tools: DeltaGenerator

    def say(self, summary: str) -> None:
        """Writes the line, as HTML of :func:`of_selection` or :func:`without_image`."""
        self.line.html(summary)


def draw_bar() -> Bar:
    """The places of the line, of its selectors and of its tools, in one row."""
    with st.container(key="frame"):
        line = st.container(key="chip")
        row = st.container(key="tools", horizontal=True, vertical_alignment="center", gap="small")
        selectors = row.popover(CHANGE, key="selectors")
    return Bar(line, selectors, row)


def of_selection(selection: Selection) -> str:
    """Image, left and right model, class over rival at the pixel."""
    return _line(*(_part(kind, text) for kind, text in parts_of(selection).items()))


def parts_of(selection: Selection) -> dict[str, str]:
    """The same in words, by what each part says."""
    target = selection.target
    over = f"{target.class_name} over {target.rival}" if target.rival else str(target.class_name)
    models = dict(zip(SIDES, selection.names, strict=True))
    return {"image": image_words(selection.shown), **models, "asks": f"{over} at y {target.y}, x {target.x}"}


def without_image(source: Source, names: tuple[str, str]) -> str:
    """The same where no image can be shown."""
    return _line(_part("image", f"{source}: none yet"), *_models(names))


def image_words(shown: Photograph) -> str:
    """What the image is called, e.g. ``"scene 3 of person-rider, reading rider"``; with its size where that is not the
    usual one, for a scene of another size is another picture."""
    scene = shown.scene
    if scene is None:
        return shown.sample.name
    case = scene.ambiguities[0].case
    size = "" if shown.size == SIZE else f", {size_words(shown.size)}"
    return scene_words(scene.seed, case, reading_names(case)[scene.reading]) + size


def size_words(size: tuple[int, int]) -> str:
    """(y, x) in words, e.g. ``"128 x 256 px"``."""
    return f"{size[0]} x {size[1]} px"


def _models(names: tuple[str, str]) -> list[str]:
    return [_part(side, name) for side, name in zip(SIDES, names, strict=True)]


def _part(kind: str, text: str) -> str:
    return f'<span class="rsp-part"><span class="rsp-quiet">{kind}</span> {escape(text)}</span>'


def _line(*parts: str) -> str:
    return f'<p class="rsp-summary">{" ".join(parts)}</p>'
