"""What the first reader would wait for, worked out while the server starts: libraries, models, and the first view."""

from __future__ import annotations

import logging
from threading import Thread

from streamlit.web import cli


def start() -> Thread:
    """The preloading in a thread of its own; a server that ends does not wait for it."""
    thread = Thread(target=_quietly, name="preload", daemon=True)
    thread.start()
    return thread


def _quietly() -> None:
    try:
        preload()
    except Exception:  # whatever it is, the page meets it again and says it
        logging.getLogger(__name__).exception("what the first view needs could not be prepared")


def preload() -> None:
    """Brings the default view of the first page into the caches that all readers share."""
    # Imported here and not above: this takes seconds, and the server is to answer meanwhile.
    from app import cache, planted, sources
    from rsp_lab.data.planted import FIRST_SEED
    from rsp_lab.data.street.scene import CASES

    shown = cache.cached_pair(next(iter(CASES)), FIRST_SEED["test"], None)[0]
    left, right = (cache.loaded_model(name) for name in sources.PAIRS[sources.SCENE])
    views = cache.view_of(left, shown), cache.view_of(right, shown)
    if shown.planted is not None:
        cache.payload_of(shown, (left, right), views, planted.outlined(shown.planted))
    # The frame brings the libraries of all pages with it.
    import app.frame  # noqa: F401


def serve(arguments: list[str]) -> None:
    """Streamlit's own server with the workbench; ends the process when the server ends."""
    cli.main(["run", *arguments], prog_name="streamlit")
