"""The explorer as an anywidget; import it through :mod:`rsp_lab.explorer.widget`, which says what is missing."""

from __future__ import annotations

from typing import Any

import anywidget
import traitlets

from rsp_lab.explorer.html import explorer_page, page_frame
from rsp_lab.explorer.module import host_source
from rsp_lab.explorer.payload import payload_header

Pixel = tuple[int, int]


class Explorer(anywidget.AnyWidget):
    """The explorer in a notebook.

    A notebook that was saved or exported shows it too: what has no kernel, such as a static page, takes the offline
    page beside the widget, which answers the pointer as well but tells Python nothing.

    Attributes:
        payload: what is shown, from :func:`rsp_lab.explorer.payload.build_payload`.
        pixel: [y, x] pinned by the reader, or None.
        second: [y, x] pinned beside it, or None.
        view: all that a reader chose to see, as text; :meth:`show` takes it.
    """

    _esm = host_source("widget")
    payload = traitlets.Bytes().tag(sync=True)
    pixel = traitlets.List(traitlets.Int(), allow_none=True, default_value=None).tag(sync=True)
    second = traitlets.List(traitlets.Int(), allow_none=True, default_value=None).tag(sync=True)
    view = traitlets.Unicode("").tag(sync=True)

    def __init__(self, payload: bytes, pixel: Pixel | None = None, **traits: Any) -> None:
        given = {} if pixel is None else {"pixel": list(pixel), "view": f"pixel={pixel[0]},{pixel[1]}"}
        super().__init__(payload=payload, **given, **traits)

    @traitlets.validate("payload")
    def _readable(self, proposal: dict[str, Any]) -> bytes:
        payload: bytes = proposal["value"]
        payload_header(payload)
        return payload

    def show(self, view: str) -> None:
        """Brings the notebook's explorer to a view, e.g. ``"pixel=100,120&spread=chain&active=step54"``."""
        self.view = view
        self.send({"view": view})

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        data, metadata = bundle
        left, right = (side["name"] for side in payload_header(self.payload)["sides"])
        page = explorer_page(self.payload, f"Where do {left} and {right} look?", view=self.view)
        return data | {"text/html": page_frame(page)}, metadata
