"""Samples of archives, as WebDataset reads them: members in a row with one name before the first dot."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from activessl.pool.tars.members import Member

#: Parts of names that are no hidden files.
_UP = (".", "..")

#: More members of one kind than this, and nothing else, are no views of one thing.
_MOST_VIEWS = 4


class Sample(NamedTuple):
    """A sample, and its member that is the item.

    Attributes:
        name: The path of the member in its archive.
        offset: Where its bytes begin.
        size: How many there are.
        beside: How many other members could be the item, too.
        label: The text of its ``.cls``, else ``label`` or ``cls`` in its ``.json``; None without one.
        said: The other plain values of its ``.json``.
    """

    name: str
    offset: int
    size: int
    beside: int
    label: Any
    said: dict[str, Any]


def parts_of_name(name: str) -> tuple[str, str]:
    """Split the name of a member before the first dot of its last part.

    Example:
        >>> parts_of_name("cats/0001.left.JPG")
        ('cats/0001', '.left.jpg')
    """
    folder, slash, last = name.rpartition("/")
    key, dot, field = last.partition(".")
    return f"{folder}{slash}{key}", f"{dot}{field}".lower()


def samples_of(members: Iterable[Member], is_item: Callable[[str], bool]) -> Iterator[Sample]:
    """Put members together to samples; those without an item are left out.

    Args:
        members: The members, in the order of the archive.
        is_item: Whether a suffix, such as ``.jpg``, is one of items.
    """
    for _, group in groupby(_visible(members), key=lambda member: parts_of_name(member.name)[0]):
        for one in _with_dots(list(group)):
            yield from _sample(one, is_item)


def _with_dots(group: list[Member]) -> list[list[Member]]:
    """Divide members whose names have dots of their own, such as ``2026.01.05_1.jpg``: up to the first dot, all of them
    are one. They are apart where each name up to its last dot has the same suffixes, several of them or many names."""
    apart: dict[str, list[Member]] = {}
    for member in group:
        apart.setdefault(member.name.rpartition(".")[0], []).append(member)
    kinds = {tuple(sorted(PurePosixPath(member.name).suffix.lower() for member in one)) for one in apart.values()}
    same = len(kinds) == 1 and (len(next(iter(kinds))) > 1 or len(apart) > _MOST_VIEWS)
    return list(apart.values()) if same else [group]


def suffixes_in(members: Iterable[Member]) -> Iterator[str]:
    """The last suffix of each member, in lower case."""
    for member in _visible(members):
        yield PurePosixPath(member.name).suffix.lower()


def _visible(members: Iterable[Member]) -> Iterator[Member]:
    return (m for m in members if not any(part.startswith(".") and part not in _UP for part in m.name.split("/")))


def _sample(group: Sequence[Member], is_item: Callable[[str], bool]) -> Iterator[Sample]:
    fitting = [member for member in group if is_item(PurePosixPath(member.name).suffix.lower())]
    if not fitting:
        return
    # `.jpg` before `.mask.jpg`
    item = next((m for m in fitting if is_item(parts_of_name(m.name)[1])), fitting[0])
    metadata, number = _field(group, ".json"), _field(group, ".cls")
    said = _values(metadata.said) if metadata is not None and metadata is not item and metadata.said else {}
    label: Any = _number(number.said.strip()) if number is not None and number.said else None
    for name in ("label", "cls"):
        own = said.pop(name, None)
        label = own if label is None else label
    yield Sample(item.name, item.offset, item.size, len(fitting) - 1, label, said)


def _field(group: Sequence[Member], suffix: str) -> Member | None:
    """The member of this field, also where the name of the sample has a dot."""
    named = [m for m in group if PurePosixPath(m.name).suffix.lower() == suffix]
    exact = [m for m in named if parts_of_name(m.name)[1] == suffix]
    return exact[0] if exact else named[0] if len(named) == 1 else None


def _values(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    plain = (str, int, float, bool)
    return (
        {name: v for name, v in found.items() if v is None or isinstance(v, plain)} if isinstance(found, dict) else {}
    )


def _number(text: str) -> int | str | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text or None
