"""What was found in one split of a data set."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

_SHOWN = 20


@dataclass
class SplitReport:
    """What was found in one split.

    Attributes:
        split: its name.
        pairs: images that have a label file.
        problems: one line per file that cannot be used, its path first.
        notices: what may be as it should, or may not.
        sizes: images by "rows x columns".
        pixels: labelled pixels by class name.
        ignored: pixels that count in no loss.
    """

    split: str
    pairs: int = 0
    problems: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    sizes: Counter[str] = field(default_factory=Counter)
    pixels: Counter[str] = field(default_factory=Counter)
    ignored: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {**vars(self), "sizes": dict(self.sizes), "pixels": dict(self.pixels)}

    def text(self) -> str:
        """The report for a person."""
        lines = [f"{self.split}: {self.pairs} pairs, {len(self.problems)} problem(s)"]
        for kind, found in (("problem", self.problems), ("notice", self.notices)):
            lines += [f"  {kind:8} {line}" for line in found[:_SHOWN]]
            if len(found) > _SHOWN:
                lines.append(f"  ... and {len(found) - _SHOWN} more (--json lists all)")
        lines += [f"  size     {size}: {count} images" for size, count in self.sizes.most_common()]
        total = sum(self.pixels.values()) + self.ignored
        lines += [f"  class    {name:14} {100 * count / total:6.2f} %" for name, count in self.pixels.items() if total]
        lines += [f"  class    {'(ignored)':14} {100 * self.ignored / total:6.2f} %"] if total else []
        return "\n".join(lines)
