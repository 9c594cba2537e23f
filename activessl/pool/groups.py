"""Groups of items that belong together, such as the pictures of one patient or the frames of one video."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from activessl.later import later
from activessl.pool.recordings.cut import place_of, recording_of

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Int
else:
    np = later("numpy")  # not needed for names and patterns


def group_names(pattern: str | None, ids: Sequence[str]) -> list[str]:
    """The name of the group of each item: what the first parenthesis of the pattern matches in its id.

    An item whose id does not match is a group of its own, named by its id; so is every item without a pattern. The
    windows of a recording, and the frames of a video, are always in one group: the pattern is sought in the id of the
    recording, which is their group where it does not match.

    Args:
        pattern: A regular expression with one parenthesis, which may match anywhere in the id; None for no groups.
        ids: Ids of items.

    Example:
        >>> group_names(r"(patient_\\d+)/", ["patient_1/a.png", "patient_1/b.png", "c.png"])
        ['patient_1', 'patient_1', 'c.png']
        >>> group_names(None, ["a.wav#t=0,10", "a.wav#t=10,20"])
        ['a.wav', 'a.wav']
    """
    recordings = list(map(recording_of, ids))
    if pattern is None:
        return recordings
    found = re.compile(pattern)
    return [match[1] if (match := found.search(item)) and match[1] else item for item in recordings]


def numbered(names: Sequence[str]) -> Int[np.ndarray, " n"]:
    """The groups as numbers from 0, equal where the names are equal.

    Example:
        >>> numbered(["b", "a", "b"]).tolist()
        [0, 1, 0]
    """
    numbers = {name: i for i, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names], dtype=np.int64)


def groups_text(pattern: str | None, ids: Sequence[str]) -> str:
    """How many groups the items are in, and how many items match no group, in words; empty without a pattern.

    Example:
        >>> groups_text("(p.)/", ["p1/a", "p1/b", "p2/a", "c"])
        '2 groups; 1 item matches data.group nowhere and is a group of its own, first: c'
    """
    if pattern is None and not any(map(place_of, ids)):
        return ""
    return told_groups(group_names(pattern, ids), ids, "matches data.group nowhere")


def told_groups(names: Sequence[str], ids: Sequence[str], alone_because: str) -> str:
    """The same for groups that are known by their names; ``alone_because`` is said of one item without a group.

    Example:
        >>> told_groups(["p1", "p1", "b"], ["a", "c", "b"], "has no patient")
        '1 group; 1 item has no patient and is a group of its own, first: b'
    """
    alone = [item for item, name in zip(ids, names, strict=True) if name == item]
    count = len(set(names)) - len(alone)
    text = f"{count:,} group{'s' * (count != 1)}"
    if not alone:
        return text
    verb, _, rest = alone_because.partition(" ")
    plural = {"has": "have", "matches": "match"}[verb]
    told = f"1 item {verb}" if len(alone) == 1 else f"{len(alone):,} items {plural}"
    is_own = "is a group of its own" if len(alone) == 1 else "are groups of their own"
    return f"{text}; {told} {rest} and {is_own}, first: {alone[0]}"


def group_pattern(pattern: str) -> str:
    """Check the pattern of groups; raise ValueError if it cannot be used."""
    try:
        found = re.compile(pattern)
    except re.error as bad:
        raise ValueError(f"not a regular expression: {bad}") from None
    if found.groups != 1:
        raise ValueError(f"{found.groups} parentheses, but one must enclose the name of the group")
    return pattern
