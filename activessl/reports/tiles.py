"""The tiles at the top of the page, and the table of labels, hours and cost against random choice."""

from __future__ import annotations

from typing import Any

from activessl.measuring.planning.hours import HoursSaved, HumanTime
from activessl.measuring.quality.audit import Audit
from activessl.measuring.quality.tested import Tested
from activessl.measuring.savings.savings import Savings
from activessl.reports.wording import amount, hours_text, percent


def tiles(
    labels: int,
    items: int,
    accuracy: Audit | None,
    tested: Tested | None,
    time: HumanTime | None,
    hours: HoursSaved | None,
) -> list[dict[str, str]]:
    """Return name, figure and note of each tile; arguments as in ``Report``."""
    share = percent(labels / items, 1) if items else "0 %"
    note = f"of {items:,} items ({share})"
    shown = [{"name": "Labels given", "figure": f"{labels:,}", "note": note}]
    if tested is not None:
        low, high = tested.interval
        note = f"{percent(low, 1)} to {percent(high, 1)} (90 % interval), {tested.items:,} test items"
        shown.append({"name": "Accuracy", "figure": percent(tested.accuracy, 1), "note": note})
    if accuracy is not None:
        a = accuracy
        note = f"{percent(a.low, 1)} to {percent(a.high, 1)} ({percent(a.level)} interval), {a.labels:,} random labels"
        shown.append({"name": "Accuracy on the pool", "figure": percent(a.accuracy, 1), "note": note})
    elif tested is None:
        shown.append({"name": "Accuracy", "figure": "–", "note": "not measured: no test data, too few random labels"})
    if time is not None:
        t = time
        shown.append(
            {
                "name": "Labeling time",
                "figure": hours_text(t.hours),
                "note": f"{t.per_label:.1f} s for each label, with skips and repeated answers",
            }
        )
    else:
        shown.append({"name": "Labeling time", "figure": "–", "note": "not recorded"})
    h = hours
    if h is not None and h.saved is not None and h.saved > 0:
        least = "≥ " if h.kind == "at_least" else ""
        if h.money is not None and h.currency is not None:
            figure, name = amount(h.money, h.currency), "Money saved"
        else:
            figure, name = percent(h.saved), "Hours saved"
        note = f"{percent(h.saved)} of the hours, estimated; see 'Hours and money'"
        shown.append({"name": name, "figure": least + figure, "note": note})
    return shown


def budget(
    hours: HoursSaved | None, savings: Savings | None, per_hour: float | None, currency: str | None
) -> list[dict[str, Any]]:
    """Return the rows of the table: activessl, random choice, difference; arguments as in ``Report``."""
    h, s = hours, savings
    if h is None or s is None or h.baseline is None or h.ours is None:
        return []
    more = "> " if h.kind == "at_least" else ""

    def cost(took: float) -> str:
        return "" if per_hour is None or currency is None else amount(took * per_hour, currency)

    random_labels = s.baseline_labels if s.baseline_labels is not None else float(s.budget)
    ours_labels = s.labels if s.labels is not None else float(s.budget)
    rows = [
        {
            "name": "Chosen by activessl",
            "labels": f"{ours_labels:,.0f}",
            "hours": hours_text(h.ours),
            "cost": cost(h.ours),
        },
        {
            "name": "Chosen at random",
            "labels": f"{more}{random_labels:,.0f}",
            "hours": more + hours_text(h.baseline),
            "cost": more + cost(h.baseline) if cost(h.baseline) else "",
        },
    ]
    least = "at least " if h.kind == "at_least" else ""
    fewer, sooner = random_labels - ours_labels, h.baseline - h.ours
    rows.append(
        {
            "name": "Difference",
            "labels": f"{least}{abs(fewer):,.0f} {_less(fewer)}",
            "hours": f"{least}{hours_text(abs(sooner))} {_less(sooner)}",
            "cost": f"{least}{cost(abs(sooner))} {_less(sooner)}" if cost(abs(sooner)) else "",
        }
    )
    return rows


def _less(gap: float) -> str:
    return "less" if gap >= 0 else "more"
