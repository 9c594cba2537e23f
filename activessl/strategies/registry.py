"""Strategies by name: the built-in ones from a table, others by entry point."""

from __future__ import annotations

from dataclasses import fields
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from activessl.errors import QueryError
from activessl.strategies.base import QueryStrategy

#: The entry-point group under which other packages offer strategies: name -> a class or function that makes one.
GROUP = "activessl.strategies"

_HERE = "activessl.strategies"

#: name -> ("module:attribute", parameters that are fixed by the name). Nothing is imported before it is asked for.
_BUILT_IN: dict[str, tuple[str, dict[str, Any]]] = {
    "auto": ("auto:Auto", {}),
    "random": ("uncertainty.strategies:Random", {}),
    "margin": ("uncertainty.strategies:Uncertainty", {"measure": "margin"}),
    "entropy": ("uncertainty.strategies:Uncertainty", {"measure": "entropy"}),
    "least_confidence": ("uncertainty.strategies:Uncertainty", {"measure": "least_confidence"}),
    "bald": ("uncertainty.strategies:Disagreement", {"kind": "bald"}),
    "committee": ("uncertainty.strategies:Disagreement", {"kind": "committee"}),
    "power": ("uncertainty.strategies:Power", {}),
    "k_center": ("coverage.strategies:KCenter", {}),
    "max_herding": ("coverage.strategies:MaxHerding", {}),
    "kmeans": ("coverage.strategies:KMeansCentroids", {}),
    "typiclust": ("coverage.strategies:TypiClust", {}),
    "uherding": ("informed.strategies:UHerding", {}),
    "uherding_published": ("informed.strategies:UHerding", {"width": "published"}),
    "prob_cover": ("informed.strategies:ProbCover", {}),
    "dcom": ("informed.strategies:DCoM", {}),
    "badge": ("informed.strategies:Badge", {}),
    "bait_binary": ("informed.strategies:BaitBinary", {}),
    "drop_query": ("informed.strategies:DropQuery", {}),
    "clue": ("informed.strategies:Clue", {}),
    "cluster_margin": ("informed.strategies:ClusterMargin", {}),
    "tcm": ("mixtures:TCM", {}),
    "refine": ("mixtures:Refine", {}),
}


#: What the field also calls them.
_ALSO = {"coreset": "k_center", "bait": "bait_binary", "lc": "least_confidence", "centroids": "kmeans"}


def _known_as(name: str) -> str:
    """The name that is meant, whatever its case, hyphens and underscores."""
    plain = name.lower().replace("-", "").replace("_", "").replace(" ", "")
    meant = {built_in.replace("_", ""): built_in for built_in in _BUILT_IN} | _ALSO
    return meant.get(plain, name)


def strategy_names() -> tuple[str, ...]:
    """The names that :func:`get_strategy` knows, sorted: built-in ones and those of installed packages.

    Example:
        >>> "max_herding" in strategy_names()
        True
    """
    return tuple(sorted({*_BUILT_IN, *(point.name for point in entry_points(group=GROUP))}))


def get_strategy(strategy: str | QueryStrategy, **params: Any) -> QueryStrategy:
    """Make a strategy from its name, or pass one through.

    Args:
        strategy: A name out of :func:`strategy_names`, in any case, with hyphens or underscores; or an object
            with ``name`` and ``query``.
        params: The strategy's fields, such as ``width=0.8``.

    Raises:
        QueryError: An unknown name or parameter; parameters for an object that is made already; an entry point that
            cannot be loaded or does not give a strategy.

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
            raise QueryError("parameters for a strategy that is made already", hint="set them where it is made")
        return strategy
    strategy = _known_as(strategy)
    if strategy in _BUILT_IN:
        path, fixed = _BUILT_IN[strategy]
        module, _, attribute = path.partition(":")
        make: Any = getattr(import_module(f"{_HERE}.{module}"), attribute)
        known = {f.name for f in fields(make) if f.init} - set(fixed)
        unknown = sorted(set(params) - known)
        if unknown:
            raise QueryError(
                f"{strategy} has no parameter {unknown[0]!r}",
                hint=f"use {', '.join(sorted(known))}" if known else "pass none",
            )
        made: Any = make(**fixed, **params)
    else:
        made = _from_entry_point(strategy, params)
    if not isinstance(made, QueryStrategy):
        raise QueryError(f"{strategy!r} does not give a query strategy", hint="offer an object with name and query")
    return made


def _from_entry_point(name: str, params: dict[str, Any]) -> Any:
    found = [point for point in entry_points(group=GROUP) if point.name == name]
    if not found:
        raise QueryError(f"no strategy is called {name!r}", hint=f"use one of {', '.join(strategy_names())}")
    try:
        return found[0].load()(**params)
    except (ImportError, AttributeError, TypeError) as error:
        raise QueryError(
            f"strategy {name!r} of {found[0].value} cannot be made: {error}", hint="update or remove that package"
        ) from error
