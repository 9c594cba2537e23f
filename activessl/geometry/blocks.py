"""Block sizes that bound memory, and random samples of rows."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

#: Rows in one block times columns of its partner: 16 million floats are 64 MB.
_BLOCK_CELLS = 16_000_000

#: Above this number of items, what is computed for the whole pool is computed for a random part of it: smoothing alone
#: takes a third of a millisecond and three half-precision copies of its vector an item.
LARGE = 300_000

Rows = Int[np.ndarray, " m"]


def block_rows(columns: int, *, cells: int = _BLOCK_CELLS) -> int:
    """Number of rows whose product with ``columns`` vectors has at most ``cells`` values; in [64, 65536]."""
    return int(np.clip(cells // max(columns, 1), 64, 65536))


def affordable(dimensions: int, *, megabytes: int = 400) -> int:
    """Number of float32 rows of this length that fit in ``megabytes``; at least 1024."""
    return max(1024, megabytes * 1_000_000 // (4 * dimensions))


def sample_rows(n: int, size: int, rng: np.random.Generator) -> Rows:
    """All n rows if n <= ``size``, else a sorted random sample without replacement."""
    return np.arange(n) if n <= size else np.sort(rng.choice(n, size, replace=False, shuffle=False))


def thin(rows: Rows, size: int, rng: np.random.Generator) -> Rows:
    """These rows, or a random sample of ``size`` of them in the same order."""
    return rows if len(rows) <= size else rows[sample_rows(len(rows), size, rng)]
