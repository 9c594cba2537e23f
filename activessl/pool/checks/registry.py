"""Checks by name."""

from __future__ import annotations

from activessl.errors import PoolError
from activessl.pool.checks.base import Check
from activessl.registry import Registry

#: In the order in which findings are listed; checks of other packages follow.
CHECKS = Registry(
    "check",
    {
        "unreadable": "activessl.pool.checks.content:UNREADABLE",
        "duplicates": "activessl.pool.checks.copies:DUPLICATES",
        "near_duplicates": "activessl.pool.checks.copies:NEAR_DUPLICATES",
        "blank": "activessl.pool.checks.content:BLANK",
        "tiny": "activessl.pool.checks.sizes:TINY",
        "odd_sizes": "activessl.pool.checks.sizes:ODD_SIZES",
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
        ['unreadable', 'duplicates']
    """
    names = (*CHECKS.built_in, *(name for name in CHECKS.names() if name not in CHECKS.built_in))
    checks = tuple(map(CHECKS.get, names))
    for name, check in zip(names, checks, strict=True):
        if not isinstance(check, Check):
            raise PoolError(
                f"the check {name!r} is of type {type(check).__name__}", hint="register an object of type Check"
            )
    return checks
