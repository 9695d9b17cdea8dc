"""Where in a picture the names of segments have room, so that each lies on its segment and none on another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from rsp_lab.analysis.panoptic.merge import Merged
from rsp_lab.analysis.targets.room import roomiest

Size = tuple[float, float]
_LEAST_SIDE = 2.0
"""Pixels: a segment that is thinner everywhere gets no number."""
_COLUMNS = 14
"""Numbers rise along columns of the picture, of which there are so many."""


@dataclass(frozen=True)
class PlacedName:
    """What stands for a segment in a picture.

    Attributes:
        segment: its id.
        title: its name.
        number: that stands in the picture in place of the name, for want of room; None where the name itself does.
        centre: (y, x) in pixels of what stands there; None where not even a number has room.
    """

    segment: int
    title: str
    number: int | None
    centre: tuple[float, float] | None

    @property
    def words(self) -> str:
        """What stands in the picture."""
        return self.title if self.number is None else str(self.number)


def placed_names(
    merged: Merged,
    name_size: Callable[[str], Size],
    number_size: Callable[[str], Size],
    known: Mapping[int, int] | None = None,
) -> tuple[PlacedName, ...]:
    """Names of all segments of a picture: in it, as a number in it, or not in it; the numbers rise.

    A name stands where all of it lies on its segment. A number stands on its segment and on no other name or number,
    but may reach beyond its segment.

    Args:
        merged: the segmentation.
        name_size: height and width of a name in pixels of the image.
        number_size: the same of a number.
        known: numbers that segments have already, in a picture beside this one; others get those that follow.
    """
    numbers = known or {}
    ids = merged.map.ids.numpy()
    found: list[PlacedName] = []
    taken: list[tuple[Size, Size]] = []
    waiting: list[tuple[Size, int]] = []
    for segment in (segment.id for segment in merged.map.segments):
        title = merged.title(segment)
        size = name_size(title)
        spot = roomiest(ids == segment, size)
        if spot is not None:
            found.append(PlacedName(segment, title, None, spot))
            taken.append((spot, size))
        elif (middle := roomiest(ids == segment, (_LEAST_SIDE, _LEAST_SIDE))) is not None:
            waiting.append((middle, segment))
        else:
            found.append(PlacedName(segment, title, None, None))
    following = max(numbers.values(), default=0)
    wide = merged.size[1] / _COLUMNS
    # Those with a number first, then columns from left to right.
    waiting.sort(key=lambda one: (one[1] not in numbers, round(one[0][1] / wide), one[0][0]))
    for centre, segment in waiting:
        number = numbers.get(segment, following + 1)
        size = number_size(str(number))
        if any(_overlap(centre, size, *other) for other in taken):
            found.append(PlacedName(segment, merged.title(segment), None, None))
            continue
        following = max(following, number)
        taken.append((centre, size))
        found.append(PlacedName(segment, merged.title(segment), number, centre))
    return tuple(sorted(found, key=lambda one: (one.number is not None, one.number or 0)))


def set_aside(
    placed: Sequence[PlacedName], sizes: Sequence[Size], pixel: tuple[int, int], ring: float, size: tuple[int, int]
) -> tuple[PlacedName, ...]:
    """The names, of which those under the ring at the selected pixel stand beside it.

    The numbers are not given anew: a click moves a name and renames none.

    Args:
        placed: where they would stand.
        sizes: height and width of each, in pixels of the image.
        pixel: the selected one, (y, x).
        ring: the ring's diameter in pixels of the image.
        size: (y, x) of the image.
    """
    found = list(placed)
    for number, (one, extent) in enumerate(zip(placed, sizes, strict=True)):
        if one.centre is None or not _overlap(one.centre, extent, pixel, (ring, ring)):
            continue
        down, along = ((side + ring) / 2 for side in extent)
        (y, x), (middle, centre) = pixel, one.centre
        beside = [(y - down, centre), (y + down, centre), (middle, x - along), (middle, x + along)]
        beside.sort(key=lambda at: abs(at[0] - middle) + abs(at[1] - centre))
        inside = [at for at in beside if all(e / 2 <= a <= s - e / 2 for a, e, s in zip(at, extent, size, strict=True))]
        others = [(at.centre, taken) for at, taken in zip(found, sizes, strict=True) if at.centre and at is not one]
        free = [at for at in inside if not any(_overlap(at, extent, *other) for other in others)]
        if free or inside:
            found[number] = replace(one, centre=(free or inside)[0])
    return tuple(found)


def names_below(placed: tuple[PlacedName, ...]) -> list[str]:
    """What a reader must find beside the picture: numbered names in their order, then those that it lacks."""
    numbered = [f"{one.number} {one.title}" for one in placed if one.number is not None]
    return numbered + [one.title for one in placed if one.centre is None]


def _overlap(centre: Size, size: Size, other: Size, extent: Size) -> bool:
    return all(abs(a - b) < (one + two) / 2 for a, b, one, two in zip(centre, other, size, extent, strict=True))
