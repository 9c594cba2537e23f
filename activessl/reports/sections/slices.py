"""Slices of the pool: which are thinly labeled, and on which the model is worse than chance explains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from activessl.arguments import listed
from activessl.errors import PoolError
from activessl.proof.found_slices import FoundSlices, keep_found
from activessl.proof.slices import READ_OFF, SliceFigures, SliceReport, columns_of, slice_report
from activessl.reports.sections.base import Material
from activessl.reports.wording import percent

__all__ = ["Slices", "found_in", "found_lines", "interval_text", "rate_text", "read_off_text"]

#: Slices of a column in the page: those that are worse, thin, or the least accurate.
SHOWN = 12


@dataclass(frozen=True)
class Slices:
    """The slices of the metadata.

    Attributes:
        report: Their figures; None where the metadata cannot be read.
        why: Why they cannot be read; empty if they can.
    """

    name: ClassVar[str] = "slices"

    report: SliceReport | None = None
    why: str = ""

    @classmethod
    def gather(cls, material: Material) -> Self:
        """Measure all slices that are reported on."""
        if material.history.encoded is None:
            return cls()
        try:
            report = slice_report(material.evidence)
        except PoolError as error:
            return cls(why=error.message)
        keep_found(material.snapshot.project, material.history, found_in(report))
        return cls(report)

    @property
    def columns(self) -> list[tuple[str, list[SliceFigures], str]]:
        """Name, slices and remark of each column: columns and slices with the smallest p-values first."""
        if self.report is None:
            return []
        return [
            (name, sorted(slices, key=_first)[:SHOWN], read_off_text(slices))
            for name, slices in columns_of(self.report)
        ]

    @property
    def found(self) -> list[str]:
        """What is found, a sentence each."""
        return found_lines(self.report) if self.report else []

    @property
    def rate(self) -> str:
        """What the test promises."""
        return rate_text(self.report) if self.report else ""

    def to_dict(self) -> dict[str, Any]:
        """Return all slices."""
        return {"slices": None if self.report is None or not self.report.columns else self.report.to_dict()}

    def to_text(self) -> list[str]:
        """Return a line where a slice is worse or thinly labeled, or where the metadata cannot be read."""
        if self.why:
            return [f"slices       not measured: {self.why}"]
        return [f"slices       {line}" for line in self.found[:3]]


def found_in(report: SliceReport) -> FoundSlices:
    """What is kept of a report for `status`."""
    return FoundSlices(
        tuple((one.column, one.slice) for one in report.worse), tuple((one.column, one.slice) for one in report.thin)
    )


def found_lines(report: SliceReport) -> list[str]:
    """Word which slices are worse, and which are thinly labeled.

    Example:
        >>> one = SliceFigures("camera", "B2", 400, 0.25, 12, 40, 0, 0.7, 0.57, 0.8, 0.9, p=0.004, worse=True)
        >>> print(*found_lines(SliceReport(("camera",), (one,))), sep="\\n")
        camera B2: accuracy 70.0 % (90 % interval 57.0 to 80.0 %, 40 random labels), 90.0 % elsewhere, p = 0.004
    """
    lines = []
    for one in report.worse:
        told = f"less accurate ({one.random_labels:,} random labels)"
        if one.accuracy is not None:  # None with eight or nine random labels
            told = f"accuracy {percent(one.accuracy, 1)} ({interval_text(one)}, {one.random_labels:,} random labels)"
        rest = "" if one.rest is None else f", {percent(one.rest, 1)} elsewhere"
        lines.append(f"{one.column} {one.slice}: {told}{rest}, p = {one.p:.3f}")
    lines += [
        f"{one.column} {one.slice}: {one.labels:,} label{'s' * (one.labels != 1)} for {one.items:,} items, "
        f"{percent(one.share, 1)} of the pool"
        for one in report.thin
    ]
    return lines


def interval_text(one: SliceFigures) -> str:
    """Word the interval of a slice; empty where its accuracy is not measured."""
    if one.low is None or one.high is None:
        return ""
    return f"90 % interval {100 * one.low:.1f} to {100 * one.high:.1f} %"


def rate_text(report: SliceReport) -> str:
    """Word what the test promises.

    Example:
        >>> rate_text(SliceReport(("camera",), (), 100, 4))
        '4 slices tested on 100 random labels; the probability that any is called worse by chance is 5 % at one look'
    """
    many = f"{report.tested:,} slice{'s' * (report.tested != 1)} tested on {report.random_labels:,} random labels"
    rate = f"{100 * report.false_alarms:.0f} %"
    return f"{many}; the probability that any is called worse by chance is {rate} at one look"


def read_off_text(slices: Sequence[SliceFigures]) -> str:
    """Word which slices of a column can be read off the vectors; empty where that was not measured.

    Example:
        >>> one = SliceFigures("camera", "B2", 400, 0.25, 12, read_off=0.97)
        >>> read_off_text([one])
        'can be read off the vectors: B2 (area under the ROC curve 0.97)'
    """
    known = sorted(((one.read_off, one.slice) for one in slices if one.read_off is not None), reverse=True)
    if not known:
        return ""
    clear = [f"{name} (area under the ROC curve {area:.2f})" for area, name in known if area >= READ_OFF]
    if not clear:
        return f"cannot be read off the vectors (area under the ROC curve at most {known[0][0]:.2f})"
    return f"can be read off the vectors: {listed(clear, 4)}"


def _first(one: SliceFigures) -> tuple[bool, float, float]:
    return (not (one.worse or one.thin), one.p if one.p is not None else 2.0, one.accuracy or 1.0)
