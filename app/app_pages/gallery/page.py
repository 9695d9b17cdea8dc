"""Gallery: what is worth a look, over whole data sets: rates, and cards that lead to one decision each."""

from __future__ import annotations

import streamlit as st

from app.app_pages.gallery.filters import ALL, SCAN, Filters, choose_filters, choose_page, choose_scan, draw_pages
from app.app_pages.gallery.making import SHOW, draw_making
from app.app_pages.gallery.pictures import labels_html, picture_html
from app.app_pages.gallery.places import address, colours_of, data_words
from app.charts.legend import legend_html, outline_chip
from app.shell.cards import hindrance
from app.shell.choices import control_columns
from app.shell.heading import Heading, draw_places, words_place
from app.shell.navigation import first_of
from app.shell.text import escape
from app.store.models import chooses_context
from app.store.scans import scan_problems, scans
from rsp_lab.analysis.scan.scan import (
    CONTEXT_RULE,
    KEPT_RULE,
    KIND_RULES,
    PLACE_RULE,
    RIGHT_RULES,
    SCORE_RULE,
    Scan,
    ScanCard,
)
from rsp_lab.palette import OUTLINE_COLOURS

SHOWN = 12
"""Cards on a page."""
OUTLINED = {"region": "the region of a card", "cue": "the cue that decides it"}
WIDTHS = 1.2, 1, 1.1, 1.3, 0.8, 1

MEASURES = "\n".join(
    f"- **{name}**: {text}."
    for name, text in (
        ("Disagreement", KIND_RULES["disagreement"]),
        ("Turned by the cue", KIND_RULES["turned"]),
        ("Right, of a disagreement", RIGHT_RULES["disagreement"]),
        ("Right, of a turned decision", RIGHT_RULES["turned"]),
        ("Context used", CONTEXT_RULE),
        ("Score", SCORE_RULE),
        ("Order", PLACE_RULE),
        ("Cards", KEPT_RULE),
    )
)


def draw() -> None:
    about = st.empty()
    top = words_place()
    heading = draw_places(top)
    for problem in scan_problems():
        heading.warn(problem)
    found = scans()
    if SHOW in st.session_state:
        st.query_params.from_dict({SCAN: st.session_state.pop(SHOW)})
    places = control_columns(WIDTHS)
    name = choose_scan(heading, places[0], tuple(found))
    scan = found[name]
    filters = choose_filters(heading, places[1:], scan)
    about.html(f'<p class="rsp-second">{escape(about_words(scan))}</p>')
    heading.write(*words(scan, filters))
    cards = [card for card in scan.cards if filters.take(card)]
    if not cards:
        st.info("No card of this scan has all of that. Choose “all” in one of the fields above.")
    pages = max(1, -(-len(cards) // SHOWN))
    shown = choose_page(heading, pages)
    outlined = OUTLINED if "turned" in scan.kinds else {"region": OUTLINED["region"]}
    st.html(legend_html(outline_chip(OUTLINE_COLOURS[name], word) for name, word in outlined.items()))
    _draw_cards(name, scan, cards[(shown - 1) * SHOWN : shown * SHOWN])
    _draw_foot(heading, scan, cards, shown, pages)


def prepare() -> None:
    """Draws the pictures of the first cards of the first scan, which are then kept for all readers."""
    for scan in list(scans().values())[:1]:
        for card in scan.cards[:SHOWN]:
            picture_html(scan, card)


def about_words(scan: Scan) -> str:
    """What a stranger sees here: what the two models are, as far as their weights say, and what a card is."""
    left, right = scan.names
    models = f", {left} and {right}"
    if (chooses_context(left), chooses_context(right)) == (False, True):
        models = f": {left} adds context up, {right} (RSP) chooses where to look"
    turned = " or context turned a decision" if "turned" in scan.kinds else ""
    return f"Two segmentation models{models}. A card shows where they differ{turned}."


def words(scan: Scan, filters: Filters) -> tuple[str, str]:
    """The rates over all images, of the two classes that are chosen, and what they are of."""
    kinds = [kind for kind in scan.kinds if filters.kind in (ALL, kind)]
    rates = [(scan.rate(kind, filters.pair), kind) for kind in kinds]
    said = " ".join(rate.sentence(scan.names, kind) for rate, kind in rates if rate.total)
    between = f"; {' and '.join(sorted(filters.pair))} alone" if filters.pair else ""
    return said or "These two models part nowhere here.", f"Of all {data_words(scan)}{between}."


def _draw_cards(name: str, scan: Scan, cards: list[ScanCard]) -> None:
    colours = colours_of(scan)
    target = first_of("story", "flow")
    with st.container(key="gallery"):
        for card in cards:
            with st.container(key=f"card-{card.rank}"):
                picture = picture_html(scan, card)
                problem = hindrance(scan, card)
                st.html(picture)
                title = f"{card.rank}. {' or '.join(card.classes)}?"
                if problem or target is None or "rsp-missing" in picture:
                    st.markdown(f"**{escape(title)}**")
                else:
                    st.page_link(target, label=escape(title), query_params=address(name, scan, card))
                st.html(f'{labels_html(card, colours)}<p class="rsp-tells">{escape(card.reason())}</p>')
                if problem:
                    st.caption(escape(problem))


def _draw_foot(heading: Heading, scan: Scan, cards: list[ScanCard], page: int, pages: int) -> None:
    with st.container(key="gallery-foot", horizontal=True, vertical_alignment="center"):
        if pages > 1:
            draw_pages(st.container(horizontal=True, vertical_alignment="center", width="content"), page, pages)
        st.caption(f"{len(cards)} card{'' if len(cards) == 1 else 's'} kept; the rates are over all images.")
        with st.popover("What these words mean"):
            st.markdown(MEASURES)
        draw_making(heading)
