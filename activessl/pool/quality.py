"""What can be said about a pool without labels: copies, blanks, odd sizes, what cannot be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

from activessl.pool.forms.base import Media
from activessl.pool.pool import Pool, Unreadable


@dataclass(frozen=True)
class Quality:
    """The findings of ``check_pool``; each tuple holds ids, in the order of the pool.

    Attributes:
        items: How many items are usable.
        unreadable: What could not be decoded, and why.
        duplicates: Groups of items with the same content, the first of each being the one to keep.
        near_duplicates: Groups of items whose vectors are almost the same; empty where there are none yet.
        blank: Items in which every value is the same.
        tiny: Images below the smallest useful side, and series or texts of length one.
        odd: Items whose size is far from the others'.
        shapes: The most frequent shapes and how many items have each.
    """

    items: int
    unreadable: tuple[Unreadable, ...]
    duplicates: tuple[tuple[str, ...], ...]
    near_duplicates: tuple[tuple[str, ...], ...]
    blank: tuple[str, ...]
    tiny: tuple[str, ...]
    odd: tuple[str, ...]
    shapes: tuple[tuple[tuple[int, ...], int], ...]

    @property
    def copies(self) -> int:
        """How many items are exact copies of an earlier one: what labeling would be spent on twice."""
        return sum(len(group) - 1 for group in self.duplicates)

    def to_json(self) -> dict[str, Any]:
        """The findings as JSON values."""
        return {
            "items": self.items,
            "copies": self.copies,
            "unreadable": [{"id": bad.id, "why": bad.why} for bad in self.unreadable],
            "duplicates": [list(group) for group in self.duplicates],
            "near_duplicates": [list(group) for group in self.near_duplicates],
            "blank": list(self.blank),
            "tiny": list(self.tiny),
            "odd": list(self.odd),
            "shapes": [{"shape": list(shape), "items": count} for shape, count in self.shapes],
        }


def check_pool(pool: Pool, *, near: Sequence[Sequence[int]] = (), look: bool = True) -> Quality:
    """Check a pool without any label.

    Args:
        pool: The items.
        near: Groups of rows whose vectors are almost the same, as
            :func:`activessl.geometry.duplicates.near_duplicates` finds them. Exact copies are left out of them.
        look: Whether to decode the items again to find blank ones; without, ``blank`` stays empty.
    """
    exact = exact_duplicates([item.sha256 for item in pool.items])
    copies = {row for group in exact for row in group[1:]}  # counted once, as exact
    apart = [[row for row in group if row not in copies] for group in near]
    shapes, form = [item.shape for item in pool.items], pool.form

    def ids(rows: Any) -> tuple[str, ...]:
        return tuple(pool.ids[row] for row in rows)

    return Quality(
        items=len(pool),
        unreadable=pool.unreadable,
        duplicates=tuple(map(ids, exact)),
        near_duplicates=tuple(ids(group) for group in apart if len(group) > 1),
        blank=ids([row for row in range(len(pool)) if is_blank(pool.read(row))] if look else []),
        tiny=ids(np.flatnonzero([form.is_tiny(shape) for shape in shapes])),
        odd=ids([] if form.size is None else odd_sizes([form.size(shape) for shape in shapes])),
        shapes=tuple(Counter(shapes).most_common(5)) if form.shown != "text" else (),
    )


def exact_duplicates(digests: list[str]) -> list[list[int]]:
    """Groups of two and more rows with one digest, in the order of their first rows.

    Example:
        >>> exact_duplicates(["a", "b", "a", "c", "b", "a"])
        [[0, 2, 5], [1, 4]]
    """
    rows: dict[str, list[int]] = {}
    for row, digest in enumerate(digests):
        rows.setdefault(digest, []).append(row)
    return [group for group in rows.values() if len(group) > 1]


def is_blank(media: Media) -> bool:
    """Whether an item has the same value everywhere (missing ones left out), or is empty text.

    Example:
        >>> is_blank(np.zeros((4, 4, 1))), is_blank(np.eye(3)), is_blank("  ")
        (True, False, True)
    """
    if isinstance(media, str):
        return not media.strip()
    values = media[~np.isnan(media)] if media.dtype.kind == "f" else media.ravel()
    return bool(values.size == 0 or values.min() == values.max())


def odd_sizes(sizes: list[tuple[float, ...]]) -> Int[np.ndarray, " o"]:
    """Rows whose size is more than four times above or below the median in any dimension.

    Example:
        >>> odd_sizes([(28, 28), (30, 28), (28, 300), (28, 28)]).tolist()
        [2]
    """
    if not sizes:
        return np.zeros(0, dtype=np.int64)
    logs = np.log(np.maximum(np.asarray(sizes, dtype=np.float64), 1e-9))
    return np.flatnonzero((np.abs(logs - np.median(logs, axis=0)) > np.log(4.0)).any(axis=1))
