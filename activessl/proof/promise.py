"""What stands accepted by machine, what was promised of it, and what people found when they looked."""

from __future__ import annotations

from dataclasses import dataclass

from activessl.ledger.history import History
from activessl.measuring.intervals import share_interval


@dataclass(frozen=True, slots=True)
class AuditCount:
    """What people said of accepted items that they looked at.

    Attributes:
        looked_at: How many.
        open: How many people have not looked at yet.
        wrong: How many of them people labeled otherwise.
        low: Lower end of a 90 % interval of the share of wrong ones.
        high: Upper end of it.
        broken: Whether even the lower end is above what was promised.
    """

    looked_at: int
    open: int
    wrong: int
    low: float
    high: float
    broken: bool

    def to_text(self) -> str:
        """One sentence."""
        if not self.looked_at:
            return f"{self.open} of them wait for people to look at"
        return (
            f"people looked at {self.looked_at} of them and found {self.wrong} wrong (90 % interval "
            f"{100 * self.low:.1f} to {100 * self.high:.1f} %)"
            + (f", {self.open} are open" if self.open else "")
            + ("; that breaks the promise: run `activessl accept --undo`" if self.broken else "")
        )


def audit_count(history: History) -> AuditCount | None:
    """What became of the audit of the standing acceptance; None where there is none."""
    if history.accepted is None or not history.accepted.audit:
        return None
    said = {item.id: item.classes for item in history.accepted.items}
    seen = [i for i in history.accepted.audit if i in history.labels]
    left = len(set(history.accepted.audit) - history.labels.keys() - history.set_aside - history.missing)
    wrong = sum(set(history.labels[i].classes) != set(said[i]) for i in seen)
    low, high = share_interval(wrong, len(seen)) if seen else (0.0, 1.0)
    return AuditCount(len(seen), left, wrong, low, high, low > history.accepted.error)


def promise_text(history: History) -> str:
    """What stands accepted, what was promised, and what people found; empty where nothing does."""
    accepted = history.accepted
    if accepted is None or not history.machine:
        return ""
    whom = "of each class" if accepted.per_class else "of them"
    sure, judges = f"{100 * (1 - accepted.delta):.0f} % confidence", f"{accepted.calibration:,} random labels"
    still = "" if len(history.machine) == len(accepted.items) else f", of which {len(history.machine):,} still stand"
    text = (
        f"{len(accepted.items):,} items accepted without a look{still}: at most {100 * accepted.error:.1f} % {whom} "
        f"wrong, with {sure} ({accepted.wrong} of {judges} were)"
    )
    found = audit_count(history)
    return text if found is None else f"{text}; {found.to_text()}"
