"""One row an item: what people said, what the model says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from activessl.ledger.fold import History


def item_table(
    history: History, ids: Sequence[str], classes: Sequence[str], probs: Float[np.ndarray, "n k"] | None
) -> list[dict[str, Any]]:
    """The project's result, an item a row, in the pool's order.

    Args:
        history: What people said.
        ids: The pool's ids.
        classes: Class names, in the order of the columns of ``probs``.
        probs: The head's probabilities of every item; None for labels only.

    Returns:
        Rows with ``id``, ``class`` (several joined by "|"), ``source`` ("person", "machine" for a prediction that was
        accepted under a promise, or "model"), ``probability`` (the head's, of that class; None without a head),
        ``votes`` and ``annotators``. An item that has neither a label nor a prediction has no row.
    """
    index = {name: k for k, name in enumerate(classes)}
    rows: list[dict[str, Any]] = []
    for i, item in enumerate(ids):
        label = history.labels.get(item)
        if label is not None:
            named, source = label.classes, "person"
        elif probs is not None and item in history.machine:
            named, source = (history.machine[item].label,), "machine"
        elif probs is not None:
            named, source = (classes[int(probs[i].argmax())],), "model"
        else:
            continue
        certain = None if probs is None or not named else float(min(probs[i, index[name]] for name in named))
        if source == "machine":
            certain = history.machine[item].probability  # of the head that it was accepted from
        rows.append(
            {
                "id": item,
                "class": "|".join(named),
                "source": source,
                "probability": certain,
                "votes": label.votes if label else 0,
                "annotators": label.annotators if label else 0,
            }
        )
    return rows
