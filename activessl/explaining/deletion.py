"""Whether maps mean something: what hiding the best fifth of an item does, against a fifth somewhere else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from activessl.errors import ActiveSSLError
from activessl.explaining.hidden import hidden_probs
from activessl.explaining.occlusion import PlaceMap, occlusion_map
from activessl.explaining.places import Places, places_of
from activessl.explaining.windows import SHARE, moved, strongest
from activessl.measuring.intervals import mean_interval
from activessl.pool.forms.base import Array
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress, tell
from activessl.pool.sources import Sampled
from activessl.scoring.model import Model

#: Random patterns that are averaged, for each item.
PATTERNS = 4
#: A difference of the probability that hardly matters.
SMALL = 0.01
#: With fewer items there is no interval to rely on.
FEWEST = 8


@dataclass(frozen=True, slots=True)
class Drops:
    """By how much the probability of an item's class falls when a fifth of its places is hidden.

    Attributes:
        best: The places of the largest values.
        random: The same pattern of places somewhere else: the mean of a few random ones.
        worst: The places of the smallest values.
    """

    best: float
    random: float
    worst: float

    @property
    def small(self) -> bool:
        """Whether the best fifth does not matter more than another one: a map of this item says little."""
        return self.best - self.random < SMALL


@dataclass(frozen=True)
class DeletionTest:
    """The deletion test over some items, each for its predicted class.

    Attributes:
        items: Number of items.
        best: Mean fall of the probability, in [-1, 1], when the best fifth is hidden.
        random: The same for a fifth somewhere else.
        worst: The same for the worst fifth.
        gain: ``best`` minus ``random``.
        low: Lower end of the interval of the gain over items.
        high: Upper end.
        level: Probability of the interval.
        seconds: Mean time of a map.
    """

    items: int
    best: float
    random: float
    worst: float
    gain: float
    low: float
    high: float
    level: float = 0.9
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether maps say more than chance: the whole interval of the gain is above 0, on enough items."""
        return self.items >= FEWEST and self.low > 0

    def to_dict(self) -> dict[str, Any]:
        """Return all figures; null for the ends of an interval that does not exist."""
        known = self.items > 1
        return asdict(self) | {
            "passed": self.passed,
            "low": self.low if known else None,
            "high": self.high if known else None,
        }

    def to_text(self) -> str:
        """Word the result.

        Example:
            >>> DeletionTest(16, 0.31, 0.09, -0.02, 0.22, 0.15, 0.29).to_text()
            'hiding the best fifth lowers the probability by 31 points, a random fifth by 9 (difference 22, 90 % interval 15 to 29, 16 items)'
        """  # noqa: E501
        best, other, gain, low, high = map(points, (self.best, self.random, self.gain, self.low, self.high))
        return (
            f"hiding the best fifth lowers the probability by {best} points, a random fifth by {other} "
            f"(difference {gain}, {100 * self.level:.0f} % interval {low} to {high}, {self.items} items)"
        )


def points(share: float) -> str:
    """Word a difference of probabilities in points, without a sign at 0.

    Example:
        >>> points(0.314), points(-0.001)
        ('31', '0')
    """
    return str(round(100 * share) or 0)


def drops_of(
    model: Model,
    places: Places,
    found: PlaceMap,
    column: int,
    rng: np.random.Generator,
    sample_rate: int | None = None,
) -> Drops:
    """Hide the best fifth, the worst fifth and a few random fifths of one item.

    Args:
        model: The model.
        places: The item.
        found: Its map.
        column: The column of the class.
        rng: Source of the random patterns.
        sample_rate: Samples a second of a sound.

    References:
        Samek et al., Evaluating the Visualization of What a Deep Neural Network Has Learned, IEEE TNNLS 2017,
        arXiv 1509.06321.
    """
    best, worst = strongest(found.values), strongest(-found.values)
    fifths = np.array([best, worst, *(moved(best, rng) for _ in range(PATTERNS))])
    fall = found.probability - hidden_probs(model, places, fifths, sample_rate)[:, column]
    return Drops(float(fall[0]), float(fall[2:].mean()), float(fall[1]))


def over_items(drops: Iterable[Drops], level: float = 0.9, seconds: float = 0.0) -> DeletionTest:
    """Average drops over items, with Student's interval of the gain.

    Example:
        >>> test = over_items([Drops(0.5, 0.1, 0.0), Drops(0.3, 0.0, 0.0)] * 4)
        >>> test.passed, round(test.gain, 2)
        (True, 0.35)
        >>> over_items([Drops(0.5, 0.1, 0.0)]).passed  # one item has no interval
        False
    """
    table = np.array([(one.best, one.random, one.worst) for one in drops]).reshape(-1, 3)
    if not len(table):
        return DeletionTest(0, 0.0, 0.0, 0.0, 0.0, -1.0, 1.0, level, seconds)
    gain = table[:, 0] - table[:, 1]
    low, high = mean_interval((gain[:, None] + 1) / 2, level)  # of values in [0, 1]
    best, random, worst = (float(value) for value in table.mean(axis=0))
    mean = float(gain.mean())
    return DeletionTest(
        len(table), best, random, worst, mean, float(2 * low[0] - 1), float(2 * high[0] - 1), level, seconds
    )


def deletion_test(
    model: Model,
    pool: Pool,
    rows: Iterable[int],
    rng: np.random.Generator,
    *,
    most_seconds: float = np.inf,
    divide: Callable[..., Places | None] = places_of,
    on_progress: OnProgress | None = None,
) -> DeletionTest:
    """Test the maps of some items of a pool, each for the class that the model predicts.

    Items that cannot be read, or have one place, are left out.

    Args:
        model: The model.
        pool: The items.
        rows: Rows of the items.
        rng: Source of the random patterns.
        most_seconds: No further item is begun after this time, once there are enough for an interval.
        divide: How items are divided into places.
        on_progress: Called after each item, with the stage "maps".
    """
    rate = rate_of(pool)
    wanted, found, spent = list(rows), list[Drops](), 0.0
    for done, row in enumerate(wanted, start=1):
        if spent > most_seconds and len(found) >= FEWEST:
            break
        started = time.perf_counter()
        try:
            places = divide(pool.modality, pool.read(row), rate)
            if places is not None:
                column = predicted(model, places, rate)
                found.append(drops_of(model, places, occlusion_map(model, places, column, rate), column, rng, rate))
        except ActiveSSLError:  # the item cannot be read any more
            continue
        spent += time.perf_counter() - started
        tell(on_progress, "maps", done, len(wanted))
    return over_items(found, seconds=spent / max(1, len(found)))


def predicted(model: Model, places: Places, sample_rate: int | None = None) -> int:
    """The column of the most likely class of a whole item."""
    whole: Array = np.zeros((1, *places.grid))
    return int(hidden_probs(model, places, whole, sample_rate)[0].argmax())


def rate_of(pool: Pool) -> int | None:
    """Samples a second of a pool of sounds; None for other pools."""
    source: Any = pool.source
    return source.sample_rate if isinstance(source, Sampled) else None


__all__ = [
    "SHARE",
    "DeletionTest",
    "Drops",
    "deletion_test",
    "drops_of",
    "over_items",
    "points",
    "predicted",
    "rate_of",
]
