"""What the first reader would wait for, worked out before the server starts: libraries, models, and the first view."""

from __future__ import annotations

import atexit
import gc
import logging
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from streamlit.web import cli

from app.shell import scenes, sources
from app.store import models
from rsp_lab.data.scenes.dataset import FIRST_SEED
from rsp_lab.data.scenes.scene import CASES

HERE = Path(__file__).parent
SETTINGS = HERE.parent / ".streamlit" / "config.toml"


def prepare() -> None:
    """:func:`preload`; what cannot be prepared is logged, and stops no server.

    Streamlit looks for garbage after each answer. What is loaded by now stays to the end: it need not be looked at.
    """
    try:
        preload()
    except Exception:  # whatever it is, the page meets it again and says it
        logging.getLogger(__name__).exception("what the first view needs could not be prepared")
    gc.collect()
    gc.freeze()
    # Libraries take leave of their objects when the process ends, and complain of those that they do not find.
    atexit.register(gc.unfreeze)


def preload() -> None:
    """Imports every page, and brings the first one's pictures and the default decision into the caches that all readers
    share."""
    from app.app_pages import pages  # noqa: F401  (the libraries that they load are what takes long)
    from app.app_pages.gallery import page as gallery

    gallery.prepare()
    for case in CASES:
        scenes.reading_names(case)
    shown = models.cached_pair(scenes.first_case(), FIRST_SEED["test"], None)[0]
    left, right = (models.loaded_model(name) for name in sources.PAIRS[sources.Source.SCENE])
    views = models.view_of(left, shown), models.view_of(right, shown)
    if shown.scene is not None:
        models.payload_of(shown, (left, right), views, scenes.outlined(shown.scene))


def serve(arguments: list[str]) -> None:
    """Streamlit's own server with the workbench; ends the process when the server ends.

    Streamlit looks for settings in the folder that it is started from, and in the home folder and the environment. The
    project's own go before all of these, from wherever it is started: what is safe rests on them. Only ``arguments``,
    Streamlit's options, go before them.
    """
    options = [part for name, value in settings().items() for part in (f"--{name}", value)]
    cli.main(["run", str(HERE / "streamlit_app.py"), *options, *arguments], prog_name="streamlit")


def settings() -> dict[str, str]:
    """The project's settings by the name of Streamlit's option."""
    return dict(_flat(tomllib.loads(SETTINGS.read_text("utf-8")), ""))


def _flat(tree: Mapping[str, Any], above: str) -> Iterator[tuple[str, str]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", str(value).lower() if isinstance(value, bool) else str(value)
