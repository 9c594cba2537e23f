"""Samples of archives: the members that follow each other with one name before the first dot, as WebDataset reads them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from activessl.pool.tars.members import Member


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
        yield from _sample(list(group), is_item)


def suffixes_in(members: Iterable[Member]) -> Iterator[str]:
    """The last suffix of each member, in lower case."""
    for member in _visible(members):
        yield PurePosixPath(member.name).suffix.lower()


def _visible(members: Iterable[Member]) -> Iterator[Member]:
    return (m for m in members if not any(part.startswith(".") and part != "." for part in m.name.split("/")))


def _sample(group: Sequence[Member], is_item: Callable[[str], bool]) -> Iterator[Sample]:
    field = {parts_of_name(member.name)[1]: member for member in reversed(group)}
    fitting = [member for member in group if is_item(PurePosixPath(member.name).suffix.lower())]
    if not fitting:
        return
    # `.jpg` before `.mask.jpg`
    item = next((m for m in fitting if is_item(parts_of_name(m.name)[1])), fitting[0])
    said: dict[str, Any] = {}
    if ".json" in field and field[".json"] is not item and field[".json"].said is not None:
        said = _values(field[".json"].said or "")
    label: Any = None
    if ".cls" in field and field[".cls"].said is not None:
        label = _number((field[".cls"].said or "").strip())
    for name in ("label", "cls"):
        own = said.pop(name, None)
        label = own if label is None else label
    yield Sample(item.name, item.offset, item.size, len(fitting) - 1, label, said)


def _values(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    plain = (str, int, float, bool)
    return {name: v for name, v in found.items() if v is None or isinstance(v, plain)} if isinstance(found, dict) else {}


def _number(text: str) -> int | str | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text or None
