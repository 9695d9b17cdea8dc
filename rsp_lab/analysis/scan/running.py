"""A scan as known after some images: rates, and for each kind, verdict and pair of classes the strongest cards."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from rsp_lab.analysis.scan.disagreements import Found
from rsp_lab.analysis.scan.scan import (
    EACH,
    MOST,
    Kind,
    Right,
    ScanCard,
    ScanRate,
    Verdicts,
    rates_dict,
)
from rsp_lab.analysis.scan.scan_file import card_of, rates_of
from rsp_lab.analysis.streaming import check_question
from rsp_lab.files import FileError, StateMismatchError, read_json, to_json, write_json

Group = tuple[Kind, Right | None, frozenset[str]]
Pair = tuple[Kind, str, str]


@dataclass(frozen=True, eq=False)
class RunningScan:
    """What is known of some images; its size does not depend on how many.

    Attributes:
        names: of the left and the right model.
        cards: of each group at most :data:`~rsp_lab.analysis.scan.scan.EACH`, the strongest first.
        rates: by kind and classes.
        blocks, done: blocks of one image or drawn scene each, and how many of these.
        last: digest of the last one of them.
    """

    names: tuple[str, str]
    cards: Mapping[Group, tuple[ScanCard, ...]] = field(default_factory=dict)
    rates: Mapping[Pair, Verdicts] = field(default_factory=dict)
    blocks: int = 0
    done: int = 0
    last: str = ""

    @property
    def residual(self) -> float:
        """The largest of the cards' ledgers."""
        return max((card.residual for held in self.cards.values() for card in held), default=0.0)

    def plus(self, found: Iterable[Found], last: str = "") -> RunningScan:
        """With one more image or drawn scene and the decisions found in it, of which only what will be kept is told."""
        cards, rates = dict(self.cards), dict(self.rates)
        for one in found:
            pair = (one.kind, one.left_class, one.right_class)
            rates[pair] = rates.get(pair, Verdicts()).plus(one.right)
            group = (one.kind, one.right, frozenset(pair[1:]))
            held = cards.get(group, ())
            # Of equal scores the name decides, which a card must be made for.
            if one.tell is not None and (len(held) < EACH or one.score >= held[-1].score):
                cards[group] = _strongest((*held, one.tell()), EACH)
        return replace(
            self,
            cards=cards,
            rates=rates,
            blocks=self.blocks + 1,
            done=self.done + 1,
            last=last,
        )

    def joined(self, other: RunningScan) -> RunningScan:
        """With the items of another one; the same whichever way they were shared."""
        cards = {
            group: _strongest((*self.cards.get(group, ()), *other.cards.get(group, ())), EACH)
            for group in {**self.cards, **other.cards}
        }
        rates = {
            pair: self.rates.get(pair, Verdicts()) + other.rates.get(pair, Verdicts())
            for pair in {**self.rates, **other.rates}
        }
        return replace(
            self,
            cards=cards,
            rates=rates,
            blocks=self.blocks + other.blocks,
            done=self.done + other.done,
            last="",
        )

    def chosen(self) -> tuple[ScanCard, ...]:
        """The cards in their order, by :data:`~rsp_lab.analysis.scan.scan.KEPT_RULE` and
        :data:`~rsp_lab.analysis.scan.scan.PLACE_RULE`."""
        turns = sorted(((place, card) for held in self.cards.values() for place, card in enumerate(held)), key=_turn)
        kept: dict[tuple[str, str], list[tuple[int, ScanCard]]] = {}
        for one in turns:
            kept.setdefault(_verdict(one[1]), []).append(one)
        placed = sorted(
            (one for ones in kept.values() for one in ones[:MOST]), key=lambda o: (not o[1].judged, _turn(o))
        )
        return tuple(replace(card, rank=rank) for rank, (_, card) in enumerate(placed, 1))

    def counted(self) -> tuple[ScanRate, ...]:
        """The rates, in the order of kinds and classes."""
        return tuple(ScanRate(*pair, verdicts) for pair, verdicts in sorted(self.rates.items()))

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; :meth:`with_facts` reads it."""
        cards = sorted((card for held in self.cards.values() for card in held), key=lambda c: (_verdict(c), *_place(c)))
        counts = {name: getattr(self, name) for name in _COUNTS}
        return {
            "last": self.last,
            **counts,
            "rates": rates_dict(self.counted()),
            "cards": [card.to_dict() for card in cards],
        }

    def with_facts(self, facts: Mapping[str, Any]) -> RunningScan:
        """What :meth:`to_dict` gave; raises KeyError, TypeError or ValueError for anything else."""
        cards: dict[Group, list[ScanCard]] = {}
        for one in facts["cards"]:
            card = card_of(one, self.names)
            group = (card.kind, card.right, frozenset(_pair(card)))
            cards.setdefault(group, []).append(card)
        counts = {name: facts[name] for name in _COUNTS}
        if any(type(count) is not int or count < 0 for count in counts.values()):
            raise ValueError(f"its counts are {counts}")
        if not isinstance(facts["last"], str):
            raise ValueError("it does not say what the last image was")
        return replace(
            self,
            cards={group: _strongest(held, EACH) for group, held in cards.items()},
            rates={(r.kind, r.left_class, r.right_class): r.verdicts for r in rates_of(facts["rates"])},
            last=facts["last"],
            **counts,
        )

    def packed(self) -> np.ndarray:
        """The JSON text as bytes."""
        return np.frombuffer(to_json(self.to_dict(), indent=None).encode(), np.uint8).copy()

    def unpacked(self, row: np.ndarray) -> RunningScan:
        """The one that was packed, of the same models."""
        return self.with_facts(json.loads(row.tobytes()))

    def save(self, path: Path, question: dict[str, Any]) -> None:
        """To a file, whole or not at all, with the question that it is part of the answer to."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, {"question": question, **self.to_dict()}, indent=None)

    def loaded(self, path: Path, question: dict[str, Any]) -> RunningScan:
        """What was saved.

        Raises:
            StateMismatchError: if the file is damaged or belongs to another question.
        """
        try:
            facts = read_json(path, "state of a scan", remedy="Start over.")
            check_question(path, facts.get("question"), question)
            return self.with_facts(facts)
        except StateMismatchError:
            raise
        except FileError as error:
            raise StateMismatchError(str(error)) from error
        except (KeyError, TypeError, ValueError) as error:
            raise StateMismatchError(f"{path}: not a state of a scan ({error}). Start over.") from error


_COUNTS = ("blocks", "done")


def _strongest(cards: Sequence[ScanCard], count: int) -> tuple[ScanCard, ...]:
    return tuple(sorted(cards, key=_place)[:count])


def _place(card: ScanCard) -> tuple[Any, ...]:
    """An order in which no two cards are equal, so that it does not matter which was found first."""
    return -card.score, card.sample, card.box, card.left_class, card.right_class


def _turn(one: tuple[int, ScanCard]) -> tuple[Any, ...]:
    """Of a card and its place in its group: the first of all groups, then the second of all."""
    return one[0], _place(one[1])


def _verdict(card: ScanCard) -> tuple[str, str]:
    return card.kind, card.right or ""


def _pair(card: ScanCard) -> tuple[str, str]:
    """The classes that it counts under."""
    if card.kind == "turned":
        return str(card.truth), str(card.alternative)
    return card.left_class, card.right_class
