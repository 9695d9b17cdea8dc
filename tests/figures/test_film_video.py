"""Frames as files that play: as many as there are, each as long as it stands."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rsp_lab.data.sample import Sample
from rsp_lab.figures.film_video import can_write_mp4, save_gif, save_mp4
from rsp_lab.palette import LEVEL_COLOURS

SECONDS = [0.8, 0.8, 3.0]
FRAMES = [np.full((31, 41, 3), value, np.uint8) for value in (0, 120, 255)]


def test_a_gif_has_every_frame_for_as_long_as_it_stands(tmp_path: Path) -> None:
    with Image.open(save_gif(FRAMES, tmp_path / "a.gif", SECONDS)) as gif:
        assert (gif.n_frames, gif.size) == (3, (41, 31))  # type: ignore[attr-defined]
        seen = []
        for place in range(3):
            gif.seek(place)
            seen.append((gif.convert("RGB").getpixel((5, 5)), gif.info["duration"]))
    assert seen == [((0, 0, 0), 800), ((120, 120, 120), 800), ((255, 255, 255), 3000)]


def test_thin_lines_keep_their_colours(tmp_path: Path, street: Callable[[int, int, int], Sample]) -> None:
    """A photograph has most of the pixels, and the lines are what is read."""
    frame = street(1, 120, 160).image.permute(1, 2, 0).numpy().copy()
    colours = [tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5)) for colour in LEVEL_COLOURS.values()]
    for row, colour in enumerate(colours):
        frame[10 * row, :40] = colour

    with Image.open(save_gif([frame, frame // 2], tmp_path / "a.gif", SECONDS[:2])) as gif:
        shown = np.asarray(gif.convert("RGB")).astype(int)

    for row, colour in enumerate(colours):
        assert np.abs(shown[10 * row, :40] - colour).max() <= 24


def test_an_mp4_is_as_long_as_its_frames_stand(tmp_path: Path) -> None:
    ffmpeg = pytest.importorskip("imageio_ffmpeg", reason="the extra film is not installed")
    assert can_write_mp4() == ""

    count, seconds = ffmpeg.count_frames_and_secs(str(save_mp4(FRAMES, tmp_path / "a.mp4", SECONDS)))

    assert (count, seconds) == (46, pytest.approx(4.6, abs=0.11))


def test_without_the_extra_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)

    with pytest.raises(ImportError, match="pip install imageio-ffmpeg"):
        save_mp4(FRAMES, tmp_path / "a.mp4", SECONDS)


def test_frames_and_times_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="of one size"):
        save_gif([FRAMES[0], FRAMES[1][:9]], tmp_path / "a.gif", SECONDS[:2])
    with pytest.raises(ValueError, match="a frame at least"):
        save_gif([], tmp_path / "a.gif", [])
    with pytest.raises(ValueError, match="3 frames and 2 times"):
        save_gif(FRAMES, tmp_path / "a.gif", SECONDS[:2])
