"""The accepted items: the bound on the share of wrong labels, and the result of the audit."""

from __future__ import annotations

from dataclasses import dataclass

from activessl.ledger.history import History
from activessl.measuring.intervals import share_interval


@dataclass(frozen=True, slots=True)
class AuditCount:
    """The result of an audit of accepted items.

    Attributes:
        looked_at: Audited items with a label by people.
        open: Items of the audit that wait for an answer.
        wrong: Audited items that people gave another class.
        low: Lower end of a 90 % interval of the share of wrong labels.
        high: Upper end of the interval.
        broken: Whether the lower end is above the promised share.
    """

    looked_at: int
    open: int
    wrong: int
    low: float
    high: float
    broken: bool

    def to_text(self) -> str:
        """Return one sentence."""
        if not self.looked_at:
            return f"audit: {self.open} items wait for an answer"
        return (
            f"audit: {self.wrong} of {self.looked_at} items wrong (90 % interval "
            f"{100 * self.low:.1f} to {100 * self.high:.1f} %)"
            + (f", {self.open} items wait for an answer" if self.open else "")
            + ("; more labels are wrong than promised: run `activessl accept --undo`" if self.broken else "")
        )


def audit_count(history: History) -> AuditCount | None:
    """Count the audit of the accepted items; None where there is no audit."""
    if history.accepted is None or not history.accepted.audit:
        return None
    said = {item.id: item.classes for item in history.accepted.items}
    seen = [i for i in history.accepted.audit if i in history.labels]
    left = len(set(history.accepted.audit) - history.labels.keys() - history.set_aside - history.unshowable)
    wrong = sum(set(history.labels[i].classes) != set(said[i]) for i in seen)
    low, high = share_interval(wrong, len(seen)) if seen else (0.0, 1.0)
    return AuditCount(len(seen), left, wrong, low, high, low > history.accepted.error)


def promise_text(history: History) -> str:
    """Word the accepted items, the promise and the result of the audit; empty without accepted items."""
    accepted = history.accepted
    if accepted is None or not history.machine:
        return ""
    whom = "of each class" if accepted.per_class else "of them"
    sure, judges = f"{100 * (1 - accepted.delta):.0f} % probability", f"{accepted.calibration:,} random labels"
    still = len(history.machine) != len(accepted.items)
    left = f" ({len(history.machine):,} without a label by people)" if still else ""
    text = (
        f"{len(accepted.items):,} items{left}: at most {100 * accepted.error:.1f} % {whom} wrong, with {sure} "
        f"(measured: {accepted.wrong} of {judges} wrong)"
    )
    if history.unaccepted:
        gone = "1 prediction" if history.unaccepted == 1 else f"{history.unaccepted:,} predictions"
        text += f"; {gone} more of a class that was split later no longer count, and the bound is of all together"
    found = audit_count(history)
    return text if found is None else f"{text}; {found.to_text()}"
