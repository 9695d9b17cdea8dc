"""Drawn scenes as files in COCO's folder layout, with their panoptic and their instance file."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from PIL import Image

from rsp_lab.data.panoptic.categories import STREET_PANOPTIC
from rsp_lab.data.panoptic.coco import split_paths
from rsp_lab.data.panoptic.files import write_into
from rsp_lab.data.panoptic.instance_files import write_instances_into
from rsp_lab.data.panoptic.masks import thing_annotations
from rsp_lab.data.panoptic.street_scenes import scene_entry, scene_segments
from rsp_lab.data.scenes.scene import CASES, Scene
from rsp_lab.files import FileError, check_replaceable, scan_json, whole_folder

_PICTURE = re.compile(rf"({'|'.join(CASES)})-(?P<seed>[0-9]+)-[01]\.png")


def write_coco_layout(scenes: Sequence[Scene], root: str | PathLike[str], split: str) -> list[Path]:
    """Writes ``SPLIT2017/*.png`` and ``annotations/``; returns the paths of the pictures.

    The categories are Cityscapes' classes under their label ids, the numbers of the pictures are made of seed and
    reading. Things of few pixels are void in the panoptic file and not in the instance file
    (:data:`~rsp_lab.data.panoptic.street_scenes.SMALLEST_THING`); the masks of the others are run lengths, which have
    holes and parts as they are. All files are written elsewhere first and then moved, pictures last. Same scenes, same
    bytes. The JSON files of a split hold the scenes of one call, and replace those of an earlier one.

    Args:
        scenes: to write, of different names.
        root: folder that holds or will hold the split's folder and ``annotations/``; made if missing.
        split: train, val or test.

    Raises:
        ValueError: for another split, or for two scenes of one name.
        FileError: if the folder cannot be written to.
    """
    final = split_paths(root, split)
    names = [scene.name for scene in scenes]
    if len(set(names)) < len(names):
        raise ValueError("two of the scenes have one name, so that one would replace the other; give different seeds.")
    entries = [
        scene_entry(scene.name, scene.seed, scene.reading, (scene.label.shape[0], scene.label.shape[1]))
        for scene in scenes
    ]
    # "annotations" comes before the names of all splits.
    with whole_folder(Path(root)) as folder:
        paths = split_paths(folder, split)
        paths.images.mkdir(parents=True)
        for scene, entry in zip(scenes, entries, strict=True):
            Image.fromarray(scene.image.permute(1, 2, 0).numpy()).save(paths.images / entry.file_name)
        maps = [scene_segments(scene) for scene in scenes]
        write_into(paths.panoptic, zip(entries, maps, strict=True), STREET_PANOPTIC)
        things = ((e, thing_annotations(m, STREET_PANOPTIC, e.id)) for e, m in zip(entries, maps, strict=True))
        write_instances_into(paths.instances, things, STREET_PANOPTIC)
    return [final.images / entry.file_name for entry in entries]


def check_coco_layout(seeds: Collection[int], root: str | PathLike[str], split: str, *, remedy: str) -> None:
    """Refuses a folder in which :func:`write_coco_layout` would replace what it did not write.

    Its JSON files are known by the names of their pictures, which only scenes have, and know the pictures for ours.

    Args:
        seeds: of the scenes, of whatever case and reading.
        root: folder that holds or will hold the split's folder and ``annotations/``.
        split: train, val or test.
        remedy: end of the message.

    Raises:
        FileError: if so; the message names the file.
    """
    final = split_paths(root, split)
    ours = _is_of_scenes(final.panoptic)
    check_replaceable(final.panoptic, vouched=ours, remedy=remedy)
    check_replaceable(final.instances, vouched=_is_of_scenes(final.instances), remedy=remedy)
    for path in (*sorted(final.masks.glob("*")), *sorted(final.images.glob("*"))):
        found = _PICTURE.fullmatch(path.name)
        if found and int(found["seed"]) in seeds:
            check_replaceable(path, vouched=ours, remedy=remedy)


def _is_of_scenes(path: Path) -> bool:
    names: list[Any] = []
    try:
        scan_json(path, "JSON file", {"images": lambda entry, _: names.append(entry.get("file_name"))})
    except FileError:
        return False
    return bool(names) and all(_PICTURE.fullmatch(str(name)) for name in names)
