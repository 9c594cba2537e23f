"""Strategies by name: built-in strategies from a table, others from entry points."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

from activessl.errors import QueryError
from activessl.registry import Registry
from activessl.strategies.base import QueryStrategy

#: Other packages register in the entry-point group ``activessl.strategies``: name -> a class or function that creates a
#: strategy.
STRATEGIES = Registry(
    "strategy",
    {
        "auto": "activessl.strategies.auto:Auto",
        "random": "activessl.strategies.uncertainty.strategies:Random",
        "margin": "activessl.strategies.uncertainty.strategies:Uncertainty",
        "entropy": "activessl.strategies.uncertainty.strategies:Uncertainty",
        "least_confidence": "activessl.strategies.uncertainty.strategies:Uncertainty",
        "bald": "activessl.strategies.uncertainty.strategies:Disagreement",
        "committee": "activessl.strategies.uncertainty.strategies:Disagreement",
        "power": "activessl.strategies.uncertainty.strategies:Power",
        "k_center": "activessl.strategies.coverage.strategies:KCenter",
        "max_herding": "activessl.strategies.coverage.strategies:MaxHerding",
        "kmeans": "activessl.strategies.coverage.strategies:KMeansCentroids",
        "typiclust": "activessl.strategies.coverage.strategies:TypiClust",
        "uherding": "activessl.strategies.informed.strategies:UHerding",
        "uherding_published": "activessl.strategies.informed.strategies:UHerding",
        "prob_cover": "activessl.strategies.informed.strategies:ProbCover",
        "dcom": "activessl.strategies.informed.strategies:DCoM",
        "badge": "activessl.strategies.informed.strategies:Badge",
        "bait_binary": "activessl.strategies.informed.strategies:BaitBinary",
        "drop_query": "activessl.strategies.informed.strategies:DropQuery",
        "clue": "activessl.strategies.informed.strategies:Clue",
        "cluster_margin": "activessl.strategies.informed.strategies:ClusterMargin",
        "tcm": "activessl.strategies.mixtures:TCM",
        "refine": "activessl.strategies.mixtures:Refine",
    },
    QueryError,
    "activessl.strategies",
)

#: Parameters that the name sets.
_FIXED: dict[str, dict[str, Any]] = {
    "margin": {"measure": "margin"},
    "entropy": {"measure": "entropy"},
    "least_confidence": {"measure": "least_confidence"},
    "bald": {"kind": "bald"},
    "committee": {"kind": "committee"},
    "uherding_published": {"width": "published"},
}


#: Other common names of the strategies.
_ALSO = {"coreset": "k_center", "bait": "bait_binary", "lc": "least_confidence", "centroids": "kmeans"}


def _known_as(name: str) -> str:
    """The registered name; case, hyphens, underscores and spaces are ignored."""
    plain = name.lower().replace("-", "").replace("_", "").replace(" ", "")
    meant = {built_in.replace("_", ""): built_in for built_in in STRATEGIES.built_in} | _ALSO
    return meant.get(plain, name)


def strategy_names() -> tuple[str, ...]:
    """The names that :func:`get_strategy` accepts, sorted: built-in strategies and those of installed packages.

    Example:
        >>> "max_herding" in strategy_names()
        True
    """
    return STRATEGIES.names()


def get_strategy(strategy: str | QueryStrategy, **params: Any) -> QueryStrategy:
    """Create a strategy from its name, or return a strategy object unchanged.

    Args:
        strategy: A name from :func:`strategy_names`, in any case, with hyphens or underscores; or an object
            with ``name`` and ``query``.
        params: Fields of the strategy, such as ``width=0.8``.

    Raises:
        QueryError: An unknown name or parameter; parameters together with an object; an entry point that cannot be
            loaded or does not create a strategy.

    Example:
        >>> get_strategy("max_herding", width=0.8)
        MaxHerding(width=0.8, name='max_herding')
        >>> get_strategy("CoreSet").name, get_strategy("max-herding").name
        ('k_center', 'max_herding')
    """
    if not isinstance(strategy, str):
        if not isinstance(strategy, QueryStrategy):
            raise QueryError(
                f"{type(strategy).__name__} is not a query strategy",
                hint="pass a name, or an object with name and query",
            )
        if params:
            raise QueryError(
                f"strategy {strategy.name!r} is an object and takes no further parameters",
                hint="set the parameters when you create the object",
            )
        return strategy
    strategy = _known_as(strategy)
    make, fixed = STRATEGIES.get(strategy), _FIXED.get(strategy, {})
    if is_dataclass(make):
        known = {f.name for f in fields(make) if f.init} - set(fixed)
        unknown = sorted(set(params) - known)
        if unknown:
            raise QueryError(
                f"{strategy} has no parameter {unknown[0]!r}",
                hint=f"use {', '.join(sorted(known))}" if known else "pass no parameters",
            )
    try:
        made = make(**fixed, **params)  # pyright: ignore[reportCallIssue]
    except TypeError as error:
        raise QueryError(
            f"strategy {strategy!r} cannot be created: {error}",
            hint="check the parameters, or update the package of the strategy",
        ) from error
    if not isinstance(made, QueryStrategy):
        raise QueryError(
            f"{strategy!r} does not create a query strategy",
            hint="register a class whose objects have name and query",
        )
    return made
