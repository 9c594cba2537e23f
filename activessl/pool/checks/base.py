"""What a check of a pool is. To add a check, add a module in this folder and a line in ``registry``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from activessl.pool.forms.base import Media
from activessl.pool.pool import Pool


@dataclass(frozen=True, slots=True)
class Finding:
    """One item with a problem that a check found.

    Attributes:
        id: The id of the item.
        why: Details, where the name of the check is not enough: a reason, or the item that it duplicates.
    """

    id: str
    why: str = ""

    def to_json(self) -> dict[str, str]:
        """The finding as JSON values."""
        return {"id": self.id, "why": self.why}


@dataclass(frozen=True, eq=False)
class Material:
    """The input of checks.

    Attributes:
        pool: The items.
        vectors: (n, d) one row per item; None before the pool is encoded.
        near: Sets of two and more rows that are near duplicates; None without vectors.
    """

    pool: Pool
    vectors: Float[np.ndarray, "n d"] | None = None
    near: Sequence[Sequence[int]] | None = None


@dataclass(frozen=True)
class Check:
    """One check: of the whole pool, or of the content of each item.

    Attributes:
        name: The key of its findings in JSON.
        says: What is written after "3 items are", such as "blank".
        find: Returns the findings in a pool, in the order of its items.
        look: Returns the problem of one item's content, or None. Each item is decoded once for all such checks.
        needs_vectors: Whether the check needs an encoded pool.
    """

    name: str
    says: str
    find: Callable[[Material], Iterable[Finding]] | None = None
    look: Callable[[Media], str | None] | None = None
    needs_vectors: bool = False


def run_checks(material: Material, checks: Sequence[Check]) -> dict[str, tuple[Finding, ...]]:
    """Run checks and return their findings by name; without vectors, the checks that need them are left out.

    Raises:
        PoolError: An item cannot be read any more.

    Example:
        >>> from activessl.pool.checks.base import Check
        >>> run_checks(Material(pool=None), [Check("late", "too late", find=lambda _: [Finding("a", "by a day")])])
        {'late': (Finding(id='a', why='by a day'),)}
    """
    made = [check for check in checks if material.vectors is not None or not check.needs_vectors]
    found: dict[str, list[Finding]] = {check.name: list(check.find(material)) if check.find else [] for check in made}
    looks = [check for check in made if check.look]
    for row, item in enumerate(material.pool.ids if looks else ()):
        media: Any = material.pool.read(row)
        for check in looks:
            why = check.look(media) if check.look else None
            if why is not None:
                found[check.name].append(Finding(item, why))
    return {name: tuple(findings) for name, findings in found.items()}
