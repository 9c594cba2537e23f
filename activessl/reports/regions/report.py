"""The report of a project of regions: figures, people's and the model's regions side by side, odd labels."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from activessl.errors import ActiveSSLError
from activessl.labels.regions.matching import counted, needed_overlap
from activessl.labels.regions.stored import stored
from activessl.pool.pool import Pool
from activessl.project.folder import writing
from activessl.project.regions.snapshot import RegionSnapshot
from activessl.proof.regions.figures import RegionFigures, class_rows, ratio_text
from activessl.proof.regions.odd_labels import OddLabel, odd_labels
from activessl.reports.regions.drawings import Drawing, drawing
from activessl.reports.regions.status import effort_text, saved_text
from activessl.sealed import replaced, write_atomic

__all__ = ["Beside", "RegionReport", "region_report"]

#: Items side by side, odd labels in lists, and labeled items that are looked at for odd labels.
_BESIDE, _ODD, _LOOKED = 12, 20, 2_000


@dataclass(frozen=True, slots=True)
class Beside:
    """An item with people's regions and the model's.

    Attributes:
        item: Its id.
        what: What is to be seen, in words.
        people: People's regions; None if the item cannot be read.
        model: The model's.
    """

    item: str
    what: str
    people: Drawing | None
    model: Drawing | None


@dataclass(frozen=True)
class RegionReport:
    """The report of a project of regions.

    Attributes:
        title: Of the project.
        made_at: When, with a time zone.
        figures: All figures.
        beside: Random items: people's regions, and what the model had found before it knew them.
        odd: Labels that look wrong, the most certain first.
        odd_beside: The same, drawn.
        unlooked: Why no label was looked at; empty if they were.
        next_step: The next command.
    """

    title: str
    made_at: datetime
    figures: RegionFigures
    beside: tuple[Beside, ...]
    odd: tuple[OddLabel, ...]
    odd_beside: tuple[Beside, ...]
    unlooked: str = ""
    next_step: str = ""

    @property
    def rows(self) -> list[tuple[str, str, str, str, str]]:
        """Quality by class: name, recall, precision, F1, and how many true regions were compared."""
        quality = self.figures.quality
        if quality is None:
            return []
        return [
            (
                name,
                ratio_text(one.recall),
                ratio_text(one.precision),
                ratio_text(one.f1),
                f"{0 if one.recall is None else one.recall.of:,}",
            )
            for name, one in class_rows(quality)
        ]

    @property
    def facts(self) -> list[tuple[str, str]]:
        """The figures as pairs of a name and a sentence."""
        history, config = self.figures.history, self.figures.config
        items = 0 if history.encoded is None else history.encoded.items
        rounds = f"{len(history.rounds)} round{'s' * (len(history.rounds) != 1)}"
        told = [("answers", f"{len(history.labels):,} of {items:,} items; {rounds}; {len(history.skipped)} skipped")]
        if self.figures.effort.items:
            told.append(("drawn", effort_text(self.figures.effort)))
        if self.figures.pace is not None:
            told.append(("pace", self.figures.pace.to_text()))
        told.append(("quality", self.figures.quality_text))
        quality = self.figures.quality
        if quality is not None and quality.any_overlap is not None:
            told.append(("any overlap", f"F1 {ratio_text(quality.any_overlap.f1)}"))
        told.append(("suggestions", saved_text(self.figures)))
        if self.figures.differing:
            shown = ", ".join(self.figures.differing[:3])
            told.append(("people", f"differ about {len(self.figures.differing):,} items, such as {shown}"))
        price, currency, seconds = config.rates.per_hour, config.rates.currency, self.figures.effort.seconds
        if price is not None and seconds is not None:
            told.append(("cost", f"{price * seconds / 3600:,.2f} {currency}"))
        return told

    @property
    def caution(self) -> str:
        """For which items the quality holds."""
        return (
            "The quality is that of the models of the time, on random items that nobody had labeled: the newest model "
            "knows more. Items that people skipped are not in it. Intervals are of 90 % and count items, not regions, "
            "as independent."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return all figures, ready for JSON, without the pictures."""
        history, config = self.figures.history, self.figures.config
        return {
            "title": self.title,
            "made_at": self.made_at.isoformat(),
            "task": config.data.task,
            "pool": {
                "items": None if history.encoded is None else history.encoded.items,
                "classes": len(config.data.classes),
                "labels": len(history.labels),
                "skipped": len(history.skipped),
            },
            "rounds": len(history.rounds),
            **self.figures.to_dict(),
            "odd": [
                {
                    "item": one.item,
                    "what": one.what,
                    "score": one.score,
                    "drawn": None if one.drawn is None else stored((one.drawn,))[0],
                    "found": stored((one.found,))[0],
                }
                for one in self.odd
            ],
            "odd_unknown": self.unlooked or None,
            "next_step": self.next_step,
            "provenance": {"activessl": version("activessl"), "model": history.model, "seed": config.seed},
        }

    def to_text(self) -> str:
        """Return the report for the terminal."""
        return "\n".join([self.title, "=" * len(self.title), *self._lines()]) + "\n"

    def to_markdown(self) -> str:
        """Return the report as Markdown."""
        return f"# {self.title}\n\n```text\n" + "\n".join(self._lines()) + "\n```\n"

    def _lines(self) -> Iterator[str]:
        yield from (f"{name:<13}{text}" for name, text in self.facts)
        if self.rows:
            yield from ("", "class: recall, precision, F1, regions")
            yield from (f"- {name}: {', '.join(values)}" for name, *values in self.rows)
            yield self.caution
        if self.odd:
            yield from ("", f"labels that look wrong: {len(self.odd):,}")
            yield from (f"- {one.item}: {one.to_text()}" for one in self.odd[:_ODD])
        elif self.unlooked:
            yield from ("", f"labels that look wrong: not known, {self.unlooked}")
        yield from ("", f"next: {self.next_step}")

    def to_html(self) -> Iterator[str]:
        """Yield one self-contained page, piece by piece."""
        from activessl.reports.html import parts  # jinja2 only where it is needed

        yield from parts("regions.html.j2", report=self)

    def save(self, folder: Path) -> Path:
        """Write ``report.html`` and ``report.json`` into a folder, and return the path of the page.

        Raises:
            ProjectError: The folder cannot be written.
        """
        page = folder / "report.html"
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with replaced(page) as part, part.open("w", encoding="utf-8", errors="replace", newline="") as file:
                for piece in self.to_html():
                    file.write(piece)
            told = json.dumps(self.to_dict(), allow_nan=False, ensure_ascii=False)
            write_atomic(folder / "report.json", told.encode())
        return page


