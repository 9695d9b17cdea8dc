"""How the tests of the pages run one."""

from __future__ import annotations

import html

from streamlit.testing.v1 import AppTest


def run(page: AppTest, **link: str) -> str:
    """Runs the page; what its sentence says."""
    for name, value in link.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    bodies = [element.proto.body for element in page.get("html")]
    return html.unescape(next(body for body in bodies if "rsp-sentence" in body and "<style>" not in body))
