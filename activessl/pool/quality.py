"""What can be said about a pool without labels: copies, blanks, odd sizes, what cannot be read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from activessl.errors import PoolError
from activessl.pool.pool import Media, Pool, Unreadable


@dataclass(frozen=True)
class Quality:
    """The findings of ``check_pool``; each tuple holds ids, in the order of the pool.

    Attributes:
        items: How many items are usable.
        unreadable: What could not be decoded, and why.
        duplicates: Groups of items with the same content, the first of each being the one to keep.
        near_duplicates: Groups of items whose vectors are almost the same; empty without vectors.
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


def check_pool(
    pool: Pool, vectors: Float[np.ndarray, "n d"] | None = None, *, threshold: float = 0.995, look: bool = True
) -> Quality:
    """Check a pool without any label.

    Args:
        pool: The items.
        vectors: Their embeddings, for near duplicates.
        threshold: Cosine similarity in (-1, 1] from which two items count as near duplicates.
        look: Whether to decode the items again to find blank ones; without, ``blank`` stays empty.
    """
    exact = exact_duplicates([item.sha256 for item in pool.items])
    near: list[list[int]] = []
    if vectors is not None:
        copy = {row for group in exact for row in group[1:]}  # counted once, as exact
        kept = np.array([row for row in range(len(pool)) if row not in copy], dtype=np.int64)
        near = [kept[group].tolist() for group in near_duplicates(np.asarray(vectors)[kept], threshold=threshold)]
    shapes = [item.shape for item in pool.items]

    def ids(rows: Any) -> tuple[str, ...]:
        return tuple(pool.ids[row] for row in rows)

    return Quality(
        items=len(pool),
        unreadable=pool.unreadable,
        duplicates=tuple(map(ids, exact)),
        near_duplicates=tuple(map(ids, near)),
        blank=ids([row for row in range(len(pool)) if is_blank(pool.read(row))] if look else []),
        tiny=ids(np.flatnonzero([is_tiny(shape, image=pool.modality == "image") for shape in shapes])),
        odd=ids([] if pool.modality == "vector" else odd_sizes([_size(shape, pool.modality) for shape in shapes])),
        shapes=tuple(Counter(shapes).most_common(5)) if pool.modality != "text" else (),
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


def near_duplicates(
    vectors: Float[np.ndarray, "n d"], *, threshold: float = 0.995, neighbours: int = 10
) -> list[list[int]]:
    """Groups of rows that are linked by a cosine similarity of at least ``threshold``.

    Each row is compared with its nearest ``neighbours`` rows, so a group of any size is found as long as its members
    form a chain of neighbours. Similarity is measured about the mean, as ``activessl.encoders.embeddings.unit`` does.

    Args:
        vectors: (n, d), finite.
        threshold: In (-1, 1].
        neighbours: How many nearest rows to look at, >= 1.

    Returns:
        Groups of two and more rows, each ascending, in the order of their first rows.

    Raises:
        PoolError: A threshold or a number of neighbours out of range.

    Example:
        >>> near_duplicates(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.001], [-1.0, -1.0]]))
        [[0, 2]]
    """
    import faiss
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not -1 < threshold <= 1 or neighbours < 1:
        raise PoolError(f"threshold {threshold} with {neighbours} neighbours", hint="use (-1, 1] and at least 1")
    n = len(vectors)
    if n < 2:
        return []

    # cosine about the mean; a row at the mean itself has no direction and so no near duplicate
    centred = np.asarray(vectors - np.mean(vectors, axis=0, dtype=np.float64), dtype=np.float32)
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    rows = np.ascontiguousarray(centred / np.where(norms > 1e-12, norms, 1.0), dtype=np.float32)
    index = faiss.IndexFlatIP(rows.shape[1])
    index.add(rows)
    similarity, found = index.search(rows, min(neighbours + 1, n))

    # groups are the connected parts of the graph of similar pairs
    here, there = np.nonzero((similarity >= threshold - 1e-6) & (found >= 0))
    links = coo_array((np.ones(len(here), dtype=np.int8), (here, found[here, there])), shape=(n, n))
    _, part = connected_components(links, directed=False)
    order = np.argsort(part, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(part[order])) + 1)
    return sorted((group.tolist() for group in groups if len(group) > 1), key=lambda group: group[0])


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


def is_tiny(shape: tuple[int, ...], *, image: bool) -> bool:
    """Whether an image has a side below 8 pixels, or a series or text has fewer than two steps.

    Example:
        >>> is_tiny((7, 100, 3), image=True), is_tiny((1, 46), image=False), is_tiny((1, 1), image=False)
        (True, False, True)
    """
    return min(shape[:2]) < 8 if image else shape[-1] < 2


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


def _size(shape: tuple[int, ...], modality: str) -> tuple[float, ...]:
    return tuple(map(float, shape[:2])) if modality == "image" else (float(shape[-1]),)
