"""Checks for duplicates: each of them would cost labeling time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from activessl.pool.checks.base import Check, Finding, Material


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


def _exact(material: Material) -> list[list[int]]:
    return exact_duplicates([item.sha256 for item in material.pool.items])


def _like_the_first(material: Material, sets: Iterable[Sequence[int]]) -> Iterable[Finding]:
    ids = material.pool.ids
    return (Finding(ids[row], f"like {ids[first]}") for first, *rest in sets for row in rest)


def _duplicates(material: Material) -> Iterable[Finding]:
    return _like_the_first(material, _exact(material))


def _near_duplicates(material: Material) -> Iterable[Finding]:
    # an exact duplicate is not counted again as a near duplicate
    copies = {row for alike in _exact(material) for row in alike[1:]}
    apart = [[row for row in alike if row not in copies] for alike in material.near or ()]
    return _like_the_first(material, [alike for alike in apart if alike])


DUPLICATES = Check("duplicates", "identical to another item", find=_duplicates)
NEAR_DUPLICATES = Check(
    "near_duplicates", "nearly identical to another item", find=_near_duplicates, needs_vectors=True
)
