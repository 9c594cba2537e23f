"""Checks of a pool without labels: duplicates, blank items, unusual sizes, unreadable items."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from activessl.pool.checks.base import Finding, Material, run_checks
from activessl.pool.checks.registry import all_checks


@dataclass(frozen=True)
class Quality:
    """The findings of ``check_pool``.

    Attributes:
        items: How many items are usable.
        findings: The findings of each check, by its name, in the order of the pool.
        shapes: The most frequent shapes and how many items have each; empty for texts, because all lengths differ.
    """

    items: int
    findings: Mapping[str, tuple[Finding, ...]]
    shapes: tuple[tuple[tuple[int, ...], int], ...]

    def to_json(self) -> dict[str, Any]:
        """The findings as JSON values."""
        return {
            "items": self.items,
            "findings": {name: [one.to_json() for one in found] for name, found in self.findings.items()},
            "shapes": [{"shape": list(shape), "items": count} for shape, count in self.shapes],
        }


def check_pool(material: Material) -> Quality:
    """Check a pool without labels.

    Args:
        material: The pool, and the vectors of its items if it is encoded.

    Raises:
        PoolError: An item cannot be read any more, or a registered check cannot be used.
    """
    pool = material.pool
    return Quality(
        items=len(pool),
        findings=run_checks(material, all_checks()),
        shapes=tuple(Counter(item.shape for item in pool.items).most_common(5)) if pool.form.shown != "text" else (),
    )