def region_report(snapshot: RegionSnapshot, next_step: str) -> RegionReport:
    """Make the report of a project of regions."""
    figures = RegionFigures(snapshot.project.config, snapshot.history)
    pool: Pool | None
    try:
        pool = snapshot.project.pool()
    except ActiveSSLError:
        pool = None  # the report is then made without pictures
    odd, unlooked = _odd(snapshot)
    return RegionReport(
        title=snapshot.project.config.annotator.title,
        made_at=datetime.now(UTC),
        figures=figures,
        beside=tuple(_newest(snapshot, figures, pool)),
        odd=odd,
        odd_beside=tuple(
            Beside(
                one.item,
                one.to_text(),
                drawing(pool, one.item, snapshot.regions_of(one.item), snapshot.classes),
                drawing(pool, one.item, (one.found,), snapshot.classes),
            )
            for one in odd[:_BESIDE]
        ),
        unlooked=unlooked,
        next_step=next_step,
    )


def _newest(snapshot: RegionSnapshot, figures: RegionFigures, pool: Pool | None) -> Iterator[Beside]:
    """The newest random items, as the model saw them before anybody had answered."""
    newest = [pair for number in sorted(figures.pairs, reverse=True) for pair in figures.pairs[number]]
    for item, true, predicted in newest[:_BESIDE]:
        found = counted(true, predicted, overlap=needed_overlap(snapshot.place))
        what = f"{found.right} of {found.true} found, {found.predicted - found.right} wrong"
        people, model = (drawing(pool, item, some, snapshot.classes) for some in (true, predicted))
        yield Beside(item, what, people, model)


def _odd(snapshot: RegionSnapshot) -> tuple[tuple[OddLabel, ...], str]:
    """Labels that look wrong, and why none was looked at."""
    try:
        if snapshot.head is None:
            return (), "there is no model yet"
        items = [snapshot.ids[row] for row in snapshot.labeled[:_LOOKED]]
        found = [
            one
            for item, (regions, _) in zip(items, snapshot.predicted(items), strict=True)
            for one in odd_labels(item, snapshot.regions_of(item), regions)
        ]
    except ActiveSSLError as error:
        return (), error.message
    return tuple(sorted(found, key=lambda one: -one.score)), ""
