"""From one card of a scan to another: what a card selects, and which cards the workbench can open."""

from __future__ import annotations

import re
from typing import Any

import streamlit as st

from app.shell import history, link
from app.shell.scenes import AS_DRAWN, LAST_SCENE
from app.shell.sources import DATA, Source
from app.store.models import model_names, scene_size
from app.store.scans import scans
from rsp_lab.analysis.scan.scan import Scan, ScanCard, SceneReading
from rsp_lab.data.scenes.dataset import FIRST_SEED, SIZE, SMALL
from rsp_lab.data.scenes.scene import CASES

SIZES = {"scenes": SIZE, "small-scenes": SMALL, "panoptic-scenes": SIZE, "small-panoptic-scenes": SMALL}
"""Data sets of drawn scenes that are drawn here, and the size of their pictures."""
FILES = {data: source for source, data in DATA.items()}
"""Data sets whose images lie in a folder, and the source that the workbench has them from."""
_SCENE_NAME = re.compile(rf"({'|'.join(CASES)})-(\d{{1,9}})-([01])")


def scene_of(scan: Scan, card: ScanCard) -> SceneReading | None:
    """The drawn scene that a card is of; with things told apart, it is a sample like any, and its name says it."""
    if card.scene is not None or scan.data not in SIZES:
        return card.scene
    name = _SCENE_NAME.fullmatch(card.sample)
    return None if name is None else SceneReading(name[1], int(name[2]), int(name[3]))


def hindrance(scan: Scan, card: ScanCard) -> str:
    """Why the workbench cannot open a decision, apart from its image; empty where it can."""
    missing = [name for name in scan.names if name not in model_names()]
    if missing:
        return f"There is no model {missing[0]} here."
    scene = scene_of(scan, card)
    if scene is None:
        return "" if scan.data in FILES else f"Images of {scan.data} cannot be chosen in the workbench."
    number = scene.seed - FIRST_SEED["test"]
    if not 0 <= number <= LAST_SCENE:
        return f"The workbench opens scenes of the test split; this one is of {scan.split}."
    if scene_size(scan.names) != SIZES[scan.data]:
        return "The workbench draws scenes in another size for these models."
    return ""


def linked_card() -> tuple[str, Scan, int] | None:
    """The scan that the link names, and which of its cards, from 0; None where it names none that is here."""
    for name in (link.SCAN, link.CARD):
        value = link.remembered(name)
        if name not in st.query_params and value is not None:
            st.query_params[name] = value
        link.remember(name)
    name, rank = st.query_params.get(link.SCAN, ""), st.query_params.get(link.CARD, "")
    scan = scans().get(name)
    if scan is None or not rank.isdecimal() or not 0 < int(rank[:6]) <= len(scan.cards):
        return None
    return name, scan, int(rank[:6]) - 1


def neighbour(scan: Scan, place: int, step: int) -> int | None:
    """The next card in a direction, 1 or -1, that the workbench can open, by its place from 0; None where none is."""
    places = range(place + step, len(scan.cards) if step > 0 else -1, step)
    return next((at for at in places if not hindrance(scan, scan.cards[at])), None)


def open_card(name: str, place: int) -> None:
    """Selects the decision of a card; to be called as a callback, before the selectors are drawn."""
    scan = scans().get(name)
    if scan is None or not 0 <= place < len(scan.cards):
        return
    card = scan.cards[place]
    chosen = selected(scan, card)
    for key in history.WIDGETS:
        if key in chosen:
            st.session_state[key] = chosen[key]
        else:
            st.session_state.pop(key, None)
    link.set_pixel(card.pixel)
    st.query_params[link.SCAN], st.query_params[link.CARD] = name, str(place + 1)


def is_selected(scan: Scan, card: ScanCard) -> bool:
    """Whether the selectors and the link still hold what a card selects, the pixel included."""
    same = all(st.session_state.get(key, value) == value for key, value in selected(scan, card).items())
    return same and st.query_params.get(link.PIXEL) == f"{card.pixel[0]},{card.pixel[1]}"


def selected(scan: Scan, card: ScanCard) -> dict[str, Any]:
    """What the selectors hold for a card, by their keys."""
    class_name, rival = card.classes
    models = dict(zip(("left", "right"), scan.names, strict=True))
    common = {**models, "class": class_name, "rival": rival}
    scene = scene_of(scan, card)
    if scene is None:
        return {"source": FILES[scan.data], "file": f"{scan.split}/{card.sample}", **common}
    case, seed, reading = scene
    number = seed - FIRST_SEED["test"]
    return {
        "source": Source.SCENE,
        "case": case,
        "scene": number,
        "reading": reading,
        "distance": AS_DRAWN,
        **common,
    }
