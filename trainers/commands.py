"""Command line of the trainers: ``python -m trainers RECIPE``, ``evaluate``, ``export``, ``check-data``, ..."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import torch
import tyro
from torch import nn
from tqdm import tqdm

from rsp_lab.analysis.panoptic.difference import semantic_effect
from rsp_lab.data.pairs import FileSamples
from rsp_lab.data.panoptic.coco import CocoPanoptic
from rsp_lab.data.panoptic.samples import PanopticSamples
from rsp_lab.data.sources import SOURCES, open_split
from rsp_lab.data.transforms import AugmentConfig
from rsp_lab.devices import DEVICE_HELP, resolve_device
from rsp_lab.files import check_target, to_json, write_atomic, write_json
from rsp_lab.interruption import EXIT_CODE, Interrupted, interruptible, kept
from rsp_lab.models.functions import made_network, names_a_function
from rsp_lab.models.panoptic.segmenter import PanopticSegmenter
from rsp_lab.models.run_state import load_model
from rsp_lab.text import spell_out
from trainers.bench.bench import bench, bench_config, bench_samples
from trainers.config.named import ALL_RECIPES, recipe_named
from trainers.config.recipes import STUDY_HEADS
from trainers.config.run import RunConfig, check_threads
from trainers.data.check import check_data
from trainers.data.crops import check_picture, crop_sheet, write_picture
from trainers.reports.card import model_card
from trainers.reports.write import write_results
from trainers.runs.export import (
    best_weights,
    check_classes,
    check_things,
    check_whole,
    export_half,
    score,
    split_for,
)
from trainers.runs.records import write_records
from trainers.runs.repeats import run_repeats
from trainers.runs.run import run_recipe
from trainers.runs.study import run_study
from trainers.training.batches import reason
from trainers.training.checkpoint import named_data
from trainers.training.inference import WHOLE, Inference, dump_predictions
from trainers.training.panoptic_scores import INSTANCES_FILE, PANOPTIC_FILE, PanopticEvaluation, dump_panoptic

DataOption = Annotated[
    str | None,
    tyro.conf.arg(
        help=f"one of {', '.join(SOURCES)}; by default the one the weights were trained on, "
        "drawn scenes as difficult as they were there."
    ),
]
DeviceOption = Annotated[str, tyro.conf.arg(metavar="DEVICE", help=DEVICE_HELP)]
NetworkOption = Annotated[
    str | None,
    tyro.conf.arg(
        help="FILE.py:function that makes the network, for weights of a recipe of your own; it runs the file."
    ),
]


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns the exit code: 2 for a wrong input, 130 for a run that was asked to stop."""
    words = sys.argv[1:] if arguments is None else arguments
    spell_out(sys.stdout)
    try:
        with interruptible():
            tyro.extras.subcommand_cli_from_dict(_commands(words), prog="python -m trainers", args=arguments)
    except Interrupted as stop:
        print(stop, file=sys.stderr)
        return EXIT_CODE
    except (ImportError, ValueError, OSError) as error:  # an optional package that is missing names its remedy
        print(f"error: {' '.join(reason(error).split())}", file=sys.stderr)
        return 2
    except (MemoryError, RuntimeError) as error:
        if not _lacks_memory(error):
            raise
        print(
            "error: there is not enough memory: take a smaller --batch-size or --augment.crop or more --accumulate "
            "parts in training, windows (--window) in evaluation, or another --device.",
            file=sys.stderr,
        )
        return 2
    return 0


