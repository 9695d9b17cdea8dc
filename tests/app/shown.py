"""What a simulated page shows in its explorer."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def explorer_payloads(page: AppTest) -> list[bytes]:
    """The payload of every explorer on the page: one, or none."""
    components = page.get("bidi_component")
    return [one.proto.bytes for one in components if one.proto.component_name == "rsp_lab.explorer"]
