"""Checks by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from activessl.errors import PoolError
from activessl.registry import Registry

if TYPE_CHECKING:
    from activessl.pool.checks.base import Check

#: In the order in which findings are listed; checks of other packages follow.
CHECKS = Registry(
    "check",
    {
        "unreadable": "activessl.pool.checks.content:UNREADABLE",
        "exact_duplicate": "activessl.pool.checks.copies:DUPLICATES",
        "near_duplicate": "activessl.pool.checks.copies:NEAR_DUPLICATES",
        "blank": "activessl.pool.checks.content:BLANK",
        "dark": "activessl.pool.checks.pictures:DARK",
        "bright": "activessl.pool.checks.pictures:BRIGHT",
        "blurred": "activessl.pool.checks.pictures:BLURRED",
        "tiny": "activessl.pool.checks.sizes:TINY",
        "odd_size": "activessl.pool.checks.sizes:ODD_SIZES",
        "mixed_depth": "activessl.pool.checks.pictures:MIXED_DEPTH",
        "missing": "activessl.pool.checks.signals:MISSING",
        "flat": "activessl.pool.checks.signals:FLAT",
        "clipped": "activessl.pool.checks.signals:CLIPPED",
        "empty": "activessl.pool.checks.content:EMPTY",
        "repeated": "activessl.pool.checks.copies:REPEATED",
        "leak": "activessl.pool.checks.copies:LEAK",
    },
    PoolError,
    "activessl.checks",
)


def all_checks() -> tuple[Check, ...]:
    """Return every registered check.

    Raises:
        PoolError: An object that another package registered is not a Check, or cannot be imported.

    Example:
        >>> [check.name for check in all_checks()][:2]
        ['unreadable', 'exact_duplicate']
    """
    from activessl.pool.checks.base import Check  # imports NumPy: the config knows the names without it

    names = (*CHECKS.built_in, *(name for name in CHECKS.names() if name not in CHECKS.built_in))
    checks = tuple(map(CHECKS.get, names))
    for name, check in zip(names, checks, strict=True):
        if not isinstance(check, Check):
            raise PoolError(
                f"the check {name!r} is of type {type(check).__name__}", hint="register an object of type Check"
            )
    return checks
