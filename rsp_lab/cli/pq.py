"""``rsp-lab pq``: panoptic quality of files in COCO's panoptic layout."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from rsp_lab.analysis.panoptic.quality import panoptic_quality
from rsp_lab.cli.progress import progress_on_stderr
from rsp_lab.files import to_json

File = Annotated[Path, tyro.conf.Positional]


def pq(
    truth: Annotated[File, tyro.conf.arg(metavar="TRUTH.json")],
    prediction: Annotated[File, tyro.conf.arg(metavar="PREDICTION.json")],
    *,
    truth_folder: Path | None = None,
    prediction_folder: Path | None = None,
    json: bool = False,
) -> None:
    """Panoptic quality of a prediction in COCO's panoptic layout, of things, stuff and each category.

    Args:
        truth: JSON file, whose categories count, whatever they are.
        prediction: JSON file with an annotation of each image of the truth.
        truth_folder: folder of the truth's PNG files; default: its path without the ending.
        prediction_folder: folder of the prediction's PNG files; default: its path without the ending.
        json: print JSON instead of a table: all, things, stuff and by_class, qualities from 0 to 1.
    """
    with progress_on_stderr("pq", "images") as report:
        quality = panoptic_quality(
            truth, prediction, truth_folder=truth_folder, prediction_folder=prediction_folder, report=report
        )
    print(to_json(quality.to_dict()) if json else quality.table())
