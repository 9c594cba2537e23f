"""What the live page shows, gathered from the ledger and the worker. No HTTP, no HTML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from activessl.labels.answers import Answer
from activessl.ledger.history import History, RoundHistory
from activessl.measuring.planning.times import labeling_hours
from activessl.pool.progress import duration
from activessl.project.data_now import DataNow
from activessl.project.folder import Project
from activessl.proof.measured import Measured, accuracy_on_test_data
from activessl.proof.regions.figures import RegionFigures
from activessl.reports.regions.status import saved_text
from activessl.reports.status import Status
from activessl.reports.wording import percent
from activessl_label_studio.worker import Worker

__all__ = ["Growth", "Labeler", "Live", "Row"]

#: Width and height of the drawing of the labels over time, and the most points of its line.
WIDTH, HEIGHT, POINTS = 720, 160, 240

#: Rounds, and sentences of the worker, that are shown.
_ROUNDS, _SAID = 12, 15


@dataclass(frozen=True, slots=True)
class Labeler:
    """Somebody who labels.

    Attributes:
        name: The name in the labeling tool.
        here: Answers in the newest round.
        labels: Answers in all rounds.
        last: When the last answer came, in words.
    """

    name: str
    here: int
    labels: int
    last: str


@dataclass(frozen=True, slots=True)
class Row:
    """One round: its number, strategy, questions, answered questions, and accuracy on test data if there are any."""

    number: int
    strategy: str
    asked: int
    answered: int
    accuracy: str


@dataclass(frozen=True, slots=True)
class Growth:
    """The labels over time, as a line.

    Attributes:
        points: Points of the line, for SVG.
        first: Day of the first label.
        last: Day of the last label.
        most: Labels at the end.
    """

    points: str
    first: str
    last: str
    most: int


@dataclass(frozen=True)
class Live:
    """The state of a project, for people who watch it.

    Attributes:
        title: Of the project.
        items: Items in the pool.
        labels: Labeled items.
        hours: Recorded labeling time, in words; empty without a record.
        waiting: Tasks of the open round that wait for an answer.
        asked: Tasks of the open round; 0 while none is open.
        round: Number of the newest round; 0 before the first.
        figures: What is known of the model, with names: a figure with its interval, or why it is not known.
        draws: Whether people draw regions.
        where: The address where people label; empty before the first push.
        labelers: Who labels, the last answer first.
        rounds: The newest rounds, newest first.
        said: What the worker said last, with the time, newest first.
        problem: Why the last step failed; empty if it did not.
        stopped: Why no further round is opened; empty while rounds are opened.
        paused: Whether somebody stopped it on this page.
        growth: The labels over time; None before two labels.
    """

    title: str
    items: int
    labels: int
    hours: str
    waiting: int
    asked: int
    round: int
    figures: tuple[tuple[str, str], ...]
    draws: bool
    where: str
    labelers: tuple[Labeler, ...]
    rounds: tuple[Row, ...]
    said: tuple[tuple[str, str], ...]
    problem: str
    stopped: str
    paused: bool
    growth: Growth | None

    @classmethod
    def of(cls, project: Project, worker: Worker, measured: Measured | None, now: datetime | None = None) -> Live:
        """Gather it.

        Args:
            project: The project, as it is now.
            worker: The worker of the service.
            measured: The figures of its model; None while they are measured.
            now: The time, for words such as "2 min ago".
        """
        history, config = project.history(), project.config
        hours = labeling_hours(history.answers.values())
        current = history.open_round
        return cls(
            title=config.annotator.title,
            items=0 if history.encoded is None else history.encoded.items,
            labels=len(history.labels),
            hours="" if hours is None else duration(3600 * hours),
            waiting=len(history.waiting(current)) if current else 0,
            asked=0 if current is None else len(current.items),
            round=len(history.rounds),
            figures=tuple(
                _of_regions(project, history) if project.own.data.drawing else _of_classes(project, history, measured)
            ),
            draws=project.own.data.drawing is not None,
            where=worker.state.where,
            labelers=tuple(_labelers(history, now or datetime.now(UTC))),
            rounds=tuple(_row(r, history) for r in reversed(history.rounds[-_ROUNDS:])),
            said=tuple(
                (at.astimezone().strftime("%H:%M:%S"), text) for at, text in list(worker.said)[: -_SAID - 1 : -1]
            ),
            problem=worker.problem,
            stopped=worker.state.stopped,
            paused=worker.paused,
            growth=growth_of([answer.at for answer in _given(history)]),
        )


def _of_classes(project: Project, history: History, measured: Measured | None) -> Iterable[tuple[str, str]]:
    """Accuracy and saved labels, or why they are not known."""
    status, tested = Status(project.config, history, measured or Measured(), DataNow()), accuracy_on_test_data(history)

    def figure(known: str) -> str:
        if measured is None:
            return "is measured now"
        return "no model yet" if history.taught is None else known

    yield "Accuracy", figure(status.pool_accuracy) if tested is None else tested.to_text()
    yield "Labels saved", figure(status.saved)


def _of_regions(project: Project, history: History) -> Iterable[tuple[str, str]]:
    """The quality of the model, and what suggestions save, or why they are not known."""
    figures = RegionFigures(project.config, history)
    yield "Quality", figures.quality_text
    yield "Suggestions", saved_text(figures)


def _given(history: History) -> list[Answer]:
    return [a for a in history.answers.values() if a.kind == "label" and not a.imported]


def _labelers(history: History, now: datetime) -> Iterable[Labeler]:
    given = [a for a in history.answers.values() if a.kind in ("label", "skip", "apart") and not a.imported]
    asked = {q.id for q in history.rounds[-1].questions} if history.rounds else set()
    here = Counter(a.annotator for a in given if a.question in asked)
    last: dict[str, datetime] = {}
    for a in given:
        last[a.annotator] = max(a.at, last.get(a.annotator, a.at))
    counts = Counter(a.annotator for a in given)
    for name in sorted(last, key=lambda name: last[name], reverse=True):
        yield Labeler(name, here[name], counts[name], _ago((now - last[name]).total_seconds()))


def _ago(seconds: float) -> str:
    """Word how long ago something was.

    Example:
        >>> _ago(-5), _ago(40), _ago(3700), _ago(3 * 86400)
        ('now', 'now', '1 h ago', '3 days ago')
    """
    if seconds < 60:
        return "now"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min ago"
    if seconds < 2 * 86400:
        return f"{seconds // 3600:.0f} h ago"
    return f"{seconds // 86400:.0f} days ago"


def _row(r: RoundHistory, history: History) -> Row:
    accuracy = next((t.accuracy for t in reversed(r.taught) if t.accuracy is not None), None)
    left = sum(len(q.items) for q in history.waiting(r)) if r.closed is None else 0
    answered = {a.question for a in history.answers.values()}
    done = len(r.items) - left if r.closed is None else sum(len(q.items) for q in r.questions if q.id in answered)
    return Row(r.number, r.queried.strategy, len(r.items), done, "" if accuracy is None else percent(accuracy, 1))


def growth_of(times: list[datetime]) -> Growth | None:
    """Draw the number of labels over time; None with fewer than two.

    Example:
        >>> days = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 5)]
        >>> growth_of(days).points
        '0.0,106.7 180.0,53.3 720.0,0.0'
    """
    if len(times) < 2:
        return None
    times = sorted(times)
    start, span = times[0], max((times[-1] - times[0]).total_seconds(), 1.0)
    step = -(-len(times) // POINTS)
    picked = [*range(0, len(times) - 1, step), len(times) - 1]
    points = " ".join(
        f"{WIDTH * (times[i] - start).total_seconds() / span:.1f},{HEIGHT * (1 - (i + 1) / len(times)):.1f}"
        for i in picked
    )
    days = "%d %b, %H:%M"
    return Growth(points, start.strftime(days), times[-1].strftime(days), len(times))
