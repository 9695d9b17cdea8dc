"""What holds for a subject: how exactly its ledgers add up, what no level explains, and what is refused and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from rsp_lab.analysis.ledger.explainable import TOLERANCES
from rsp_lab.analysis.ledger.frozen_subject import FrozenSubject
from rsp_lab.attention.layers import RESIDUAL_RULE as ATTENTION_RULE
from rsp_lab.attention.record import record_attention
from rsp_lab.frozen.network import RESIDUAL_RULE
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject
from rsp_lab.rgb import ImageLike
from rsp_lab.shapes import level_name
from rsp_lab.summary import Rows, Summarised
from rsp_lab.text import percent, rounded


@dataclass(frozen=True)
class SubjectCheck(Summarised):
    """What holds for a subject on one image.

    Attributes:
        name: of the subject.
        exact: whether its ledgers add up in both precisions.
        residuals: by precision, by :data:`RESIDUAL_RULE`.
        levels: stride of each level, by level.
        bias_share: mean over the logits of |bias| over |bias| and all |contributions|: what no level explains.
        gates: how many of each kind are held.
        gate_bytes: that they take, in float32.
        flips: share of the two-sided gates (ReLU, max pooling) that change when a level is really removed, by level;
            None where the network then takes another way.
        attention: how many attentions can be seen and edited, by kind
            (:func:`~rsp_lab.attention.record.record_attention`).
        attention_residual: of these, by the record's own rule; 0 where there are none.
        normalisation: where mean and standard deviation come from.
        refused: operation that is not affine, and what would have to be held; empty where all is.
    """

    name: str
    exact: bool
    residuals: dict[str, float]
    levels: dict[int, int]
    bias_share: float
    gates: dict[str, int]
    gate_bytes: int
    flips: dict[int, float | None]
    attention: dict[str, int]
    attention_residual: float
    normalisation: str
    refused: str

    def _summary(self) -> tuple[str, Rows]:
        title = f"{self.name}: " + ("its ledgers are exact" if self.exact else "refused")
        return title, [
            ("residual", ", ".join(f"{name} {value:.1g}" for name, value in self.residuals.items())),
            ("levels", ", ".join(level_name(level, self.levels) for level in self.levels)),
            ("bias share", percent(self.bias_share, 1)),
            ("gates held", counts(self.gates)),
            ("gates take", f"{self.gate_bytes / 1e6:.3g} MB"),
            (
                "gates that flip when a level goes",
                ", ".join(f"{level} {percent(share, 1)}" for level, share in self.flips.items()),
            ),
            ("attention seen", self._attention_words()),
            ("normalisation", self.normalisation),
            *((("refused", self.refused),) if self.refused else ()),
        ]

    def _attention_words(self) -> str:
        if not self.attention:
            return "none"
        return f"{counts(self.attention)}, residual {self.attention_residual:.1g}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {
            "name": self.name,
            "exact": self.exact,
            "residuals": self.residuals,
            "residual_rule": RESIDUAL_RULE,
            "strides": {str(level): stride for level, stride in self.levels.items()},
            "bias_share": rounded(self.bias_share),
            "gates": self.gates,
            "gate_bytes": self.gate_bytes,
            "gate_flips": {str(level): rounded(share) for level, share in self.flips.items()},
            "attention": self.attention,
            "attention_residual": rounded(self.attention_residual),
            "attention_residual_rule": ATTENTION_RULE,
            "normalisation": self.normalisation,
            "refused": self.refused,
        }


def check(subject: Subject | Segmenter, image: ImageLike) -> SubjectCheck:
    """What holds for a network on an image: run this first on one of your own.

    The network is put into double precision for one of the passes; then it has the very tensors back that it had.

    Args:
        subject: of :func:`~rsp_lab.models.adapt.adapt`, in eval mode and float32 or float64.
        image: RGB; see :mod:`rsp_lab.rgb`.

    Raises:
        ValueError: for a model of ours, whose ledgers need no check beyond their residual, for what is no network that
            :func:`~rsp_lab.models.adapt.adapt` gives, or what :meth:`FrozenSubject.of` refuses.
        FrozenError: for a cut that does not fit, or a network that takes another way on each run.
    """
    if isinstance(subject, Segmenter):
        raise ValueError("a model of rsp_lab is exact by its structure: each of its ledgers states its residual.")
    if not isinstance(subject, Subject):
        raise ValueError(
            f"got a {type(subject).__name__} to check: pass a network as rl.adapt(network, class_names=...) gives it."
        )
    frozen = FrozenSubject.of(subject, image)
    residuals = {_name(frozen.logits.dtype): frozen.network.residual}
    if frozen.logits.dtype == torch.float32:
        with _in_double(subject):
            double = FrozenSubject.of(subject, frozen.image.double())
            residuals["float64"] = double.network.residual
            refused = double.refused
    else:
        refused = frozen.refused
    allowed = {_name(dtype): value for dtype, value in TOLERANCES.items()}
    exact = not refused and all(value <= allowed[name] for name, value in residuals.items())
    if not exact and not refused:
        refused = "the parts do not add up, and no operation was found that explains it"
    kinds = frozen.network.tape.kinds()
    try:
        seen = record_attention(subject, image).layers
    except ValueError:  # there is none
        seen = {}
    return SubjectCheck(
        name=subject.name,
        exact=exact,
        residuals=residuals,
        levels=frozen.strides,
        bias_share=frozen.bias_share,
        gates=kinds,
        gate_bytes=frozen.network.tape.size,
        flips={level: frozen.gate_flips(level) for level in frozen.levels},
        attention=dict(Counter(layer.kind for layer in seen.values())),
        attention_residual=max((layer.residual for layer in seen.values()), default=0.0),
        normalisation=subject.normalisation,
        refused=refused,
    )


@contextmanager
def _in_double(network: nn.Module) -> Iterator[None]:
    """The network in double precision; afterwards it has its own tensors again, each in the precision that it had."""
    parameters = list(network.parameters())
    values = [one for one in (*parameters, *(p.grad for p in parameters)) if one is not None]
    kept = [(one, one.data) for one in values]
    # Some kinds of tensors are not changed in place, and their modules get others.
    held: list[tuple[dict[str, Any], dict[str, Any]]] = [
        (own, dict(own)) for module in network.modules() for own in (module._parameters, module._buffers)
    ]
    try:
        network.double()
        yield
    finally:
        for one, data in kept:
            one.data = data
        for own, before in held:
            own.update(before)


def counts(kinds: Mapping[str, int]) -> str:
    """``"8 softmax, 4 GELU"``."""
    return ", ".join(f"{count} {kind}" for kind, count in kinds.items())


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
