"""How often the intervals of recall, precision and F1 of regions hold the true share.

``python tests/benchmarks/region_intervals.py`` prints a table: items, share of items with regions, regions an item, how
much regions of one item are found together (0: independent, 1: all or none), true share, coverage of the interval that
counts items, coverage of one that counts regions, mean width.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from activessl.measuring.intervals import share_interval
from activessl.measuring.quality.region_quality import ratio


@dataclass(frozen=True)
class Covered:
    """Shares of trials whose interval held the true share, and the mean width of ours."""

    ours: float
    naive: float
    width: float


def covered(
    items: int, *, holding: float, size: float, together: float, share: float, trials: int, seed: int = 0
) -> Covered:
    """Simulate items whose regions are found with a probability of their own, and count.

    Args:
        items: Random items.
        holding: Share of the items with regions.
        size: Mean number of regions of these, >= 1.
        together: Correlation of two regions of an item, in [0, 1].
        share: True share of regions that are found.
        trials: Simulated projects.
        seed: Seed of all of them.
    """
    rng = np.random.default_rng(seed)
    ours, naive, width = [], [], []
    for _ in range(trials):
        whole = np.where(rng.random(items) < holding, 1 + rng.poisson(size - 1, items), 0)
        if together == 0:
            chance = np.full(items, share)
        elif together == 1:
            chance = (rng.random(items) < share).astype(float)
        else:
            spread = 1 / together - 1
            chance = rng.beta(share * spread, (1 - share) * spread, items)
        part = rng.binomial(whole, chance)
        found = ratio(part.astype(float), whole.astype(float))
        if found is None:
            continue
        low, high = share_interval(float(part.sum()), float(whole.sum()))
        ours.append(found[1] <= share <= found[2])
        naive.append(low <= share <= high)
        width.append(found[2] - found[1])
    return Covered(float(np.mean(ours)), float(np.mean(naive)), float(np.mean(width)))


def main() -> None:
    """Print the table."""
    print("items holding size together share | ours  regions  width")
    lowest = 1.0
    sizes = ((1.0, 0.0), (3.0, 0.3), (3.0, 1.0), (8.0, 0.6))
    for items, holding, (size, together), share in product((10, 20, 40, 100), (0.3, 1.0), sizes, (0.5, 0.8, 0.95)):
        found = covered(items, holding=holding, size=size, together=together, share=share, trials=400)
        lowest = min(lowest, found.ours)
        print(
            f"{items:5d} {holding:7.1f} {size:4.0f} {together:8.1f} {share:5.2f} | {found.ours:.3f}   {found.naive:.3f}"
            f"   {found.width:.2f}"
        )
    print(f"lowest coverage of a 90 % interval: {lowest:.3f}")


if __name__ == "__main__":
    main()
