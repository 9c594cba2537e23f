"""The result of the clusters that people confirmed, and the share of wrong labels."""

from __future__ import annotations

from dataclasses import dataclass

from activessl.ledger.history import History
from activessl.measuring.intervals import share_interval


@dataclass(frozen=True, slots=True)
class ConfirmedCount:
    """The result of the clusters that people were shown.

    Attributes:
        clusters: Clusters that were answered.
        confirmed: Items that got their label with the cluster.
        apart: Items that people sent back as "not of this cluster".
        seconds: Recorded time of these items.
        looked_at: Confirmed items that were drawn at random and labeled again as single items.
        open: Confirmed items that were drawn at random, wait for an answer, and are still in the data.
        wrong: Audited items whose second label differs from that of the cluster.
        low: Lower end of a 90 % interval of the share of wrong labels.
        high: Upper end of the interval.
    """

    clusters: int
    confirmed: int
    apart: int
    seconds: float
    looked_at: int
    open: int
    wrong: int
    low: float
    high: float

    def to_text(self) -> str:
        """Return one sentence.

        Example:
            >>> print(ConfirmedCount(10, 230, 10, 120.0, 23, 0, 1, 0.008, 0.181).to_text())
            230 items confirmed in 10 clusters, 10 sent back, 0.5 s for each item; audit: 1 of 23 items wrong (90 %
            interval 0.8 to 18.1 %)
        """
        per = f", {self.seconds / (self.confirmed + self.apart):.1f} s for each item" if self.seconds else ""
        many = f"{self.clusters:,} cluster{'s' * (self.clusters != 1)}"
        text = f"{self.confirmed:,} items confirmed in {many}, {self.apart:,} sent back{per}"
        if self.looked_at:
            text += (
                f"; audit: {self.wrong} of {self.looked_at} items wrong (90 % interval {100 * self.low:.1f} to "
                f"{100 * self.high:.1f} %)"
            )
        return text + (f"; {self.open} items of the audit wait for an answer" if self.open else "")


def confirmed_count(history: History) -> ConfirmedCount | None:
    """Count the answers to clusters; None where no cluster was answered."""
    answers = [a for a in history.answers.values() if a.cluster]
    if not answers:
        return None
    confirmed = {i: said for i, said in history.confirmed.items() if i in history.labels}
    drawn = {q.id for r in history.rounds for q in r.questions if q.confirmed and q.item in confirmed}
    given = [a for a in history.answers.values() if a.question in drawn and a.kind == "label"]
    seen = {a.item for a in given}
    wrong = {a.item for a in given if a.classes != confirmed[a.item]}
    low, high = share_interval(len(wrong), len(seen)) if seen else (0.0, 1.0)
    looked = {a.question for a in history.answers.values() if a.question in drawn}  # also with a skip
    left = drawn - looked
    return ConfirmedCount(
        clusters=len({a.question for a in answers}),
        confirmed=len(confirmed),
        apart=sum(a.kind == "apart" for a in answers),
        seconds=sum(a.seconds or 0.0 for a in answers if a.kind == "apart" or a.item in confirmed),
        looked_at=len(seen),
        open=sum(history.questions[q].item not in history.unshowable for q in left),
        wrong=len(wrong),
        low=low,
        high=high,
    )
