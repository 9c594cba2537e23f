"""From a machine's stored answers to the shares that a student learns: without its preference for classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from activessl.heads.calibrate import softmax

#: Lower limit of a share before its logarithm.
FLOOR = 1e-4


def batch_calibrated(shares: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "n k"]:
    """Take off what the machine says of everything: the mean of its log shares over the items.

    For machines that score class names, such as language models: some names are likelier than others for reasons that
    have nothing to do with the item.

    Args:
        shares: Rows that sum to one; NaN rows where there is no answer.

    References:
        Zhou et al., Batch Calibration, ICLR 2024, arXiv 2309.17249.

    Example:
        >>> batch_calibrated(np.array([[0.9, 0.1], [0.6, 0.4]])).argmax(axis=1).tolist()
        [0, 1]
    """
    out = np.array(shares, dtype=np.float64)
    known = np.isfinite(out).all(axis=1)
    if known.any():
        logs = np.log(np.maximum(out[known], FLOOR))
        out[known] = softmax(logs - logs.mean(axis=0))
    return out


def shares_for(
    items: Sequence[str],
    said: Mapping[str, Sequence[float] | None],
    classes: Sequence[str],
    names: Sequence[str],
) -> Float[np.ndarray, "n k"]:
    """Arrange stored answers by item and by the classes that the project has now.

    Args:
        items: The items, in the order of the rows.
        said: Item to its shares; None or missing where there is no answer.
        classes: The classes of the shares, in order.
        names: The classes of the project now; a new one has no share.

    Returns:
        NaN rows where there is no answer, or none for a class that the project has.

    Example:
        >>> shares_for(["a", "b"], {"a": (0.3, 0.6, 0.1)}, ["cat", "dog", "old"], ["dog", "cat"]).round(2).tolist()
        [[0.67, 0.33], [nan, nan]]
    """
    at = {name: i for i, name in enumerate(classes)}
    columns = [at.get(name, len(classes)) for name in names]
    out = np.full((len(items), len(names)), np.nan)
    for row, item in enumerate(items):
        given = said.get(item)
        if given is not None:
            own = np.array([*given, 0.0])[columns]
            if own.sum() > 0:
                out[row] = own / own.sum()
    return out
