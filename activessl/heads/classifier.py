"""The scikit-learn protocol for heads. scikit-learn is imported at first use only, because its import loads pandas and
takes most of a second.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Self


class Classifier:
    """The methods of ``ClassifierMixin`` and ``BaseEstimator``: parameters, tags, ``clone``, ``score``, ``repr``.

    The methods are not written again. Each call goes to a class that inherits from the head's class and these two; the
    class is created at first use and shares the attributes of the head.
    """

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The arguments of ``__init__``, by name."""
        found: dict[str, Any] = self._sklearn_methods().get_params(deep=deep)
        return found

    def set_params(self, **params: Any) -> Self:
        """Change arguments of ``__init__``; they apply from the next ``fit``."""
        self._sklearn_methods().set_params(**params)
        return self

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The accuracy on these rows."""
        return float(self._sklearn_methods().score(X, y, sample_weight))

    def get_metadata_routing(self) -> Any:
        """The further arguments that ``fit`` and other methods take in a pipeline."""
        return self._sklearn_methods().get_metadata_routing()

    def __sklearn_tags__(self) -> Any:
        return self._sklearn_methods().__sklearn_tags__()

    @classmethod
    def _get_param_names(cls) -> Any:
        kind: Any = cls
        return super(Classifier, _estimator(kind))._get_param_names()  # type: ignore[misc]

    def __repr__(self) -> str:
        return repr(self._as_estimator())

    def _as_estimator(self) -> Any:
        kind: Any = type(self)
        estimator = _estimator(kind)
        twin = estimator.__new__(estimator)
        twin.__dict__ = self.__dict__
        return twin

    def _sklearn_methods(self) -> Any:
        return super(Classifier, self._as_estimator())


@cache
def _estimator(kind: Any) -> Any:
    from sklearn.base import BaseEstimator, ClassifierMixin

    if issubclass(kind, BaseEstimator):
        return kind
    return type(kind.__name__, (kind, ClassifierMixin, BaseEstimator), {"__repr__": BaseEstimator.__repr__})
