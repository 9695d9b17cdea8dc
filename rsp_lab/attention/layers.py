"""Where the attentions of one pass look: for each layer and head, from a cell of the image to places on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Complex, Float
from torch import Tensor

from rsp_lab.attention.layout import Layout
from rsp_lab.summary import Rows, Summarised

RESIDUAL_RULE = (
    "max |context worked out again from what was captured - context| / max(1, max |context|), over the layer's tokens"
)


@dataclass(frozen=True, eq=False, repr=False)
class AttentionLook(Summarised):
    """Where one cell looks, in one layer.

    Attributes:
        layer: as in :class:`AttentionLayer`.
        cell: centre of the cell that asks, (y, x) in pixels of the image.
        positions: (n, 2), y and x of the places that it weighs, in pixels; fractions where a map is coarser, and
            outside the image where samples lie there.
        weights: (head, n).
        elsewhere: (head,), what goes to tokens that lie nowhere on the image: a class token, padding.
    """

    layer: str
    cell: tuple[float, float]
    positions: Float[Tensor, "n 2"]
    weights: Float[Tensor, "head n"]
    elsewhere: Float[Tensor, " head"]

    def _summary(self) -> tuple[str, Rows]:
        top = self.weights.mean(0).argmax() if self.positions.shape[0] else None
        most = "nowhere" if top is None else f"y {self.positions[top, 0]:.1f}, x {self.positions[top, 1]:.1f}"
        rows: Rows = [
            ("layer", self.layer),
            ("cell", f"y {self.cell[0]:.1f}, x {self.cell[1]:.1f} px"),
            ("places", self.positions.shape[0]),
            ("heads", self.weights.shape[0]),
            ("most, mean of heads", most),
            ("elsewhere", f"{float(self.elsewhere.mean()):.3f}"),
        ]
        return "AttentionLook", rows


@dataclass(frozen=True, eq=False, repr=False)
class AttentionLayer(Summarised):
    """One attention of a pass.

    Attributes:
        layer: path of its module.
        size: of the image (y, x), in pixels.
        query_places: (window, query), ``y + i x`` in pixels of the image; NaN for what lies nowhere on it.
        residual: by :data:`RESIDUAL_RULE`.
        layout: which axes of the network's own tensors are windows and which are heads.
    """

    layer: str
    size: tuple[int, int]
    query_places: Complex[Tensor, "window query"]
    residual: float
    layout: Layout

    @property
    def heads(self) -> int:
        raise NotImplementedError

    @property
    def kind(self) -> str:
        """``"global"``, ``"windows"``, ``"neighbourhoods"`` (a window for each cell) or ``"sampled"``."""
        raise NotImplementedError

    @property
    def key_locations(self) -> Complex[Tensor, "window #head #query key"]:
        """Where what is weighed lies, as ``query_places``."""
        raise NotImplementedError

    @cached_property
    def grid(self) -> tuple[int, int] | None:
        """Cells (v, u) that ask; None where they are those of several maps, or lie nowhere. Of what is padded by its
        own border several tokens lie on one cell."""
        places = self.query_places[~self.query_places.isnan()]
        grid = places.real.unique().numel(), places.imag.unique().numel()
        # What is padded by its own border lies in one place several times.
        different = torch.stack((places.real, places.imag), -1).unique(dim=0).shape[0] if places.numel() else 0
        return grid if 0 < grid[0] * grid[1] == different else None

    @property
    def stride(self) -> str:
        """Pixels from one cell that asks to the next, e.g. ``"32"``, or ``"16 x 32"`` where rows and columns differ;
        empty without a grid."""
        if self.grid is None:
            return ""
        rows, columns = (round(side / count) for side, count in zip(self.size, self.grid, strict=True))
        return str(rows) if rows == columns else f"{rows} x {columns}"

    @property
    def asking(self) -> str:
        """In words, what asks."""
        if self.grid:
            return f"{self.grid[0]} x {self.grid[1]} cells"
        there = int((~self.query_places.isnan()).sum())
        return f"{there} cells of several maps" if there else f"{self.query_places.numel()} tokens without a place"

    def keys_in(self, region: Bool[Tensor, "y x"]) -> Bool[Tensor, "window #head #query key"]:
        """What of that which is weighed lies in a region of the image's size.

        Raises:
            ValueError: for another size, or where nothing lies in the region.
        """
        if tuple(region.shape) != self.size:
            raise ValueError(f"the region is {tuple(region.shape)}, and the image {self.size} (y, x).")
        known = ~self.key_locations.isnan()
        places = torch.where(known, self.key_locations, 0)
        y, x = places.real.round().long(), places.imag.round().long()
        height, width = self.size
        on_image = known & (y >= 0) & (y < height) & (x >= 0) & (x < width)
        inside = on_image & region.to(y.device)[y.clamp(0, height - 1), x.clamp(0, width - 1)]
        if not bool(inside.any()):
            raise ValueError(f"no key of {self.layer} lies in the region: its cells are too coarse. Take a larger one.")
        return inside

    def without(self, region: Bool[Tensor, "y x"]) -> Callable[[Tensor], Tensor]:
        """An edit for :func:`~rsp_lab.attention.edits.edited_attention`: nothing looks into a region any more.

        Weights of keys whose place lies in the region become 0; what is left of a row is scaled back to its sum, and a
        row with nothing left gives 0.

        Args:
            region: of the image's size.

        Raises:
            ValueError: as :meth:`keys_in`.
        """
        inside = self.keys_in(region)

        def edit(weights: Tensor) -> Tensor:
            return self.layout.restored(without_keys(self.layout.arranged(weights), inside), weights.shape)

        return edit

    def look(self, y: float, x: float) -> AttentionLook:
        """Where the cell nearest to a pixel looks.

        Raises:
            ValueError: for a pixel outside the image, or if it is not known where the layer's tokens lie.
        """
        return self.look_of(*self._token(y, x))

    def look_of(self, window: int, query: int) -> AttentionLook:
        """Where a token looks that is named by its window and its number, as the queries of a decoder are that lie
        nowhere on the image."""
        weights, places = self._of(window, query)
        somewhere = ~places.isnan()
        asked = self.query_places[window, query]
        return AttentionLook(
            self.layer,
            (float(asked.real), float(asked.imag)),
            torch.stack((places.real[somewhere], places.imag[somewhere]), -1),
            weights[:, somewhere],
            weights[:, ~somewhere].sum(-1),
        )

    def _token(self, y: float, x: float) -> tuple[int, int]:
        height, width = self.size
        if not (0 <= y < height and 0 <= x < width):
            raise ValueError(f"pixel ({y}, {x}) lies outside the image of {height} x {width}.")
        gap = (self.query_places - complex(y, x)).abs()
        if bool(gap.isnan().all()):
            raise ValueError(
                f"it is not known where the tokens of {self.layer} lie on the image: an operation before it neither "
                "moves tokens nor answers a map."
            )
        window, query = divmod(int(gap.nan_to_num(torch.inf).argmin()), gap.shape[1])
        return window, query

    def _of(self, window: int, query: int) -> tuple[Float[Tensor, "head n"], Complex[Tensor, " n"]]:
        raise NotImplementedError

    def _summary(self) -> tuple[str, Rows]:
        rows: Rows = [
            ("layer", self.layer),
            ("kind", self.kind),
            ("heads", self.heads),
            ("from", self.asking),
            ("residual", f"{self.residual:.1e}"),
        ]
        return type(self).__name__, rows


@dataclass(frozen=True, eq=False, repr=False)
class DenseAttention(AttentionLayer):
    """Every query weighs every key of its window; one window is global attention.

    Attributes:
        query, key, value, context: (window, head, token, channel).
        scores: (window, head, query, key), what the weights are the softmax of.
        scale: of the products of query and key in the scores.
        key_places: (window, key), as ``query_places``.
    """

    query: Float[Tensor, "window head query channel"]
    key: Float[Tensor, "window head key channel"]
    value: Float[Tensor, "window head key c"]
    context: Float[Tensor, "window head query c"]
    scores: Float[Tensor, "window head query key"]
    scale: float | Tensor
    key_places: Complex[Tensor, "window key"]

    @property
    def heads(self) -> int:
        return self.scores.shape[1]

    @property
    def kind(self) -> str:
        if self.scores.shape[0] == 1:
            return "global"
        return "neighbourhoods" if self.scores.shape[2] == 1 else "windows"

    @property
    def key_locations(self) -> Complex[Tensor, "window 1 1 key"]:
        return self.key_places[:, None, None]

    @cached_property
    def weights(self) -> Float[Tensor, "window head query key"]:
        """Sum to 1 over the keys."""
        return self.scores.softmax(-1)

    @property
    def position_scores(self) -> Float[Tensor, "window head query key"]:
        """What the scores are beside the scaled products of query and key: tables of positions, masks."""
        return self.scores - self.scale * (self.query @ self.key.transpose(-2, -1))

    def _of(self, window: int, query: int) -> tuple[Tensor, Tensor]:
        return self.scores[window, :, query].softmax(-1), self.key_places[window]


@dataclass(frozen=True, eq=False, repr=False)
class SampledAttention(AttentionLayer):
    """Every query weighs points between the cells of maps, which it chooses: deformable attention.

    Attributes:
        weights: (head, query, point), all maps one after the other.
        points: (head, query, point), ``y + i x`` in pixels of the image.
    """

    weights: Float[Tensor, "head query point"]
    points: Complex[Tensor, "head query point"]

    @property
    def heads(self) -> int:
        return self.weights.shape[0]

    @property
    def kind(self) -> str:
        return "sampled"

    @property
    def key_locations(self) -> Complex[Tensor, "1 head query point"]:
        return self.points[None]

    def _of(self, window: int, query: int) -> tuple[Tensor, Tensor]:
        """Heads have points of their own: the others weigh them with 0."""
        weights, points = self.weights[:, query], self.points[:, query]
        return torch.block_diag(*weights), points.flatten()


@dataclass(frozen=True, eq=False, repr=False)
class AttentionRecord(Summarised):
    """The attentions of a pass: ``record[layer]`` is one of them.

    Attributes:
        layers: by path, in the order of the network.
    """

    layers: dict[str, AttentionLayer]

    def __getitem__(self, layer: str) -> AttentionLayer:
        return self.layers[layer]

    def __iter__(self) -> Iterator[str]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def words(self) -> dict[str, str]:
        """What each layer is called where a path is too long, e.g. ``"stages.3.blocks.0, stride 32"``: its path without
        what all paths begin and end with, but for the last word before they part; and pixels from one asking cell to
        the next, where these lie on a grid."""
        paths = [name.split(".") for name in self.layers]
        before, after = _shared(paths), _shared([path[::-1] for path in paths])
        found = {}
        for path, (name, layer) in zip(paths, self.layers.items(), strict=True):
            # Where one path is the end of another, both stay whole.
            end = len(path) - (after if before + after < min(map(len, paths)) else 0)
            found[name] = ".".join(path[max(0, before - 1) : end] if len(paths) > 1 else path)
            found[name] += f", stride {layer.stride}" if layer.stride else ""
        return found

    @property
    def residual(self) -> float:
        """The largest of the layers', by :data:`RESIDUAL_RULE`."""
        return max(layer.residual for layer in self.layers.values())

    def _summary(self) -> tuple[str, Rows]:
        rows: Rows = [
            (name, f"{layer.kind}, {layer.heads} heads, {layer.asking}, residual {layer.residual:.1e}")
            for name, layer in self.layers.items()
        ]
        return f"AttentionRecord of {len(self)} layers", rows


def _shared(paths: Sequence[Sequence[str]]) -> int:
    """How many words all paths begin with, the last word of the shortest one left out."""
    count = 0
    while count < min(map(len, paths)) - 1 and len({path[count] for path in paths}) == 1:
        count += 1
    return count


def without_keys(weights: Float[Tensor, "window head query key"], gone: Tensor, *, rescale: bool = True) -> Tensor:
    """Weights with some keys at 0.

    Args:
        weights: not negative.
        gone: booleans that fit the weights, True where they become 0.
        rescale: scale what is left of a row back to the row's sum; a row with nothing left stays 0.
    """
    left = weights.masked_fill(gone, 0)
    if not rescale:
        return left
    sums = left.sum(-1, keepdim=True)
    return torch.where(sums > 0, left * weights.sum(-1, keepdim=True) / sums, 0)
