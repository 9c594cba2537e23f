"""The items that were added and compared: whether they differ, in words, and the accuracy on them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from activessl.ledger.draws import draws_of
from activessl.ledger.history import History
from activessl.ledger.schema import Compared
from activessl.measuring.drift.units import FEWEST
from activessl.measuring.intervals import share_interval
from activessl.proof.estimates import Evidence

#: Level of the interval of the accuracy on added items.
LEVEL = 0.9


@dataclass(frozen=True, slots=True)
class AddedAccuracy:
    """The accuracy on items that were added.

    Attributes:
        right: Random labels of added items that a head which was not taught them predicts right.
        labels: Random labels of added items.
        low: Lower end of the exact interval.
        high: Upper end.
        level: Probability of the interval.
        items: Added items that are in the pool.
    """

    right: int
    labels: int
    low: float
    high: float
    level: float
    items: int

    def to_dict(self) -> dict[str, Any]:
        """The same, ready for JSON."""
        return asdict(self) | {"accuracy": self.right / self.labels if self.labels else None}

    def to_text(self) -> str:
        """One sentence.

        Example:
            >>> AddedAccuracy(16, 20, 0.599, 0.929, 0.9, 1000).to_text()
            '80.0 % (90 % interval 59.9 to 92.9 %, from 20 random labels of the 1,000 added items)'
            >>> AddedAccuracy(0, 0, 0.0, 1.0, 0.9, 1000).to_text()
            'not measured: no random label of the 1,000 added items'
        """
        if not self.labels:
            return f"not measured: no random label of the {self.items:,} added items"
        return (
            f"{100 * self.right / self.labels:.1f} % ({100 * self.level:.0f} % interval {100 * self.low:.1f} to "
            f"{100 * self.high:.1f} %, from {self.labels:,} random label{'s' * (self.labels != 1)} of the "
            f"{self.items:,} added items)"
        )


def added_accuracy(evidence: Evidence, compared: Compared) -> AddedAccuracy:
    """Measure the accuracy on the added items of a comparison, from the draws of later rounds among them.

    Within these items all draws of a round had one propensity, so that the plain share is an estimate of their
    accuracy. Drawn items without a label count as wrong at the lower end of the interval and as right at the upper end.
    Chosen items do not count: they are harder, or easier, than others.
    """
    snapshot = evidence.snapshot
    history, row = snapshot.history, snapshot.row
    added = {item for item in compared.added if item in row and item not in history.missing}
    position = {int(r): at for at, r in enumerate(snapshot.training[0])}
    whole = snapshot.kind.complete(snapshot.training[1])
    learned = frozenset() if history.tuned is None else frozenset(history.tuned.taught)
    draws = {d.item: d for d in draws_of(history) if d.item in added - learned and not d.pending and not d.seen}
    at = [position[row[d.item]] for d in draws.values() if d.ended == "class" and row[d.item] in position]
    mine = [one for one in at if whole[one]]
    right = int(evidence.correct[mine].sum()) if mine else 0
    wrong = sum(d.ended == "unknown" for d in draws.values())
    open_ = sum(d.ended in ("skip", "open") for d in draws.values())
    told = len(mine) + wrong  # a class that the project does not have: the model is wrong
    low = share_interval(right, told + open_, LEVEL)[0]
    high = share_interval(right + open_, told + open_, LEVEL)[1]
    return AddedAccuracy(right, told, low, high, LEVEL, len(added))


def drift_text(compared: Compared) -> str:
    """Word the result of a comparison, the number first.

    Example:
        >>> told = {"fingerprint": "f", "old": 2000, "new": 50, "statistic": 0.4, "p_classifier": 0.01, "turn": 1}
        >>> told |= {"p_kernel": 0.2, "p_neighbours": 0.3, "level": 0.05, "added": ("a", "b")}
        >>> drift_text(Compared(**told, p=0.004, drift=True, regions=(("a", "b"),)))
        '50 added items differ from the 2,000 before them (p = 0.004); 2 of them in 1 new region, such as a'
        >>> drift_text(Compared(**told, p=0.3, drift=False))
        '50 added items do not differ noticeably from the 2,000 before them (p = 0.3)'
    """
    if not compared.drift:
        return (
            f"{compared.new:,} added items do not differ noticeably from the {compared.old:,} before them "
            f"(p = {compared.p:.2g})"
        )
    text = f"{compared.new:,} added items differ from the {compared.old:,} before them (p = {compared.p:.2g})"
    if not compared.regions:
        return f"{text}; no region stands out"
    count, many = sum(map(len, compared.regions)), len(compared.regions)
    return (
        f"{text}; {count:,} of them in {many} new region{'s' * (many != 1)}, such as "
        f"{', '.join(region[0] for region in compared.regions[:3])}"
    )


def left_text(evidence: Evidence) -> str:
    """Word which items left the data, and what the figures then speak of; empty if none left since a random draw."""
    drawn, labels = evidence.random, evidence.measure().gone
    if not labels:
        return ""
    text = f"{labels:,} labeled item{'s are' if labels > 1 else ' is'} no longer in the data: no head is taught "
    text += f"{'them' if labels > 1 else 'it'}, and the figures are of the items that are there now"
    if drawn.vanished:
        many = "item" if drawn.vanished == 1 else "items"
        text += (
            f"; {drawn.vanished:,} more random {many} left than chance explains: the interval counts them as wrong at "
            "its lower end and as right at its upper end"
        )
    return text


def waiting_text(history: History) -> str:
    """Word that added items wait for a comparison; empty if none do.

    Example:
        >>> waiting_text(History(uncompared=("a", "b")))
        '2 added items are not compared with those before them yet: a comparison needs 20 items or groups on each side'
    """
    count = len(history.uncompared)
    if not count:
        return ""
    are = "item is" if count == 1 else "items are"
    return (
        f"{count:,} added {are} not compared with those before them yet: a comparison needs {FEWEST} items or groups "
        "on each side"
    )
