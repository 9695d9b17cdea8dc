"""Where the attentions of one pass look: for each layer and head, from a cell of the image to places on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Complex, Float
from torch import Tensor

from rsp_lab.attention.places import NOWHERE, PlaceTracer
from rsp_lab.attention.watch import AttentionCall, AttentionWatch, SampledCall, ordered
from rsp_lab.models.subject import Subject, check_subject
from rsp_lab.rgb import ImageLike, one_image
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
    """

    layer: str
    size: tuple[int, int]
    query_places: Complex[Tensor, "window query"]
    residual: float

    @property
    def heads(self) -> int:
        raise NotImplementedError

    @property
    def kind(self) -> str:
        """``"global"``, ``"windows"`` or ``"sampled"``."""
        raise NotImplementedError

    @cached_property
    def grid(self) -> tuple[int, int] | None:
        """Cells (v, u) that ask; None where they are those of several maps, or lie nowhere."""
        places = self.query_places[~self.query_places.isnan()]
        grid = places.real.unique().numel(), places.imag.unique().numel()
        return grid if 0 < grid[0] * grid[1] == places.numel() else None

    @property
    def asking(self) -> str:
        """In words, what asks."""
        if self.grid:
            return f"{self.grid[0]} x {self.grid[1]} cells"
        there = int((~self.query_places.isnan()).sum())
        return f"{there} cells of several maps" if there else f"{self.query_places.numel()} tokens without a place"

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
        return "global" if self.scores.shape[0] == 1 else "windows"

    @cached_property
    def weights(self) -> Float[Tensor, "window head query key"]:
        """Sum to 1 over the keys."""
        return self.scores.softmax(-1)

    @property
    def position_scores(self) -> Float[Tensor, "window head query key"]:
        """What the scores are beside the scaled products of query and key: tables of positions, masks."""
        return self.scores - self.scale * (self.query @ self.key.transpose(-2, -1))

    def without(self, region: Bool[Tensor, "y x"]) -> Callable[[Tensor], Tensor]:
        """An edit for :func:`~rsp_lab.attention.edits.edited_attention`: nothing looks into a region any more.

        Weights of keys whose place lies in the region become 0; what is left of a row is scaled back to its sum, and a
        row with nothing left gives 0.

        Args:
            region: of the image's size.

        Raises:
            ValueError: for another size, or where no key lies in the region.
        """
        if tuple(region.shape) != self.size:
            raise ValueError(f"the region is {tuple(region.shape)}, and the image {self.size} (y, x).")
        known = ~self.key_places.isnan()
        places = torch.where(known, self.key_places, 0)
        y, x = places.real.round().long(), places.imag.round().long()
        inside = known & region[y.clamp(0, self.size[0] - 1), x.clamp(0, self.size[1] - 1)]
        if not bool(inside.any()):
            raise ValueError(f"no key of {self.layer} lies in the region: its cells are too coarse. Take a larger one.")

        def edit(weights: Tensor) -> Tensor:
            rows = weights.reshape(*self.scores.shape)
            left = rows.masked_fill(inside[:, None, None], 0)
            sums = left.sum(-1, keepdim=True)
            return torch.where(sums > 0, left * rows.sum(-1, keepdim=True) / sums, 0).reshape(weights.shape)

        return edit

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


def record_attention(subject: Subject, image: ImageLike, layers: Sequence[str] | None = None) -> AttentionRecord:
    """Where every attention of a network looks on an image. Nothing of the network changes.

    Fused attention (``scaled_dot_product_attention``) is seen as well as attention written out, whichever way the
    library is set. What a kernel of its own works out is not seen.

    Args:
        subject: any network, as :func:`rsp_lab.adapt` gives it, in evaluation mode.
        image: one, as for a model.
        layers: paths of modules, to keep these alone; by default all are kept, which takes memory for all weights.

    Raises:
        ValueError: for what is no subject; if the network has no attention that can be seen, or none of a name
            in ``layers``.
    """
    check_subject(subject)
    x = one_image(image, dtype=subject.mean.dtype, device=subject.mean.device)
    tracer = PlaceTracer((x.shape[-2], x.shape[-1]))
    watch = _Recorder(subject, tracer, None if layers is None else frozenset(layers))
    with torch.no_grad(), tracer:
        tracer.start(x)
        with watch.pass_of_network():
            subject.answer(x)
    missing = sorted(frozenset(layers or ()) - watch.found.keys())
    if missing or not watch.found:
        seen = ordered([*watch.names], subject.network)
        said = f"It has {', '.join(seen[:6])}{', ...' if len(seen) > 6 else ''}." if seen else "None of it can be seen."
        what = f"attention {missing[0]!r}" if missing else "attention"
        raise ValueError(f"{subject.name} has no {what} on this image. {said}")
    return AttentionRecord({layer: watch.found[layer] for layer in ordered([*watch.found], subject.network)})


