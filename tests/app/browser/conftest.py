"""The workbench that all browser tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from urllib.parse import urlencode

import pytest
from PIL import Image

from app.tools.serving import running_workbench
from rsp_lab.analysis.film.film_file import write_film
from rsp_lab.data.labels import CITYSCAPES
from rsp_lab.data.sample import Sample
from tests.kit.films import film
from tests.kit.forked_python import forked_processes
from tests.kit.runs import write_run

SMALL_PHOTOGRAPH = urlencode(
    {"source": "Your folder", "file": "all/street.png", "left": "scenes-baseline", "right": "scenes-rsp4"}
)
"""A link's words for the photograph of 128 x 256 pixels in the workbench's own folder: quicker than a scene."""


@pytest.fixture(scope="package")
def address(tmp_path_factory: pytest.TempPathFactory, street: Callable[[int, int, int], Sample]) -> Iterator[str]:
    """Of a workbench of its own, with two runs, the first with a film, and a folder of one small photograph."""
    root, data = tmp_path_factory.mktemp("runs"), tmp_path_factory.mktemp("data")
    for name in ("one", "a-run-whose-name-is-longer-than-a-telephone-is-wide"):
        write_run(root, name)
    write_film(root / "one" / "film.json", film())
    (data / "images").mkdir()
    Image.fromarray(street(1, 128, 256).image.permute(1, 2, 0).numpy()).save(data / "images" / "street.png")
    (data / "classes.csv").write_text("\n".join(["name", *CITYSCAPES.classes]))
    folders = {"CAMVID_ROOT": "", "CITYSCAPES_ROOT": "", "FOLDER_ROOT": str(data), "RSP_LAB_RUNS": str(root)}
    environment = {"OMP_NUM_THREADS": "1", **folders}
    with ExitStack() as open_ones:
        # It outlives this file's tests; processes of others are not forked.
        with forked_processes():
            address = open_ones.enter_context(running_workbench(environment))
        yield address
