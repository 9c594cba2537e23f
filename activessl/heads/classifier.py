"""scikit-learn's protocol for our heads, without scikit-learn until somebody asks for it: it brings pandas, and takes
most of a second.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Self


class Classifier:
    """What ``ClassifierMixin`` and ``BaseEstimator`` give a head: parameters, tags, ``clone``, ``score``, its name.

    None of it is written anew. What is asked is handed to a class that has all three as its bases, made when it is
    first needed, on the attributes of this very head.
    """

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The arguments of ``__init__``, by name."""
        found: dict[str, Any] = self._theirs().get_params(deep=deep)
        return found

    def set_params(self, **params: Any) -> Self:
        """Change arguments of ``__init__``; they count from the next ``fit`` on."""
        self._theirs().set_params(**params)
        return self

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The share of rows whose class is predicted."""
        return float(self._theirs().score(X, y, sample_weight))

    def get_metadata_routing(self) -> Any:
        """Which further arguments ``fit`` and others want in a pipeline."""
        return self._theirs().get_metadata_routing()

    def __sklearn_tags__(self) -> Any:
        return self._theirs().__sklearn_tags__()

    @classmethod
    def _get_param_names(cls) -> Any:
        kind: Any = cls
        return super(Classifier, _estimator(kind))._get_param_names()  # type: ignore[misc]

    def __repr__(self) -> str:
        return repr(self._twin())

    def _twin(self) -> Any:
        kind: Any = type(self)
        estimator = _estimator(kind)
        twin = estimator.__new__(estimator)
        twin.__dict__ = self.__dict__
        return twin

    def _theirs(self) -> Any:
        return super(Classifier, self._twin())


@cache
def _estimator(kind: Any) -> Any:
    from sklearn.base import BaseEstimator, ClassifierMixin

    if issubclass(kind, BaseEstimator):
        return kind
    return type(kind.__name__, (kind, ClassifierMixin, BaseEstimator), {"__repr__": BaseEstimator.__repr__})
