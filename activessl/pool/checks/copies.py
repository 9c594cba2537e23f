"""Checks for duplicates and for leaks: each would cost labeling time, or make an accuracy look better than it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from activessl.pool.checks.base import Check, Finding, Material
from activessl.pool.checks.content import shows_nothing
from activessl.pool.recordings.cut import recording_of


def exact_duplicates(digests: Sequence[str]) -> list[list[int]]:
    """Return sets of two and more rows with the same digest, in the order of their first rows.

    Example:
        >>> exact_duplicates(["a", "b", "a", "c", "b", "a"])
        [[0, 2, 5], [1, 4]]
    """
    rows: dict[str, list[int]] = {}
    for row, digest in enumerate(digests):
        rows.setdefault(digest, []).append(row)
    return [alike for alike in rows.values() if len(alike) > 1]


def joined(sets: Iterable[Sequence[int]]) -> list[list[int]]:
    """Join sets of rows that have a row in common; each is ascending, in the order of their first rows.

    Example:
        >>> joined([[4, 7], [0, 1], [7, 2]])
        [[0, 1], [2, 4, 7]]
    """
    parent: dict[int, int] = {}

    def root(row: int) -> int:
        while parent.setdefault(row, row) != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for first, *rest in sets:
        for row in rest:
            low, high = sorted((root(first), root(row)))
            parent[high] = low
    found: dict[int, list[int]] = {}
    for row in sorted(parent):
        found.setdefault(root(row), []).append(row)
    return [rows for rows in found.values() if len(rows) > 1]


def _exact(material: Material) -> list[list[int]]:
    sets = exact_duplicates([item.sha256 for item in material.pool.items])
    # what shows nothing is listed as such, not as a copy of other items that show nothing
    nothing = shows_nothing(material) if sets else np.zeros(0, dtype=bool)
    return [alike for alike in sets if not nothing[alike[0]]]


def _same_words(material: Material) -> list[list[int]]:
    words = material.survey.words if material.survey else ()
    return exact_duplicates([digest.hex() or f"row {row}" for row, digest in enumerate(words)])


def _like_the_first(material: Material, sets: Iterable[Sequence[int]], without: set[int]) -> list[Finding]:
    ids = material.pool.ids
    copies = sorted((row, first) for first, *rest in sets for row in rest if row not in without)
    cut = getattr(material.pool.source, "cut", None)
    if cut is not None and cut.overlaps:  # a window shares a part with its neighbours by choice
        copies = [(row, first) for row, first in copies if recording_of(ids[row]) != recording_of(ids[first])]
    return [Finding(ids[row], f"like {ids[first]}", of=ids[first]) for row, first in copies]


def _duplicates(material: Material) -> Iterable[Finding]:
    return _like_the_first(material, _exact(material), set())


def _near_duplicates(material: Material) -> Iterable[Finding]:
    # an exact duplicate is not counted again as a near duplicate
    exact = _exact(material)
    copies = {row for alike in exact for row in alike[1:]}
    nothing = shows_nothing(material)
    near = [[row for row in alike if not nothing[row]] for alike in (*material.alike, *(material.near or ()))]
    sets = [alike for alike in (*near, *_same_words(material)) if alike]
    return _like_the_first(material, joined([*sets, *exact]), copies)


def _repeated(material: Material) -> Iterable[Finding]:
    return _like_the_first(material, _same_words(material), set())


def _leaks(material: Material) -> Iterable[Finding]:
    shared = material.shared
    if shared is None:
        return
    pool, test = material.pool, shared.test
    contents: dict[str, str] = {}
    for item in test.items:
        contents.setdefault(item.sha256, item.id)
    shown: dict[int, int] = {}
    for row, other in shared.shown:
        shown.setdefault(row, other)
    groups: dict[str, str] = {}
    ours, theirs = shared.groups or (pool.ids, ())
    own = set(pool.ids) | set(test.ids)  # an item that matches no group is a group of its own
    own |= set(map(recording_of, own))
    for name, tested in zip(theirs, test.ids if shared.groups else (), strict=True):
        groups.setdefault(name, tested)
    nothing = shows_nothing(material)
    for row, item in enumerate(pool.items):
        same = contents.get(item.sha256)
        group = ours[row]
        if same is not None and not nothing[row]:
            yield Finding(item.id, f"the same as test item {same}", of=same)
        elif row in shown and not nothing[row]:
            yield Finding(item.id, f"shows the same as test item {test.ids[shown[row]]}", of=test.ids[shown[row]])
        elif group in groups and group not in own:
            of = groups[group]
            yield Finding(item.id, f"of the group {group}, as test item {of}", of=of, aside=False)


_SET_ASIDE = "set the copies aside with `activessl check --fix`: each would be labeled again"

DUPLICATES = Check("exact_duplicate", "identical to another item", find=_duplicates, remedy=_SET_ASIDE)
NEAR_DUPLICATES = Check(
    "near_duplicate",
    "nearly identical to another item",
    find=_near_duplicates,
    remedy=f"compare the pairs (`activessl check --html pairs.html`), then {_SET_ASIDE}",
)
REPEATED = Check(
    "repeated",
    "in the words of an earlier text",
    find=_repeated,
    severity="note",
    remedy="they are listed as duplicates, too",
)
LEAK = Check(
    "leak",
    "also in the test data, or of a group that is",
    find=_leaks,
    severity="error",
    remedy="set copies of test items aside with `activessl check --fix`; put each group on one side only. Until then, "
    "these test items do not measure if they are identical or share a group, and flatter the accuracy if not",
)
