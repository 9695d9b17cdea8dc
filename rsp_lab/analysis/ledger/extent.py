"""The part of an image in which a decision's contributions lie."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

from rsp_lab.shapes import cell_edges

Box = tuple[float, float, float, float]
"""(top, left, bottom, right) in pixels; the image spans -0.5 to its size - 0.5."""

NEGLIGIBLE = 1e-3
"""Share of a map's largest magnitude; cells with no more are not counted as contributing."""


def contributing_box(
    maps: Iterable[Tensor],
    image_size: tuple[int, int],
    centre: tuple[float, float],
    *,
    least: float = 0.08,
    margin: float = 1.0,
) -> Box:
    """The smallest part of an image, in its proportions, that holds a place and every cell that contributes.

    Args:
        maps: contributions of cells, (v, u) each, that cover the image; cells beyond :data:`NEGLIGIBLE` of their map's
            largest magnitude contribute.
        image_size: (y, x) in pixels.
        centre: (y, x) in pixels, the place that the part always holds.
        least: side of the smallest part, as a share of the image's.
        margin: by how much the part is longer than what contributes.
    """
    spans = [(place, place) for place in centre]
    for values in maps:
        sizes = values.detach().abs()
        for axis, pixels in enumerate(image_size):
            used = (sizes.amax(1 - axis) > NEGLIGIBLE * sizes.max()).nonzero().flatten().tolist()
            if used:
                near, far = (cell_edges(used[end], values.shape[axis], pixels)[end] for end in (0, -1))
                spans[axis] = min(spans[axis][0], near), max(spans[axis][1], far)
    share = max(least, *(margin * (far - near) / pixels for (near, far), pixels in zip(spans, image_size, strict=True)))
    height, width = (min(share, 1.0) * pixels for pixels in image_size)
    top, left = (
        min(max((near + far - side) / 2, -0.5), pixels - side - 0.5)
        for (near, far), side, pixels in zip(spans, (height, width), image_size, strict=True)
    )
    return top, left, top + height, left + width
