"""Where a model looks: the map of an item, by hiding its places."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from activessl.explaining.hidden import hidden_probs, log_odds
from activessl.explaining.places import Places
from activessl.explaining.windows import averaged, windows
from activessl.pool.forms.base import Array
from activessl.scoring.model import Model


@dataclass(frozen=True, eq=False)
class PlaceMap:
    """The map of one item for one class.

    Attributes:
        values: By place, how much the log-odds of the class fall when the place and those around it are hidden;
            negative where it speaks against the class.
        axes: The name of each axis.
        probability: The probability of the class of the whole item, in [0, 1].
        copies: How many copies of the item were scored.
    """

    values: Array
    axes: tuple[str, ...]
    probability: float
    copies: int


def occlusion_map(model: Model, places: Places, column: int, sample_rate: int | None = None) -> PlaceMap:
    """Hide windows of several sizes, one at a time, and average the fall of the log-odds of a class over them.

    Args:
        model: The model.
        places: The item.
        column: The column of the class.
        sample_rate: Samples a second of a sound.

    References:
        Zeiler & Fergus, Visualizing and Understanding Convolutional Networks, ECCV 2014, arXiv 1311.2901.
    """
    hidden, scale = windows(places.grid, places.windows)
    copies = np.concatenate([np.zeros((1, *places.grid)), hidden])
    probs = hidden_probs(model, places, copies, sample_rate)
    odds = log_odds(probs, column, independent=model.kind.independent)
    return PlaceMap(averaged(hidden, scale, odds[0] - odds[1:]), places.axes, float(probs[0, column]), len(copies))