def _lacks_memory(error: BaseException) -> bool:
    """Whether memory, of a GPU or not, is what an error is about; torch has no class of its own for the latter."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _commands(words: list[str]) -> dict[str, Callable[..., None]]:
    """All recipes and commands; only the recipe that is called for has its options, of which each has some dozens.

    A recipe may be one of the reader's own, ``FILE.py:function``.
    """
    called = {
        name: _training(recipe_named(name)) for name in words[:1] if name in ALL_RECIPES or names_a_function(name)
    }
    return called or {name: _named(recipe) for name, recipe in ALL_RECIPES.items()} | COMMANDS


def _named(recipe: Callable[[], RunConfig]) -> Callable[[], None]:
    def command() -> None: ...

    command.__doc__ = recipe.__doc__
    return command


def _training(recipe: Callable[[], RunConfig]) -> Callable[..., None]:
    default = recipe()

    def command(config: Annotated[RunConfig, tyro.conf.arg(name="")] = default, out: Path | None = None) -> None:
        run = out or Path("runs") / config.name
        with kept(f"the same command goes on in {run}"):
            run_recipe(config, run)

    command.__doc__ = f"""{recipe.__doc__}

    The same command resumes a run that was interrupted.

    Args:
        out: the run's folder; runs/NAME if not given.
    """
    return command


def _made(network: str | None) -> nn.Module | None:
    return None if network is None else made_network(network)


def evaluate_command(
    checkpoint: tyro.conf.Positional[Path],
    json_output: Annotated[bool, tyro.conf.arg(name="json")] = False,
    num_threads: int = 0,
    data: DataOption = None,
    split: str = "val",
    network: NetworkOption = None,
    device: DeviceOption = "auto",
    inference: Annotated[Inference, tyro.conf.arg(name="")] = WHOLE,
) -> None:
    """Scores of weights on a split whose labels are known: IoU, and of panoptic networks PQ, AP and confusion as well.

    Args:
        checkpoint: a run's folder (its best weights are taken), a weights file, or a state of a run.
        json_output: print one JSON object instead of a table.
        num_threads: threads of the computation; 0 leaves torch's default.
        split: which split.
        inference: whole image, one scale, no flip by default.
    """
    check_threads(num_threads)
    if num_threads:
        torch.set_num_threads(num_threads)
    place, path = resolve_device(device), best_weights(checkpoint)
    model = load_model(path, _made(network)).to(place)
    samples = split_for(path, model, split, data)
    scores = score(model, samples, inference)
    facts = scores.details() if isinstance(scores, PanopticEvaluation) else scores.to_dict()
    print(to_json(facts, indent=2) if json_output else scores.table())


def predict_command(
    checkpoint: tyro.conf.Positional[Path],
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    split: str = "val",
    data: DataOption = None,
    network: NetworkOption = None,
    device: DeviceOption = "auto",
    inference: Annotated[Inference, tyro.conf.arg(name="")] = WHOLE,
) -> None:
    """Writes predictions of a whole split: NAME_color.png in the palette, NAME_labelIds.png in the data set's ids.

    Of a panoptic network: panoptic.json with the folder panoptic/, and instances.json, in COCO's layouts.

    Args:
        checkpoint: a run's folder (its best weights are taken), a weights file, or a state of a run.
        output: the folder to write to.
        split: which split; images suffice.
        inference: whole image, one scale, no flip by default.
    """
    place, path = resolve_device(device), best_weights(checkpoint)
    model = load_model(path, _made(network)).to(place)
    samples = split_for(path, model, split, data, labels="unread")
    check_classes(model.class_names, samples)
    protect = [path, *(samples.sources if isinstance(samples, FileSamples | CocoPanoptic) else ())]
    if isinstance(model, PanopticSegmenter) and isinstance(samples, PanopticSamples):
        check_things(model.config, samples)
        check_whole(inference)
        images, found = dump_panoptic(model, samples, output, protect)
        print(f"wrote segments of {images} images to {output / PANOPTIC_FILE}")
        print(f"wrote {found} detections to {output / INSTANCES_FILE}")
        return
    count = dump_predictions(model.semantic, samples, samples.table, output, inference, protect)
    print(f"wrote {2 * count} files to {output}")


def check_data_command(
    dataset: tyro.conf.Positional[str],
    root: tyro.conf.Positional[Path],
    coarse: bool = False,
    json_output: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> None:
    """Reads every file of a data set: missing pairs, sizes, ids outside the table, class histogram.

    Args:
        dataset: camvid, cityscapes, coco or folder, a data set of your own; coco means COCO's panoptic folder layout,
            with its categories or others.
        root: its folder.
        coarse: look at the labels of gtCoarse.
        json_output: print one JSON object instead of text.
    """
    reports = check_data(dataset, root, coarse)
    if json_output:
        print(to_json([report.to_dict() for report in reports], indent=2))
    else:
        print("\n".join(report.text() for report in reports))
    problems = sum(len(report.problems) for report in reports)
    if problems:
        raise ValueError(f"{root}: {problems} problem(s) in this data set; they are listed above. Mend those files.")


def crops_command(
    recipe: tyro.conf.Positional[str],
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    number: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 12,
    bootstrap: Literal["reject", "centres"] | None = None,
) -> None:
    """Draws a recipe's first augmented crops or whole images, each above its label, as one picture.

    Args:
        recipe: whose data and augmentation; FILE.py:function for one of your own.
        output: the picture to write.
        number: how many crops.
        bootstrap: another reading of crop bootstrapping than the recipe's.
    """
    config = recipe_named(recipe)()
    if bootstrap is not None:
        if not isinstance(config.augment, AugmentConfig):
            raise ValueError(f"{recipe} takes whole images, so there are no crops to bootstrap: leave --bootstrap off.")
        config = replace(config, augment=replace(config.augment, bootstrap=bootstrap))
    check_picture(output)
    write_picture(crop_sheet(open_split(config.data, "train"), config, number), output)
    print(f"wrote {output} ({number} crops of {recipe})")


def export_command(
    run: tyro.conf.Positional[Path],
    name: str,
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    data: str | None = None,
    network: NetworkOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Writes a run's best weights in half precision, with the scores of just these weights in the header.

    Args:
        run: the run's folder.
        name: the name under which the weights are shipped, e.g. camvid-rsp4.
        output: the file to write.
        data: what the weights were trained on, and are scored on, where they do not say it themselves.
    """
    best, made = best_weights(run), _made(network)
    said = named_data(best)
    if said and data not in (None, said):
        raise ValueError(f"{best}: was trained on {said}, not on {data}. Leave --data out.")
    samples = split_for(best, load_model(best, made), "val", None if said else data)
    scores = export_half(run, output, name, samples, made, resolve_device(device), said or data or "")
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
    write_atomic(output, model_card(list(files)), protect=files)
    print(f"wrote {output}")


