"""A simulated page: what it says and shows after a run."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pandas as pd
from streamlit.testing.v1 import AppTest

from app.shell.text import JOINER, NO_BREAK, as_read

ENTRY = Path(__file__).parents[2] / "app" / "streamlit_app.py"


def workbench(**link: str) -> AppTest:
    """The whole workbench on a decision, as a link to one opens it; by default that of the default scene."""
    page = AppTest.from_file(str(ENTRY), default_timeout=1500)
    for name, value in {"source": "Drawn scene", **link}.items():
        page.query_params[name] = value
    return page


def first_sentence(page: AppTest) -> str:
    """What the page says first."""
    bodies = [element.proto.body for element in page.get("html")]
    return as_read(next(body for body in bodies if "rsp-sentence" in body and "<style>" not in body))


def run(page: AppTest, **link: str) -> str:
    """Runs the page; what its sentence says."""
    for name, value in link.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    return first_sentence(page)


def explorer_payloads(page: AppTest) -> list[bytes]:
    """The payload of every explorer on the page: one, or none."""
    components = page.get("bidi_component")
    return [one.proto.bytes for one in components if one.proto.component_name == "rsp_lab.explorer"]


def tables(page: AppTest) -> list[pd.DataFrame]:
    """The tables of texts on the page, in its order, as they are read; the first head names the index."""
    bodies = [element.proto.body for element in page.get("html") if "rsp-table" in element.proto.body]
    return [_table(ET.fromstring(body)) for body in bodies if "<style>" not in body]


def _table(root: ET.Element) -> pd.DataFrame:
    (named, *columns), *rows = ([_read(cell) for cell in row] for row in root.iter("tr"))
    index = pd.Index([row[0] for row in rows], name=named or None)
    return pd.DataFrame([row[1:] for row in rows], index=index, columns=columns)


def _read(cell: ET.Element) -> str:
    # Its references are characters already.
    return (cell.text or "").replace(JOINER, "").replace(NO_BREAK, " ")
