"""How often the interval of Krippendorff's alpha holds the true value: python tests/benchmarks/agreement.py

People give the true class with a probability, else one of the others at random. Then the true alpha is known: two
answers agree with p² + (1 - p)² / (k - 1), and by chance with the sum of the squared shares of the answers.
"""

from __future__ import annotations

import numpy as np

from activessl.measuring.quality.agreement import agreement

SHARES = {"even": (1 / 3, 1 / 3, 1 / 3), "rare": (0.9, 0.07, 0.03)}


def answers(rng: np.random.Generator, items: int, people: int, p: float, shares: tuple[float, ...]) -> np.ndarray:
    """(items, people) the class that each person gives."""
    k = len(shares)
    truth = rng.choice(k, items, p=shares)
    wrong = (truth[:, None] + rng.integers(1, k, (items, people))) % k
    return np.where(rng.random((items, people)) < p, truth[:, None], wrong)


def true_alpha(p: float, shares: tuple[float, ...]) -> float:
    """The alpha of infinitely many items."""
    k, s = len(shares), np.array(shares)
    said = s * p + (1 - s) * (1 - p) / (k - 1)
    return float(1 - (1 - p**2 - (1 - p) ** 2 / (k - 1)) / (1 - (said**2).sum()))


def covered(
    items: int, people: int, p: float, shares: tuple[float, ...], runs: int, seed: int = 0
) -> tuple[float, float]:
    """The share of 90 % intervals that hold the true alpha, and their median width."""
    rng, truth = np.random.default_rng(seed), true_alpha(p, shares)
    held, widths = [], []
    for _ in range(runs):
        found = agreement([dict(enumerate(row.tolist())) for row in answers(rng, items, people, p, shares)])
        low, high = (-1.0, 1.0) if found.low is None or found.high is None else (found.low, found.high)
        held.append(low <= truth <= high)
        widths.append(high - low)
    return float(np.mean(held)), float(np.median(widths))


def main() -> None:
    """Print a table."""
    print("classes | people | right | items | holds | median width")
    for name, shares in SHARES.items():
        for people in (2, 3):
            for p in (0.7, 0.9, 0.98):
                for items in (20, 50, 200):
                    held, width = covered(items, people, p, shares, 400)
                    print(f"{name:7} | {people} | {p:.2f} | {items:3} | {100 * held:.0f} % | {width:.2f}", flush=True)


if __name__ == "__main__":
    main()
