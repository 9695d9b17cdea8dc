"""``rsp-lab scenes``: drawn scenes whose deciding context is known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from rsp_lab.cli import arguments
from rsp_lab.cli.output import say
from rsp_lab.cli.reports import check_output
from rsp_lab.data.panoptic.scene_files import check_coco_layout, write_coco_layout
from rsp_lab.data.scenes import scene
from rsp_lab.data.scenes.difficulty import Difficulty
from rsp_lab.data.scenes.files import check_cityscapes_layout, write_cityscapes_layout
from rsp_lab.figures.results.contact_sheet import draw_contact_sheet
from rsp_lab.figures.style import check_ending, save
from rsp_lab.files import check_folder

LAYOUTS = {
    "cityscapes": (check_cityscapes_layout, write_cityscapes_layout),
    "coco": (check_coco_layout, write_coco_layout),
}


@dataclass(frozen=True)
class Knobs(Difficulty):
    """The same as options, which are checked by the command: it knows what they are called there."""

    def __post_init__(self) -> None:
        """Takes whatever is given."""

    def checked(self) -> Difficulty:
        """The difficulty; raises ValueError, with the option's name, where a knob is out of its range."""
        try:
            return Difficulty(**self.to_dict())  # type: ignore[arg-type]
        except ValueError as error:
            name, _, rest = str(error).partition(" ")
            raise ValueError(f"--difficulty.{name.replace('_', '-')} {rest}") from None


KNOBS = Knobs()


def scenes(
    out: arguments.Folder,
    *,
    n: Annotated[int, tyro.conf.arg(aliases=("-n",))] = 8,
    seed: int = 0,
    size: tuple[int, int] = (256, 512),
    case: str | None = None,
    distance: int | None = None,
    split: Literal["train", "val", "test"] = "train",
    pairs: bool = False,
    sheet: Path | None = None,
    layout: Literal["cityscapes", "coco"] = "cityscapes",
    difficulty: Knobs = KNOBS,
) -> None:
    """Draws street scenes in which the deciding context is known, in the folder layout of Cityscapes or COCO.

    Cityscapes: leftImg8bit/SPLIT/CASE/*.png and, under gtFine, label and instance ids, the masks of the ambiguous
    region, its cue and its decoys, and the facts as JSON. COCO: SPLIT2017/*.png and, under annotations, the panoptic
    JSON file with its PNG files and the instance file, which hold the scenes of this call.

    Args:
        n: scenes to draw.
        seed: of the first scene; the next ones count up.
        size: rows and columns, 64 128 to 2048 4096.
        case: person-rider, road-pavement or car-bus; default: they take turns.
        distance: from the region to its cue in pixels; default: at random.
        split: of the data set.
        layout: of the folder.
        pairs: write both readings of each scene, which differ in the cue's pixels and the region's class alone.
        difficulty: of all scenes.
        sheet: also draw all scenes with their outlines on one sheet (.png, .pdf or .svg).
    """
    if n < 1:
        raise ValueError(f"-n must be at least 1, got {n}.")
    arguments.checked_seed(seed)
    hard = difficulty.checked()
    if sheet is not None:
        check_output(check_ending(sheet), option="--sheet")
    check, write = LAYOUTS[layout]
    check(range(seed, seed + n), check_folder(out), split, remedy="move it, or choose another place with -o.")
    drawn: list[scene.Scene] = []
    for number in range(seed, seed + n):
        if pairs:
            drawn += scene.draw_scene_pair(number, *size, case=case, distance=distance, difficulty=hard)
        else:
            drawn.append(scene.draw_scene(number, *size, case=case, distance=distance, difficulty=hard))
    write(drawn, out, split)
    say(f"{len(drawn)} scenes in {out}")
    if sheet is not None:
        say(f"sheet in {save(draw_contact_sheet(drawn), sheet, dpi=200)}")
