"""Checks of a pool without labels: duplicates, leaks, and items that are blank, unusual, damaged or unreadable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from activessl.pool.checks.base import Check, Finding, Material, run_checks
from activessl.pool.checks.registry import all_checks


@dataclass(frozen=True)
class Quality:
    """The findings of ``check_pool``.

    Attributes:
        items: How many items are usable.
        findings: The findings of each check, by its name, in the order of the pool.
        shapes: The most frequent shapes and how many items have each; empty for texts, because all lengths differ.
        checks: The checks that were made.
    """

    items: int
    findings: Mapping[str, tuple[Finding, ...]]
    shapes: tuple[tuple[tuple[int, ...], int], ...]
    checks: tuple[Check, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The findings as JSON values: a list with one entry for each kind that was found."""
        return {
            "items": self.items,
            "findings": [
                {
                    "kind": check.name,
                    "severity": check.severity,
                    "remedy": check.remedy,
                    "items": [one.id for one in found],
                    "of": [one.of for one in found] if any(one.of for one in found) else [],
                    "why": [one.why for one in found],
                }
                for check, found in self.found()
            ],
            "checked": list(self.findings),
            "shapes": [{"shape": list(shape), "items": count} for shape, count in self.shapes],
        }

    def found(self) -> list[tuple[Check, tuple[Finding, ...]]]:
        """The checks that found something, with what they found."""
        return [(check, self.findings[check.name]) for check in self.checks if self.findings.get(check.name)]


def check_pool(material: Material, checks: Sequence[Check] | None = None) -> Quality:
    """Check a pool without labels.

    Args:
        material: The pool, and what is known of its items; items that were not seen yet are read once.
        checks: The checks to make; by default all that are registered.

    Raises:
        PoolError: An item cannot be read any more, or a registered check cannot be used.
    """
    pool, made = material.pool, tuple(all_checks() if checks is None else checks)
    return Quality(
        items=len(pool),
        findings=run_checks(material, made),
        shapes=tuple(Counter(item.shape for item in pool.items).most_common(5)) if pool.form.shown != "text" else (),
        checks=made,
    )