def study_command(
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("runs/study"),
    seeds: tuple[int, ...] = (0, 1, 2),
    heads: tuple[str, ...] = STUDY_HEADS,
    steps: int | None = None,
    num_threads: int = 0,
    device: DeviceOption = "auto",
) -> None:
    """Trains what the results page compares: heads and seeds on small drawn scenes; resumes.

    Args:
        output: folder of the runs, HEAD-SEED each.
        seeds: one run of each head a seed.
        heads: which heads; others are those of the recipes study_HEAD.
        steps: updates per run, if not those of the recipe.
        num_threads: threads of the computation; 0 leaves torch's default.
    """
    with kept(f"the same command goes on in {output}"):
        run_study(output, seeds, heads, steps, num_threads, device)


def repeat_command(
    recipes: tyro.conf.Positional[tuple[str, ...]],
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    seeds: tuple[int, ...] = (0, 1, 2),
    steps: int | None = None,
    num_threads: int = 0,
    device: DeviceOption = "auto",
) -> None:
    """Trains recipes of one data set under several seeds, scored once at the end of each run; resumes.

    Args:
        recipes: their names, or FILE.py:function for one of your own.
        output: folder of the runs, RECIPE-SEED each.
        seeds: one run of each recipe a seed.
        steps: updates per run, if not those of the recipe.
        num_threads: threads of the computation; 0 leaves torch's default.
    """
    with kept(f"the same command goes on in {output}"):
        run_repeats(output, [recipe_named(name) for name in recipes], seeds, steps, num_threads, device)


def records_command(
    runs: tyro.conf.Positional[Path],
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
) -> None:
    """Writes what is kept of finished runs without their weights: one file a run, which ``results`` reads too.

    Args:
        runs: folder of runs that ``study`` or ``repeat`` trained.
        output: folder of the records.
    """
    for path in write_records(runs, output):
        print(f"wrote {path}")


