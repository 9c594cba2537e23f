"""What training rounds showed: the scores of people, and a page with their mistakes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from activessl.errors import MeasureError, ProjectError
from activessl.labels.answers import class_text
from activessl.ledger.history import History, Training
from activessl.ledger.schema import Golden, Trained
from activessl.measuring.quality.agreement import Agreement, agreement
from activessl.measuring.quality.training import Change, Score, change, score
from activessl.pool.pool import Pool
from activessl.reports.html import render
from activessl.reports.looks import Look, look
from activessl.reports.wording import percent
from activessl.sealed import write_atomic

__all__ = ["Mistake", "TrainedPerson", "agreed_in", "people_of", "score_text", "write_page"]


@dataclass(frozen=True)
class TrainedPerson:
    """One person in a training round.

    Attributes:
        name: The name.
        before: The score of the first part; None if it is not finished.
        after: The score of the second part; None if it is not finished.
        seen: Items of these parts that the person had labeled in the project: their answer may be remembered.
    """

    name: str
    before: Score | None
    after: Score | None
    seen: int = 0

    @property
    def change(self) -> Change | None:
        """How much better the second part is; None without both parts."""
        return None if self.before is None or self.after is None else change(self.before, self.after)

    def to_text(self) -> str:
        """The scores in one line.

        Example:
            >>> found = score([["a"]] * 10, [["a"]] * 9 + [["b"]])
            >>> TrainedPerson("ann", found, None, 2).to_text()
            'first part 9 of 10 right (90 %, 90 % interval 61 to 99); 2 of the items were labeled by ann before'
        """
        parts = [("first part", self.before), ("second part", self.after)]
        told = [f"{name} {score_text(found)}" for name, found in parts if found is not None]
        if self.change is not None:
            low, high = 100 * self.change.low, 100 * self.change.high
            told.append(f"change {100 * self.change.points:+.0f} points ({low:+.0f} to {high:+.0f})")
        if self.seen:
            told.append(f"{self.seen} of the items were labeled by {self.name} before")
        return "; ".join(told)

    def to_dict(self) -> dict[str, Any]:
        """The same, ready for JSON."""
        return {
            "name": self.name,
            "before": None if self.before is None else self.before.to_dict(),
            "after": None if self.after is None else self.after.to_dict(),
            "change": None if self.change is None else asdict(self.change),
            "seen": self.seen,
        }


@dataclass(frozen=True, slots=True)
class Mistake:
    """An item that a person answered otherwise than is known.

    Attributes:
        look: How it looks.
        known: The known classes.
        said: The given ones.
    """

    look: Look
    known: str
    said: str


def people_of(training: Training, history: History) -> tuple[TrainedPerson, ...]:
    """The scores of everybody who finished a part."""
    opened = training.opened
    labeled = {(a.annotator, a.item) for a in history.answers.values() if a.kind == "label"}
    return tuple(
        TrainedPerson(
            who,
            _score(training.of(who, "before"), opened.before),
            _score(training.of(who, "after"), opened.after),
            sum((who, a.item) in labeled for done in training.done if done.annotator == who for a in done.answers),
        )
        for who in training.people
    )


def _score(done: Trained | None, items: tuple[Golden, ...]) -> Score | None:
    if done is None:
        return None
    known = {golden.item: golden.classes for golden in items}
    given = [answer for answer in done.answers if answer.item in known]  # others were not shown: they are no skips
    if not given:
        return None
    return score([known[one.item] for one in given], [one.classes for one in given], [one.seconds for one in given])


def agreed_in(training: Training, part: str) -> Agreement | None:
    """How far the people agree with each other in a part; None where fewer than two finished it."""
    items: dict[str, dict[str, str]] = {}
    for done in training.done:
        if done.part == part:
            for answer in done.answers:
                if answer.classes is not None:
                    items.setdefault(answer.item, {})[done.annotator] = class_text(sorted(answer.classes))
    try:
        return agreement(list(items.values()))
    except MeasureError:
        return None


def score_text(found: Score) -> str:
    """Word a score.

    Example:
        >>> score_text(score([["a"]] * 10, [["a"]] * 9 + [["b"]]))
        '9 of 10 right (90 %, 90 % interval 61 to 99)'
    """
    text = (
        f"{found.right} of {found.n} right ({percent(found.share)}, {percent(found.level)} interval "
        f"{100 * found.low:.0f} to {100 * found.high:.0f})"
    )
    return f"{text}, {found.skipped} skipped" if found.skipped else text


def mistakes(training: Training, who: str, pool: Pool | None) -> tuple[Mistake, ...]:
    """The items that a person answered otherwise than is known, of all parts that the person finished."""
    found = []
    for part, items in (("before", training.opened.before), ("after", training.opened.after)):
        done = training.of(who, part)
        said = {} if done is None else {answer.item: answer for answer in done.answers}
        for golden in items if done is not None else ():
            if golden.item not in said:
                continue  # it was forgotten, or gone from the data, before it was shown
            given = said[golden.item].classes
            if given is None or set(given) != set(golden.classes):
                told = "skipped" if given is None else f"you said {class_text(sorted(given))}"
                found.append(Mistake(look(pool, golden.item), class_text(sorted(golden.classes)), told))
    return tuple(found)


def examples(training: Training, pool: Pool | None, each: int = 4) -> tuple[tuple[str, tuple[Look, ...]], ...]:
    """Some items of each class of the first part, whose answers may be shown now."""
    found: dict[str, list[Look]] = {}
    for golden in training.opened.before:
        some = found.setdefault(class_text(sorted(golden.classes)), [])
        if len(some) < each:
            some.append(look(pool, golden.item))
    return tuple((name, tuple(some)) for name, some in sorted(found.items()))


def page_of(training: Training, history: History, pool: Pool | None, title: str) -> str:
    """Return the page, as HTML in one file."""
    people = people_of(training, history)
    return render(
        "training.html.j2",
        title=title,
        number=training.opened.training,
        people=people,
        wrong={one.name: mistakes(training, one.name, pool) for one in people},
        examples=examples(training, pool),
        told=_told(people),
        score_text=score_text,
    )


def _told(people: Iterable[TrainedPerson]) -> bool:
    """Whether anybody has finished the first part: before that, the page would give the answers away."""
    return any(one.before is not None for one in people)


def write_page(training: Training, history: History, pool: Pool | None, title: str, path: Path) -> None:
    """Write the page with everybody's mistakes.

    Raises:
        ProjectError: The file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, page_of(training, history, pool, title).encode("utf-8", "replace"))
    except OSError as error:
        raise ProjectError(
            f"cannot write {path}: {error.strerror or error}", hint="name a file in a folder that can be written"
        ) from None
