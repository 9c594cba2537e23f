"""``activessl slices``: where labels are few, and where the model is worse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from activessl_cli import render
from activessl_cli.next_step import next_of
from activessl_cli.options import HERE, JsonOption, ProjectOption

if TYPE_CHECKING:
    from collections.abc import Iterator

    from activessl.proof.slices import SliceFigures, SliceReport


def slices(
    project: ProjectOption = HERE,
    by: Annotated[
        list[str] | None,
        typer.Option(help="Only this column of the metadata; repeat the option for several.", metavar="COLUMN"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the slices of the metadata: labels, accuracy, and where it is worse than chance explains."""
    from activessl.project.folder import Project
    from activessl.project.regions.verbs import only_classes
    from activessl.project.snapshot import Snapshot
    from activessl.proof.estimates import Evidence
    from activessl.proof.found_slices import keep_found
    from activessl.proof.slices import slice_report
    from activessl.reports.sections.slices import found_in

    opened = Project.open(project)
    only_classes(opened, "slices")
    with render.progress("slices") as on_progress:
        snapshot = Snapshot.of(opened, on_progress)
        report = slice_report(Evidence(snapshot), by or ())
    if not by:
        keep_found(opened, snapshot.history, found_in(report))
    render.result(report.to_dict(), "\n".join(_lines(report)), as_json=as_json)
    step = next_of(opened)
    chosen = (*report.worse, *report.thin)
    if chosen and step == "activessl query":
        import shlex

        step = f"activessl query --balance {shlex.quote(chosen[0].column)}"
    render.following(step)


def _lines(report: SliceReport) -> Iterator[str]:
    from activessl.proof.slices import columns_of
    from activessl.reports.sections.slices import found_lines, rate_text, read_off_text

    found = found_lines(report)
    worse, thin = found[: len(report.worse)], found[len(report.worse) :]
    if worse:
        yield f"{len(worse):,} slice{'s are' if len(worse) > 1 else ' is'} worse than chance explains:"
        yield from (f"  {line}" for line in worse)
    elif report.tested:
        yield "no slice is worse than chance explains"
    if report.tested:
        yield f"  {rate_text(report)}"
    if thin:
        yield f"{len(thin):,} slice{'s have' if len(thin) > 1 else ' has'} few labels:"
        yield from (f"  {line}" for line in thin)
    for name, some in columns_of(report):
        off = read_off_text(some)
        yield f"\n{name}{f': {off}' if off else ''}"
        yield render.table(
            ("slice", "items", "labels", "random", "accuracy", "90 % interval", "elsewhere", "p", "to tell"),
            [_row(one) for one in some],
        )
    if report.columns:
        yield "\nto tell: random labels more that would show the observed difference with probability 0.8"
    yield from report.remarks


def _row(one: SliceFigures) -> tuple[str, ...]:
    def share(value: float | None) -> str:
        return "–" if value is None else f"{100 * value:.1f} %"

    interval = "–" if one.low is None or one.high is None else f"{100 * one.low:.1f} to {100 * one.high:.1f} %"
    return (
        one.slice,
        f"{one.items:,}",
        f"{one.labels:,}",
        f"{one.random_labels:,}",
        share(one.accuracy),
        interval,
        share(one.rest),
        "–" if one.p is None else f"{one.p:.3f}",
        "–" if one.more is None else f"{one.more:,}",
    )
