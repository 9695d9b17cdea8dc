"""Reach as drawn: planes, windows and bars are the geometry's, and the geometry is what interpolation reads."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from rsp_lab.analysis.receptive_field.geometry import ReachGeometry, local_region, reach_geometry
from rsp_lab.analysis.receptive_field.reach import reached_cells
from rsp_lab.figures import style
from rsp_lab.figures.paper.reach import draw_reach
from rsp_lab.models import presets

CONFIGS = {"baseline": presets.baseline_q67(), "RSP-4": presets.rsp4(), "RSP-2-D": presets.rsp2_d()}
PHOTO = np.full((3, 32, 64), 128, np.uint8)


@pytest.fixture(params=CONFIGS, scope="module")
def geometry(request: pytest.FixtureRequest) -> ReachGeometry:
    return reach_geometry(CONFIGS[request.param], (1024, 2048), (700, 1500))


def read_for(cells: tuple[int, ...], fine: int, coarse: int) -> set[int]:
    """The cells whose one-hot map shows in any of ``cells`` after bilinear resizing."""
    found = set()
    for index in range(coarse):
        one = torch.zeros(1, 1, 1, coarse, dtype=torch.float64)
        one[..., index] = 1
        up = F.interpolate(one, size=(1, fine), mode="bilinear", align_corners=False)[0, 0, 0]
        if any(up[cell] != 0 for cell in cells):
            found.add(index)
    return found


def test_each_cell_of_the_way_is_read_from_the_window_of_the_one_below(geometry: ReachGeometry) -> None:
    for low, windows in geometry.windows.items():
        for axis in (0, 1):
            sources = read_for(windows[axis], geometry.sizes[low][axis], geometry.sizes[low + 1][axis])
            assert geometry.chain[low + 1][axis] in sources
            assert geometry.chain[low][axis] in windows[axis] or geometry.kinds[low] == "window"


def test_the_way_ends_at_the_edge_of_what_is_reached(geometry: ReachGeometry) -> None:
    config = next(c for c in CONFIGS.values() if c.levels == geometry.levels and len(c.levels) == len(geometry.side))
    assert set(geometry.reached) == set(reached_cells(config, geometry.sizes, (700, 1500), (1024, 2048)))
    for level, (rows, columns) in geometry.reached.items():
        assert geometry.chain[level] == (rows[0], columns[0]), "towards the far corner, top left"


@pytest.mark.parametrize("name", CONFIGS)
def test_the_local_region_reads_what_interpolation_reads(name: str) -> None:
    region = local_region(CONFIGS[name])
    assert set(region.sources) == read_for(region.looked, region.side, region.side // 2)
    assert [cell - region.cell for cell in region.looked] == list(region.window.offsets)
    assert region.sources[0] > 0
    assert region.sources[-1] < region.side // 2


def test_unknown_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="it has step32, step43, step54"):
        local_region(presets.rsp2(), "step76")


@pytest.mark.parametrize("width", [style.SINGLE, style.DOUBLE])
def test_bars_and_windows_are_the_geometry(width: float) -> None:
    reaches = [reach_geometry(CONFIGS[name], (1024, 2048), (700, 1500)) for name in ("baseline", "RSP-4")]
    figure = draw_reach(PHOTO, reaches, ["baseline", "RSP-4"], width=width)
    found = {artist.get_gid(): artist for artist in figure.findobj() if artist.get_gid()}
    bars = {gid: np.ptp(bar.get_xy()[:, 0]) for gid, bar in found.items() if gid.startswith("reach ")}
    unit = bars["reach 7 1"] / 1152

    assert figure.get_size_inches()[0] == width
    for index, reach in enumerate(reaches):
        for level in (3, 4, 5, 6, 7):
            assert bars[f"reach {level} {index}"] == pytest.approx(unit * reach.side[level].pixels)
    looked = [artist for artist in figure.findobj() if artist.get_gid() == "looked"]
    assert len(looked) == 49
    for level in (4, 5, 6, 7):
        windows = [artist for artist in figure.findobj() if artist.get_gid() == f"level {level} window"]
        rows, columns = reaches[1].windows[level - 1]
        assert len(windows) == len(rows) * len(columns)


@pytest.mark.parametrize("width", [style.SINGLE, style.DOUBLE])
def test_words_stay_apart(geometry: ReachGeometry, width: float) -> None:
    figure = draw_reach(
        PHOTO, [geometry], ["a head with a name that is far too long for any heading of this figure"], width=width
    )
    renderer = FigureCanvasAgg(figure).get_renderer()
    with style.plot_style():
        texts = [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]
        boxes = [text.get_window_extent(renderer).padded(-1) for text in texts]
    for index, box in enumerate(boxes):
        assert -1 < box.x0 < box.x1 < figure.get_size_inches()[0] * figure.dpi + 1, texts[index]
        for other in range(index):
            assert not box.overlaps(boxes[other]), (texts[index], texts[other])


def test_a_head_and_a_name_are_needed() -> None:
    with pytest.raises(ValueError, match="a name for each"):
        draw_reach(PHOTO, [], [])
