"""What the first reader would wait for, worked out before the server starts: libraries, models, and the first view."""

from __future__ import annotations

import importlib
import logging
import pkgutil

from streamlit.web import cli

from app import app_pages, cache, planted, sources
from rsp_lab.data.planted import FIRST_SEED
from rsp_lab.data.street.scene import CASES


def prepare() -> None:
    """:func:`preload`; what cannot be prepared is logged, and stops no server."""
    try:
        preload()
    except Exception:  # whatever it is, the page meets it again and says it
        logging.getLogger(__name__).exception("what the first view needs could not be prepared")


def preload() -> None:
    """Imports every page, and brings the default view of the first one into the caches that all readers share."""
    for page in pkgutil.iter_modules(app_pages.__path__, f"{app_pages.__name__}."):
        importlib.import_module(page.name)
    shown = cache.cached_pair(next(iter(CASES)), FIRST_SEED["test"], None)[0]
    left, right = (cache.loaded_model(name) for name in sources.PAIRS[sources.SCENE])
    views = cache.view_of(left, shown), cache.view_of(right, shown)
    if shown.planted is not None:
        cache.payload_of(shown, (left, right), views, planted.outlined(shown.planted))


def serve(arguments: list[str]) -> None:
    """Streamlit's own server with the workbench; ends the process when the server ends."""
    cli.main(["run", *arguments], prog_name="streamlit")
