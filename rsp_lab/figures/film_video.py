"""Frames as files that play: GIF by Pillow, MP4 by imageio-ffmpeg, which is an extra."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from rsp_lab.files import AnyPath, write_atomic

_COLOURS = 128
_RATE = 10
_MISSING = "an MP4 is written by imageio-ffmpeg, which is not installed: pip install imageio-ffmpeg"

Frames = Sequence[UInt8[np.ndarray, "y x 3"]]


def save_gif(frames: Frames, path: AnyPath, seconds: Sequence[float]) -> Path:
    """An animation that repeats, all frames in the colours of one palette, so that what stands still does not flicker.

    Args:
        frames: RGB, of one size.
        path: of the file, which appears whole or not at all.
        seconds: that each frame stands.

    Raises:
        ValueError: without a frame, for frames of two sizes, or other than one time a frame.
        FileError: if the file cannot be written.
    """
    _check(frames, seconds)
    pictures = [Image.fromarray(frame) for frame in frames]
    # The other ways to choose colours go by how many pixels have them, and change those of thin lines.
    palette = Image.fromarray(np.concatenate(frames)).quantize(_COLOURS, Image.Quantize.FASTOCTREE)
    drawn = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    content = io.BytesIO()
    durations = [round(1000 * one) for one in seconds]
    drawn[0].save(content, "gif", save_all=True, append_images=drawn[1:], duration=durations, loop=0, optimize=True)
    return write_atomic(path, content.getvalue())


def save_mp4(frames: Frames, path: AnyPath, seconds: Sequence[float]) -> Path:
    """The same as H.264 video, ten pictures a second.

    Raises:
        ImportError: without the extra ``film``; the message says how to install it.
        ValueError: as :func:`save_gif`.
        FileError: if the file cannot be written.
    """
    _check(frames, seconds)
    try:
        from imageio_ffmpeg import write_frames
    except ImportError as error:
        raise ImportError(_MISSING) from error
    # H.264 needs even sides.
    even = [np.pad(f, ((0, f.shape[0] % 2), (0, f.shape[1] % 2), (0, 0)), mode="edge") for f in frames]
    high, wide = even[0].shape[:2]
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "film.mp4"
        writer = write_frames(str(made), (wide, high), fps=_RATE, codec="libx264", macro_block_size=2, quality=7)
        writer.send(None)
        for frame, stands in zip(even, seconds, strict=True):
            for _ in range(round(stands * _RATE)):
                writer.send(np.ascontiguousarray(frame))
        writer.close()
        return write_atomic(path, made.read_bytes())


def can_write_mp4() -> str:
    """Why no MP4 can be written, in words; empty where one can."""
    from importlib.util import find_spec

    return "" if find_spec("imageio_ffmpeg") else _MISSING


def _check(frames: Frames, seconds: Sequence[float]) -> None:
    if not len(frames):
        raise ValueError("a film needs a frame at least.")
    if len({frame.shape for frame in frames}) > 1:
        raise ValueError("the frames of a film are of one size, these are not.")
    if len(seconds) != len(frames):
        raise ValueError(f"there are {len(frames)} frames and {len(seconds)} times: give one for each frame.")
