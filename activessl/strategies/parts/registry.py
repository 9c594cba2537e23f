"""Strategies over items with parts by name."""

from __future__ import annotations

from activessl.errors import QueryError
from activessl.registry import Registry
from activessl.strategies.parts.state import PartStrategy

#: Each value is a ``PartStrategy``.
PART_STRATEGIES = Registry(
    "strategy for regions",
    {
        "auto": "activessl.strategies.parts.strategies:AUTO",
        "entropy": "activessl.strategies.parts.strategies:ENTROPY",
        "margin": "activessl.strategies.parts.strategies:MARGIN",
        "random": "activessl.strategies.parts.strategies:RANDOM",
    },
    QueryError,
)


def get_part_strategy(name: str) -> PartStrategy:
    """The strategy of a name.

    Raises:
        QueryError: The name is unknown.

    Example:
        >>> get_part_strategy("auto").name
        'auto'
    """
    found: PartStrategy = PART_STRATEGIES.get(name)
    return found
