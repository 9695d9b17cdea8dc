"""Names of classes as a reader gives them: one a logit, in order, each its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from rsp_lab.text import in_short

_RULE = "class_names must be non-empty and unique, in the order of the logits"


def checked_class_names(given: object) -> tuple[str, ...]:
    """The names in the order of the logits.

    Args:
        given: names in that order, or names by number from 0, as the ``id2label`` of Hugging Face.

    Raises:
        ValueError: for no name, one that is no str or that two classes have, for what has no order, as a set, and for
            other numbers than 0, 1, 2 and so on.
    """
    names = _in_order(given)
    if not names:
        raise ValueError(f"{_RULE}, got none: give one name for each logit.")
    for place, name in enumerate(names):
        if not isinstance(name, str):
            raise ValueError(f"{_RULE}, got {in_short(name)} as name {place}: write each as a str, e.g. 'road'.")
    # Results go by name: of two classes of one name the second would be explained as the first.
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise ValueError(
            f"{_RULE}, got {', '.join(map(repr, twice))} more than once: give each class its own, e.g. '{twice[0]} 2'."
        )
    return tuple(map(str, names))


def _in_order(given: object) -> tuple[object, ...]:
    if isinstance(given, Mapping):
        if set(given) != set(range(len(given))):
            raise ValueError(
                f"{_RULE}, got a mapping of {in_short(list(given))}: number the classes from 0 to "
                f"{len(given) - 1}, or give their names as a tuple."
            )
        return tuple(given[number] for number in range(len(given)))
    if isinstance(given, str | set | frozenset) or not isinstance(given, Iterable):
        what = "which has no order" if isinstance(given, set | frozenset) else "which is no sequence of names"
        raise ValueError(f"{_RULE}, got {in_short(given)}, {what}: give a tuple, e.g. ('road', 'car', 'sky').")
    return tuple(given)