def results_command(
    runs: tyro.conf.Positional[tuple[Path, ...]],
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("docs/results.md"),
    repeats: Path | None = None,
    makes: Path | None = None,
    arena: Path | None = None,
    panoptic: Path | None = None,
) -> None:
    """Writes the results page, with its figure beside it, from the folders of a study and the shipped weights.

    Args:
        runs: folder of a study's runs or of their records, then those of studies of another length to set beside it.
        output: the Markdown file to write.
        repeats: folder of runs that ``repeat`` trained on another data set, for a section of their own.
        makes: folder of runs of decoders of several makes or of their records, for a section of their own.
        arena: arena.json that ``rsp-lab arena`` wrote about those on drawn scenes, for a section on ranks of methods.
        panoptic: folder of runs of the panoptic pair or of their records, for a section of their own.
    """
    for path in write_results(runs, output, repeats, makes, arena, panoptic):
        print(f"wrote {path}")


def effect_command(
    first: tyro.conf.Positional[Path],
    second: tyro.conf.Positional[Path],
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None,
    data: DataOption = None,
    split: str = "val",
    num_threads: int = 0,
    device: DeviceOption = "auto",
) -> None:
    """What the semantic map of a second panoptic network changes in the PQ of a first one's detections.

    Args:
        first: weights whose detections are merged with both maps: a run's folder, a weights file, or a shipped name.
        second: weights of which the semantic branch alone is asked.
        output: a JSON file for all of it, every segment among it.
        split: which split; its true segmentations are needed.
        num_threads: threads of the computation; 0 leaves torch's default.
    """
    check_threads(num_threads)
    if num_threads:
        torch.set_num_threads(num_threads)
    place = resolve_device(device)
    paths = [best_weights(path) for path in (first, second)]
    models = [load_model(path).to(place) for path in paths]
    for given, model in zip((first, second), models, strict=True):
        if not isinstance(model, PanopticSegmenter):
            raise ValueError(f"{given}: tells no things apart. Give the weights of a panoptic network.")
        model.name = given.stem
    samples = split_for(paths[0], models[0], split, data)
    if not isinstance(samples, PanopticSamples):
        raise ValueError(f"the data set {samples.table.name} has no things told apart: take --data panoptic-scenes.")
    if output is not None:
        check_target(output, paths)
    one, two = (model for model in models if isinstance(model, PanopticSegmenter))
    for model in (one, two):
        check_things(model.config, samples)
    with tqdm(total=len(samples), desc="images", unit="image", disable=not sys.stderr.isatty()) as bar:
        found = semantic_effect(one, two, samples, lambda *_: bar.update())
    print(found.table())
    if output is not None:
        print(f"wrote {write_json(output, found.to_dict(), indent=None)}")


def bench_command(
    json_output: Annotated[bool, tyro.conf.arg(name="json")] = False,
    device: DeviceOption = "auto",
    updates: int = 3,
    rounds: int = 20,
    workers: int = 0,
) -> None:
    """Measures our training loop beside a plain one as in torchvision's references, in turns: images per second.

    Args:
        json_output: print one JSON object instead of a line.
        updates: timed updates of a loop in each round.
        rounds: how often each loop has its turn; medians are reported.
        workers: processes that load data for either loop; 0 loads in the training process.
    """
    figures = bench(bench_samples(), bench_config(device=device, workers=workers), rounds, updates)
    ours, reference = figures["ours_images_per_s"], figures["reference_images_per_s"]
    line = f"ours {ours} images/s, reference {reference} images/s, ratio {figures['ratio']}"
    print(to_json(figures, indent=2) if json_output else line)


COMMANDS: dict[str, Callable[..., None]] = {
    "evaluate": evaluate_command,
    "predict": predict_command,
    "export": export_command,
    "card": card_command,
    "check-data": check_data_command,
    "crops": crops_command,
    "study": study_command,
    "repeat": repeat_command,
    "records": records_command,
    "results": results_command,
    "effect": effect_command,
    "bench": bench_command,
}
