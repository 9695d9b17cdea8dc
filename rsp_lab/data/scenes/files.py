"""Drawn scenes as files in Cityscapes' folder layout."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from os import PathLike
from pathlib import Path

import numpy as np
from PIL import Image

from rsp_lab.data.labels import CITYSCAPES, CITYSCAPES_LABEL_IDS, colour
from rsp_lab.data.scenes.scene import Scene
from rsp_lab.files import FileError, check_replaceable, read_json, whole_folder, write_json

SPLITS = ("train", "val", "test")
_SCENE_FILE = re.compile(r"(?P<stem>(?P<city>[a-z-]+)_(?P<seed>[0-9]{6,})_[0-9]{6})_(gtFine|leftImg8bit).*")


def write_cityscapes_layout(scenes: Sequence[Scene], root: str | PathLike[str], split: str) -> list[Path]:
    """Writes ``leftImg8bit/<split>/<city>/…`` and ``gtFine/<split>/<city>/…``; returns the paths of the images.

    The city is the case, the sequence number the seed, the frame number the reading. Beside Cityscapes' own files
    (``labelIds``, ``labelTrainIds``, ``instanceIds``, ``color``) gtFine holds ``region``, ``cue`` and ``decoy``, 255
    where the mask is true, and ``facts.json``. All files are written elsewhere first and then moved, images last:
    a file is whole or not there, and no image is there without its labels. Same scenes, same bytes.

    Args:
        scenes: to write, of different names.
        root: folder that holds or will hold leftImg8bit and gtFine; made if missing.
        split: train, val or test.

    Raises:
        ValueError: for another split, or for two scenes of one name.
        FileError: if the folder cannot be written to.
    """
    if split not in SPLITS:
        raise ValueError(f"{split!r} is no split of Cityscapes; expected one of {', '.join(SPLITS)}.")
    names = [scene.name for scene in scenes]
    if len(set(names)) < len(names):
        raise ValueError("two of the scenes have one name, so that one would replace the other; give different seeds.")
    root = Path(root)
    with whole_folder(root) as folder:  # gtFine comes before leftImg8bit
        for scene in scenes:
            _write(scene, folder, split)
    return [root / _image_path(scene, split) for scene in scenes]


def check_cityscapes_layout(seeds: Collection[int], root: str | PathLike[str], split: str, *, remedy: str) -> None:
    """Refuses a folder in which :func:`write_cityscapes_layout` would replace what it did not write.

    A scene's files are known by their facts beside the labels.

    Args:
        seeds: of the scenes, of whatever case and reading.
        root: folder that holds or will hold leftImg8bit and gtFine.
        split: train, val or test.
        remedy: end of the message.

    Raises:
        FileError: if so; the message names the file.
    """
    truths = Path(root) / "gtFine" / split
    for home in (truths, Path(root) / "leftImg8bit" / split):
        for path in sorted(home.glob("*/*")):
            found = _SCENE_FILE.fullmatch(path.name)
            if found and int(found["seed"]) in seeds and found["city"] == path.parent.name:
                facts = truths / path.parent.name / f"{found['stem']}_gtFine_facts.json"
                check_replaceable(path, vouched=_is_facts(facts), remedy=remedy)


def _is_facts(path: Path) -> bool:
    """Whether a file holds the facts of a scene, as :meth:`Scene.to_dict` gives them."""
    try:
        return {"name", "seed", "reading", "ambiguities", "difficulty"} <= set(read_json(path, "facts of a scene"))
    except FileError:
        return False


def _stem(scene: Scene) -> tuple[str, str]:
    """City, and the beginning of the file names."""
    city = scene.ambiguities[0].case
    return city, f"{city}_{scene.seed:06d}_{scene.reading:06d}"


def _image_path(scene: Scene, split: str) -> Path:
    city, stem = _stem(scene)
    return Path("leftImg8bit", split, city, f"{stem}_leftImg8bit.png")


def _write(scene: Scene, root: Path, split: str) -> None:
    city, stem = _stem(scene)
    image, truth = root / _image_path(scene, split), root / "gtFine" / split / city
    for folder in (image.parent, truth):
        folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(scene.image.permute(1, 2, 0).numpy()).save(image)
    label = scene.label.numpy()
    to_raw = np.zeros(256, dtype=np.uint8)
    to_raw[: len(CITYSCAPES)] = CITYSCAPES_LABEL_IDS
    ambiguity = scene.ambiguities[0]
    pictures = {
        "labelIds": to_raw[label],
        "labelTrainIds": label,
        "instanceIds": scene.instances.numpy().astype(np.uint16),
        "color": colour(label, CITYSCAPES),
        "region": ambiguity.region.numpy().astype(np.uint8) * 255,
        "cue": ambiguity.cue.numpy().astype(np.uint8) * 255,
        "decoy": np.any([mask.numpy() for mask in ambiguity.decoys], axis=0).astype(np.uint8) * 255,
    }
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(truth / f"{stem}_gtFine_{name}.png")
    write_json(truth / f"{stem}_gtFine_facts.json", scene.to_dict())
