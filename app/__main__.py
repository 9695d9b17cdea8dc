"""``python -m app [STREAMLIT OPTIONS]``: the workbench, with its first view in preparation from the start."""

from __future__ import annotations

import sys
from pathlib import Path

from app import preload

if __name__ == "__main__":
    preload.start()
    preload.serve([str(Path(__file__).with_name("streamlit_app.py")), *sys.argv[1:]])
