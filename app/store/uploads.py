"""Uploaded photographs, in memory alone, each under a token that nobody can guess.

Streamlit forgets a file when its page is reloaded, and when another page is opened by the program; a view is a link, so
the link carries the token. It is of the content under a secret of this server: nobody who has a photograph can find out
whether somebody else looks at it.
"""

from __future__ import annotations

import hmac
import io
import secrets

import streamlit as st

from app.store.models import UPLOAD_PIXELS, Photograph
from app.store.results import Results
from rsp_lab.data.images import read_image
from rsp_lab.data.sample import Sample
from rsp_lab.files import digest

ROOM = 128_000_000
"""Bytes of decoded photographs that are kept: ten of the largest, or a thousand of CamVid's size."""


class Uploads:
    """The photographs looked at last, by token.

    Args:
        room: in bytes of decoded pixels.
    """

    def __init__(self, room: int = ROOM) -> None:
        self._secret = secrets.token_bytes(32)
        self._photographs = Results(room)

    def keep(self, name: str, content: bytes) -> str:
        """The token of a photograph.

        Args:
            name: of the file, as it is shown.
            content: of the file.

        Raises:
            ImageError: for a file that is no picture or that is too large, too small or damaged.
        """
        token = hmac.new(self._secret, digest(name, content).encode(), "sha256").hexdigest()[:32]
        if token not in self._photographs:
            file = io.BytesIO(content)
            file.name = name
            self._photographs.put(token, Photograph(Sample(name, read_image(file, max_pixels=UPLOAD_PIXELS))))
        return token

    def find(self, token: str) -> Photograph | None:
        """The photograph of a token; None where it had to make room for others, or the server is another one."""
        photograph = self._photographs.find(token)
        return photograph if isinstance(photograph, Photograph) else None


@st.cache_resource(show_spinner=False)
def uploads() -> Uploads:
    """The one store of this server."""
    return Uploads()
