"""Heads by name: built-in heads from a table, others from the entry-point group ``activessl.heads``."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from activessl.arguments import whole
from activessl.errors import HeadError
from activessl.heads.base import Head
from activessl.labels.kinds import KindName, LabelKind
from activessl.labels.one_class import ONE
from activessl.registry import Registry

#: A class that takes ``classes`` and ``seed`` and has ``load(folder)``; see :class:`activessl.heads.base.Head`.
HEADS = Registry(
    "head",
    {
        "auto": "activessl.heads.mixture:AutoHead",
        "logistic": "activessl.heads.linear:LogisticHead",
        "neighbours": "activessl.heads.similarity:NeighbourHead",
        "prototype": "activessl.heads.similarity:PrototypeHead",
    },
    HeadError,
    "activessl.heads",
)


#: By kind of label, the class that combines the heads above if one of them is not enough.
_MADE_OF: dict[KindName, str] = {"several": "activessl.heads.multilabel:MultiLabelHead"}


def head_names() -> tuple[str, ...]:
    """All registered names, sorted.

    Example:
        >>> "logistic" in head_names()
        True
    """
    return HEADS.names()


def make_head(name: str, n_classes: int, seed: int = 0, kind: LabelKind = ONE) -> Head:
    """Create a head for the classes 0 to ``n_classes`` - 1.

    Args:
        name: A registered name.
        n_classes: Number of classes, >= 1.
        seed: Seed of the head's random numbers.
        kind: Whether an item has one class or several; for several, one such head per class is created.

    Raises:
        HeadError: The name is unknown, or ``n_classes`` < 1.

    Example:
        >>> import numpy as np
        >>> make_head("logistic", 3).fit(np.eye(2), np.array([0, 1])).predict_proba(np.eye(2)).shape
        (2, 3)
    """
    if whole("n_classes", n_classes) < 1:
        raise HeadError(f"n_classes is {n_classes}", hint="name at least one class")
    alone: Callable[..., Head] = HEADS.get(name)  # raises now for an unknown name, not at the first label
    classes = tuple(range(n_classes))
    if kind.name in _MADE_OF:
        return _found(_MADE_OF[kind.name])(name, classes=classes, seed=seed)
    return alone(classes=classes, seed=seed)


def load_head(name: str, folder: Path, kind: LabelKind = ONE) -> Head:
    """Load a head that was saved under this name.

    Raises:
        HeadError: The name is unknown, or the folder holds no such head.
    """
    made: Any = _found(_MADE_OF[kind.name]) if kind.name in _MADE_OF else HEADS.get(name)
    loaded: Head = made.load(folder)
    return loaded


def _found(place: str) -> Callable[..., Head]:
    module, _, attribute = place.partition(":")
    ours: Callable[..., Head] = getattr(import_module(module), attribute)
    return ours
