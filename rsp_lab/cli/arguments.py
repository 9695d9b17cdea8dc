"""What arguments of several commands are called and mean."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

Json = Annotated[bool, tyro.conf.arg(name="json", help="print JSON instead of a table")]
Out = Annotated[Path, tyro.conf.arg(aliases=("-o",), metavar="DIR", help="folder to write to; made if missing")]
Image = Annotated[
    Path, tyro.conf.Positional, tyro.conf.arg(metavar="IMAGE", help="any readable image of 64 x 64 to 4096 x 4096")
]
Model = Annotated[str, tyro.conf.arg(help="shipped name or path of a .safetensors file")]

FORMATS = ("png", "pdf")
"""Of every picture that a command writes."""
