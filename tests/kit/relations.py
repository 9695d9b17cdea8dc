"""The ways to the same relation, with one signature."""

from __future__ import annotations

from torch import Tensor

from rsp_lab.relations.relate import Normalisation, normalise, propagate, relate, relation_scores
from rsp_lab.relations.window import position_plane
from rsp_lab.shapes import Window


def explicit(
    query: Tensor, key: Tensor, value: Tensor, f_p: Tensor, window: Window, normalisation: Normalisation
) -> Tensor:
    """Scores, weights and propagation one after the other."""
    scores = relation_scores(query, key, position_plane(f_p), window)
    return propagate(normalise(scores, window, normalisation), value, window)


def fast(
    query: Tensor, key: Tensor, value: Tensor, f_p: Tensor, window: Window, normalisation: Normalisation
) -> Tensor:
    """The path that never holds the weights of a whole map."""
    return relate(query, key, value, position_plane(f_p), window, normalisation)
