"""Calls into the code of other packages: whatever they raise becomes an error of ours that says whose it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from activessl.errors import ActiveSSLError, QueryError
from activessl.strategies.base import Query, QueryStrategy, State

#: Classes and functions of other libraries whose names differ from those of our strategies of the same kind.
_OURS = {
    "breakingties": "margin",
    "embeddingkmeans": "kmeans",
    "entropysampling": "entropy",
    "greedycoreset": "k_center",
    "coreset": "k_center",
    "leastconfidence": "least_confidence",
    "lightweightcoreset": "k_center",
    "marginsampling": "margin",
    "maxherding": "max_herding",
    "predictionentropy": "entropy",
    "probcover": "prob_cover",
    "randomsampling": "random",
    "uncertaintybatchsampling": "cluster_margin",
    "uncertaintysampling": "least_confidence",
    "voteentropysampling": "committee",
    **{name: name for name in ("badge", "bald", "clue", "typiclust")},
    "dropquery": "drop_query",
}


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Turn every error of the code inside into a ``QueryError`` with the name of the strategy and one to use instead.

    Errors of activessl and ``KeyboardInterrupt`` pass. Other libraries also raise classes of their own, and errors
    that are no answer to wrong arguments, such as ``AssertionError`` or ``UnboundLocalError``.

    Args:
        name: Of the strategy, such as "scikit-activeml:TypiClust".

    Example:
        >>> with translated("scikit-activeml:TypiClust"):
        ...     assert 1 > 2, "one is less"
        Traceback (most recent call last):
        activessl.errors.QueryError: scikit-activeml:TypiClust failed: AssertionError: one is less
         hint: use the strategy 'typiclust' of activessl instead, or check the arguments
    """
    try:
        yield
    except ActiveSSLError:
        raise
    except Exception as error:
        first = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
        # the class says more than "list index out of range", and some errors have no text
        said = f"{type(error).__name__}: {first[:200].rstrip('.')}" if first else type(error).__name__
        raise QueryError(f"{name} failed: {said}", hint=f"{_instead(name)}, or check the arguments") from error


def _instead(name: str) -> str:
    plain = re.sub(r"[^a-z]", "", re.split(r"[:.]|modal_", name)[-1].lower())
    return f"use the strategy {_OURS.get(plain, 'auto')!r} of activessl instead"


def ask(strategy: QueryStrategy, state: State, query_size: int) -> Query:
    """Let a strategy choose; errors of a strategy that is not a part of activessl are translated.

    Raises:
        QueryError: The strategy cannot make the query.
    """
    if type(strategy).__module__.partition(".")[0].startswith("activessl"):
        return strategy.query(state, query_size)  # a fault of ours keeps its traceback
    with translated(strategy.name):
        return strategy.query(state, query_size)
