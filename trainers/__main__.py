"""Command line of the trainers: ``python -m trainers RECIPE``, ``evaluate``, ``export``, ``card``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import torch
import tyro

from rsp_lab.data.camvid import CamVid, camvid_root
from rsp_lab.models import weights
from rsp_lab.models.segmenter import Segmenter
from trainers.card import model_card
from trainers.checkpoint import BEST, write_atomic
from trainers.config import RunConfig
from trainers.evaluate import Evaluation
from trainers.export import best_weights, describe, export_half, score
from trainers.loop import Interrupted, train
from trainers.recipes import RECIPES

EXIT_INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns the exit code: 2 for a wrong input, 130 for a run that was asked to stop."""
    commands = {name: _training(recipe) for name, recipe in RECIPES.items()}
    commands |= {"evaluate": evaluate_command, "export": export_command, "card": card_command}
    try:
        tyro.extras.subcommand_cli_from_dict(commands, prog="python -m trainers", args=arguments)
    except Interrupted as stopped:
        print(stopped, file=sys.stderr)
        return EXIT_INTERRUPTED
    except (ValueError, OSError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


def _training(recipe: Callable[[], RunConfig]) -> Callable[..., None]:
    default = recipe()

    def command(config: Annotated[RunConfig, tyro.conf.arg(name="")] = default, out: Path | None = None) -> None:
        run_recipe(config, out or Path("runs") / config.name)

    command.__doc__ = f"""{recipe.__doc__}

    The same command resumes a run that was interrupted.

    Args:
        out: the run's folder; runs/NAME if not given.
    """
    return command


def run_recipe(config: RunConfig, run: Path) -> None:
    """Trains a recipe in the folder ``run``, from where it was interrupted if it was."""
    root = camvid_root()
    train_set, val_set = CamVid(root, "train"), CamVid(root, "val")
    torch.manual_seed(config.seed)
    model = Segmenter(config.model)

    def save_best(scores: Evaluation, updates_done: int) -> None:
        weights.save(model, run / BEST, describe(config, scores, updates_done), dtype=torch.float32)

    progress = train(config, model, train_set, val_set, run, save_best)
    print(f"{progress.step} updates done; best val mIoU {100 * (progress.best_miou or 0):.2f} in {run / BEST}")


def evaluate_command(
    checkpoint: tyro.conf.Positional[Path],
    json_output: Annotated[bool, tyro.conf.arg(name="json")] = False,
    num_threads: int = 0,
) -> None:
    """Scores of weights on the CamVid validation set.

    Args:
        checkpoint: a run's folder (its best weights are taken) or a weights file.
        json_output: print one JSON object instead of a table.
        num_threads: threads of the computation; 0 leaves torch's default.
    """
    if num_threads:
        torch.set_num_threads(num_threads)
    scores = score(weights.load(best_weights(checkpoint)), CamVid(camvid_root(), "val", cache=False))
    print(json.dumps(scores.to_dict(), indent=2) if json_output else scores.table())


def export_command(
    run: tyro.conf.Positional[Path], name: str, output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
) -> None:
    """Writes a run's best weights in half precision, with the scores of just these weights in the header.

    Args:
        run: the run's folder.
        name: the name under which the weights are shipped, e.g. camvid-rsp4.
        output: the file to write.
    """
    scores = export_half(run, output, name, CamVid(camvid_root(), "val", cache=False))
    print(scores.table())
    print(f"wrote {output} ({output.stat().st_size / 1e6:.1f} MB)")


def card_command(
    files: tyro.conf.Positional[tuple[Path, ...]], output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
) -> None:
    """Writes a model card from the headers of weights files, side by side.

    Args:
        files: exported weights.
        output: the Markdown file to write.
    """
    write_atomic(output, model_card(list(files)).encode())
    print(f"wrote {output}")


if __name__ == "__main__":
    sys.exit(main())
