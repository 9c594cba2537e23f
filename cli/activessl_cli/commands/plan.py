"""``activessl plan``: how many more labels, hours and money to a target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from activessl_cli import render
from activessl_cli.options import HERE, JsonOption, ProjectOption

if TYPE_CHECKING:
    from collections.abc import Callable

    from activessl.measuring.planning import Plan, Span


def plan(
    target: Annotated[float, typer.Option(help="The accuracy to reach, such as 0.95.")],
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """How many more labels, hours and money to a target, and whether the next hour is worth its price."""
    from activessl.evidence import Evidence
    from activessl.project import Project
    from activessl.view import View

    found = Evidence(View.of(Project.open(project))).plan(target)
    render.result(found, tell(found), as_json=as_json)
    render.following("activessl accept, or label differently" if found.hopeless else "activessl run")


def tell(found: Plan) -> str:
    """A plan in words, every figure with its interval."""
    from activessl.reports.wording import amount, hours_text, percent

    level = f"{100 * found.level:.0f} % interval"

    def said(span: Span, text: Callable[[float], str], never: str) -> str:
        middle = never if span.middle is None else text(span.middle)
        low = never if span.low is None else text(span.low)
        return f"{middle} ({level} {low} to {'not reached within the pool' if span.high is None else text(span.high)})"

    def share(value: float) -> str:
        return percent(value, 1)

    never = "more than the pool has"
    lines = [
        f"now          {said(found.now, share, '–')} with {found.labels:,} labels",
        f"all labeled  {said(found.most, share, '–')} with all {found.pool:,}",
    ]
    if found.hopeless:
        lines.append(
            f"{percent(found.target, 1)} seems out of reach: {percent(found.reachable)} of the curves that agree with "
            "the labels arrive before the pool is used up"
        )
    else:
        lines.append(
            f"to {percent(found.target, 1)}   {said(found.more, lambda n: f'{n:,.0f}', never)} more labels; "
            f"{percent(found.reachable)} of the curves arrive within the pool"
        )
        if found.hours is None:
            lines.append("hours        not known: no times were recorded")
        else:
            lines.append(f"hours        {said(found.hours, hours_text, never)}")
        currency = found.currency
        if found.money is not None and currency is not None:
            lines.append(f"money        {said(found.money, lambda m: amount(m, currency), never)}")
    if found.hours_per_point is not None:
        lines.append(f"next point   {said(found.hours_per_point, hours_text, 'never')} for a point of accuracy")
    if found.still_pays is not None:
        if not found.still_pays:
            lines.append("the next hour costs more than the accuracy that it adds is worth")
        elif found.pays_until is None:
            lines.append("the next hour is worth its price, to the end of the pool")
        else:
            lines.append(f"the next hour is worth its price, until about {found.pays_until:,} labels")
    lines.append(
        f"extrapolated from {found.random_labels} random labels by curves that flatten as learning curves do; "
        "the pace of labeling is taken to stay as it is"
    )
    return "\n".join(lines)
