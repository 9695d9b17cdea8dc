"""Where data sets lie: folders named by environment variables."""

from __future__ import annotations

import os
from pathlib import Path


def root_from(variable: str, holds: str) -> Path:
    """The folder that an environment variable names.

    Args:
        variable: e.g. ``"CAMVID_ROOT"``.
        holds: what the folder holds, for the message.

    Raises:
        ValueError: if the variable is not set or names no folder.
    """
    value = os.environ.get(variable)
    if not value:
        raise ValueError(f"{variable} is not set. Set it to the folder that holds {holds}.")
    root = Path(value)
    if not root.is_dir():
        raise ValueError(f"{variable} is {value}, which is not a folder. Set it to the folder that holds {holds}.")
    return root
