"""The page: one file, nothing fetched, no script."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from activessl.reports.chart import draw
from activessl.reports.strips import strips
from activessl.reports.trust_chart import draw_trust
from activessl.reports.wording import amount, check_rows, hours_text, percent, plan_lines, roi_lines

if TYPE_CHECKING:
    from activessl.reports.report import Report

_HERE = Path(__file__).parent / "page"
#: The only pictures that a page shows: small, and inside of it.
_PICTURES = ("data:image/png;base64,", "data:image/jpeg;base64,", "data:image/webp;base64,")


def render(report: Report) -> str:
    """The report as HTML.

    Everything that comes from data is escaped; the content security policy allows this page's own style sheet, by its
    digest, and pictures that are inside the file. Whatever else a name or an id may hold, a browser will not run it.
    """
    style = (_HERE / "report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    page = _environment().get_template("report.html.j2")
    text = page.render(
        report=report,
        headline=report.headline,
        chart=draw(report.lines, report.savings),
        trust=draw_trust(report.trust),
        tiles=_tiles(report),
        budget=_budget(report),
        money=[] if report.roi is None else roi_lines(report.roi),
        plan=[] if report.plan is None else plan_lines(report.plan),
        style=style,
        policy=policy,
    )
    return text.replace(" %", "\N{NO-BREAK SPACE}%")  # a figure and its unit stay on one line


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": percent,
        "hours": hours_text,
        "count": lambda number: f"{number:,.0f}",
        "with_code": _with_code,
        "checks": check_rows,
        "strips": strips,
        "picture": lambda uri: uri if uri and uri.startswith(_PICTURES) else "",
    }
    return environment


def _tiles(report: Report) -> list[dict[str, str]]:
    share = percent(report.labels / report.items, 1) if report.items else "0 %"
    note = f"of {report.items:,} items ({share})"
    tiles = [{"name": "Labels given", "figure": f"{report.labels:,}", "note": note}]
    if report.accuracy is not None:
        a = report.accuracy
        note = f"{percent(a.low, 1)} to {percent(a.high, 1)} ({percent(a.level)} interval), {a.labels:,} random labels"
        tiles.append({"name": "Accuracy on the pool", "figure": percent(a.accuracy, 1), "note": note})
    elif report.test_accuracy is not None:
        note = f"on {report.test_items or 0:,} test items that were never asked"
        tiles.append({"name": "Accuracy", "figure": percent(report.test_accuracy, 1), "note": note})
    else:
        tiles.append({"name": "Accuracy", "figure": "–", "note": "not measured: no test items, too few random labels"})
    if report.time is not None:
        t = report.time
        tiles.append(
            {
                "name": "Labeling time",
                "figure": hours_text(t.hours),
                "note": f"{t.per_label:.1f} s a label, all included",
            }
        )
    else:
        tiles.append({"name": "Labeling time", "figure": "–", "note": "not recorded"})
    h = report.hours
    if h is not None and h.saved is not None and h.saved > 0:
        least = "≥ " if h.kind == "at_least" else ""
        if h.money is not None and h.currency is not None:
            figure, name = amount(h.money, h.currency), "Money saved"
        else:
            figure, name = percent(h.saved), "Hours saved"
        note = f"{percent(h.saved)} of the hours; estimated, see below"
        tiles.append({"name": name, "figure": least + figure, "note": note})
    return tiles


def _budget(report: Report) -> list[dict[str, Any]]:
    """Rows of "what it takes": ours, random, the difference."""
    h, s = report.hours, report.savings
    if h is None or s is None or h.baseline is None or h.ours is None:
        return []
    more = "> " if h.kind == "at_least" else ""

    def cost(hours: float) -> str:
        if report.per_hour is None or report.currency is None:
            return ""
        return amount(hours * report.per_hour, report.currency)

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


def _with_code(text: str) -> Markup:
    """Text in which what stands between backticks is set as code; everything is escaped."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part)
        if i % 2 and i + 1 < len(parts)
        else escape(part if i % 2 == 0 else f"`{part}")
        for i, part in enumerate(parts)
    )
