"""What arguments of several commands are called and mean. A group of them is one argument of the command's function."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.devices import DEVICE_HELP
from rsp_lab.models.load_any import load_any, model_file
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject

Folder = Annotated[
    Path,
    tyro.conf.arg(aliases=("-o",), metavar="DIR", help="folder to write to, made if missing; files of others stay"),
]
Image = Annotated[
    Path,
    tyro.conf.Positional,
    tyro.conf.arg(metavar="IMAGE", help="any readable image of 64 x 64 pixels or more, at most as many as 4096 x 4096"),
]
Device = Annotated[str, tyro.conf.arg(metavar="DEVICE", help=DEVICE_HELP)]
Model = Annotated[str, tyro.conf.arg(help="shipped name, path of a .safetensors file, or FILE.py:function")]


@dataclass(frozen=True)
class ModelPair:
    """Two models side by side."""

    left: Model = "camvid-baseline"
    right: Model = "camvid-rsp4"
    device: Device = "auto"

    @property
    def files(self) -> tuple[Path, Path]:
        """The files that they come from."""
        return model_file(self.left), model_file(self.right)

    def load(self) -> tuple[Segmenter | Subject, Segmenter | Subject]:
        """Both models, in eval mode; of one function a model each."""
        return load_any(self.left, self.device), load_any(self.right, self.device)


@dataclass(frozen=True)
class Decision:
    """The decision at one pixel.

    Attributes:
        pixel: row and column.
        class_: whose logit; default: what the right model says.
        rival: class it is held against; default: what the left model says, or else the right model's runner-up.
    """

    pixel: tuple[int, int]
    class_: Annotated[str | None, tyro.conf.arg(name="class")] = None
    rival: str | None = None

    @property
    def target(self) -> PixelTarget:
        """What is asked of the models; what the words leave open is left open."""
        return PixelTarget(*self.pixel, self.class_, self.rival)


@dataclass(frozen=True)
class Report:
    """What becomes of a result.

    Attributes:
        out: folder for its files; made if missing. Default: nothing is written.
        json: print JSON instead of text.
    """

    out: Annotated[Path | None, tyro.conf.arg(aliases=("-o",), metavar="DIR")] = None
    json: bool = False


@dataclass(frozen=True)
class KeptReport:
    """What becomes of a result that takes long: what is done is kept.

    Attributes:
        out: folder for its files and what is done; made if missing.
        fresh: forget what an earlier call has done.
        json: print JSON instead of text.
    """

    out: Annotated[Path, tyro.conf.arg(aliases=("-o",), metavar="DIR")]
    fresh: bool = False
    json: bool = False


MOST_SEED = 2**32 - 1


def checked_seed(seed: int) -> int:
    """The seed of an option ``--seed``.

    Raises:
        ValueError: if it is one that some generator does not take.
    """
    if not 0 <= seed <= MOST_SEED:
        raise ValueError(f"--seed must be from 0 to {MOST_SEED}, got {seed}.")
    return seed


Models = Annotated[ModelPair, tyro.conf.arg(name="")]
PixelDecision = Annotated[Decision, tyro.conf.arg(name="")]
Results = Annotated[Report, tyro.conf.arg(name="")]
KeptResults = Annotated[KeptReport, tyro.conf.arg(name="")]

CAMVID_PAIR, SCENE_PAIR = ModelPair(), ModelPair("scenes-baseline", "scenes-rsp4")
PRINTED = Report()

Width = Literal["page", "column"]
WIDTHS: dict[str, float] = {"page": 7.16, "column": 3.5}
"""Of figures, inches: :data:`rsp_lab.figures.style.DOUBLE` and ``SINGLE``, without a drawing library."""

FORMATS = ("png", "pdf")
"""Of every figure that a command writes."""
