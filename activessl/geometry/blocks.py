"""How much of a pool is looked at at once, and which part of it where a part will do."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

#: Rows in one block times columns of its partner: 16 million floats are 64 MB.
_BLOCK_CELLS = 16_000_000

Rows = Int[np.ndarray, " m"]


def block_rows(columns: int, *, cells: int = _BLOCK_CELLS) -> int:
    """How many rows of a block keep its product with ``columns`` vectors within the memory given to blocks."""
    return int(np.clip(cells // max(columns, 1), 64, 65536))


def affordable(dimensions: int, *, megabytes: int = 400) -> int:
    """How many float32 rows of this length fit in so much memory."""
    return max(1024, megabytes * 1_000_000 // (4 * dimensions))


def sample_rows(n: int, size: int, rng: np.random.Generator) -> Rows:
    """All of n rows if they are at most ``size``, else a sorted random sample without replacement."""
    return np.arange(n) if n <= size else np.sort(rng.choice(n, size, replace=False, shuffle=False))


def thin(rows: Rows, size: int, rng: np.random.Generator) -> Rows:
    """These rows, or a random ``size`` of them in their order."""
    return rows if len(rows) <= size else rows[sample_rows(len(rows), size, rng)]
