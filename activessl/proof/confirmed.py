"""What came back of clusters that were confirmed at a glance, and how often it is wrong."""

from __future__ import annotations

from dataclasses import dataclass

from activessl.ledger.history import History
from activessl.measuring.intervals import share_interval


@dataclass(frozen=True, slots=True)
class ConfirmedCount:
    """What became of the clusters that people were shown.

    Attributes:
        clusters: Clusters that were answered.
        confirmed: Items that have a label since.
        apart: Items that were not confirmed.
        seconds: What these items took, as recorded.
        looked_at: Confirmed items that were drawn at random and then looked at on their own.
        open: RandomLabels ones that nobody has looked at yet, and that are still there.
        wrong: Those that were then given another class than with their cluster.
        low: Lower end of a 90 % interval of the share of wrong ones.
        high: Upper end of it.
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
        """One sentence.

        Example:
            >>> print(ConfirmedCount(10, 230, 10, 120.0, 23, 0, 1, 0.008, 0.181).to_text())
            230 items confirmed in 10 clusters, 10 sent back, 0.5 s an item; 23 of them looked at alone, 1 wrong (90 %
            interval 0.8 to 18.1 %)
        """
        per = f", {self.seconds / (self.confirmed + self.apart):.1f} s an item" if self.seconds else ""
        many = f"{self.clusters:,} cluster{'s' * (self.clusters != 1)}"
        text = f"{self.confirmed:,} items confirmed in {many}, {self.apart:,} sent back{per}"
        if self.looked_at:
            text += (
                f"; {self.looked_at} of them looked at alone, {self.wrong} wrong (90 % interval {100 * self.low:.1f} "
                f"to {100 * self.high:.1f} %)"
            )
        return text + (f"; {self.open} wait to be looked at alone" if self.open else "")


def confirmed_count(history: History) -> ConfirmedCount | None:
    """What became of the clusters; None where none was answered."""
    answers = [a for a in history.answers.values() if a.cluster]
    if not answers:
        return None
    confirmed = {i: said for i, said in history.confirmed.items() if i in history.labels}
    drawn = {q.id for r in history.rounds for q in r.questions if q.confirmed and q.item in confirmed}
    given = [a for a in history.answers.values() if a.question in drawn and a.kind == "label"]
    seen = {a.item for a in given}
    wrong = {a.item for a in given if a.classes != confirmed[a.item]}
    low, high = share_interval(len(wrong), len(seen)) if seen else (0.0, 1.0)
    looked = {a.question for a in history.answers.values() if a.question in drawn}  # by some with a skip, perhaps
    left = drawn - looked
    return ConfirmedCount(
        clusters=len({a.question for a in answers}),
        confirmed=len(confirmed),
        apart=sum(a.kind == "apart" for a in answers),
        seconds=sum(a.seconds or 0.0 for a in answers if a.kind == "apart" or a.item in confirmed),
        looked_at=len(seen),
        open=sum(history.questions[q].item not in history.missing for q in left),
        wrong=len(wrong),
        low=low,
        high=high,
    )
