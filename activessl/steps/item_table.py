"""The table of items: one row each, with label or prediction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from activessl.labels.kinds import LabelKind
from activessl.labels.one_class import ONE
from activessl.ledger.history import History


def item_table(
    history: History,
    ids: Sequence[str],
    classes: Sequence[str],
    probs: Float[np.ndarray, "n k"] | None,
    kind: LabelKind = ONE,
) -> list[dict[str, Any]]:
    """Return one row for each item, in the order of the pool.

    Args:
        history: History of the project.
        ids: The pool's ids.
        classes: Class names, in the order of the columns of ``probs``.
        probs: The head's probabilities of every item; None for labels only.
        kind: One class or several for each item.

    Returns:
        Rows with ``id``, ``class`` (several joined by "|", empty for none), ``source`` ("person", "machine" for an
        accepted prediction, or "model"), ``probability`` (the head's, of that class or of these classes together; None
        without a head), ``votes`` and ``annotators``. An item without label and prediction has no row. Where an item
        may have several classes, rows also have a list ``classes``.
    """
    index = {name: k for k, name in enumerate(classes)}
    rows: list[dict[str, Any]] = []
    decided = None if probs is None else kind.decide(probs)
    for i, item in enumerate(ids):
        label = history.labels.get(item)
        if label is not None:
            said, source = label.classes, "person"
        elif probs is not None and item in history.machine:
            said, source = history.machine[item].classes, "machine"
        elif decided is not None:
            said, source = kind.named(decided[i], classes), "model"
        else:
            continue
        certain = None
        if probs is not None:
            certain = kind.probability(probs[i], [index[name] for name in said])
        if source == "machine":
            certain = history.machine[item].probability  # of the head at the time of acceptance
        cells = kind.cells(said)
        rows.append(
            {
                "id": item,
                "class": cells.pop("class"),
                "source": source,
                "probability": certain,
                "votes": label.votes if label else 0,
                "annotators": label.annotators if label else 0,
                **cells,
            }
        )
    return rows
