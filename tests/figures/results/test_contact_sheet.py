from __future__ import annotations

import pytest

from rsp_lab.data.scenes.scene import draw_scene_pair
from rsp_lab.figures import style
from rsp_lab.figures.results.contact_sheet import draw_contact_sheet


def test_every_scene_has_a_panel_of_its_proportions() -> None:
    scenes = [*draw_scene_pair(0, 64, 128), *draw_scene_pair(1, 64, 128)]
    figure = draw_contact_sheet(scenes)
    width, height = figure.get_size_inches()
    panels = {axes.get_label(): axes for axes in figure.axes if axes.images}

    assert width == style.DOUBLE
    assert list(panels) == [scene.name for scene in scenes]
    for axes in panels.values():
        box = axes.get_position()
        assert box.width * width / (box.height * height) == pytest.approx(2)
        assert len(axes.collections) == 3  # region, cue and decoy
    assert "rider" in [text.get_text() for text in figure.texts]


def test_scenes_of_several_sizes_or_none_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        draw_contact_sheet([])
    with pytest.raises(ValueError, match="64 x 128, 64 x 130"):
        draw_contact_sheet([draw_scene_pair(0, 64, 128)[0], draw_scene_pair(0, 64, 130)[0]])