class _Recorder(AttentionWatch):
    """Keeps what is seen."""

    def __init__(self, subject: Subject, tracer: PlaceTracer, layers: frozenset[str] | None) -> None:
        super().__init__(subject.network)
        self.tracer, self.layers = tracer, layers
        self.found: dict[str, AttentionLayer] = {}
        self.names: list[str] = []

    def seen(self, call: AttentionCall, context: Tensor) -> None:
        if not self._wanted(call.layer):
            return
        windows = _window_count(call.query, self.tracer)

        def four(x: Tensor) -> Tensor:
            return x.detach().reshape(windows, -1, x.shape[-2], x.shape[-1])

        query, key, value, scores, out = map(four, (call.query, call.key, call.value, call.scores(), context))
        value = value.repeat_interleave(scores.shape[1] // value.shape[1], 1)
        again = scores.softmax(-1) @ value
        self.found[call.layer] = DenseAttention(
            call.layer,
            self.tracer.size,
            _token_places(call.query, windows, self.tracer),
            _residual(again, out),
            query,
            key.repeat_interleave(query.shape[1] // key.shape[1], 1),
            value,
            out,
            scores,
            call.scale,
            _token_places(call.key, windows, self.tracer),
        )

    def seen_sampled(self, call: SampledCall, context: Tensor) -> None:
        if not self._wanted(call.layer):
            return
        height, width = self.tracer.size
        weights = call.weights.detach()
        points = torch.cat(
            [
                torch.complex((grid[..., 1] + 1) / 2 * height - 0.5, (grid[..., 0] + 1) / 2 * width - 0.5)
                for grid in call.grids
            ],
            -1,
        )
        known = self.tracer.of(call.weights)
        places = torch.full(weights.shape, NOWHERE) if known is None else known
        places = places.reshape(weights.shape[0], *weights.shape[-2:])[:1, :, 0]
        sampled = [F.grid_sample(x, grid, align_corners=False) for x, grid in zip(call.maps, call.grids, strict=True)]
        again = (torch.cat(sampled, -1) * weights).sum(-1)
        self.found[call.layer] = SampledAttention(
            call.layer,
            self.tracer.size,
            places,
            _residual(again, context),
            weights.reshape(weights.shape[0], *weights.shape[-2:]),
            points,
        )

    def _wanted(self, layer: str) -> bool:
        self.names.append(layer)
        return self.layers is None or layer in self.layers


def _window_count(query: Tensor, tracer: PlaceTracer) -> int:
    """How many windows there are on the axes before heads, tokens and channels.

    With three axes heads and windows share the first: heads of a window ask from the same places, and where it is not
    known from where they ask, all are heads.
    """
    leading = query.shape[:-2]
    if len(leading) != 1:
        return leading[:-1].numel()
    known = tracer.of(query)
    if known is None:
        return 1
    places = _filled(known[..., 0])
    same = [bool((place == places[0]).all()) for place in places]
    return leading[0] // (same.index(False) if False in same else len(same))


def _token_places(x: Tensor, windows: int, tracer: PlaceTracer) -> Tensor:
    known = tracer.of(x)
    if known is None:
        return torch.full((windows, x.shape[-2]), NOWHERE)
    return known.reshape(windows, -1, x.shape[-2], x.shape[-1])[:, 0, :, 0].clone()


def _filled(places: Tensor) -> Tensor:
    """What lies nowhere compares equal."""
    return torch.where(places.isnan(), torch.full_like(places, -1e9), places)


def _residual(again: Tensor, context: Tensor) -> float:
    gap = float((again - context.reshape(again.shape)).abs().max())
    return gap / max(1.0, float(context.abs().max()))
