"""Valid files of every kind, small and made once; the cases damage copies of them."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from rsp_lab.analysis.arena.run import ArenaSettings, run_arena
from rsp_lab.analysis.film.film_file import shipped_films
from rsp_lab.analysis.scan.scan_file import shipped_scans
from rsp_lab.analysis.trade.run import TradeQuestion, run_trade
from rsp_lab.capture.capture import run_with_capture
from rsp_lab.data.labels import CITYSCAPES
from rsp_lab.data.sample import Sample
from rsp_lab.data.scenes.scene import draw_scene
from rsp_lab.models import presets, weights
from rsp_lab.models.pyramid import PyramidConfig
from rsp_lab.models.segmenter import Segmenter, SegmenterConfig
from trainers.config.recipes import RECIPES
from trainers.config.run import RunConfig, SceneSampling
from trainers.training.loop import train

SIZE = (64, 128)
TRADE = TradeQuestion(("weights", "twin"), ("a", "b"), "scenes")


@dataclass(frozen=True)
class Specimens:
    """Valid files in ``folder``.

    Attributes:
        image: a scene as PNG; ``pixels`` are its values, uint8 [y, x, 3].
        label: train ids of the scene, uint8 [y, x].
        weights: of a tiny model with an RSP head; ``twin`` of the sum baseline.
        record: captured taps of that model on the scene.
        run: a run folder with log, configuration and state after two updates, of the configuration ``config``.
        samples: what it was trained on.
        arena: a folder with the state of the arena for ``arena_settings``, of the model in ``weights``.
        trade: a folder with the state of a trade matrix of both models over ``samples``.
        film: the shipped film's first two states, as JSON; ``scan`` the shipped scan's first two cards.
    """

    folder: Path
    image: Path
    pixels: np.ndarray
    label: np.ndarray
    weights: Path
    twin: Path
    record: Path
    run: Path
    config: RunConfig
    samples: tuple[Sample, ...]
    arena: Path
    arena_settings: ArenaSettings
    trade: Path
    film: str
    scan: str


def make_specimens(folder: Path) -> Specimens:
    """All of them, in some seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    scene = draw_scene(0, *SIZE)
    pixels, label = scene.image.permute(1, 2, 0).numpy(), scene.label.numpy()
    Image.fromarray(pixels).save(folder / "image.png")
    torch.manual_seed(0)
    paths = {}
    for name, at in (("weights", (54,)), ("twin", ())):
        head = presets.top_down(top=5, at=at, channels=64)
        config = SegmenterConfig(PyramidConfig("tiny", 32, top=5), head, CITYSCAPES.classes, CITYSCAPES.name)
        model = Segmenter(config).eval()
        paths[name] = folder / f"{name}.safetensors"
        weights.save(model, paths[name], {"data": "scenes"})
    model = weights.load(paths["weights"])
    with torch.no_grad():
        _, record = run_with_capture(model, scene.image, taps=("step54.*", "logits"))
    record.save(folder / "record.safetensors")
    samples = tuple(replace(draw_scene(seed, *SIZE).sample, name=f"s{seed}") for seed in range(3))
    config = _run_config(model.config)
    run = folder / "run"
    run.mkdir()
    (run / "config.json").write_text(json.dumps(config.to_dict()))
    torch.manual_seed(0)
    with redirect_stderr(io.StringIO()):
        train(config, Segmenter(config.model), samples, samples[:1], run, lambda *_: None)  # type: ignore[arg-type]
    settings = ArenaSettings(size=SIZE, distances=(4,), cases=("car-bus",), methods=("ledger",), seeds=1, input_steps=1)
    run_arena(model, settings, folder / "arena")
    twin = weights.load(paths["twin"])
    run_trade(model, twin, samples, TRADE, folder / "trade")
    return Specimens(
        folder=folder,
        image=folder / "image.png",
        pixels=pixels,
        label=label,
        weights=paths["weights"],
        twin=paths["twin"],
        record=folder / "record.safetensors",
        run=run,
        config=config,
        samples=samples,
        arena=folder / "arena",
        arena_settings=settings,
        trade=folder / "trade",
        film=_first(shipped_films()["scenes-rsp4"], "states", "stored"),
        scan=_first(shipped_scans()["scenes"], "cards"),
    )


def _first(path: Path, *lists: str) -> str:
    """A shipped document with two of each list of its, so that damage hits every part of it."""
    whole = json.loads(path.read_text("utf-8"))
    return json.dumps({**whole, **{name: whole[name][:2] for name in lists}})


def _run_config(model: SegmenterConfig) -> RunConfig:
    recipe = RECIPES["scenes_tiny_rsp4"]()
    return replace(
        recipe,
        model=model,
        scenes=SceneSampling(),
        augment=replace(recipe.augment, crop=SIZE, scale=(1.0, 1.0)),
        steps=2,
        batch_size=2,
        eval_every=2,
        checkpoint_every=1,
        log_every=1,
        workers=0,
        num_threads=1,
    )
