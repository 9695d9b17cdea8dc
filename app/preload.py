"""What the first reader would wait for, worked out before the server starts: libraries, models, and the first view."""

from __future__ import annotations

import logging

from streamlit.web import cli

from app.shell import scenes, sources
from app.store import models
from rsp_lab.data.scenes.dataset import FIRST_SEED
from rsp_lab.data.scenes.scene import CASES


def prepare() -> None:
    """:func:`preload`; what cannot be prepared is logged, and stops no server."""
    try:
        preload()
    except Exception:  # whatever it is, the page meets it again and says it
        logging.getLogger(__name__).exception("what the first view needs could not be prepared")


def preload() -> None:
    """Imports every page, and brings the default view of the first one into the caches that all readers share."""
    from app.app_pages import pages  # noqa: F401  (the libraries that they load are what takes long)

    shown = models.cached_pair(next(iter(CASES)), FIRST_SEED["test"], None)[0]
    left, right = (models.loaded_model(name) for name in sources.PAIRS[sources.SCENE])
    views = models.view_of(left, shown), models.view_of(right, shown)
    if shown.scene is not None:
        models.payload_of(shown, (left, right), views, scenes.outlined(shown.scene))


def serve(arguments: list[str]) -> None:
    """Streamlit's own server with the workbench; ends the process when the server ends."""
    cli.main(["run", *arguments], prog_name="streamlit")
