"""``python -m app [STREAMLIT OPTIONS]``: the workbench; whoever connects finds its first view ready."""

from __future__ import annotations

import sys

from app import preload

if __name__ == "__main__":
    print("Preparing the first view: two models, one forward pass each.", file=sys.stderr, flush=True)
    # Not beside the server: both would share one interpreter, and a page that is there but waits says less.
    preload.prepare()
    preload.serve(sys.argv[1:])
