"""A simulated page: what it says and shows after a run."""

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


def explorer_payloads(page: AppTest) -> list[bytes]:
    """The payload of every explorer on the page: one, or none."""
    components = page.get("bidi_component")
    return [one.proto.bytes for one in components if one.proto.component_name == "rsp_lab.explorer"]
