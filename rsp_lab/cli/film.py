"""``rsp-lab film``: a training as a film of one decision."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import torch
import tyro

from rsp_lab.analysis.film.film import Film
from rsp_lab.analysis.film.film_file import STATE, check_film_target, write_film
from rsp_lab.analysis.film.of_run import STATES, film_of_run, film_states
from rsp_lab.analysis.film.run import SCENES
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.cli import arguments
from rsp_lab.cli.output import say
from rsp_lab.cli.progress import progress_on_stderr
from rsp_lab.cli.reports import ReportFiles, kept_state
from rsp_lab.data.images import read_image
from rsp_lab.data.scenes.dataset import FIRST_SEED
from rsp_lab.data.scenes.scene import CASES
from rsp_lab.devices import resolve_device
from rsp_lab.figures.film_video import can_write_mp4, save_gif, save_mp4
from rsp_lab.figures.results.film import draw_film, film_caption
from rsp_lab.figures.results.film_frame import film_frames, film_seconds
from rsp_lab.figures.style import save
from rsp_lab.files import readable_name, to_json, write_atomic
from rsp_lab.interruption import kept
from rsp_lab.models.run_state import KeptState, kept_states

FILM = "film.json"
FILES = ReportFiles(FILM, ("film",), ("film.gif", "film.mp4", "film.txt"))


def film(
    run: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN", help="folder of a run with kept states")],
    *,
    results: arguments.KeptResults,
    states: int = STATES,
    image: Annotated[Path | None, tyro.conf.arg(metavar="IMAGE")] = None,
    after: Annotated[Path | None, tyro.conf.arg(metavar="IMAGE")] = None,
    pixel: tuple[int, int] | None = None,
    class_: Annotated[str | None, tyro.conf.arg(name="class")] = None,
    rival: str | None = None,
    case: str | None = None,
    seed: int = FIRST_SEED["test"],
    reading: int = 0,
    scenes: int = SCENES,
    device: arguments.Device = "auto",
) -> None:
    """A training as a film: one decision at each state that a run kept, with its flow, gaze, change and regions.

    Writes film.json, which the page Film of the workbench shows, film.gif, film.mp4 where the extra film is installed,
    film.png and film.pdf with the curves over the updates, and film.txt, their caption. Interrupted, the same command
    goes on at the state where it was. A run keeps states by python -m trainers RECIPE --keep-every 10 --keep 1000.

    Args:
        states: how many of the kept states are shown at most, the first and the last among them, spaced by
            the logarithm of their updates.
        image: a photograph; default: a drawn scene of the kind that the run learns from.
        after: the same photograph changed, for the change ledger; of a drawn scene it is its other reading.
        pixel: row and column of the decision; default: the innermost pixel of the scene's region.
        class_: whose logit, at every state; default: the region's class, of a photograph what the last state says.
        rival: class it is held against; default: that of the scene's other reading, of a photograph the runner-up.
        case: of the drawn scene; default: the one that the last state reads worst among those that it solves.
        seed: of the drawn scene; default: the first test scene.
        reading: of the drawn scene, 0 or 1.
        scenes: drawn scenes of each case that are read at each state, both readings; 0 leaves them out.
    """
    if states < 2:
        raise ValueError(f"--states must be at least 2, got {states}.")
    if scenes < 0:
        raise ValueError(f"--scenes must not be negative, got {scenes}.")
    arguments.checked_seed(seed)
    if case is not None and case not in CASES:
        raise ValueError(f"--case {case!r}: there are {', '.join(CASES)}.")
    if image is None and after is not None:
        raise ValueError("--after changes a photograph: give it by --image too.")
    if image is not None and pixel is None:
        raise ValueError("say where the decision is: --pixel Y X.")
    if pixel is None and (class_ is not None or rival is not None):
        raise ValueError("--class and --rival are of a pixel: give --pixel Y X with them.")
    if image is not None and (case is not None or seed != FIRST_SEED["test"] or reading):
        raise ValueError("--case, --seed and --reading are of a drawn scene: leave them off, or --image.")
    out = results.out
    check_film_target(out / FILM)
    FILES.check(out)
    every, place = kept_states(run), resolve_device(device)
    chosen = film_states(every, states)
    with kept(kept_state(out, out, f"film{STATE}")):
        with progress_on_stderr("film", "states") as report:
            made = film_of_run(
                chosen,
                None if image is None else read_image(image),
                None if pixel is None else PixelTarget(*pixel, class_, rival),
                changed=None if after is None else read_image(after),
                case=case,
                seed=seed,
                reading=reading,
                scenes=scenes,
                image_name="" if image is None else readable_name(image.name),
                change_name="" if after is None else readable_name(after.name),
                kept=out / f"{Path(FILM).stem}{STATE}",
                fresh=results.fresh,
                device=place,
                report=report,
            )
        with FILES.folder(out, _read(chosen, image, after)) as folder:
            missing = _write(folder, made, len(every))
    if results.json:
        print(to_json(made.to_dict()))
    else:
        print(made.sentence())
        for number in range(len(made.states)):
            print(made.at(number))
    if missing:
        say(f"no film.mp4: {missing}")
    say(f"wrote {out}: {len(made.states)} of {len(every)} kept states, largest relative residual {made.residual:.1g}")


def _write(folder: Path, made: Film, kept_count: int) -> str:
    """All files of a film; why there is no MP4 among them, or nothing."""
    write_film(folder / FILM, made, torch=torch.__version__, kept_states=kept_count)
    write_atomic(folder / "film.txt", film_caption(made) + "\n")
    frames = list(film_frames(made))
    save_gif(frames, folder / "film.gif", film_seconds(len(frames)))
    missing = can_write_mp4()
    if not missing:
        save_mp4(frames, folder / "film.mp4", film_seconds(len(frames)))
    figure = draw_film(made)
    for ending in arguments.FORMATS:
        save(figure, folder / f"film.{ending}")
    return missing


def _read(states: tuple[KeptState, ...], *images: Path | None) -> list[Path]:
    return [*(state.path for state in states), *(image for image in images if image is not None)]
