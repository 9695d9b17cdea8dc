"""Title, address and drawing of every page."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from app.app_pages.attribution import page as attribution
from app.app_pages.change import page as change
from app.app_pages.figures import page as figures
from app.app_pages.film import page as film
from app.app_pages.flips import page as flips
from app.app_pages.flow import page as flow
from app.app_pages.gallery import filters
from app.app_pages.gallery import page as gallery
from app.app_pages.key_query import page as key_query
from app.app_pages.ledger import page as ledger
from app.app_pages.relations import page as relations
from app.app_pages.runs import page as runs
from app.app_pages.segments import page as segments
from app.app_pages.story import page as story
from app.app_pages.surgery import page as surgery
from app.shell.heading import Heading
from app.shell.selection import Selection

Draw = Callable[[Selection, Heading], None]
PAGES: tuple[tuple[str, str, Draw], ...] = (
    ("Story", "story", story.draw),
    ("Context flow", "flow", flow.draw),
    ("Relations", "relations", relations.draw),
    ("Key and query", "key-query", key_query.draw),
    ("Ledger", "ledger", ledger.draw),
    ("Flips", "flips", flips.draw),
    ("Segments", "segments", segments.draw),
    ("Change", "change", change.draw),
    ("Surgery", "surgery", surgery.draw),
    ("Attribution", "attribution", attribution.draw),
    ("Figures", "figures", figures.draw),
)
"""The pages about the one selection."""
GALLERY: tuple[str, str, Callable[[], None]] = ("Gallery", "gallery", gallery.draw)
"""The first page, about whole data sets: it needs no selection, and leads to one."""
FILM: tuple[str, str, Callable[[], None]] = ("Film", "film", film.draw)
"""The page about a training at its kept states, which needs no selection."""
RUNS: tuple[str, str, Callable[[], None]] = ("Runs", "runs", runs.draw)
"""The page about training runs, which needs no selection."""
KEPT: Mapping[str, tuple[str, ...]] = {"": filters.KEYS, "film": film.KEYS, "runs": ()}
"""By the address of a page without a selection, what of an earlier visit comes back into its link."""
