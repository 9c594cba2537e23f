"""The alternative annotator test: may a machine answer in the place of an annotator?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

from activessl.errors import MeasureError

#: Fewest annotators, and fewest items of an annotator that another one answered too.
ANNOTATORS, ITEMS = 3, 30
#: What an answer of a machine may lack against a trained annotator, for its lower price.
PRICE = 0.15


@dataclass(frozen=True, slots=True)
class Alternative:
    """The result of the test.

    Attributes:
        winning_rate: Share of the annotators whom the machine may replace.
        advantage: Mean probability that the machine agrees with the others at least as well as an annotator.
        annotators: Number of annotators in the test.
        passed: Whether the machine may stand in: at least half of the annotators.
    """

    winning_rate: float
    advantage: float
    annotators: int
    passed: bool


def alternative_test(
    answers: Mapping[str, Mapping[str, str]],
    machine: Mapping[str, str],
    *,
    price: float = PRICE,
    level: float = 0.05,
    fewest_items: int = ITEMS,
) -> Alternative | None:
    """Compare the machine with each annotator: who agrees more with the remaining annotators?

    For each annotator, one-sided t-test over the items of the hypothesis that the annotator agrees with the others more
    often than the machine, by at least ``price``; false discoveries are controlled under any dependence.

    Args:
        answers: By annotator, item to class.
        machine: Item to the class that the machine says.
        price: The allowance for the lower price of a machine, in [0, 1): 0.2 against experts, 0.1 against crowds.
        level: False discovery rate.
        fewest_items: Fewest items of an annotator.

    Returns:
        None with fewer than three annotators who share enough items: then the test does not exist.

    Raises:
        MeasureError: A price outside [0, 1).

    References:
        Calderon, Reichart & Dror, The Alternative Annotator Test for LLM-as-a-Judge, ACL 2025, arXiv 2501.10970.
        Benjamini & Yekutieli, The Control of the False Discovery Rate under Dependency, Annals of Statistics 2001.

    Example:
        >>> people = {name: {str(i): "ab"[i % 2] for i in range(40)} for name in ("ann", "bo", "cy")}
        >>> alternative_test(people, people["ann"]).passed
        True
        >>> alternative_test(people, {item: "b" for item in people["ann"]}).passed
        False
    """
    from scipy.special import stdtr

    if not 0 <= price < 1:
        raise MeasureError(f"a price of {price}", hint="give a number from 0 to below 1")
    chances, advantages = [], []
    for name, own in answers.items():
        gaps, wins = [], 0
        for item in sorted(own.keys() & machine.keys()):
            others = [given[item] for other, given in answers.items() if other != name and item in given]
            if others:
                ours = sum(other == machine[item] for other in others) / len(others)
                theirs = sum(other == own[item] for other in others) / len(others)
                # (person at least as good) - (machine at least as good), as in the paper
                gaps.append(float(theirs > ours) - float(ours > theirs))
                wins += ours >= theirs
        if len(gaps) < fewest_items:
            continue
        n, mean = len(gaps), sum(gaps) / len(gaps)
        spread = sqrt(sum((gap - mean) ** 2 for gap in gaps) / (n - 1))
        far = mean - price
        chances.append((1.0 if far >= 0 else 0.0) if spread == 0 else float(stdtr(n - 1, far / (spread / sqrt(n)))))
        advantages.append(wins / n)
    if len(chances) < ANNOTATORS:
        return None
    won = _discoveries(chances, level)
    rate = won / len(chances)
    return Alternative(rate, sum(advantages) / len(advantages), len(chances), rate >= 0.5)


def _discoveries(chances: list[float], level: float) -> int:
    """Number of hypotheses that are rejected, by the procedure of Benjamini and Yekutieli."""
    m = len(chances)
    harmonic = sum(1 / i for i in range(1, m + 1))
    passed = [i for i, p in enumerate(sorted(chances), 1) if p <= i * level / (m * harmonic)]
    return max(passed, default=0)
