"""Damage done to bytes, texts and JSON trees; everything follows from the generator that is given."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

NAMES = (
    "",
    "a" * 5000,
    "../../x",
    "\x00",
    "[x](https://127.0.0.1:9)",
    "$x$",
    "é?",
)
NUMBERS = (0, -1, 1, 7, 10**9, 2**63, -(2**63), 0.5, -0.0, 1e308)
VALUES: tuple[Any, ...] = (None, True, False, [], {}, [[]], [None], {"kind": "?"}, "0", "1e400", *NAMES, *NUMBERS)


def damaged_bytes(data: bytes, rng: random.Random) -> bytes:
    """Bytes changed, cut, doubled, or filled with something else, one to four times."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        if not changed:
            return bytes(rng.randbytes(rng.randint(0, 40)))
        place, length = rng.randrange(len(changed)), rng.choice((1, 1, 2, 8, 64, 1000))
        match rng.randrange(6):
            case 0:
                changed[place] ^= 1 << rng.randrange(8)
            case 1:
                changed[place : place + length] = rng.randbytes(length)
            case 2:
                del changed[place : place + length]
            case 3:
                del changed[place:]
            case 4:
                changed[place:place] = changed[place : place + length]
            case 5:
                changed[place : place + length] = bytes([rng.choice((0, 255, 128))]) * length
    return bytes(changed)


def damaged_tree(tree: Any, rng: random.Random) -> Any:
    """A JSON tree with one to three of its parts replaced, removed, renamed or doubled."""
    changed = copy.deepcopy(tree)
    for _ in range(rng.randint(1, 3)):
        holders = [holder for holder in _holders(changed) if holder]
        if not holders:
            return rng.choice(VALUES)
        holder = rng.choice(holders)
        key = rng.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        match rng.randrange(4):
            case 0 | 1:
                holder[key] = copy.deepcopy(rng.choice(VALUES))
            case 2:
                del holder[key]
            case 3 if isinstance(holder, dict):
                holder[rng.choice(("unknown", "kind", "", key + "_"))] = holder.pop(key)
            case 3:
                holder.insert(key, copy.deepcopy(holder[key]))
    return changed


def damaged_json(tree: Any, rng: random.Random) -> bytes:
    """JSON text that is damaged in its tree, in its bytes, or by what JSON allows and nobody expects."""
    match rng.randrange(6):
        case 0:
            return b"[" * 20_000 + b"]" * 20_000
        case 1:
            return damaged_bytes(json.dumps(tree).encode(), rng)
        case 2:
            return json.dumps(damaged_tree(tree, rng)).replace("0", "9" * 400, 1).encode()
        case 3:
            return (
                json.dumps(damaged_tree(tree, rng)).replace("1", rng.choice(("NaN", "Infinity", "1e999")), 1).encode()
            )
        case _:
            return json.dumps(damaged_tree(tree, rng)).encode()


def _holders(tree: Any) -> list[dict[str, Any] | list[Any]]:
    found: list[dict[str, Any] | list[Any]] = []
    if isinstance(tree, (dict, list)):
        found.append(tree)
        for part in tree.values() if isinstance(tree, dict) else tree:
            found += _holders(part)
    return found
