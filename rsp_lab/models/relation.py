"""The relational semantics extractor: the weights of Eq. 1-3 around the free functions that do the mathematics."""

from __future__ import annotations

from dataclasses import dataclass, field

from jaxtyping import Float
from torch import Tensor, nn

from rsp_lab.relations.relate import Normalisation, check_normalisation, normalise, propagate, relate, relation_scores
from rsp_lab.relations.window import position_plane
from rsp_lab.shapes import Tap, Window, tap_step


@dataclass(frozen=True)
class RelationConfig:
    """What the paper varies in the relation module (Table V) and what it leaves open.

    Attributes:
        window: kernel size and dilation (Table V a).
        reduction: d, by which query and key have fewer channels than the value (Table V b).
        normalisation: how scores become weights; the paper shows none, its antecedents use softmax.
        query_from: ``"low"`` is the paper's cross-scale relation; ``"high"`` is the +SELF row of Table IV, in which
            query, key and value all come from the high-level map.
    """

    window: Window = field(default_factory=Window)
    reduction: int = 2
    normalisation: Normalisation = "softmax"
    query_from: str = "low"

    def __post_init__(self) -> None:
        check_normalisation(self.normalisation)
        if self.query_from not in ("low", "high"):
            raise ValueError(f"query_from must be 'low' (RSP) or 'high' (+SELF), got {self.query_from!r}.")
        if self.reduction < 1:
            raise ValueError(f"reduction d must be at least 1, got {self.reduction}. The paper uses 1, 2, 4 or 8.")


class RelationalSemanticsExtractor(nn.Module):
    """RSE: what a low-level map extracts from the upsampled high-level map (Eq. 1-3).

    Scores and weights are materialised only while somebody listens on their taps; both paths agree to rounding.

    Args:
        channels: C of both maps, even.
        stride: of the low-level map, for the taps.
        name: of the step, prefix of the tap names.
        config: see :class:`RelationConfig`.
    """

    def __init__(self, channels: int, stride: int, name: str, config: RelationConfig) -> None:
        super().__init__()
        if channels % config.reduction or channels % 2:
            raise ValueError(f"channels must be even and divisible by d = {config.reduction}, got {channels}.")
        middle = channels // config.reduction
        self.config = config
        self.f_q = nn.Conv2d(channels, middle, 1)
        self.f_k = nn.Conv2d(channels, middle, 1)
        self.f_v = nn.Conv2d(channels, channels, 1)
        self.f_p = nn.Linear(channels, middle, bias=False)
        self.query = Tap(f"{name}.query", "b c y x", stride)
        self.key = Tap(f"{name}.key", "b c y x", stride)
        self.value = Tap(f"{name}.value", "b c y x", stride)
        self.scores = Tap(f"{name}.scores", "b wy wx y x", stride)
        self.weights = Tap(f"{name}.weights", "b wy wx y x", stride)

    @property
    def plane(self) -> Float[Tensor, "2 m"]:
        """The two vectors (a, b) that f_p of the position map reduces to."""
        return position_plane(self.f_p.weight)

    def forward(self, low: Float[Tensor, "b c y x"], high: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y x"]:
        """Context for every cell of ``low`` out of ``high``, which must already have its size."""
        config = self.config
        query = self.query(self.f_q(low if config.query_from == "low" else high))
        key, value = self.key(self.f_k(high)), self.value(self.f_v(high))
        if not (self.scores.listening or self.weights.listening):
            return relate(query, key, value, self.plane, config.window, config.normalisation)
        scores = self.scores(relation_scores(query, key, self.plane, config.window))
        weights = self.weights(normalise(scores, config.window, config.normalisation))
        return propagate(weights, value, config.window)


def relation_modules(model: nn.Module) -> dict[str, RelationalSemanticsExtractor]:
    """The model's relation modules by step name, highest step first; empty for a model that only sums."""
    modules = (m for m in model.modules() if isinstance(m, RelationalSemanticsExtractor))
    return {tap_step(m.query.name): m for m in modules}


def required_relations(model: nn.Module) -> dict[str, RelationalSemanticsExtractor]:
    """The model's relation modules by step name, highest step first.

    Raises:
        ValueError: for a model that only sums.
    """
    modules = relation_modules(model)
    if not modules:
        raise ValueError("this head has no relation step, so it selects nothing: take a model with RSP steps.")
    return modules
